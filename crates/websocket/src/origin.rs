//! Which web pages may connect.
//!
//! A browser lets any page open a WebSocket to any address, also to this machine, and says in the
//! `Origin` header which page it was. Programs send no such header.

use url::{Host, Url};

/// The pages that may connect. Peers that are no browsers are not concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Only pages that come from this machine itself.
    Local,
    /// Those, and pages from exactly these origins, such as `https://notes.example.org`.
    Listed(Vec<String>),
    /// All pages.
    Any,
}

impl Origins {
    pub(crate) fn allow(&self, origin: Option<&str>) -> bool {
        match (self, origin) {
            (_, None) | (Origins::Any, _) => true,
            (Origins::Local, Some(origin)) => is_local(origin),
            (Origins::Listed(listed), Some(origin)) => {
                let same =
                    |listed: &String| listed.trim_end_matches('/').eq_ignore_ascii_case(origin);
                listed.iter().any(same) || is_local(origin)
            }
        }
    }
}

fn is_local(origin: &str) -> bool {
    let Ok(url) = Url::parse(origin) else { return false };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_only_local_pages_connect() {
        let local = [
            None,
            Some("http://localhost:5173"),
            Some("http://127.0.0.1"),
            Some("tauri://localhost"),
            Some("http://[::1]:80"),
            Some("http://tauri.localhost"),
        ];
        for origin in local {
            assert!(Origins::Local.allow(origin), "{origin:?}");
        }
        for origin in [
            "https://example.org",
            "null",
            "http://localhost.example.org",
            "",
            "http://127.0.0.1.example.org",
        ] {
            assert!(!Origins::Local.allow(Some(origin)), "{origin}");
            assert!(Origins::Any.allow(Some(origin)), "{origin}");
        }
    }

    #[test]
    fn listed_pages_connect_too() {
        let origins = Origins::Listed(vec!["https://notes.example.org/".into()]);
        assert!(origins.allow(Some("https://notes.example.org")));
        assert!(!origins.allow(Some("http://notes.example.org")));
        assert!(!origins.allow(Some("https://notes.example.org.evil.org")));
        assert!(origins.allow(Some("http://localhost:1")));
    }
}
