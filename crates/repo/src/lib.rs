//! Runs the hub: performs its effects and hands out document handles.
