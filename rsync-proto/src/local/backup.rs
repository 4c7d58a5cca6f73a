//! Keeps what is replaced or deleted, under a name with a suffix, or in a directory of its own.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, Stat, linkat, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::copy::{copy_attributes, copy_file, copy_other};
use super::dir::{LocalDir, is_file, kind};
use super::node::Node;
use super::on_demand::OnDemand;
use crate::flist::{Kind, SafePath};

/// How directories are opened.
const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Where and under which names backups are kept.
#[derive(Debug)]
pub(super) struct Backups {
    pub(super) suffix: Box<[u8]>,
    /// The root of backups and that of what they are made of; nothing if they stand beside it.
    pub(super) root: Option<(OnDemand, OwnedFd)>,
}

impl Backups {
    /// Keeps what is about to be replaced. It stays where it is until then.
    pub(super) fn keep(&self, dir: &LocalDir, name: &[u8], stat: &Stat) -> io::Result<()> {
        self.to_backup(dir, name, stat, How::Link)
    }

    /// Keeps a copy of what is about to be written into.
    pub(super) fn copy(&self, dir: &LocalDir, name: &[u8], stat: &Stat) -> io::Result<()> {
        self.to_backup(dir, name, stat, How::Copy)
    }

    /// Keeps what is about to be deleted, by taking it away.
    pub(super) fn take_away(&self, dir: &LocalDir, name: &[u8], stat: &Stat) -> io::Result<()> {
        self.to_backup(dir, name, stat, How::Rename)
    }

    /// Whether a name is one that a backup has: what is deleted under it is not kept once more.
    pub(super) fn is_backup(&self, name: &[u8]) -> bool {
        self.root.is_none() && name.len() > self.suffix.len() && name.ends_with(&self.suffix)
    }

    fn to_backup(&self, dir: &LocalDir, name: &[u8], stat: &Stat, how: How) -> io::Result<()> {
        if kind(stat) == Some(Kind::Directory) {
            return Ok(());
        }
        let to = [name, &self.suffix].concat();
        if to.len() > crate::limits::MAX_NAME {
            return Err(io::Error::other("the name of its backup would be too long"));
        }
        let (root_dir, made);
        let to_dir = match &self.root {
            None => dir.fd(),
            Some((root, source)) => {
                root_dir = root.made()?;
                made = directories(root_dir.as_fd(), source.as_fd(), &dir.path)?;
                made.as_ref().map_or(root_dir.as_fd(), AsFd::as_fd)
            }
        };
        let copied = || copy(dir.fd(), name, to_dir, &to, stat, how == How::Rename);
        if how == How::Copy {
            return copied();
        }
        let away = how == How::Rename;
        let mut moved = link_or_rename(dir.fd(), name, to_dir, &to, away);
        if let Err(Errno::EXIST | Errno::ISDIR | Errno::NOTEMPTY) = moved {
            make_way(to_dir, &to)?;
            moved = link_or_rename(dir.fd(), name, to_dir, &to, away);
        }
        match moved {
            Err(Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP | Errno::MLINK) => copied(),
            done => Ok(done?),
        }
    }
}

/// How a file comes to its backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// It gets another name.
    Link,
    /// It gets that name only.
    Rename,
    /// What is in it is there twice.
    Copy,
}

fn link_or_rename(
    from_dir: BorrowedFd<'_>,
    from: &[u8],
    to_dir: BorrowedFd<'_>,
    to: &[u8],
    away: bool,
) -> rustix::io::Result<()> {
    if !away {
        return linkat(from_dir, from, to_dir, to, AtFlags::empty());
    }
    renameat(from_dir, from, to_dir, to)?;
    // Two names of one file: the kernel leaves both.
    match unlinkat(from_dir, from, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error),
    }
}

fn copy(
    from_dir: BorrowedFd<'_>,
    from: &[u8],
    to_dir: BorrowedFd<'_>,
    to: &[u8],
    stat: &Stat,
    away: bool,
) -> io::Result<()> {
    match statat(to_dir, to, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => make_way(to_dir, to)?,
        Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let copied = match is_file(stat) {
        true => copy_file(from_dir, from, to_dir, to).map(drop),
        false => copy_other(from_dir, from, to_dir, to, stat),
    };
    if let Err(error) = copied {
        let _ = unlinkat(to_dir, to, AtFlags::empty());
        return Err(error);
    }
    if away { Ok(unlinkat(from_dir, from, AtFlags::empty())?) } else { Ok(()) }
}

/// Removes an older backup; of a directory, only an empty one.
fn make_way(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    match unlinkat(dir, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => Ok(unlinkat(dir, name, AtFlags::REMOVEDIR)?),
        removed => Ok(removed?),
    }
}

/// The directory for backups from `path`, with the attributes of the directories that they come from where it has to
/// be made. Nothing for the root.
fn directories(root: BorrowedFd<'_>, source: BorrowedFd<'_>, path: &SafePath) -> io::Result<Option<OwnedFd>> {
    let mut at: Option<(OwnedFd, OwnedFd)> = None;
    for name in path.components() {
        let (to, from) = match &at {
            Some((to, from)) => (to.as_fd(), from.as_fd()),
            None => (root, source),
        };
        let below_source = openat(from, name, DIRECTORY, Mode::empty())?;
        let below = match openat(to, name, DIRECTORY, Mode::empty()) {
            Ok(below) => below,
            Err(error) => {
                match error {
                    Errno::NOENT => {}
                    Errno::NOTDIR | Errno::LOOP => unlinkat(to, name, AtFlags::empty())?,
                    error => return Err(error.into()),
                }
                match mkdirat(to, name, Mode::from_raw_mode(0o700)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                let below = openat(to, name, DIRECTORY, Mode::empty())?;
                let (from, to) = (Node::borrowed(below_source.as_fd()), Node::borrowed(below.as_fd()));
                copy_attributes(&from, &to, &from.stat()?)?;
                below
            }
        };
        at = Some((below, below_source));
    }
    Ok(at.map(|(below, _)| below))
}
