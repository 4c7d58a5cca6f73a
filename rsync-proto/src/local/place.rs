//! Where files are written before they are complete, and how they come from there to their place: at once or at the
//! end, with what they replace kept or not; and what is left of those that are not completed.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Stat, fstat, fsync, linkat, renameat, unlinkat};
use rustix::io::Errno;

use super::attributes::Policy;
use super::backup::Backups;
use super::copy::copy_of_nameless;
use super::dir::{LocalDir, is_file};
use super::handle::temporary_name;
use super::node::Node;
use super::partial::PartialDir;
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
    /// Whether files without a name can get one; found out with the first.
    pub(super) names_later: OnceLock<bool>,
    /// Files that are put into place at the end; nothing if all are at once.
    pub(super) delayed: Option<Mutex<HashMap<SafePath, Delayed>>>,
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
        let wish = self.policy.wish_in(dir, entry, before);
        let mut changes = Changes(item::TRANSFER | item::REPORT_XATTR);
        changes.set(before.is_none(), item::IS_NEW);
        changes.set(dir.gives_list || wish.has_list() || before.is_some(), item::REPORT_ACL);
        self.apply(&wish, file, changes)
    }

    /// Gives a file that stays what it is the attributes that a new one would have.
    pub(super) fn keep(&self, entry: EntryRef<'_>, file: BorrowedFd<'_>, stat: &Stat) -> io::Result<()> {
        let (mut wish, node) = (self.policy.wish(entry, stat), Node::borrowed(file));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64);
        wish.access_time.get_or_insert(now);
        let mut changes = self.policy.differences(&wish, stat, || Ok(Node::borrowed(file)))?;
        changes.set(true, item::TRANSFER);
        self.policy.apply(&wish, &node, stat, changes)
    }

    /// Puts a complete file into its place, or where it waits for the end. The outer result is that of the renaming,
    /// the inner one that of the attributes. Whatever happens, nothing stays under the temporary name, if it has one.
    pub(super) fn put(
        &self,
        dir: &LocalDir,
        name: &[u8],
        entry: EntryRef<'_>,
        file: BorrowedFd<'_>,
        temporary: Option<&[u8]>,
    ) -> io::Result<io::Result<()>> {
        let discard = |temporary: Option<&[u8]>| {
            if let Some(temporary) = temporary {
                let _ = unlinkat(self.staging(dir), temporary, AtFlags::empty());
            }
        };
        let existing = match dir.stat(name) {
            Ok(existing) => existing,
            Err(error) => {
                discard(temporary);
                return Err(error);
            }
        };
        let wish = self.policy.wish_in(dir, entry, existing.as_ref().filter(|stat| is_file(stat)));
        let mut changes = Changes(item::IS_NEW | item::TRANSFER);
        changes.set(dir.gives_list || wish.has_list(), item::REPORT_ACL);
        let mut set = self.apply(&wish, file, changes);
        let own_name;
        let temporary = match temporary {
            Some(temporary) => temporary,
            // Somebody else may put something there meanwhile.
            None if existing.is_none() && Node::borrowed(file).link(dir.fd(), name).is_ok() => {
                return Ok(set);
            }
            None => {
                own_name = temporary_name(name);
                if Node::borrowed(file).link(dir.fd(), &own_name).is_err() {
                    // Not everybody may give a name to a file that belongs to others by now.
                    dir.takes_names_only.store(true, Ordering::Relaxed);
                    let copy = copy_of_nameless(file, dir.fd(), &own_name)
                        .and_then(|copy| self.sync(&copy).map(|()| copy))
                        .inspect_err(|_| discard(Some(&own_name)))?;
                    set = self.apply(&wish, copy.as_fd(), changes);
                }
                &own_name
            }
        };
        let renamed = match &self.delayed {
            Some(_) => self.stage(dir, name, temporary).map(|()| self.delay(dir, name, entry.path())),
            None => self
                .back_up(dir, name, existing.as_ref())
                .and_then(|()| self.rename(dir, temporary, dir.fd(), name)),
        };
        if let Err(error) = renamed {
            discard(Some(temporary));
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
    pub(super) fn rename(
        &self,
        dir: &LocalDir,
        from: &[u8],
        to_dir: BorrowedFd<'_>,
        to: &[u8],
    ) -> io::Result<()> {
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

    /// Notes that a file waits for the end.
    fn delay(&self, dir: &LocalDir, name: &[u8], path: SafePath) {
        if let Some(delayed) = &self.delayed {
            let waits = Delayed { dir: dir.path.clone(), name: name.into(), path };
            let key = dir.path.join(name);
            delayed.lock().expect("no thread panics with the lock").insert(key, waits);
        }
    }

    /// Whether a file waits for the end. What an earlier run left there waits for nothing.
    pub(super) fn waits(&self, dir: &LocalDir, name: &[u8]) -> bool {
        let waits = |delayed: &Mutex<HashMap<_, _>>| {
            delayed.lock().expect("no thread panics with the lock").contains_key(&dir.path.join(name))
        };
        self.delayed.as_ref().is_some_and(waits)
    }

    /// Makes another name of a file that waits; it waits, too. False if none waits under `leader_name`.
    pub(super) fn link_delayed(
        &self,
        (leader_dir, leader_name): (&LocalDir, &[u8]),
        (dir, name): (&LocalDir, &[u8]),
        path: SafePath,
    ) -> io::Result<bool> {
        let (Some(from), PartialDir::Beside(partial)) = (self.partial_dir(leader_dir), &self.partial) else {
            return Ok(false);
        };
        dir.disturb();
        let to = self.waiting_room(dir, partial)?;
        let link = || linkat(&from, leader_name, &to, name, AtFlags::empty());
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
                    // An error has one owner; the others have its number, or its words.
                    let again = |error: &io::Error| match error.raw_os_error() {
                        Some(number) => io::Error::from_raw_os_error(number),
                        None => io::Error::new(error.kind(), error.to_string()),
                    };
                    failures.extend(group.iter().map(|waits| failed(waits, again(&error))));
                    continue;
                }
            };
            for waits in group {
                if let Err(error) = put(&dir, &waits.name) {
                    failures.push(failed(waits, error));
                }
            }
            if let PartialDir::Beside(partial) = &self.partial {
                dir.partial.remove_empty(&dir, partial);
            }
            if let Err(error) = self.policy.put_time_back(dir.fd(), &before) {
                failures.push(Failure::attributes(group[0].dir.clone(), error));
            }
        }
        failures
    }
}
