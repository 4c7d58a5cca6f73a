//! Where files are written before they are complete, and how they come from there to their place: at once or at the
//! end, with what they replace kept or not; and what is left of those that are not completed.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};

use rustix::fs::{
    AtFlags, Mode, OFlags, Stat, Timespec, Timestamps, fstat, fsync, futimens, linkat, mkdirat, openat,
    renameat, unlinkat,
};
use rustix::io::Errno;

use super::attributes::Policy;
use super::backup::Backups;
use super::dir::{LocalDir, is_file};
use super::handle::temporary_name;
use super::node::Node;
use super::wish::Wish;
use crate::destination::Failure;
use crate::flist::{EntryRef, SafePath};
use crate::report::Changes;
use crate::wire::flags::item;

/// What is known about places, for all files of a transfer.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) policy: Arc<Policy>,
    /// Where files are written; beside their place if it is missing.
    pub(super) temporary: Option<OwnedFd>,
    pub(super) partial: PartialDir,
    pub(super) keeps_partial: bool,
    pub(super) backups: Option<Backups>,
    pub(super) fsync: bool,
    /// Files that are put into place at the end; nothing if all are at once.
    pub(super) delayed: Option<Mutex<HashMap<SafePath, Delayed>>>,
}

/// Where files are kept that are not complete, or not yet at their place.
#[derive(Debug)]
pub(super) enum PartialDir {
    /// Under their own name.
    None,
    /// In a directory of this name beside their place.
    Beside(Box<[u8]>),
    /// In one directory for all.
    Common(OwnedFd),
}

/// A file that waits for the end of the transfer.
#[derive(Debug)]
pub(super) struct Delayed {
    /// Its directory. A handle on each would be too many.
    dir: SafePath,
    name: Box<[u8]>,
    path: SafePath,
}

impl Places {
    /// The directory in which files are written.
    pub(super) fn staging<'a>(&'a self, dir: &'a LocalDir) -> BorrowedFd<'a> {
        self.temporary.as_ref().map_or_else(|| dir.fd(), AsFd::as_fd)
    }

    /// Gives a file that is at its place its attributes.
    pub(super) fn settle(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        file: BorrowedFd<'_>,
        before: Option<&Stat>,
    ) -> io::Result<()> {
        let wish = self.policy.wish(entry, before);
        let mut changes = Changes(item::TRANSFER | item::REPORT_XATTR);
        changes.set(before.is_none(), item::IS_NEW);
        changes.set(dir.gives_list || wish.has_list() || before.is_some(), item::REPORT_ACL);
        self.apply(&wish, file, changes)
    }

    /// Puts a complete file into its place, or where it waits for the end. The outer result is that of the renaming,
    /// the inner one that of the attributes. Whatever happens, nothing stays under the temporary name.
    pub(super) fn put(
        &self,
        dir: &LocalDir,
        name: &[u8],
        entry: EntryRef<'_>,
        file: BorrowedFd<'_>,
        temporary: &[u8],
    ) -> io::Result<io::Result<()>> {
        let existing = match dir.stat(name) {
            Ok(existing) => existing,
            Err(error) => {
                let _ = unlinkat(self.staging(dir), temporary, AtFlags::empty());
                return Err(error);
            }
        };
        let wish = self.policy.wish(entry, existing.as_ref().filter(|stat| is_file(stat)));
        let mut changes = Changes(item::IS_NEW | item::TRANSFER);
        changes.set(dir.gives_list || wish.has_list(), item::REPORT_ACL);
        let set = self.apply(&wish, file, changes);
        let renamed = match &self.delayed {
            Some(_) => self.stage(dir, name, temporary).map(|()| self.delay(dir, name, entry.path())),
            None => self
                .back_up(dir, name, existing.as_ref())
                .and_then(|()| self.rename(dir, temporary, dir.fd(), name)),
        };
        if let Err(error) = renamed {
            let _ = unlinkat(self.staging(dir), temporary, AtFlags::empty());
            return Err(error);
        }
        Ok(set)
    }

    fn apply(&self, wish: &Wish<'_>, file: BorrowedFd<'_>, changes: Changes) -> io::Result<()> {
        let node = Node::borrowed(file);
        self.policy.apply(wish, &node, &self.policy.stat(&node)?, changes)
    }

