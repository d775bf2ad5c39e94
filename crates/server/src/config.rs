//! The command line and the environment, as options of a server.

use crate::{Linked, ServerOptions};
use clap::{Parser, ValueEnum, builder::RangedU64ValueParser};
use rejoin_websocket::{
    Admission, ClientTls, InvalidToken, Limits, ListenLimits, Origins, ServerTls, TlsError,
    TokenSet,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A hundred years in seconds: no time is longer, so that none can overflow.
const LONGEST: u64 = 100 * 365 * 86_400;

/// A sync server for Automerge documents.
///
/// Everything can be given on the command line or in the environment; the command line wins.
#[derive(Clone, Debug, Parser)]
#[command(name = "rejoin-server", version)]
pub struct Arguments {
    /// Address and port to listen on
    #[arg(long, env = "REJOIN_LISTEN", default_value = "127.0.0.1:3030")]
    pub listen: String,

    /// Directory for the documents
    #[arg(long, env = "REJOIN_DATA_DIR", value_name = "DIR")]
    pub data: PathBuf,

    /// Another server to stay in sync with; may be given several times
    #[arg(long = "peer", env = "REJOIN_PEERS", value_delimiter = ',', value_name = "URL",
        value_parser = peer_address)]
    pub peers: Vec<String>,

    /// File whose first line is the token to show to those servers
    #[arg(long, env = "REJOIN_PEER_TOKEN_FILE", value_name = "FILE")]
    pub peer_token_file: Option<PathBuf>,

    /// Certificates (PEM) of those servers or of who signed theirs, instead of the system's
    #[arg(long, env = "REJOIN_PEER_TLS_ROOTS", value_name = "FILE")]
    pub peer_tls_roots: Option<PathBuf>,

    /// Name of this server among its peers
    #[arg(long, env = "REJOIN_NAME")]
    pub name: Option<String>,

    /// Tokens that let clients in: one a line, ` read-only` behind those that may not write, ` server`
    /// behind those of servers that stay in sync with this one
    #[arg(long, env = "REJOIN_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Let everyone in who can reach the address
    #[arg(long, env = "REJOIN_OPEN", conflicts_with = "token_file")]
    pub open: bool,

    /// Certificate chain (PEM), for wss
    #[arg(long, env = "REJOIN_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// Private key (PEM) of the certificate
    #[arg(long, env = "REJOIN_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Web page origin that may connect, or `*` for all; pages of this machine always may
    #[arg(long = "origin", env = "REJOIN_ORIGINS", value_delimiter = ',')]
    pub origins: Vec<String>,

    /// Take the addresses of clients from the X-Forwarded-For header of a proxy in front
    #[arg(long, env = "REJOIN_BEHIND_PROXY")]
    pub behind_proxy: bool,

    /// Greatest size of the stored documents together, in bytes
    #[arg(long, env = "REJOIN_MAX_DATA", value_name = "BYTES")]
    pub max_data: Option<u64>,

    /// Greatest size of a message from a client, in bytes
    #[arg(long, env = "REJOIN_MAX_MESSAGE", value_name = "BYTES", default_value_t = 64 << 20,
        value_parser = at_least_one())]
    pub max_message: usize,

    /// Greatest size to which the compressed changes of a message may inflate, in bytes
    #[arg(long, env = "REJOIN_MAX_INFLATED", value_name = "BYTES", default_value_t = 256 << 20,
        value_parser = at_least_one())]
    pub max_inflated: usize,

    /// Greatest size of changes of a document that are kept although they cannot be taken in, because
    /// they wait for others, in bytes; those that were refused may take a sixteenth of it
    #[arg(long, env = "REJOIN_MAX_SET_ASIDE", value_name = "BYTES", default_value_t = 16 << 20)]
    pub max_set_aside: usize,

    /// Messages per second that a client may send over a longer time
    #[arg(long, env = "REJOIN_MAX_RATE", value_name = "N", default_value_t = 5_000,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub max_rate: u32,

    /// Connections in all
    #[arg(long, env = "REJOIN_MAX_CONNECTIONS", value_name = "N", default_value_t = 10_000,
        value_parser = at_least_one())]
    pub max_connections: usize,

    /// Connections from one address
    #[arg(long, env = "REJOIN_MAX_PER_ADDRESS", value_name = "N", default_value_t = 2_000,
        value_parser = at_least_one())]
    pub max_connections_per_address: usize,

    /// Documents that one connection may use at once
    #[arg(long, env = "REJOIN_MAX_DOCUMENTS", value_name = "N", default_value_t = 10_000)]
    pub max_documents_per_connection: usize,

    /// Seconds that a client may read nothing of what waits for it
    #[arg(long, env = "REJOIN_STALLED_SECONDS", value_name = "S", default_value_t = 20,
        value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    pub stalled_seconds: u64,

    /// Seconds without a sign of life, not even the answer to a ping, after which a client is closed
    #[arg(long, env = "REJOIN_SILENCE_SECONDS", value_name = "S", default_value_t = 20,
        value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    pub silence_seconds: u64,

    /// Seconds after which a client without any message is closed; 0 for never
    #[arg(long, env = "REJOIN_IDLE_SECONDS", value_name = "S", default_value_t = 86_400,
        value_parser = clap::value_parser!(u64).range(..=LONGEST))]
    pub idle_seconds: u64,

    /// Seconds that a document which nobody uses stays in memory
    #[arg(long, env = "REJOIN_UNLOAD_SECONDS", value_name = "S", default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(..=LONGEST))]
    pub unload_seconds: u64,

    /// How many threads serve connections; one is enough for thousands of people, and costs least.
    /// More help where messages are encrypted here and many processors are there
    #[arg(long, env = "REJOIN_THREADS", value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=512))]
    pub threads: u16,

    /// What to log: error, warn, info, debug or trace, for all or as target=level,...
    #[arg(long, env = "REJOIN_LOG", default_value = "info")]
    pub log: String,

    /// How to log
    #[arg(long, env = "REJOIN_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,
}

