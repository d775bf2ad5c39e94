//! As much HTTP/1.1 as a WebSocket handshake and a health check need.

use bytes::{Buf, BytesMut};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest head of a request or a response, in bytes.
const MAX_HEAD: usize = 16 << 10;

const MAX_HEADERS: usize = 64;

/// The head of a request or a response.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) method: String,
    /// What was asked for: path and query.
    pub(crate) target: String,
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of this name (in lower case), without surrounding space.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The last header of this name: behind a proxy, the one that the proxy added.
    pub(crate) fn last_header(&self, name: &str) -> Option<&str> {
        self.headers.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Whether `token` stands in the comma-separated header `name`.
    pub(crate) fn header_has(&self, name: &str, token: &str) -> bool {
        self.headers
            .iter()
            .filter(|(n, _)| n == name)
            .flat_map(|(_, value)| value.split(','))
            .any(|part| part.trim().eq_ignore_ascii_case(token))
    }
}

/// Which head is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Request,
    Response,
}

/// Reads a head; also gives what arrived behind it.
///
/// # Errors
///
/// `InvalidData` when it is no HTTP or too long, `UnexpectedEof` when it ends before its end.
pub(crate) async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    expect: Expect,
) -> io::Result<(Head, BytesMut)> {
    let mut input = BytesMut::with_capacity(1 << 10);
    let mut searched = 0;
    loop {
        if stream.read_buf(&mut input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // Parsing begins once the whole head is there, so that a head that comes byte by byte costs
        // no more than another.
        let begin = usize::saturating_sub(searched, 3);
        let end = input[begin..].windows(4).position(|w| w == b"\r\n\r\n");
        if let Some(end) = end.map(|end| begin + end + 4) {
            let head = parse(&input[..end], expect)?;
            input.advance(end);
            return Ok((head, input));
        }
        searched = input.len();
        if searched > MAX_HEAD {
            return Err(invalid("the head is too long"));
        }
    }
}

fn parse(bytes: &[u8], expect: Expect) -> io::Result<Head> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = Head::default();
    let parsed = match expect {
        Expect::Request => {
            let mut request = httparse::Request::new(&mut headers);
            request.parse(bytes).map(|_| {
                head.method = request.method.unwrap_or_default().to_owned();
                head.target = request.path.unwrap_or_default().to_owned();
            })
        }
        Expect::Response => {
            let mut response = httparse::Response::new(&mut headers);
            response.parse(bytes).map(|_| head.status = response.code.unwrap_or_default())
        }
    };
    parsed.map_err(|error| invalid(&error.to_string()))?;
    for header in headers.iter().take_while(|header| !header.name.is_empty()) {
        let value = String::from_utf8_lossy(header.value).trim().to_owned();
        head.headers.push((header.name.to_ascii_lowercase(), value));
    }
    Ok(head)
}

/// The bytes of a whole response with a text body, after which the connection ends.
pub(crate) fn response(status: u16, content_type: &str, body: &str, extra: &str) -> Vec<u8> {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Status",
    };
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n{extra}\r\n{body}",
        body.len(),
    )
    .into_bytes()
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    fn read(bytes: &[u8], expect: Expect) -> io::Result<(Head, BytesMut)> {
        let mut bytes = bytes;
        let mut future = std::pin::pin!(read_head(&mut bytes, expect));
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => panic!("a slice is always ready"),
        }
    }

    #[test]
    fn heads_are_read_up_to_their_end() {
        let bytes =
            b"GET /a?b=c HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nX: \xff\r\n\r\nrest";
        let (head, rest) = read(bytes, Expect::Request).unwrap();
        assert_eq!((head.method.as_str(), head.target.as_str()), ("GET", "/a?b=c"));
        assert!(head.header_has("connection", "upgrade"));
        assert_eq!(&rest[..], b"rest");
        let (head, _) = read(b"HTTP/1.1 101 Switching\r\n\r\n", Expect::Response).unwrap();
        assert_eq!(head.status, 101);
    }

    #[test]
    fn what_is_no_http_is_an_error() {
        for bytes in [&b""[..], b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\r\n\r\n", b"GET /\r\n\r\n"] {
            assert!(read(bytes, Expect::Request).is_err(), "{bytes:?}");
        }
        let endless = b"GET / HTTP/1.1\r\n"
            .iter()
            .chain(b"A: b\r\n".repeat(9999).iter())
            .copied()
            .collect::<Vec<_>>();
        assert!(read(&endless, Expect::Request).is_err());
    }
}
