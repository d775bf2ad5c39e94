//! Dials and accepts WebSocket streams of binary messages.
