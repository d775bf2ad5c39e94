//! Derive macros that write Rust values into documents and read them back.
