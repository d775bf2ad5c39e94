//! Real documents and traces, found through the variable `REJOIN_DATA`.

use std::path::PathBuf;

/// The path of `name` under `REJOIN_DATA`, or nothing when the variable is unset.
///
/// A test without data prints that it was skipped. A variable that names a folder without the
/// file is a mistake in the set-up, and a failure.
pub fn path(name: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("REJOIN_DATA") else {
        println!("skipped: REJOIN_DATA is not set, so {name} cannot be read");
        return None;
    };
    let path = PathBuf::from(root).join(name);
    assert!(path.exists(), "REJOIN_DATA is set, but {} is missing", path.display());
    Some(path)
}

/// The bytes of the file `name` under `REJOIN_DATA`.
pub fn read(name: &str) -> Option<Vec<u8>> {
    let path = path(name)?;
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}