/// A limit of nothing would let nobody in.
fn at_least_one() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

fn peer_address(text: &str) -> Result<String, String> {
    rejoin_websocket::check_address(text).map(|()| text.to_owned()).map_err(|e| e.to_string())
}

/// The shape of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why the arguments are no options.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that was named cannot be read.
    #[error("cannot read {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system reported.
        reason: std::io::Error,
    },
    /// The tokens are none.
    #[error("{path}: {reason}")]
    Tokens {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: InvalidToken,
    },
    /// A token file without tokens would let nobody in.
    #[error("{0}: there is no token in it")]
    NoTokens(PathBuf),
    /// Certificates or keys are of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Arguments {
    /// Reads the files that were named and puts the options together.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a file cannot be read or does not hold what it should.
    pub fn options(&self) -> Result<ServerOptions, ConfigError> {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(ServerTls::from_files(certificate, key)?),
            _ => None,
        };
        let peer_token = match &self.peer_token_file {
            None => None,
            Some(path) => {
                let text = read(path)?;
                let line = text.lines().next().map(str::trim).filter(|line| !line.is_empty());
                Some(line.ok_or_else(|| ConfigError::NoTokens(path.clone()))?.to_owned())
            }
        };
        let linked = |url: &String| Linked { url: url.clone(), token: peer_token.clone() };
        let seconds = |n: u64| Duration::from_secs(n);
        Ok(ServerOptions {
            max_data: self.max_data,
            listen: self.listen.clone(),
            tls,
            admission: self.admission()?,
            open: self.open,
            origins: match self.origins.as_slice() {
                [] => Origins::Local,
                listed if listed.iter().any(|origin| origin == "*") => Origins::Any,
                listed => Origins::Listed(listed.to_vec()),
            },
            limits: Limits {
                max_message: self.max_message,
                frames_per_second: self.max_rate,
                frame_burst: self.max_rate.saturating_mul(4),
                stalled: seconds(self.stalled_seconds),
                silence: seconds(self.silence_seconds),
                ping_every: (seconds(self.silence_seconds) / 4).min(Limits::default().ping_every),
                idle: (self.idle_seconds > 0).then(|| seconds(self.idle_seconds)),
                ..Limits::default()
            },
            listen_limits: ListenLimits {
                connections: self.max_connections,
                connections_per_address: self.max_connections_per_address,
            },
            behind_proxy: self.behind_proxy,
            documents_per_connection: self.max_documents_per_connection,
            max_inflated: self.max_inflated,
            max_set_aside: self.max_set_aside,
            idle_after: seconds(self.unload_seconds),
            name: self.name.clone(),
            linked: self.peers.iter().map(linked).collect(),
            linked_tls: self.peer_tls_roots.as_deref().map(ClientTls::from_file).transpose()?,
            ..ServerOptions::new(&self.data)
        })
    }

    fn admission(&self) -> Result<Admission, ConfigError> {
        let Some(path) = &self.token_file else { return Ok(Admission::Everyone) };
        let tokens = TokenSet::parse(&read(path)?)
            .map_err(|reason| ConfigError::Tokens { path: path.clone(), reason })?;
        if tokens.is_empty() {
            return Err(ConfigError::NoTokens(path.clone()));
        }
        Ok(Admission::Tokens(tokens))
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|reason| ConfigError::File { path: path.into(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_fits_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn arguments_become_options() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = directory.path().join("tokens");
        fs::write(&tokens, "secret-one\nsecret-two read-only\n").unwrap();
        let parse = |more: &[&str]| {
            let arguments =
                ["rejoin-server", "--data", "/data"].into_iter().chain(more.iter().copied());
            Arguments::try_parse_from(arguments).unwrap().options()
        };
        let options = parse(&["--peer", "ws://a", "--peer", "ws://b", "--origin", "*"]).unwrap();
        assert_eq!(options.linked.len(), 2);
        assert_eq!(options.origins, Origins::Any);
        assert!(matches!(options.admission, Admission::Everyone));
        let path = tokens.to_str().unwrap();
        let options = parse(&["--token-file", path, "--idle-seconds", "0"]).unwrap();
        assert!(matches!(options.admission, Admission::Tokens(tokens) if tokens.len() == 2));
        assert_eq!(options.limits.idle, None);
        fs::write(&tokens, "# nothing\n").unwrap();
        assert!(matches!(parse(&["--token-file", path]).unwrap_err(), ConfigError::NoTokens(_)));
        assert!(matches!(parse(&["--token-file", "/none"]).unwrap_err(), ConfigError::File { .. }));
    }
}