    /// Keeps what a file is about to replace, if that was asked for.
    pub(super) fn back_up(&self, dir: &LocalDir, name: &[u8], existing: Option<&Stat>) -> io::Result<()> {
        match (&self.backups, existing) {
            (Some(backups), Some(stat)) => backups.keep(dir, name, stat),
            _ => Ok(()),
        }
    }

    /// The same for a file that is about to be written into: the backup must be another file.
    pub(super) fn back_up_copy(
        &self,
        dir: &LocalDir,
        name: &[u8],
        existing: Option<&Stat>,
    ) -> io::Result<()> {
        match (&self.backups, existing) {
            (Some(backups), Some(stat)) => backups.copy(dir, name, stat),
            _ => Ok(()),
        }
    }

    /// Makes sure that a file outlives a loss of power, if that was asked for.
    pub(super) fn sync(&self, file: &OwnedFd) -> io::Result<()> {
        if self.fsync { Ok(fsync(file)?) } else { Ok(()) }
    }

    /// Renames a file out of the directory where it was written; from another file system, by way of a copy.
    fn rename(&self, dir: &LocalDir, from: &[u8], to_dir: BorrowedFd<'_>, to: &[u8]) -> io::Result<()> {
        let staging = self.staging(dir);
        match renameat(staging, from, to_dir, to) {
            Err(Errno::XDEV) => {
                let beside = temporary_name(to);
                let moved = super::copy::copy_file(staging, from, to_dir, &beside).and_then(|copy| {
                    self.sync(&copy)?;
                    Ok(renameat(to_dir, &beside[..], to_dir, to)?)
                });
                if moved.is_err() {
                    let _ = unlinkat(to_dir, &beside[..], AtFlags::empty());
                }
                moved?;
                Ok(unlinkat(staging, from, AtFlags::empty())?)
            }
            renamed => Ok(renamed?),
        }
    }

    /// The directory for partial files of `dir`, if it is there.
    pub(super) fn partial_dir<'a>(&'a self, dir: &'a LocalDir) -> Option<BorrowedFd<'a>> {
        match &self.partial {
            PartialDir::None => None,
            PartialDir::Common(fd) => Some(fd.as_fd()),
            PartialDir::Beside(name) => dir.partial(name),
        }
    }

    /// Moves a file from where it was written to the directory for partial files.
    fn stage(&self, dir: &LocalDir, name: &[u8], temporary: &[u8]) -> io::Result<()> {
        match &self.partial {
            PartialDir::Beside(partial) => {
                let to = self.waiting_room(dir, partial)?;
                self.rename(dir, temporary, to.as_fd(), name)
            }
            PartialDir::Common(to) => self.rename(dir, temporary, to.as_fd(), name),
            PartialDir::None => Err(io::Error::other("there is no place to wait in")),
        }
    }

    /// The directory for partial files beside their place, which nobody else may write to.
    fn waiting_room(&self, dir: &LocalDir, partial: &[u8]) -> io::Result<OwnedFd> {
        let to = make_partial_dir(dir, partial)?;
        // Whoever could change what waits there would choose what is put into place.
        let stat = fstat(&to)?;
        if stat.st_uid != self.policy.identity.uid || stat.st_mode & 0o022 != 0 {
            let name = crate::error::printable(partial);
            return Err(io::Error::other(format!(
                "its directory {name} is open to others, who could change it"
            )));
        }
        Ok(to)
    }

    /// Keeps what came of a file. If that fails, nothing is kept.
    pub(super) fn keep_partial(&self, dir: &LocalDir, name: &[u8], file: &OwnedFd, temporary: &[u8]) {
        // A time at which nothing was made, so that no comparison takes it for complete or for newer.
        let long_ago = Timespec { tv_sec: 0, tv_nsec: 0 };
        let times = Timestamps { last_access: long_ago, last_modification: long_ago };
        let _ = futimens(file, &times);
        let kept = match &self.partial {
            PartialDir::None => self
                .back_up(dir, name, dir.stat(name).ok().flatten().as_ref())
                .and_then(|()| self.rename(dir, temporary, dir.fd(), name)),
            _ => self.stage(dir, name, temporary),
        };
        if kept.is_err() {
            let _ = unlinkat(self.staging(dir), temporary, AtFlags::empty());
        }
    }

    /// Removes what an interrupted transfer left of a file, and its directory if nothing else is in it.
    pub(super) fn remove_partial(&self, dir: &LocalDir, name: &[u8]) {
        let Some(partial) = self.partial_dir(dir) else { return };
        let _ = unlinkat(partial, name, AtFlags::empty());
        if let PartialDir::Beside(partial) = &self.partial {
            let _ = unlinkat(dir.fd(), &partial[..], AtFlags::REMOVEDIR);
        }
    }

