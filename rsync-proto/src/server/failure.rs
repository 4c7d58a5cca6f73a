//! Why a transfer ends before its end.

use std::io;
use std::time::Duration;

use crate::error::Malformed;

/// Why a connection ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The client hung up.
    #[error("the client hung up")]
    HungUp,
    /// The connection broke.
    #[error("the connection to the client broke: {0}")]
    Network(#[source] io::Error),
    /// The client said nothing, or took nothing, for too long.
    #[error("nothing came from the client, or was taken by it, for {} s", .0.as_secs())]
    Silent(Duration),
    /// The client broke the protocol.
    #[error("the client broke the protocol: {0}")]
    Violation(String),
    /// What the client asked for is refused; the text is for it, too.
    #[error("{0}")]
    Refused(String),
    /// Nothing of what the client asked for can be looked at; the text is for it, too.
    #[error("{0}")]
    Sources(String),
    /// A bound of the server was reached.
    #[error("{what} came to its bound of {limit}")]
    Limit {
        /// What there was too much of.
        what: &'static str,
        /// How much of it there may be.
        limit: u64,
    },
    /// The server is being stopped.
    #[error("the server was told to stop")]
    Stopped,
    /// A file system fails in a way that no single entry explains.
    #[error("cannot {action}: {source}")]
    Local {
        /// What was being done.
        action: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Self::Violation(malformed.to_string())
    }
}
