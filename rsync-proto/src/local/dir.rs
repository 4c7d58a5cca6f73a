//! A directory that is being filled, and looking at what is in it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags, RawDir, Stat, openat, statat};
use rustix::io::Errno;

use super::fake;
use super::fuzzy::Candidate;
use super::node::Node;
use super::partial::PartialRoom;
use crate::flist::{Kind, SafePath};
use crate::report::Changes;
use crate::wire::flags::mode;

/// A directory that is being filled.
#[derive(Debug)]
pub struct LocalDir {
    /// Missing in a dry run where the directory is not there.
    pub(super) fd: Option<OwnedFd>,
    /// Its place below the root.
    pub(super) path: SafePath,
    /// The directories of the same path in the alternate directories, where there are such.
    pub(super) alternates: Vec<Option<OwnedFd>>,
    /// Files that may be similar to one that is missing; looked for when the first is missed.
    pub(super) similar: OnceLock<Vec<Candidate>>,
    pub(super) partial: PartialRoom,
    /// Nothing can be in it but what this transfer made.
    pub(super) fresh: bool,
    /// New entries inherit an access control list.
    pub(super) gives_list: bool,
    /// The permissions that new entries may have where the server's are not kept: those of the list that they inherit, or
    /// else what the umask leaves.
    pub(super) allows_new: u32,
    pub(super) changes: Changes,
    /// It is an entry of the list itself, and gets its attributes when everything in it is done.
    pub(super) is_listed: bool,
    /// Entries are what an attribute of theirs says.
    pub(super) fake: bool,
    /// Its mode before it was made usable.
    pub(super) mode_before: Option<u32>,
    /// It gets that mode back when it is closed: it is not going to be left as a directory of the list is.
    pub(super) is_visited: bool,
    /// It lies on a file system without files that have no name.
    pub(super) takes_names_only: AtomicBool,
    /// Something in it was made, so that its time is no longer its own.
    pub(super) disturbed: AtomicBool,
}

impl Drop for LocalDir {
    fn drop(&mut self) {
        if let (true, Some(mode), Some(fd)) = (self.is_visited, self.mode_before, &self.fd) {
            // It may be gone; and what cannot be set back stays usable for its owner.
            let _ = Node::borrowed(fd.as_fd()).set_mode(mode & mode::PERMISSIONS);
        }
    }
}

impl LocalDir {
    /// Something is about to be made or removed in it.
    pub(super) fn disturb(&self) {
        self.disturbed.store(true, Ordering::Relaxed);
    }

    /// Whether anything was made or removed in it.
    pub(super) fn is_disturbed(&self) -> bool {
        self.disturbed.load(Ordering::Relaxed)
    }

    /// The handle; only for directories that are there.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_ref().expect("a dry run touches nothing").as_fd()
    }

    /// The directory of the same path in an alternate directory.
    pub(super) fn alternate(&self, number: usize) -> Option<BorrowedFd<'_>> {
        self.alternates.get(number)?.as_ref().map(AsFd::as_fd)
    }

    /// What `name` is, if it is anything.
    pub(super) fn stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
        let Some(fd) = self.fd.as_ref().filter(|_| !self.fresh) else { return Ok(None) };
        match statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if self.fake => Ok(Some(fake::seen_at(fd.as_fd(), name, stat))),
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

pub(super) fn is_file(stat: &Stat) -> bool {
    kind(stat) == Some(Kind::File)
}

pub(super) fn kind(stat: &Stat) -> Option<Kind> {
    Kind::from_mode(stat.st_mode)
}

pub(super) fn is_empty(fd: &OwnedFd) -> bool {
    let Ok(fd) = openat(fd, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) else {
        return false;
    };
    let mut buffer = [std::mem::MaybeUninit::uninit(); 2048];
    let mut entries = RawDir::new(fd, &mut buffer);
    while let Some(entry) = entries.next() {
        match entry {
            Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
            _ => return false,
        }
    }
    true
}
