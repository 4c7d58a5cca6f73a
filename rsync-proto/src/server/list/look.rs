//! Looks at a file, and decides whether a symlink stands for itself or for what it leads to.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, OFlags, Stat, fstat, readlinkat_raw, statat};
use rustix::io::Errno;

use super::handle::Handle;
use super::tree::{HELD, Place, Tree};
use crate::flist::leads_out;
use crate::server::request::Request;
use crate::wire::flags::mode;

/// What stands in front of the target of a link that shall lead nowhere.
const MUNGED: &[u8] = b"/rsyncd-munged/";
/// Room for a target: the kernel keeps no longer one.
const TARGET: usize = 4096;

/// Which symlinks are followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinkRules {
    all: bool,
    directories: bool,
    outside: bool,
    munge: bool,
    targets: bool,
}

/// A file as it was seen.
#[derive(Debug)]
pub(super) struct Look {
    pub stat: Stat,
    /// It is held: always if it was followed to.
    pub held: Option<OwnedFd>,
    /// A symlink was followed to it.
    pub followed: bool,
}

impl Look {
    pub fn is_directory(&self) -> bool {
        self.stat.st_mode & mode::TYPE == mode::DIRECTORY
    }

    fn is_link(&self) -> bool {
        self.stat.st_mode & mode::TYPE == mode::SYMLINK
    }

    /// How it is reached, if by its name in a directory it is `by_name`.
    pub fn handle<'a>(&'a self, by_name: Option<Handle<'a>>) -> Option<Handle<'a>> {
        self.held.as_ref().map(|held| Handle::Held(held.as_fd())).or(by_name)
    }
}

/// Why nothing was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unseen {
    Failed(Errno),
    /// A symlink was to be followed, and leads to nothing.
    Dangling,
}

impl From<Errno> for Unseen {
    fn from(error: Errno) -> Self {
        Self::Failed(error)
    }
}

impl LinkRules {
    pub fn new(request: &Request) -> Self {
        Self {
            all: request.copy_links,
            directories: request.copy_dirlinks,
            outside: request.copy_unsafe_links,
            munge: request.munge_links,
            targets: request.links,
        }
    }

    /// The same, following all.
    pub fn following(self) -> Self {
        Self { all: true, ..self }
    }

    /// The same, and those that lead to directories, if so.
    pub fn and_directories(self, too: bool) -> Self {
        Self { directories: self.directories || too, ..self }
    }

    /// Whether all are followed.
    pub fn follow_all(self) -> bool {
        self.all
    }

    /// Whether some symlinks are followed.
    pub fn follow_any(self) -> bool {
        self.all || self.directories || self.outside
    }

    /// Looks at what has a name in a directory. The target of a symlink goes to `target`.
    pub fn look_in(
        self,
        tree: &Tree,
        dir: BorrowedFd<'_>,
        name: &CStr,
        place: Place<'_>,
        target: &mut Vec<u8>,
    ) -> Result<Look, Unseen> {
        let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let look = Look { stat, held: None, followed: false };
        if look.is_link() { self.look_through(tree, look, dir, name, place, target) } else { Ok(look) }
    }

    /// Looks at what lies at a place, and holds it.
    pub fn look_at(self, tree: &Tree, place: Place<'_>, target: &mut Vec<u8>) -> Result<Look, Unseen> {
        let held = tree.at(place, HELD | OFlags::NOFOLLOW)?;
        let look = Look { stat: fstat(&held)?, held: Some(held), followed: false };
        if !look.is_link() {
            return Ok(look);
        }
        let held = look.held.as_ref().map(OwnedFd::try_clone).transpose();
        let held = held.ok().flatten().ok_or(Errno::MFILE)?;
        self.look_through(tree, look, held.as_fd(), c"", place, target)
    }

    fn look_through(
        self,
        tree: &Tree,
        look: Look,
        dir: BorrowedFd<'_>,
        name: &CStr,
        place: Place<'_>,
        target: &mut Vec<u8>,
    ) -> Result<Look, Unseen> {
        if self.all {
            return follow(tree, place);
        }
        if self.directories
            && let Ok(there) = follow(tree, place)
            && there.is_directory()
        {
            return Ok(there);
        }
        target.clear();
        if !self.targets && !self.outside {
            return Ok(look);
        }
        target.reserve(TARGET);
        readlinkat_raw(dir, name, spare_capacity(target))?;
        if self.outside && leads_out(depth(place.path), target) {
            return follow(tree, place);
        }
        if self.munge && target.len() > MUNGED.len() && target.starts_with(MUNGED) {
            target.drain(..MUNGED.len());
        }
        Ok(look)
    }
}

fn follow(tree: &Tree, place: Place<'_>) -> Result<Look, Unseen> {
    let held = tree.at(Place { follow: true, ..place }, HELD).map_err(|error| match error {
        // What is outside of the module is not there.
        Errno::NOENT | Errno::XDEV => Unseen::Dangling,
        error => Unseen::Failed(error),
    })?;
    Ok(Look { stat: fstat(&held)?, held: Some(held), followed: true })
}

/// So many directories are around what has this path in the transfer.
fn depth(path: &[u8]) -> usize {
    path.iter().filter(|byte| **byte == b'/').count()
}
