//! The server is killed and comes back; the status line says what is true.

use anyhow::Result;
use rejoin_window_tests::{Person, Server, saved, wanted};

#[test]
fn the_status_says_when_the_server_is_gone_and_when_it_has_caught_up() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let mut server = Server::start()?;
    let ana = Person::new("ana-server")?;
    let app = ana.open()?;
    app.welcome("Ana", Some(&server.address()))?;
    app.new_note("Status")?;
    app.type_text("with the server")?;
    app.status_when("the server to have it", |status| status.contains("on 127.0.0.1"))?;
    app.page.picture("server-there")?;

    server.kill()?;
    app.type_text(", without it")?;
    app.status_when("the server to be missed", |status| {
        saved(status) && status.contains("127.0.0.1") && !status.contains("· on 127.0.0.1")
    })?;
    app.page.picture("server-gone")?;

    server.start_again()?;
    app.status_when("the server to have caught up", |status| status.contains("on 127.0.0.1"))?;
    app.page.picture("server-back")?;
    app.close()
}
