//! A client of automerge-repo and our window edit one note, in the shape that Patchwork makes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};
use rejoin_window_tests::{Person, Server, root, wanted};
use serde_json::{Value, json};

/// The client, which `crates/server/tests/js` has the packages for.
struct Client {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Client {
    fn start(address: &str) -> Result<(Self, String)> {
        let mut process = Command::new("node")
            .arg(root().join("crates/server/tests/js/patchwork.mjs"))
            .arg(address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start Node.js")?;
        let input = process.stdin.take().context("no standard input")?;
        let output = process.stdout.take().context("no standard output")?;
        let mut client = Self { process, input, output: BufReader::new(output) };
        let link = client.line()?;
        Ok((client, link))
    }

    /// Has it do something, and gives its document then.
    fn ask(&mut self, what: &str) -> Result<Value> {
        writeln!(self.input, "{what}")?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Err(error) = self.process.kill().and_then(|()| self.process.wait()) {
            eprintln!("the client could not be ended: {error}");
        }
    }
}

#[test]
fn a_note_made_in_patchworks_shape_is_edited_from_both_sides() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let server = Server::start()?;
    let (mut client, link) = Client::start(&server.address())?;
    let ana = Person::new("ana-patchwork")?;
    let app = ana.open()?;
    app.welcome("Ana", Some(&server.address()))?;
    let note = link.strip_prefix("automerge:").context("the client printed no link")?;
    app.take_link(note)?;
    app.open_note(note)?;
    app.text_when("the client's words", |text| text == "# From Patchwork\n")?;

    app.caret_to_end()?;
    app.type_text("Hello from Rejoin. ")?;
    client.ask("await Hello from Rejoin. ")?;
    client.ask("append And hello back.")?;
    let written = "# From Patchwork\nHello from Rejoin. And hello back.";
    app.text_when("the answer", |text| text == written)?;
    app.type_text("Good.")?;
    let document = client.ask("await Good.")?;
    assert_eq!(document["@patchwork"], json!({ "type": "markdown" }));
    let shown = app.text()?;
    assert_eq!(document["content"], json!(shown));
    app.page.picture("patchwork")?;
    app.close()
}
