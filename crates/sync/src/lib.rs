//! The sync protocol without I/O: sessions, wire messages, the hub.