    /// Notes that a file waits for the end.
    fn delay(&self, dir: &LocalDir, name: &[u8], path: SafePath) {
        if let Some(delayed) = &self.delayed {
            let waits = Delayed { dir: dir.path.clone(), name: name.into(), path };
            let key = dir.path.join(name);
            delayed.lock().expect("no thread panics with the lock").insert(key, waits);
        }
    }

    /// Makes another name of a file that waits; it waits, too. False if none waits under `leader_name`.
    pub(super) fn link_delayed(
        &self,
        (leader_dir, leader_name): (&LocalDir, &[u8]),
        (dir, name): (&LocalDir, &[u8]),
        path: SafePath,
    ) -> io::Result<bool> {
        // What an earlier run left there waits for nothing.
        let key = leader_dir.path.join(leader_name);
        let waits = |delayed: &Mutex<HashMap<_, _>>| {
            delayed.lock().expect("no thread panics with the lock").contains_key(&key)
        };
        if !self.delayed.as_ref().is_some_and(waits) {
            return Ok(false);
        }
        let (Some(from), PartialDir::Beside(partial)) = (self.partial_dir(leader_dir), &self.partial) else {
            return Ok(false);
        };
        dir.disturb();
        let to = self.waiting_room(dir, partial)?;
        let link = || linkat(from, leader_name, &to, name, AtFlags::empty());
        match link() {
            Err(Errno::EXIST) => unlinkat(&to, name, AtFlags::empty()).and_then(|()| link())?,
            linked => linked?,
        }
        self.delay(dir, name, path);
        Ok(true)
    }

    /// Puts files into their places that waited for the end. `open` opens their directories.
    pub(super) fn conclude(&self, open: impl Fn(&SafePath) -> io::Result<Option<LocalDir>>) -> Vec<Failure> {
        let Some(delayed) = &self.delayed else { return Vec::new() };
        let waiting = std::mem::take(&mut *delayed.lock().expect("no thread panics with the lock"));
        let mut waiting: Vec<Delayed> = waiting.into_values().collect();
        waiting.sort_by(|a, b| (&a.dir, &a.name).cmp(&(&b.dir, &b.name)));
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let put = |dir: &LocalDir, name: &[u8]| -> io::Result<()> {
            let from = self.partial_dir(dir).ok_or_else(gone)?;
            self.back_up(dir, name, dir.stat(name)?.as_ref())?;
            Ok(renameat(from, name, dir.fd(), name)?)
        };
        let mut failures = Vec::new();
        for group in waiting.chunk_by(|a, b| a.dir == b.dir) {
            let failed = |waits: &Delayed, error| Failure::new("put into place", waits.path.clone(), error);
            let opened = open(&group[0].dir)
                .and_then(|dir| dir.ok_or_else(gone))
                .and_then(|dir| fstat(dir.fd()).map(|before| (dir, before)).map_err(Into::into));
            let (dir, before) = match opened {
                Ok(opened) => opened,
                Err(error) => {
                    failures.push(failed(&group[0], error));
                    continue;
                }
            };
            for waits in group {
                if let Err(error) = put(&dir, &waits.name) {
                    failures.push(failed(waits, error));
                }
            }
            if let PartialDir::Beside(partial) = &self.partial {
                let _ = unlinkat(dir.fd(), &partial[..], AtFlags::REMOVEDIR);
            }
            if let Err(error) = self.policy.put_time_back(dir.fd(), &before) {
                failures.push(Failure::attributes(group[0].dir.clone(), error));
            }
        }
        failures
    }
}

/// The directory for partial files beside their place; made if it is missing, and if something else has its name, in
/// place of that.
fn make_partial_dir(dir: &LocalDir, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || openat(dir.fd(), name, flags, Mode::empty());
    match open() {
        Ok(fd) => return Ok(fd),
        Err(Errno::NOENT) => {}
        Err(Errno::NOTDIR | Errno::LOOP) => unlinkat(dir.fd(), name, AtFlags::empty())?,
        Err(error) => return Err(error.into()),
    }
    match mkdirat(dir.fd(), name, Mode::from_raw_mode(0o700)) {
        // Another file of the same directory was quicker.
        Ok(()) | Err(Errno::EXIST) => Ok(open()?),
        Err(error) => Err(error.into()),
    }
}
