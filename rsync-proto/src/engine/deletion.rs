//! Deletes what the server does not have: in each directory as it is come to, or found there and deleted at the end,
//! or over the whole list before or after everything else. What rules protect stays, and so does everything after an
//! error of the server, whose list may lack something then.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::shared::{Shared, bump};
use crate::destination::{Destination, Failure, Foreign, Found, Removed};
use crate::filter::{MergeFile, Scope};
use crate::flist::{EntryRef, Kind, SafePath, Segment};
use crate::options::DeleteWhen;
use crate::report::Report;

/// Longest file of rules in a directory, in bytes.
const MAX_MERGE: usize = 1024 * 1024;

/// What is protected in a directory.
#[derive(Debug, Clone)]
pub(super) enum Guard {
    /// Nothing is ever deleted, so nobody asks.
    Idle,
    /// What these rules exclude.
    Rules(Scope),
    /// The rules could not be read: everything.
    Everything,
}

impl Guard {
    fn protects(&self, path: &SafePath, kind: Kind, doomed: bool) -> bool {
        match self {
            Guard::Rules(scope) => scope.protects(path.as_bytes(), kind == Kind::Directory, doomed),
            Guard::Idle | Guard::Everything => true,
        }
    }
}

/// What was deleted so far, and what is still to be.
#[derive(Debug, Default)]
pub(super) struct Deletions {
    /// The server could not read everything.
    pub(super) server_error: AtomicBool,
    told_of_error: AtomicBool,
    /// Of this try and of those before it.
    count: Arc<AtomicU64>,
    skipped: AtomicU64,
    /// Found by [`DeleteWhen::Delay`]: entries of a directory, with what was protected there.
    delayed: Mutex<Vec<Delayed>>,
}

impl Deletions {
    /// Nothing more was deleted than what `count` says, which earlier tries may have counted to.
    pub(super) fn new(count: Arc<AtomicU64>) -> Self {
        Self { count, ..Self::default() }
    }
}

#[derive(Debug)]
struct Delayed {
    dir: SafePath,
    guard: Guard,
    found: Vec<Found>,
}

/// Why something is deleted: only what is extraneous is told of, and held against the limit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    Extraneous,
    /// It lies in something extraneous, or in something in the way.
    InExtraneous,
    /// Something new takes its place.
    InTheWay,
}

/// Whether something is there no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Gone,
    Stays,
}

impl<D: Destination> Shared<D> {
    /// What is protected in the root of the transfer. Where that is not part of the list, its own files of rules do not
    /// count.
    pub(super) fn root_guard(&self, dir: &D::Dir, listed: bool) -> Guard {
        let options = &self.options;
        if !options.deletion.clears_the_way() {
            return Guard::Idle;
        }
        let outside = options.filters.receiver(&self.destination.absolute(), options.deletion.excluded);
        let outside = Guard::Rules(outside);
        if listed { self.guard_below(&outside, dir, &SafePath::root()) } else { outside }
    }

