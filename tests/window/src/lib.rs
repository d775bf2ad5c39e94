//! Drives the app in its real window, as a person would: processes, pages and pictures.
//!
//! The tests run under `cargo xtask test window`, which builds the programs and starts a virtual
//! screen. Without the variable `REJOIN_WINDOW` they report that they were left out.

mod app;
mod bus;
mod http;
mod page;
mod peer;
mod picture;
mod pointer;
mod process;
mod server;
mod sources;
mod wait;
mod webdriver;

pub use app::{App, Person};
pub use bus::Bus;
pub use page::{SIZES, saved};
pub use peer::Peer;
pub use process::{program, root};
pub use server::Server;
pub use sources::Sources;
pub use wait::{Patience, until};
pub use webdriver::{
    ARROW_LEFT, ARROW_RIGHT, BACKSPACE, CONTROL, ENTER, ESCAPE, Element, F10, HOME, SHIFT, Session,
};

/// Whether the tests of the real window are to run; says so when they are not.
pub fn wanted() -> bool {
    let wanted = std::env::var_os("REJOIN_WINDOW").is_some();
    if !wanted {
        eprintln!("left out: `cargo xtask test window` runs the tests of the real window");
    }
    wanted
}
