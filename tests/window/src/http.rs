//! As much of HTTP as the driver of the web view speaks: one JSON request, one JSON answer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::wait::Patience;

/// How long an answer may take that needs nothing but a page.
const PATIENCE: Patience = Patience(Duration::from_secs(40));

/// Sends a request to a port of this computer and returns the answer's JSON, whatever its status.
///
/// # Errors
///
/// When nobody listens, or the answer is not HTTP with JSON.
pub(crate) fn request(port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    request_within(PATIENCE, port, method, path, body)
}

/// As [`request`], with a patience of the caller's.
///
/// # Errors
///
/// The same, and when there is no answer in time.
pub(crate) fn request_within(
    patience: Patience,
    port: u16,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Value> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(patience.0))?;
    let body = body.map(Value::to_string).unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.") {
        bail!("{path} was not answered in HTTP: {line:?}");
    }
    let mut length = None;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let header = line.trim();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = Some(value.trim().parse::<usize>()?);
        }
    }
    let mut answer = vec![0; length.context("the answer has no length")?];
    reader.read_exact(&mut answer)?;
    serde_json::from_slice(&answer).with_context(|| format!("{path} was not answered in JSON"))
}
