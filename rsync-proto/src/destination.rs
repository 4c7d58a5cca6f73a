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
use crate::delta::Offer;
use crate::flist::{EntryRef, Kind, SafePath, Segment};
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

    /// Whether a directory with something in it is in the way.
    pub fn is_non_empty_directory(&self) -> bool {
        self.source.kind() == io::ErrorKind::DirectoryNotEmpty
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
pub enum Verdict<B> {
    /// The content is right; these attributes are not.
    Same(Changes),
    /// Nothing is done about it, and nothing is known of its content: it shall not be here because it is elsewhere, or
    /// what is here is only to be added to.
    Left,
    /// The content is elsewhere at the destination, from where [`Destination::bring`] takes it.
    Here {
        /// What differs from there.
        changes: Changes,
        /// Where it is.
        basis: B,
    },
    /// It must be made, or made anew, which needs no content: a symlink, device or special file.
    Make(Changes),
    /// It cannot or shall not be here, and is passed over without a failure; with the reason.
    Skip(Skip),
    /// The content is needed.
    Content {
        /// What differs.
        changes: Changes,
        /// The file that can serve as a basis, if there is one.
        basis: Option<B>,
    },
}

/// What came of making an entry another name of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linking {
    /// It is another name now; how it differed before.
    Made(Changes),
    /// It is another name now, as it is where files need not be transferred from; only those hear of it who want to
    /// hear of what does not change.
    Again,
    /// It is another name now; how it differs from what has its place where files need not be transferred from.
    Like(Changes),
    /// It was that already.
    There,
    /// It shall not be here, or shall stay as it is; with the reason.
    Skip(Skip),
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

/// Takes the content of one file, in the order of its bytes: one thread calls all methods of a sink. A sink that is dropped
/// before [`Sink::finish`] was given up, and leaves nothing behind.
///
/// # Errors
/// An error fails this file: it is reported and counted, and the rest of its content is passed over. One that says that the
/// disk is full or read-only ([`Failure::is_fatal`]) ends the transfer.
pub trait Sink: Send + 'static {
    /// The next bytes, as the server sent them.
    fn literal(&mut self, bytes: Bytes) -> io::Result<()>;

    /// The next bytes lie in the basis, at this offset.
    fn matched(&mut self, offset: u64, len: u64) -> io::Result<()>;

    /// Fills `into` with what was stored at this offset of the new file. Used with the
    /// compression `zlib` only, where the server goes on from what it knows to be there; a sink that cannot read what
    /// it stored fails files that have a basis.
    fn read_back(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let _ = (offset, into);
        Err(io::Error::new(io::ErrorKind::Unsupported, "content cannot be read back for --old-compress"))
    }

    /// Frees what the sink holds of the network's buffers; called whenever no further bytes are at hand.
    fn flush(&mut self) -> io::Result<()>;

    /// The content is complete: compares `sum`, and puts the file into its place with its attributes.
    fn finish(self, sum: &StrongSum, entry: EntryRef<'_>) -> Result<Received, Failure>;
}

/// What is offered to the server as a basis.
#[derive(Default)]
pub struct Offering {
    /// With the first sums.
    pub offer: Offer,
    /// What comes behind them, in pieces, until all of [`Offer::more`] has come. Less if the basis cannot be read on: then
    /// nothing can match what is missing.
    pub more: Option<MoreSums>,
}

/// Sums of blocks, as they go out.
pub type MoreSums = Box<dyn Iterator<Item = Vec<u8>> + Send>;

impl From<Offer> for Offering {
    fn from(offer: Offer) -> Self {
        Self { offer, more: None }
    }
}

/// A place for a tree of files. `examples/memory.rs` is a complete one.
///
/// What has a default is for deletion, for content that is there already, and for looking at large files: a destination
/// that is empty at the beginning does without.
///
/// # Errors
/// A [`Failure`] is about one entry: it is reported ([`Report::Failed`](crate::report::Report::Failed)) and counted
/// ([`Summary::failed`](crate::report::Summary::failed)), and the transfer goes on without the entry; without a directory
/// goes what is in it. A fatal one ([`Failure::is_fatal`]), and an error of [`Destination::begin`], end the transfer.
/// An [`io::Error`] while something is deleted means that it stays, unless it was not found, and is reported likewise.
pub trait Destination: Send + Sync + 'static {
    /// A directory that is being filled.
    type Dir: Send + Sync + 'static;
    /// Where the content of a file goes.
    type Sink: Sink;
    /// A file that content can be taken from. It may be gone by the time that it is used.
    type Basis: Clone + Send + Sync + 'static;

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
    fn make_dir(&self, parent: &Self::Dir, entry: EntryRef<'_>) -> Result<Making, Failure>;

    /// Opens the directory of `entry`, for which [`Self::make_dir`] told `changes`.
    fn open_dir(&self, entry: EntryRef<'_>, changes: Changes) -> Result<Self::Dir, Failure>;

    /// Everything in the directory is finished: sets its attributes.
    fn leave(&self, dir: &Self::Dir, entry: EntryRef<'_>) -> Result<(), Failure>;

    /// Whether whole files are going to be read to look at a file. Then [`Self::look_ahead`] is asked by other threads
    /// than the one that walks through the list, about several files at once.
    fn looks_take_long(&self, _dir: &Self::Dir, _entry: EntryRef<'_>) -> bool {
        false
    }

    /// As [`Self::look`], before everything that stands further up in the list is in order. Nothing where that may matter:
    /// then it is looked at in turn. As a look does, it may make way for the entry.
    fn look_ahead(
        &self,
        dir: &Self::Dir,
        entry: EntryRef<'_>,
    ) -> Option<Result<Verdict<Self::Basis>, Failure>> {
        Some(self.look(dir, entry))
    }

    /// Compares an entry that is not a directory with what is there.
    fn look(&self, dir: &Self::Dir, entry: EntryRef<'_>) -> Result<Verdict<Self::Basis>, Failure>;

    /// Sets the attributes of an entry whose content is right, as far as they are known.
    fn touch(&self, dir: &Self::Dir, entry: EntryRef<'_>, changes: Changes) -> Result<(), Failure>;

    /// Makes a symlink, device or special file.
    fn make(&self, dir: &Self::Dir, entry: EntryRef<'_>) -> Result<(), Failure>;

    /// Makes the entry another name of the file at `leader`.
    fn link(&self, leader: &SafePath, dir: &Self::Dir, entry: EntryRef<'_>) -> Result<Linking, Failure>;

    /// Puts the content of `entry` into its place from where [`Self::look`] found it. False if it is not there any
    /// more: then the server is asked for it.
    fn bring(&self, _: &Self::Dir, _: EntryRef<'_>, _: &Self::Basis) -> Result<bool, Failure> {
        Ok(false)
    }

    /// What to say of the basis of `entry`; in a second try, sums go at their whole length. Without a usable basis,
    /// [`Offer::NONE`].
    fn offer(
        &self,
        _: &Self::Dir,
        _: EntryRef<'_>,
        _: &Self::Basis,
        _again: bool,
    ) -> Result<Offering, Failure> {
        Ok(Offering::default())
    }

    /// Gets ready for the content of `entry`.
    fn receive(
        &self,
        dir: &Arc<Self::Dir>,
        entry: EntryRef<'_>,
        incoming: Incoming<'_, Self::Basis>,
    ) -> Result<Self::Sink, Failure>;

    /// All content is here: puts what waited for that into its place. What fails is returned.
    fn conclude(&self) -> Vec<Failure> {
        Vec::new()
    }

    /// What is odd about the destination and what goes with it, once the transfer has begun.
    fn oddities(&self) -> Vec<String> {
        Vec::new()
    }

    /// What is in the directory, whoever put it there. Only called to delete from it.
    fn entries(&self, _: &Self::Dir) -> io::Result<Vec<Found>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// A file of the directory with at most `most` bytes, if it is there: rules for what is deleted.
    fn read_small(&self, _dir: &Self::Dir, _name: &[u8], _most: usize) -> io::Result<Option<Vec<u8>>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// A file of this machine with at most `most` bytes, named by its absolute path in a rule of the caller's; nothing
    /// if there is none.
    fn read_outside(&self, _path: &[u8], _most: usize) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    /// The absolute path of the root of the transfer, as rules may name it.
    fn absolute(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Opens the directory at `path`, which is in `dir` and not in the list, to delete what is in it.
    fn open_foreign(&self, _dir: &Self::Dir, _path: &SafePath) -> io::Result<Foreign<Self::Dir>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Opens a directory of the list once more, if it is there, to delete from it.
    fn reopen(&self, _path: &SafePath) -> io::Result<Option<Self::Dir>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Removes an entry of the directory that is not in the list, with a dry run only seemingly; a directory only if
    /// it is empty.
    fn remove(&self, _dir: &Self::Dir, _name: &[u8], _kind: Kind) -> io::Result<Removed> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Does `work` in the directory, which is finished already, and gives it back the time that it had.
    fn unnoticed(&self, _dir: &Self::Dir, work: &mut dyn FnMut()) -> io::Result<()> {
        work();
        Ok(())
    }
}

/// Something that is at the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: Box<[u8]>,
    /// What it is.
    pub kind: Kind,
}

/// What came of removing something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Gone,
    /// It is a directory with something in it.
    NotEmpty,
    /// Something is mounted there.
    Mounted,
}

/// A directory that is not in the list.
#[derive(Debug)]
pub enum Foreign<D> {
    /// It may be emptied and removed.
    Dir(D),
    /// Something is mounted there.
    Mounted,
    /// The transfer itself keeps something in it, such as backups.
    InUse,
}

/// What came of making sure that an entry is a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Making {
    /// It is one.
    Done(DirChanges),
    /// It shall not be here, or not be made in place of what is; with the reason. Everything in it is passed over.
    Skip(Skip),
}

/// How a directory differs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DirChanges {
    /// What changes by making it, and will change by leaving it.
    pub changes: Changes,
    /// What of that is told: less, where something like it is there already.
    pub told: Changes,
}

impl From<Changes> for DirChanges {
    fn from(changes: Changes) -> Self {
        Self { changes, told: changes }
    }
}

/// What is known of content before it comes.
#[derive(Debug)]
pub struct Incoming<'a, B> {
    /// The file that it refers to, if it does.
    pub basis: Option<&'a B>,
    /// So many bytes at its beginning are in place already and do not come.
    pub kept: u64,
    /// It came damaged once.
    pub again: bool,
    /// Something of its kind is there, which it replaces.
    pub replaces: bool,
}
