//! What a transfer reports while it runs and when it is over. Nothing in this crate prints.

mod item;
mod skip;
mod summary;

pub use item::{Action, Changes, Content, Item};
pub use skip::Skip;
#[cfg(feature = "tokio")]
pub(crate) use summary::Earlier;
pub use summary::{KindCounts, Progress, Summary};

use crate::flist::{EntryRef, Kind, SafePath};
use crate::handshake::Agreed;
use crate::session::Severity;

/// Something to tell.
#[non_exhaustive]
pub enum Report<'a> {
    /// A line of the server's message of the day.
    Motd(&'a str),
    /// The server agreed to the transfer: the list of files is next.
    Begins(&'a Agreed),
    /// A message of the server; control characters are escaped.
    Server(Severity, &'a str),
    /// The list of files is complete, with so many entries.
    ListComplete(u64),
    /// The directory that everything goes to was missing and was made, or with a dry run would be. Its name is
    /// escaped.
    MadeDestination(&'a str),
    /// An entry was changed, or with a dry run would be. Entries that are as they should be come only to those
    /// who want them ([`Monitor::wants_unchanged`]).
    Item(Item<'a>),
    /// Something that the server does not have was deleted, or with a dry run would be.
    Deleted(&'a SafePath, Kind),
    /// An entry of a listing.
    Listed(EntryRef<'a>),
    /// An entry takes no part, and why.
    Skipped(EntryRef<'a>, Skip),
    /// Something that some want to know, in rsync's words; control characters are escaped.
    Info(Topic, &'a str),
    /// Something that was to be deleted stays, and why, in rsync's words; its name is escaped.
    Stays(&'a str),
    /// Something about one entry failed; the transfer goes on and will be incomplete.
    Failed(&'a str),
    /// Something is odd, but nothing is lost by it.
    Warning(&'a str),
}

/// What a piece of information is about: each topic can be asked for by itself (`--info`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Topic {
    /// A file was put aside before it was replaced or deleted.
    Backup,
    /// A file was copied here, in place of being received.
    Copy,
    /// A file system was not entered.
    Mount,
    /// A symlink that leads out of the tree.
    Symsafe,
    /// Anything else.
    Misc,
}

/// Takes reports. They come from several threads.
pub trait Monitor: Send + Sync + 'static {
    /// Something happened.
    fn report(&self, report: &Report<'_>);

    /// Whether to report entries that are as they should be, too. Asked once, before a transfer begins.
    fn wants_unchanged(&self) -> bool {
        false
    }
}

/// Takes reports and drops them.
pub struct Silent;

impl Monitor for Silent {
    fn report(&self, _: &Report<'_>) {}
}
