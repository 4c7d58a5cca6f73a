//! Why nothing could be deployed.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use thiserror::Error;

use crate::command::CommandError;
use crate::http::WebError;

/// The first process cannot do what it was told.
#[derive(Debug, Error)]
pub(super) enum InitError {
    #[error("{0}")]
    Parameters(String),
    #[error("cannot {action} {}: {source}", path.display())]
    System { action: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "there is no network card here{wanted}; its driver may be missing in the ramdisk, or with ip=off no network is \
         brought up"
    )]
    NoCard {
        /// How it was named, if it was.
        wanted: String,
    },
    #[error("no network card has a link ({cards}): see whether a cable is plugged in")]
    NoLink { cards: String },
    #[error("cannot {action} the network card {card}: {source}")]
    Card { action: &'static str, card: String, source: io::Error },
    #[error("no DHCP server answered within {seconds} s ({cards}); without one, give an address with ip=")]
    NoLease { seconds: u64, cards: String },
    #[error("the description's address {url}: {why}")]
    Url { url: String, why: String },
    #[error("cannot fetch the description from {url}: {source}")]
    Fetch { url: String, source: Box<WebError> },
    #[error("the description at {url} is larger than {}", crate::model::human(*limit))]
    TooLarge { url: String, limit: u64 },
    #[error("there is no file at {url}, but something else")]
    NoFile { url: String },
    #[error("{0}")]
    Command(#[from] CommandError),
    #[error("{what} ended with {status}; what went wrong stands above")]
    Failed { what: &'static str, status: ExitStatus },
    #[error("an internal error; it stands above")]
    Panic,
}

impl InitError {
    /// An error of the system, for what was being done.
    pub(super) fn system<E: Into<io::Error>>(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |source| InitError::System { action, path, source: source.into() }
    }
}
