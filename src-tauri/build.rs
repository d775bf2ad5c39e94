//! Prepares the build of the desktop app: capabilities, icons and the folder of the UI.

use std::{fs, io};

fn main() -> io::Result<()> {
    // The bundle of the UI is embedded. Checks of the Rust code alone must not need a UI build,
    // so an empty folder stands in for it until `npm run build` has filled it.
    fs::create_dir_all("ui/dist")?;
    println!("cargo:rerun-if-changed=ui/dist");
    let attributes =
        tauri_build::Attributes::new().capabilities_path_pattern("src-tauri/capabilities/**/*");
    tauri_build::try_build(attributes).map_err(io::Error::other)
}
