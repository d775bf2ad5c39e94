//! Set-up, run, test, tidy and bindings.
fn main() {}
