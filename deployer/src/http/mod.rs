//! What comes from web servers: whom to trust, which way leads there, and how long a server may be silent.

mod authorities;
mod download;
mod proxy;
mod url;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

pub(crate) use download::Download;
pub(crate) use url::{WebUrl, shown};

/// The least that a server has to send, in bytes a second, over twice the longest silence.
const LEAST: u64 = 1024;
/// How long it may take until a name has an address, and again until there is a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// How servers are asked.
#[derive(Debug, Clone)]
pub(crate) struct Web {
    /// Certificates of authorities in place of those of the system, in PEM.
    pub(crate) ca_file: Option<PathBuf>,
    /// How long a server may be silent.
    pub(crate) silence: Duration,
    /// How often in a row it is asked again when it fails, or when the connection is lost and nothing came.
    pub(crate) retries: u32,
}

impl Default for Web {
    fn default() -> Self {
        Self { ca_file: None, silence: Duration::from_secs(60), retries: 6 }
    }
}

/// Which way requests go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the server itself.
    Direct,
    /// Through the proxy that the environment names, if it names one.
    Proxied,
}

/// How long one request may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    /// Until there is a connection.
    pub(crate) connect: Duration,
    /// From one byte to the next.
    pub(crate) silence: Option<Duration>,
    /// For everything, redirections and the body included.
    pub(crate) whole: Option<Duration>,
}

impl Web {
    /// Whether nothing was said of how images are asked for.
    pub(crate) fn asks_as_usual(&self) -> bool {
        let usual = Self::default();
        (self.silence, self.retries) == (usual.silence, usual.retries)
    }

    /// For a file of any size.
    pub(crate) fn clocks(&self) -> Clocks {
        Clocks { connect: CONNECT.min(self.silence), silence: Some(self.silence), whole: None }
    }

    /// What sends requests to `url`, and where that leads on. A request that is safe does not lead to one that is not.
    pub(crate) fn agent(&self, url: &WebUrl, way: Way, clocks: Clocks) -> Result<Agent, WebError> {
        let proxy = match way {
            Way::Direct => None,
            Way::Proxied => proxy::from_environment(url.is_safe())?,
        };
        let authorities = match authorities::trusted(self.ca_file.as_deref()) {
            Ok(found) => found,
            Err(error) if url.is_safe() || self.ca_file.is_some() => return Err(error),
            // Where it leads to a safe server, nobody is trusted.
            Err(_) => RootCerts::new_with_certs(&[]),
        };
        let tls = TlsConfig::builder()
            .root_certs(authorities)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .https_only(url.is_safe())
            .proxy(proxy)
            .timeout_connect(Some(clocks.connect))
            .timeout_resolve(Some(clocks.connect))
            .timeout_recv_response(clocks.silence)
            .timeout_per_read(clocks.silence)
            .timeout_global(clocks.whole)
            .http_status_as_error(false)
            .accept_encoding("identity")
            .user_agent(concat!("deployer/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Agent::new_with_config(config))
    }
}

/// A web server does not give what is wanted.
#[derive(Debug, Error)]
pub(crate) enum WebError {
    #[error("cannot read the certificates of authorities in {}: {source}", .path.display())]
    Certificates { path: PathBuf, source: std::io::Error },
    #[error(
        "there are no certificates of authorities here, by which the server would be known: install ca-certificates, \
         or name a file of them with --ca-file"
    )]
    NoCertificates,
    #[error("the environment names a proxy that is none: {0}")]
    Proxy(String),
    #[error("the proxy does not lead there by CONNECT: {0}; see whether it lets this machine do that")]
    NoWay(String),
    #[error("the server answered with status {0}: {meaning}", meaning = meaning(*.0))]
    Status(u16),
    #[error(
        "the server is not trusted: {0}; see whether its name and the clock of this machine are right, or name the \
         certificates of its authority with --ca-file"
    )]
    Untrusted(String),
    #[error("{0}; see whether the server works and is within reach")]
    Network(Box<ureq::Error>),
    #[error("the connection was lost at byte {at}, and {tries} more tries brought nothing: {last}")]
    Lost { at: u64, tries: u32, last: Box<WebError> },
    #[error("it sends less than {LEAST} bytes a second")]
    Slow,
    #[error("the server's answer makes no sense: {0}")]
    Answer(&'static str),
    #[error(
        "the connection was lost at byte {0}, and the server does not tell whether it still has the same file (ETag, \
         Last-Modified); begin anew, or give a checksum"
    )]
    Unsure(u64),
    #[error("the file changed on the server while it was fetched; begin anew")]
    Changed,
    #[error("the server sent {found} where byte {at} and what follows it were asked for")]
    Range { at: u64, found: String },
}

impl WebError {
    /// Whether it may go better another time.
    pub(crate) fn is_worth_a_retry(&self) -> bool {
        match self {
            WebError::Status(status) => matches!(status, 408 | 425 | 429 | 500..),
            WebError::Network(_) | WebError::Slow | WebError::Lost { .. } => true,
            _ => false,
        }
    }

    /// Whether the server wants to know who asks, or does not want that one.
    pub(crate) fn is_about_access(&self) -> bool {
        match self {
            WebError::Status(status) => matches!(status, 401 | 403 | 407),
            WebError::Lost { last, .. } => last.is_about_access(),
            _ => false,
        }
    }
}

impl From<ureq::Error> for WebError {
    fn from(error: ureq::Error) -> Self {
        use ureq::Error;
        match error {
            Error::Rustls(error) => of_tls(&error).unwrap_or(WebError::Answer("it is not TLS")),
            Error::Tls(_) | Error::TlsRequired => WebError::Answer("it is not TLS"),
            // What was asked for over TLS leads to where there is none.
            Error::RequireHttpsOnly(_) => WebError::Untrusted("it leads to a server without TLS".to_owned()),
            Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()).and_then(of_tls)
            {
                Some(untrusted) => untrusted,
                None => WebError::Network(Box::new(Error::Io(error))),
            },
            Error::ConnectProxyFailed(said) => WebError::NoWay(said.escape_debug().to_string()),
            // Their texts repeat addresses with all that is secret in them.
            Error::BadUri(_) | Error::Http(_) | Error::Protocol(_) => {
                WebError::Answer("it is no HTTP, or leads to an address that is none")
            }
            Error::TooManyRedirects | Error::RedirectFailed => {
                WebError::Answer("it leads from one address to the next without end")
            }
            Error::LargeResponseHeader(..) => WebError::Answer("it does not come to its point"),
            error => WebError::Network(Box::new(error)),
        }
    }
}

/// Where it is about who a server is. Anything else of TLS may be a line that is disturbed.
fn of_tls(error: &rustls::Error) -> Option<WebError> {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            Some(WebError::Untrusted(error.to_string()))
        }
        _ => None,
    }
}

/// What a status means for whoever asked.
fn meaning(status: u16) -> &'static str {
    match status {
        401 | 403 => "it does not give this away; a temporary URL may have run out",
        404 | 410 => "there is no such file; see whether the URL is right",
        407 => "the proxy wants to know who asks",
        408 | 425 | 429 => "it wants to be asked later",
        416 => "the file is shorter than it was",
        500.. => "it is not well; try again later",
        _ => "that is no file",
    }
}
