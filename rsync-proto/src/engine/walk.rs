//! The generator's way through the directories: makes them, opens them, and leaves them when the walk is
//! through with what they hold.

use std::io;
use std::sync::Arc;

use super::deletion::Guard;
use super::dirs::Directory;
use super::generator::{BATCH, Generator};
use super::shared::{Job, Shared};
use crate::destination::{Destination, DirChanges, Failure, Making};
use crate::flist::{EntryHandle, EntryRef, SafePath, Segment};
use crate::options::DeleteWhen;
use crate::report::{Action, Changes, Report, Skip};

/// A directory whose content comes in a later segment.
pub(super) struct Announced {
    entry: EntryHandle,
    changes: Changes,
    /// What is protected in the directory that it lies in.
    above: Guard,
}

pub(super) struct Level<D: Destination> {
    pub(super) number: u32,
    pub(super) directory: Result<Arc<Directory<D>>, Missing>,
}

/// Why there is no directory: everything below it is passed over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is not wanted, or could not be made, as was said already.
    PassedOver,
    /// Something else stands there and stays, which is a failure as soon as the directory holds anything.
    InTheWay,
}

impl<D: Destination> Generator<'_, D> {
    /// The first segment: the root is opened, and stays open.
    pub(super) fn begin(&mut self, segment: &Arc<Segment>) -> Result<Arc<Directory<D>>, Missing> {
        let dir = match self.shared.destination.begin(segment) {
            Ok(dir) => dir,
            Err(error) => {
                self.shared.fatal(error);
                return Err(Missing::PassedOver);
            }
        };
        self.shared.destination.oddities().iter().for_each(|odd| self.shared.warn(odd));
        if let Some(made) = self.shared.destination.made() {
            self.shared.monitor.report(&Report::MadeDestination(&made));
        }
        let first = segment.iter().next().filter(EntryRef::is_root);
        let entry = first.map(|entry| EntryHandle::new(segment, entry.position()));
        self.shared.keep_list(segment);
        self.shared.delete_everywhere(DeleteWhen::Before, segment);
        let guard = self.shared.root_guard(&dir, first.is_some());
        if let Some(first) = first.filter(EntryRef::has_content) {
            let listed = |name: &[u8]| segment.lists(first.parent_number(), name);
            self.shared.delete_on_the_way(&dir, &SafePath::root(), &guard, listed);
        }
        let root = Arc::new(Directory::new(dir, entry, false, guard));
        self.root = Some(Arc::clone(&root));
        root.enter();
        Ok(root)
    }

    /// The index before a segment's first stands for its directory, whose own entry may be gone by now.
    pub(super) fn enter_announced(
        &mut self,
        number: u32,
        segment: &Segment,
    ) -> Result<Arc<Directory<D>>, Missing> {
        let announced = self.announced.remove(&number).unwrap_or(Err(Missing::PassedOver));
        let Announced { entry, changes, above } = announced?;
        let directory = self.open(&entry, segment.first_index() - 1, changes, &above)?;
        self.delete_in(&directory, entry.get(), |name| segment.lists(0, name));
        Ok(directory)
    }

    fn delete_in(&self, directory: &Directory<D>, entry: EntryRef<'_>, is_listed: impl Fn(&[u8]) -> bool) {
        if self.shared.deletions().is_some() && entry.has_content() {
            self.shared.delete_on_the_way(directory.dir(), &entry.path(), &directory.guard, is_listed);
        }
    }

    fn open(
        &mut self,
        handle: &EntryHandle,
        index: u32,
        changes: Changes,
        above: &Guard,
    ) -> Result<Arc<Directory<D>>, Missing> {
        // What the walk itself keeps open is not going to be closed meanwhile, however deep it is.
        let own = self.path.len() as u64;
        if self.shared.directories.is_full_beside(own, 1) {
            self.act_upon_all_looks();
        }
        while self.shared.directories.is_full_beside(own, 1) {
            // Hard links that wait for an entry further on keep their directories open; now that there are
            // too many of those, they cannot wait any longer.
            let Some(group) = self.shared.links.leaderless() else { break };
            let commands = self.shared.next_leader(group);
            self.commands.extend(commands);
        }
        if self.shared.directories.is_full_beside(own, 1) || self.commands.len() >= BATCH {
            // Others can only finish what they have heard of.
            self.flush();
        }
        self.shared.directories.enter_beside(own, 1);
        match self.shared.destination.open_dir(handle.get(), changes) {
            Ok(dir) => {
                let guard = match above {
                    Guard::Rules(_) => self.shared.guard_below(above, &dir, &handle.get().path()),
                    other => other.clone(),
                };
                let directory = Arc::new(Directory::new(dir, Some(handle.clone()), true, guard));
                self.ask_directory_attributes(handle, index, &directory, changes);
                Ok(directory)
            }
            Err(failure) => {
                self.shared.directories.leave(1);
                self.shared.failed(failure);
                Err(Missing::PassedOver)
            }
        }
    }

    /// A directory gets its attributes when it is left; until then it is kept by the request for values that
    /// are missing.
    fn ask_directory_attributes(
        &mut self,
        handle: &EntryHandle,
        index: u32,
        directory: &Arc<Directory<D>>,
        changes: Changes,
    ) {
        let is_wanted = !handle.get().is_implied() || self.shared.options.selection.implied_dirs;
        if is_wanted && self.shared.lacks_attributes(handle.get(), changes) {
            let job = Job::new(handle, index, directory, changes);
            self.ask(Shared::attributes_request(job).into());
        }
    }

    pub(super) fn leave(&self, level: Level<D>) -> bool {
        if let Ok(directory) = level.directory {
            directory.leave(self.shared);
        }
        true
    }

    /// The directory that an entry lies in; on the way to it, directories that the walk is through with are
    /// left.
    pub(super) fn parent(&mut self, entry: EntryRef<'_>) -> Option<Arc<Directory<D>>> {
        while self.path.last().is_some_and(|level| level.number != entry.parent_number()) {
            let level = self.path.pop().expect("just looked at");
            self.leave(level);
        }
        let level = self.path.last_mut()?;
        let directory = level.directory.clone();
        if matches!(directory, Err(Missing::InTheWay)) {
            level.directory = Err(Missing::PassedOver);
            let path = entry.path().split_last().0;
            self.shared.failed(Failure::new("make the directory", path, io::ErrorKind::NotADirectory));
        }
        directory.ok()
    }

    pub(super) fn directory(
        &mut self,
        handle: &EntryHandle,
        entry: EntryRef<'_>,
        parent: &Arc<Directory<D>>,
    ) {
        let made = self.shared.destination.make_dir(parent.dir(), entry);
        self.shared.done(entry, 0);
        let DirChanges { changes, told } = match made {
            Ok(Making::Done(changes)) => changes,
            Ok(Making::Skip(reason)) => {
                self.shared.skipped(entry, reason);
                let missing = if reason == Skip::Exists { Missing::InTheWay } else { Missing::PassedOver };
                self.remember(entry, Err(missing), &Guard::Idle);
                return;
            }
            Err(failure) => {
                self.shared.failed(failure);
                self.remember(entry, Err(Missing::PassedOver), &Guard::Idle);
                return;
            }
        };
        let is_silent = entry.is_implied() && !self.shared.options.selection.implied_dirs;
        if (told.any() || self.shared.wants_unchanged) && !is_silent {
            let action = if changes.is_new() { Action::Made } else { Action::Touched };
            self.shared.item(entry, action, told, None);
        }
        if entry.is_root() {
            self.ask_directory_attributes(handle, entry.index(), parent, changes);
        } else {
            self.remember(entry, Ok((handle.clone(), changes)), &parent.guard);
        }
    }

    /// With incremental recursion a directory's content comes in a later segment; otherwise right now.
    pub(super) fn remember(
        &mut self,
        entry: EntryRef<'_>,
        made: Result<(EntryHandle, Changes), Missing>,
        above: &Guard,
    ) {
        match entry.announced_number() {
            Some(number) => {
                let announced = |(entry, changes)| Announced { entry, changes, above: above.clone() };
                self.announced.insert(number, made.map(announced));
            }
            None => {
                let opened = |(handle, changes)| self.open(&handle, entry.index(), changes, above);
                let directory = made.and_then(opened);
                if let Ok(directory) = &directory {
                    let listed = |name: &[u8]| entry.segment().lists(entry.own_number(), name);
                    self.delete_in(directory, entry, listed);
                }
                self.path.push(Level { number: entry.own_number(), directory });
            }
        }
    }
}
