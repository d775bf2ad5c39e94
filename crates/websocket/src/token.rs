//! Secrets that let a peer in, and what they let it do.

use std::fmt;

/// A secret shared with those who may connect. It never shows in logs.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Takes a secret of visible ASCII characters, at least eight.
    ///
    /// # Errors
    ///
    /// [`InvalidToken`] when it is too short to be a secret or cannot stand in an HTTP header.
    pub fn new(secret: impl Into<String>) -> Result<Token, InvalidToken> {
        let secret = secret.into();
        if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidToken::Characters);
        }
        if secret.len() < 8 {
            return Err(InvalidToken::TooShort);
        }
        Ok(Token(secret))
    }

    /// The secret itself, for the one place where it is sent.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }

    /// Whether `other` is the same secret, in a time that does not tell how much of it is.
    fn matches(&self, other: &str) -> bool {
        let (a, b) = (self.0.as_bytes(), other.as_bytes());
        let difference =
            a.iter().zip(b).fold(a.len() ^ b.len(), |d, (x, y)| d | usize::from(x ^ y));
        std::hint::black_box(difference) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why a text is not a [`Token`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// Only visible ASCII characters can be sent as a bearer token.
    #[error("a token consists of visible ascii characters")]
    Characters,
    /// Anyone could guess it.
    #[error("a token has at least eight characters")]
    TooShort,
    /// A line of a token file says something else than `read-only` or `server` behind its token.
    #[error("line {0} of the tokens: only `read-only` or `server` may stand behind a token")]
    Line(usize),
}

/// What a connected peer may do. This crate only hands it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Read and write.
    ReadWrite,
    /// Read; nothing that it writes is taken.
    ReadOnly,
    /// Read and write, as another server that is trusted.
    Server,
}

/// The tokens that a listener knows, each with what it allows.
#[derive(Clone, Debug, Default)]
pub struct TokenSet(Vec<(Token, Access)>);

impl TokenSet {
    /// No tokens: nobody comes in.
    pub fn new() -> TokenSet {
        TokenSet::default()
    }

    /// Adds a token.
    pub fn insert(&mut self, token: Token, access: Access) -> &mut TokenSet {
        self.0.push((token, access));
        self
    }

    /// Reads tokens from text: one a line, ` read-only` behind those that may not write, ` server`
    /// behind those of other servers; empty lines and lines that begin with `#` are left out.
    ///
    /// # Errors
    ///
    /// [`InvalidToken`] at the first line that is none of these.
    pub fn parse(text: &str) -> Result<TokenSet, InvalidToken> {
        let mut tokens = TokenSet::new();
        for (i, line) in text.lines().enumerate() {
            let mut words = line.split_whitespace();
            let Some(secret) = words.next().filter(|word| !word.starts_with('#')) else { continue };
            let access = match (words.next(), words.next()) {
                (None, _) => Access::ReadWrite,
                (Some("read-only"), None) => Access::ReadOnly,
                (Some("server"), None) => Access::Server,
                _ => return Err(InvalidToken::Line(i + 1)),
            };
            tokens.insert(Token::new(secret)?, access);
        }
        Ok(tokens)
    }

    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the bearer of `secret` may do; `None` if nobody knows it.
    pub fn access(&self, secret: &str) -> Option<Access> {
        // Every token is compared, so that the time does not tell which one was right.
        let mut found = None;
        for (token, access) in &self.0 {
            if token.matches(secret) {
                found = Some(*access);
            }
        }
        found
    }
}

/// Whom a listener lets in.
#[derive(Clone, Debug)]
pub enum Admission {
    /// Everyone who can reach the address, to read and write.
    Everyone,
    /// Everyone who shows one of these tokens.
    Tokens(TokenSet),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_line_by_line() {
        let text = "# ours\n\nsecret-one\n  secret-two   read-only \nsecret-three server";
        let tokens = TokenSet::parse(text).unwrap();
        assert_eq!(tokens.access("secret-one"), Some(Access::ReadWrite));
        assert_eq!(tokens.access("secret-two"), Some(Access::ReadOnly));
        assert_eq!(tokens.access("secret-three"), Some(Access::Server));
        for wrong in ["", "secret", "secret-on", "secret-one ", "secret-onf", "#"] {
            assert_eq!(tokens.access(wrong), None, "{wrong:?}");
        }
        assert_eq!(
            TokenSet::parse("secret-one\nsecret-two admin").unwrap_err(),
            InvalidToken::Line(2)
        );
        assert_eq!(TokenSet::parse("short").unwrap_err(), InvalidToken::TooShort);
    }

    #[test]
    fn tokens_do_not_show() {
        let tokens = TokenSet::parse("secret-one").unwrap();
        assert!(!format!("{tokens:?}").contains("secret-one"));
    }
}
