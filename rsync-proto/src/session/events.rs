//! What goes in and out of a session, besides bytes: requests, commands and events.

use std::sync::Arc;

use bytes::Bytes;

use crate::checksum::StrongSum;
use crate::delta::Offer;
use crate::flist::{Segment, XattrSet};

/// Something to ask the server for. `T` is the caller's own note on it, handed back with the answer.
#[derive(Debug)]
pub struct Request<T> {
    /// The entry's index.
    pub index: u32,
    /// What of it changes, for the server's log: bits of [`crate::wire::flags::item`].
    pub changes: u16,
    /// What is wanted.
    pub wanted: Wanted,
    /// The set of extended attributes, if values of it are missing here.
    pub xattrs: Option<Arc<XattrSet>>,
    /// The caller's note.
    pub ticket: T,
}

/// What of a file is wanted.
#[derive(Debug)]
pub enum Wanted {
    /// The values of extended attributes only.
    Attributes,
    /// The content, against a basis.
    Content {
        /// What is here already.
        offer: Offer,
        /// The size that the list announced, in bytes.
        size: u64,
    },
}

/// What the generator and the disk workers have to say to the session.
#[derive(Debug)]
pub enum Command<T> {
    /// Ask for something. Holds the entry until it is released.
    Ask(Request<T>),
    /// The next sums of the basis of the newest request whose offer has more. What else is said meanwhile takes effect when
    /// the last of them has come.
    Sums(Bytes),
    /// The entry at this index may still be asked for.
    Hold(u32),
    /// Nothing more will be asked about the entry at this index, on account of one earlier hold or request.
    Release(u32),
    /// All entries of the segment that begins at this index have been looked at.
    Scanned(u32),
}

/// How a message of the server is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// For information.
    Info,
    /// Something is odd.
    Warning,
    /// Something failed.
    Error,
    /// Something failed and the transfer is incomplete by it.
    Partial,
}

/// What the server counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerStats {
    /// Bytes that it read from this client.
    pub read: u64,
    /// Bytes that it wrote to this client.
    pub written: u64,
    /// Sizes of all files of the list, in bytes.
    pub total_size: u64,
    /// Time to make the file list, in milliseconds.
    pub list_build_ms: u64,
    /// Time to send the file list, in milliseconds.
    pub list_send_ms: u64,
}

/// What happened.
#[derive(Debug)]
pub enum Event<T> {
    /// A segment of the file list is complete.
    Segment(Arc<Segment>),
    /// No further segment will come.
    ListEnd,
    /// The content of a file begins.
    FileBegins(T),
    /// The next bytes of the file that began.
    Literal(Bytes),
    /// Deflated data of the file that began, which [`Inflate`](crate::compression::Inflate) makes into the next bytes:
    /// it refers to matched blocks, too, which no session has. What comes of it is not bounded yet.
    #[cfg(feature = "zlib")]
    Deflated(Bytes),
    /// The next bytes of the file that began lie in its basis.
    Matched {
        /// Offset in the basis, in bytes.
        offset: u64,
        /// Length in bytes.
        len: u32,
    },
    /// The file that began is complete.
    FileEnds {
        /// The server's sum over it.
        sum: StrongSum,
        /// Bytes of the stream that its content took, with the references and sums in it.
        received: u64,
    },
    /// The values of extended attributes that were asked for are here.
    Attributes(T),
    /// The server cannot send what was asked for.
    NotSent(T),
    /// The server says something; control characters are escaped.
    Message(Severity, String),
    /// The server will give up after this many seconds without a sign of life.
    ServerTimeout(u32),
    /// Everything is done. Nothing was in the list if there are no statistics.
    Finished(Option<ServerStats>),
}