    /// What is protected in a directory, given what is in the one above it.
    pub(super) fn guard_below(&self, above: &Guard, dir: &D::Dir, path: &SafePath) -> Guard {
        let Guard::Rules(scope) = above else { return above.clone() };
        let mut read = |file: MergeFile<'_>| match file {
            MergeFile::Here(name) => self.destination.read_small(dir, name, MAX_MERGE),
            MergeFile::At(path) => self.destination.read_outside(path, MAX_MERGE),
        };
        match scope.enter(path.split_last().1, &mut read) {
            Ok(scope) => Guard::Rules(scope),
            Err(error) => {
                let location = self.destination.locate(path);
                self.failed_with(&format!("nothing is deleted in {location}: {error}"));
                Guard::Everything
            }
        }
    }

    /// Whether to delete now; not after an error of the server.
    fn may_delete(&self) -> bool {
        let Some(state) = self.deletions() else { return false };
        if self.is_lost() {
            return false;
        }
        if !state.server_error.load(Ordering::Relaxed) || self.options.deletion.ignore_errors {
            return true;
        }
        if !state.told_of_error.swap(true, Ordering::Relaxed) {
            self.warn("the server could not read everything: nothing is deleted from now on");
        }
        false
    }

    /// A directory was come to on the walk: deletes what is not in the list, or notes it for the end.
    pub(super) fn delete_on_the_way(
        &self,
        dir: &D::Dir,
        path: &SafePath,
        guard: &Guard,
        is_listed: impl Fn(&[u8]) -> bool,
    ) {
        let delay = match self.options.deletion.when {
            Some(DeleteWhen::During) => false,
            Some(DeleteWhen::Delay) => true,
            Some(DeleteWhen::Before | DeleteWhen::After) | None => return,
        };
        let found = self.extraneous(dir, path, guard, is_listed);
        if found.is_empty() {
            return;
        }
        if delay {
            let later = Delayed { dir: path.clone(), guard: guard.clone(), found };
            let deletions = self.deletions().expect("something is deleted");
            deletions.delayed.lock().expect("no thread panics with the lock").push(later);
            return;
        }
        self.delete_all(dir, path, &found, guard);
    }

    /// Deletes over the whole list, if it is time for that: before the first file, or after the last.
    pub(super) fn delete_everywhere(&self, when: DeleteWhen, segment: &Segment) {
        if self.options.deletion.when != Some(when) {
            return;
        }
        let mut guards: Vec<(SafePath, Guard)> = Vec::new();
        for entry in segment.iter().filter(|entry| entry.kind() == Kind::Directory && !entry.is_left_out()) {
            if !self.may_delete() {
                return;
            }
            let path = entry.path();
            let dir = match self.destination.reopen(&path) {
                Ok(Some(dir)) => dir,
                Ok(None) => continue,
                Err(error) => {
                    self.failed(Failure::new("open the directory", path, error));
                    continue;
                }
            };
            let guard = if entry.is_root() {
                self.root_guard(&dir, true)
            } else {
                // Directories come before what lies in them.
                let parent = entry.parent();
                while guards.last().is_some_and(|(at, _)| at != parent) {
                    guards.pop();
                }
                let above = match guards.last() {
                    Some((_, above)) => above.clone(),
                    None => self.root_of(parent),
                };
                self.guard_below(&above, &dir, &path)
            };
            if entry.has_content() {
                let listed = |name: &[u8]| segment.lists(entry.own_number(), name);
                let delete = &mut || {
                    let found = self.extraneous(&dir, &path, &guard, listed);
                    self.delete_all(&dir, &path, &found, &guard);
                };
                self.disturb_finished(&dir, &path, when == DeleteWhen::After, delete);
            }
            guards.push((path, guard));
        }
    }

    /// What is protected in the directory at the top, where that is not part of the list.
    fn root_of(&self, path: &SafePath) -> Guard {
        match self.destination.reopen(path) {
            Ok(Some(dir)) => self.root_guard(&dir, false),
            Ok(None) | Err(_) => Guard::Everything,
        }
    }

    /// Deletes what was found on the way.
    pub(super) fn delete_delayed(&self) {
        let Some(deletions) = self.deletions() else { return };
        let delayed = std::mem::take(&mut *deletions.delayed.lock().expect("no thread panics with the lock"));
        for Delayed { dir: path, guard, found } in delayed {
            if !self.may_delete() {
                return;
            }
            match self.destination.reopen(&path) {
                Ok(Some(dir)) => self.disturb_finished(&dir, &path, true, &mut || {
                    self.delete_all(&dir, &path, &found, &guard);
                }),
                Ok(None) => {}
                Err(error) => self.failed(Failure::new("open the directory", path, error)),
            }
        }
    }

    /// Does something in a directory that may have its attributes already, its time among them.
    fn disturb_finished(&self, dir: &D::Dir, path: &SafePath, finished: bool, work: &mut dyn FnMut()) {
        if !finished {
            return work();
        }
        if let Err(error) = self.destination.unnoticed(dir, work) {
            self.failed(Failure::attributes(path.clone(), error));
        }
    }

    /// Says how many deletions were left undone, if any.
    pub(super) fn tell_of_skipped(&self) {
        let Some(deletions) = self.deletions() else { return };
        let skipped = deletions.skipped.load(Ordering::Relaxed);
        if skipped > 0 {
            self.warn(&format!("Deletions stopped due to --max-delete limit ({skipped} skipped)"));
        }
    }

    /// Deletions that were left undone because of their limit.
    pub(super) fn skipped_deletions(&self) -> u64 {
        self.deletions().map_or(0, |deletions| deletions.skipped.load(Ordering::Relaxed))
    }

    /// Empties and removes a directory that is in the way of `entry`. Whether it is gone.
    pub(super) fn clear_the_way(&self, dir: &D::Dir, guard: &Guard, entry: EntryRef<'_>) -> bool {
        self.delete(dir, &entry.path(), Kind::Directory, guard, Why::InTheWay) == Fate::Gone
    }

    /// What of a directory is not in the list and not protected, in the order in which it is deleted: the reverse of
    /// that of lists.
    fn extraneous(
        &self,
        dir: &D::Dir,
        path: &SafePath,
        guard: &Guard,
        is_listed: impl Fn(&[u8]) -> bool,
    ) -> Vec<Found> {
        if !self.may_delete() {
            return Vec::new();
        }
        let mut found = self.entries(dir, path);
        found.retain(|found| {
            !is_listed(&found.name) && !guard.protects(&path.join(&found.name), found.kind, false)
        });
        sort_backwards(&mut found);
        found
    }

    fn entries(&self, dir: &D::Dir, path: &SafePath) -> Vec<Found> {
        self.destination.entries(dir).unwrap_or_else(|error| {
            self.failed(Failure::new("read the directory", path.clone(), error));
            Vec::new()
        })
    }

    fn delete_all(&self, dir: &D::Dir, path: &SafePath, found: &[Found], guard: &Guard) {
        for Found { name, kind } in found {
            let _ = self.delete(dir, &path.join(name), *kind, guard, Why::Extraneous);
        }
    }

    /// Deletes one entry with everything in it.
    fn delete(&self, dir: &D::Dir, path: &SafePath, kind: Kind, guard: &Guard, why: Why) -> Fate {
        let deletions = self.deletions().expect("something is deleted");
        let is_limited = || {
            let limit = self.options.deletion.max.unwrap_or(u64::MAX);
            let limited = why != Why::InTheWay && deletions.count.load(Ordering::Relaxed) >= limit;
            bump(&deletions.skipped, u64::from(limited));
            limited
        };
        if kind == Kind::Directory && self.empty(dir, path, guard) == Fate::Stays {
            // Directories within others are counted although they stay anyway, as rsync has it.
            let _ = why == Why::InExtraneous && is_limited();
            return Fate::Stays;
        }
        if is_limited() {
            return Fate::Stays;
        }
        match self.destination.remove(dir, path.split_last().1, kind) {
            Ok(Removed::Gone) => {
                if why != Why::InTheWay {
                    bump(&deletions.count, 1);
                    self.deleted(path, kind);
                }
                Fate::Gone
            }
            Ok(Removed::NotEmpty) => self.stays("cannot delete non-empty directory", path),
            Ok(Removed::Mounted) => self.stays("cannot delete mount point", path),
            Err(error) => {
                self.failed(Failure::new("delete", path.clone(), error));
                Fate::Stays
            }
        }
    }

    fn stays(&self, why: &str, path: &SafePath) -> Fate {
        self.monitor.report(&Report::Stays(&format!("{why}: {path}")));
        Fate::Stays
    }

    fn empty(&self, dir: &D::Dir, path: &SafePath, guard: &Guard) -> Fate {
        let below = match self.destination.open_foreign(dir, path) {
            Ok(Foreign::Dir(below)) => below,
            Ok(Foreign::Mounted) => return self.stays("cannot delete mount point", path),
            Ok(Foreign::InUse) => return Fate::Stays,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Fate::Gone,
            Err(error) => {
                self.failed(Failure::new("open the directory", path.clone(), error));
                return Fate::Stays;
            }
        };
        let guard = self.guard_below(guard, &below, path);
        let mut found = self.entries(&below, path);
        sort_backwards(&mut found);
        let mut fate = Fate::Gone;
        for Found { name, kind } in found {
            let path = path.join(&name);
            if self.is_stopped()
                || guard.protects(&path, kind, true)
                || self.delete(&below, &path, kind, &guard, Why::InExtraneous) == Fate::Stays
            {
                fate = Fate::Stays;
            }
        }
        if fate == Fate::Stays {
            return self.stays("cannot delete non-empty directory", path);
        }
        fate
    }
}

/// Sorts entries of one directory against the order of lists: directories first, as if their names ended in a slash.
fn sort_backwards(found: &mut [Found]) {
    let key = |found: &Found| -> (bool, Arc<[u8]>) {
        let directory = found.kind == Kind::Directory;
        let name = [&found.name[..], if directory { b"/" } else { b"" }].concat();
        (directory, name.into())
    };
    found.sort_by_cached_key(|found| std::cmp::Reverse(key(found)));
}
