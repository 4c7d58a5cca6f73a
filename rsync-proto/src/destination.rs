//! What a pull needs of the place that it writes to. The engine decides what to ask the server for and when
//! a file or a directory is finished; a [`Destination`] says what is already there and stores what comes.
//!
//! Methods block, and are called from several threads; the engine sees to it that a directory is there
//! before anything in it is touched, and that it is left after everything in it is finished.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::checksum::StrongSum;
use crate::delta::BlockLayout;
use crate::flist::{EntryRef, SafePath, Segment};
use crate::report::{Changes, Skip};

/// Something about one entry failed.
#[derive(Debug)]
pub struct Failure {
    /// What was being done.
    pub action: &'static str,
    /// The entry.
    pub path: SafePath,
    /// What the system said.
    pub source: io::Error,
    /// Only this entry is concerned, whatever the system said.
    pub confined: bool,
}

impl Failure {
    /// A failure of `action` on the entry at `path`.
    pub fn new(action: &'static str, path: SafePath, source: impl Into<io::Error>) -> Self {
        Self { action, path, source: source.into(), confined: false }
    }

    /// An attribute of the entry at `path` could not be set. File systems say that they are full when a
    /// single attribute does not fit.
    pub fn attributes(path: SafePath, source: impl Into<io::Error>) -> Self {
        Self { action: "set the attributes of", path, source: source.into(), confined: true }
    }

    /// Whether every further entry would fail in the same way: the disk is full or read-only.
    pub fn is_fatal(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        !self.confined && matches!(self.source.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.action, self.path, self.source)
    }
}

/// What there is to do about an entry that is not a directory.
#[derive(Debug)]
pub enum Verdict {
    /// The content is right; these attributes are not.
    Same(Changes),
    /// It must be made, or made anew, which needs no content: a symlink, device or special file.
    Make(Changes),
    /// It cannot or shall not be here, and is passed over without a failure; with the reason.
    Skip(Skip),
    /// The content is needed.
    Content {
        /// What differs.
        changes: Changes,
        /// Size of the file that can serve as a basis, if there is one.
        basis: Option<u64>,
    },
}

/// What became of a file whose content came.
#[derive(Debug)]
pub enum Received {
    /// It is in place.
    Complete,
    /// It is in place, but some of its attributes could not be set.
    Bare(Failure),
    /// Its sum is not what the server said; nothing of it was kept.
    Mismatch,
}

/// Takes the content of one file.
pub trait Sink: Send + 'static {
    /// The next bytes, as the server sent them.
    fn literal(&mut self, bytes: Bytes) -> io::Result<()>;

    /// The next bytes lie in the basis, at this offset.
    fn matched(&mut self, offset: u64, len: u64) -> io::Result<()>;

    /// Frees what the sink holds of the network's buffers; called whenever no further bytes are at hand.
    fn flush(&mut self) -> io::Result<()>;

    /// The content is complete: compares `sum`, and puts the file into its place with its attributes.
    fn finish(self, sum: &StrongSum, entry: EntryRef<'_>) -> Result<Received, Failure>;
}

/// A place for a tree of files.
pub trait Destination: Send + Sync + 'static {
    /// A directory that is being filled.
    type Dir: Send + Sync + 'static;
    /// Where the content of a file goes.
    type Sink: Sink;

    /// Directories that may be open at once.
    fn open_directories(&self) -> u64 {
        600
    }

    /// The transfer was stopped: long work should end soon, with whatever result.
    fn stop(&self) {}

    /// The path of an entry as a person would look for it.
    fn locate(&self, path: &SafePath) -> String {
        path.to_string()
    }

    /// Begins with the first segment of the list: the root of the tree, to which all paths are relative.
    fn begin(&self, first: &Segment) -> crate::Result<Self::Dir>;

    /// The root of the tree as a person would name it, escaped, if [`Self::begin`] made it.
    fn made(&self) -> Option<String> {
        None
    }

    /// A further segment came, perhaps with new names of users and groups.
    fn learn(&self, segment: &Segment);

    /// Makes sure that `entry` is a directory, and tells what changes by that and will change by
    /// [`Self::leave`].
    fn make_dir(&self, parent: &Self::Dir, entry: EntryRef<'_>) -> Result<Changes, Failure>;

    /// Opens the directory of `entry`, for which [`Self::make_dir`] told `changes`.
    fn open_dir(&self, entry: EntryRef<'_>, changes: Changes) -> Result<Self::Dir, Failure>;

    /// Everything in the directory is finished: sets its attributes.
    fn leave(&self, dir: &Self::Dir, entry: EntryRef<'_>) -> Result<(), Failure>;

    /// Compares an entry that is not a directory with what is there.
    fn look(&self, dir: &Self::Dir, entry: EntryRef<'_>) -> Result<Verdict, Failure>;

    /// Sets the attributes of an entry whose content is right, as far as they are known.
    fn touch(&self, dir: &Self::Dir, entry: EntryRef<'_>, changes: Changes) -> Result<(), Failure>;

    /// Makes a symlink, device or special file.
    fn make(&self, dir: &Self::Dir, entry: EntryRef<'_>) -> Result<(), Failure>;

    /// Makes the entry another name of the file at `leader`. Nothing if it is that already.
    fn link(
        &self,
        leader: &SafePath,
        dir: &Self::Dir,
        entry: EntryRef<'_>,
    ) -> Result<Option<Changes>, Failure>;

    /// The sums of the basis of `entry`; with `full` at their whole length. Without a usable basis,
    /// [`BlockLayout::NONE`].
    fn block_sums(
        &self,
        dir: &Self::Dir,
        entry: EntryRef<'_>,
        full: bool,
    ) -> Result<(BlockLayout, Vec<u8>), Failure>;

    /// Gets ready for the content of `entry`, which refers to its basis if `with_basis`.
    fn receive(
        &self,
        dir: &Arc<Self::Dir>,
        entry: EntryRef<'_>,
        with_basis: bool,
    ) -> Result<Self::Sink, Failure>;
}
