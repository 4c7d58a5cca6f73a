//! The generator: walks the file list in order, compares each entry with the destination, does at once what
//! needs no data, and asks for the rest.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::attempt::{Attempt, Linked};
use super::deletion::Guard;
use super::dirs::Directory;
use super::links::Role;
use super::shared::{Job, Shared, bump};
use crate::destination::{Destination, DirChanges, Making};
use crate::flist::{EntryHandle, EntryRef, HardLink, Kind, SafePath, Segment};
use crate::options::DeleteWhen;
use crate::report::{Action, Changes, KindCounts, Report, Skip};
use crate::session::{Command, Request};

/// So many commands are collected before the driver hears of them.
const BATCH: usize = 64;

/// Works on segments until there are no more.
pub(super) fn run<D: Destination>(shared: &Arc<Shared<D>>, segments: &Receiver<Arc<Segment>>) {
    let mut generator = Generator {
        shared,
        commands: Vec::new(),
        announced: HashMap::new(),
        path: Vec::new(),
        root: None,
        last_links: HashMap::new(),
    };
    let mut known = VecDeque::new();
    while let Some(segment) = known.pop_front().or_else(|| {
        let segment = segments.recv().ok()?;
        generator.learn_links(&segment);
        Some(segment)
    }) {
        if shared.is_stopped() {
            break;
        }
        // What came meanwhile tells which hard links follow.
        while let Ok(next) = segments.try_recv() {
            generator.learn_links(&next);
            known.push_back(next);
        }
        generator.segment(&segment);
        generator.flush();
    }
    generator.finish();
}

struct Generator<'a, D: Destination> {
    shared: &'a Arc<Shared<D>>,
    commands: Vec<Command<Job<D>>>,
    /// Directories whose content comes in a later segment, by their number; nothing for those that could not
    /// be made.
    announced: HashMap<u32, Option<Announced>>,
    /// The directories from the root to where the walk is, with their numbers in the segment. With
    /// incremental recursion, only the directory of the segment.
    path: Vec<Level<D>>,
    root: Option<Arc<Directory<D>>>,
    /// The last entry that is known of each group of hard links.
    last_links: HashMap<u32, u32>,
}

/// A directory whose content comes in a later segment.
struct Announced {
    entry: EntryHandle,
    changes: Changes,
    /// What is protected in the directory that it lies in.
    above: Guard,
}

struct Level<D: Destination> {
    number: u32,
    /// Nothing if it could not be made: then everything below it is passed over.
    directory: Option<Arc<Directory<D>>>,
}

impl<D: Destination> Generator<'_, D> {
    fn segment(&mut self, segment: &Arc<Segment>) {
        self.count(segment);
        let opened = match segment.directory() {
            None => self.begin(segment),
            Some(number) => {
                self.shared.destination.learn(segment);
                self.enter_announced(number, segment)
            }
        };
        self.path.push(Level { number: 0, directory: opened });
        for position in 0..segment.len() {
            if self.shared.is_stopped() {
                return;
            }
            let entry = segment.entry(position);
            if !entry.is_left_out() {
                self.entry(&EntryHandle::new(segment, position), entry);
            }
            if self.commands.len() >= BATCH {
                self.flush();
            }
        }
        while self.path.pop().is_some_and(|level| self.leave(level)) {}
        self.commands.push(Command::Scanned(segment.first_index()));
    }

    fn learn_links(&mut self, segment: &Segment) {
        for entry in segment.iter().filter(|entry| !entry.is_left_out()) {
            if let Some(HardLink { group, .. }) = entry.hard_link() {
                self.last_links.insert(group, entry.index());
            }
        }
    }

    /// Whether no further entry of its group of hard links is known.
    fn is_last_link(&self, entry: EntryRef<'_>, group: u32) -> bool {
        self.last_links.get(&group).is_none_or(|last| entry.index() >= *last)
    }

    fn count(&self, segment: &Segment) {
        let mut counts = KindCounts::default();
        let mut sizes = (0, 0);
        for entry in segment.iter().filter(|entry| !entry.is_duplicate()) {
            counts.add(entry.kind());
            sizes.0 += entry.size();
            sizes.1 += entry.counted_size();
        }
        self.shared.listed(&counts, sizes.1);
        bump(&self.shared.progress.bytes_listed, sizes.0);
    }

    /// The first segment: the root is opened, and stays open.
    fn begin(&mut self, segment: &Arc<Segment>) -> Option<Arc<Directory<D>>> {
        let dir = match self.shared.destination.begin(segment) {
            Ok(dir) => dir,
            Err(error) => {
                self.shared.fatal(error);
                return None;
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
        Some(root)
    }

    /// The index before a segment's first stands for its directory, whose own entry may be gone by now.
    fn enter_announced(&mut self, number: u32, segment: &Segment) -> Option<Arc<Directory<D>>> {
        let Announced { entry, changes, above } = self.announced.remove(&number)??;
        let directory = self.open(&entry, segment.first_index() - 1, changes, &above)?;
        self.delete_in(&directory, entry.get(), |name| segment.lists(0, name));
        Some(directory)
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
    ) -> Option<Arc<Directory<D>>> {
        while self.shared.directories.is_full(1) {
            // Hard links that wait for an entry further on keep their directories open; now that there are
            // too many of those, they cannot wait any longer.
            let Some(group) = self.shared.links.leaderless() else { break };
            let commands = self.shared.next_leader(group);
            self.commands.extend(commands);
        }
        if self.shared.directories.is_full(1) || self.commands.len() >= BATCH {
            // Others can only finish what they have heard of.
            self.flush();
        }
        self.shared.directories.enter(1);
        match self.shared.destination.open_dir(handle.get(), changes) {
            Ok(dir) => {
                let guard = match above {
                    Guard::Rules(_) => self.shared.guard_below(above, &dir, &handle.get().path()),
                    other => other.clone(),
                };
                let directory = Arc::new(Directory::new(dir, Some(handle.clone()), true, guard));
                self.ask_directory_attributes(handle, index, &directory, changes);
                Some(directory)
            }
            Err(failure) => {
                self.shared.directories.leave(1);
                self.shared.failed(failure);
                None
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
            self.ask(Shared::attributes_request(job));
        }
    }

    fn leave(&self, level: Level<D>) -> bool {
        if let Some(directory) = level.directory {
            directory.leave(self.shared);
        }
        true
    }

    /// The directory that an entry lies in; on the way to it, directories that the walk is through with are
    /// left.
    fn parent(&mut self, entry: EntryRef<'_>) -> Option<Arc<Directory<D>>> {
        while self.path.last().is_some_and(|level| level.number != entry.parent_number()) {
            let level = self.path.pop().expect("just looked at");
            self.leave(level);
        }
        self.path.last().and_then(|level| level.directory.clone())
    }

    fn entry(&mut self, handle: &EntryHandle, entry: EntryRef<'_>) {
        let parent = if entry.is_root() { self.root.clone() } else { self.parent(entry) };
        let Some(parent) = parent else {
            if entry.kind() == Kind::Directory {
                self.remember(entry, None, &Guard::Idle);
            }
            self.shared.done(entry, 0);
            self.pass_over(entry);
            return;
        };
        match entry.kind() {
            Kind::Directory => self.directory(handle, entry, &parent),
            kind => {
                if let Some(reason) = self.passed_over(kind) {
                    self.shared.skipped(entry, reason);
                    self.shared.done(entry, 0);
                } else {
                    self.file(handle, entry, &parent);
                }
            }
        }
    }

    /// An entry takes no part, although others of its group of hard links may have waited for it.
    fn pass_over(&mut self, entry: EntryRef<'_>) {
        if let Some(HardLink { group, .. }) = entry.hard_link()
            && self.is_last_link(entry, group)
            && self.shared.links.lacks_leader(group)
        {
            let commands = self.shared.settle_group(entry, false);
            self.commands.extend(commands);
        }
    }

    fn passed_over(&self, kind: Kind) -> Option<Skip> {
        let options = &self.shared.options;
        let wanted = match kind {
            Kind::Symlink => options.links,
            Kind::CharDevice | Kind::BlockDevice => options.devices,
            Kind::Fifo | Kind::Socket => options.specials,
            Kind::File | Kind::Directory => true,
        };
        (!wanted).then_some(Skip::NonRegular)
    }

    fn directory(&mut self, handle: &EntryHandle, entry: EntryRef<'_>, parent: &Arc<Directory<D>>) {
        let made = self.shared.destination.make_dir(parent.dir(), entry);
        self.shared.done(entry, 0);
        let DirChanges { changes, told } = match made {
            Ok(Making::Done(changes)) => changes,
            Ok(Making::Skip(reason)) => {
                self.shared.skipped(entry, reason);
                self.remember(entry, None, &Guard::Idle);
                return;
            }
            Err(failure) => {
                self.shared.failed(failure);
                self.remember(entry, None, &Guard::Idle);
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
            self.remember(entry, Some((handle.clone(), changes)), &parent.guard);
        }
    }

    /// With incremental recursion a directory's content comes in a later segment; otherwise right now.
    fn remember(&mut self, entry: EntryRef<'_>, made: Option<(EntryHandle, Changes)>, above: &Guard) {
        match entry.announced_number() {
            Some(number) => {
                let announced = |(entry, changes)| Announced { entry, changes, above: above.clone() };
                self.announced.insert(number, made.map(announced));
            }
            None => {
                let opened = |(handle, changes)| self.open(&handle, entry.index(), changes, above);
                let directory = made.and_then(opened);
                if let Some(directory) = &directory {
                    let listed = |name: &[u8]| entry.segment().lists(entry.own_number(), name);
                    self.delete_in(directory, entry, listed);
                }
                self.path.push(Level { number: entry.own_number(), directory });
            }
        }
    }

    fn file(&mut self, handle: &EntryHandle, entry: EntryRef<'_>, parent: &Arc<Directory<D>>) {
        let shared = self.shared;
        let mut job = Job::new(handle, entry.index(), parent, Changes::default());
        let mut may_wait = false;
        if let Some(HardLink { group, .. }) = entry.hard_link() {
            match shared.links.join(group, || job.clone()) {
                Role::Leader => may_wait = !self.is_last_link(entry, group),
                Role::Waiting => {
                    parent.enter();
                    self.commands.push(Command::Hold(entry.index()));
                    return;
                }
                Role::Follower(leader) => match shared.link(&leader, parent, entry) {
                    Linked::Elsewhere => job.alone = true,
                    linked => {
                        shared.done(entry, if linked == Linked::Done { entry.size() } else { 0 });
                        return;
                    }
                },
            }
        }
        let alone = job.alone;
        let Attempt { request, complete, missing } = shared.attempt(job, may_wait);
        if let (Some(job), Some(HardLink { group, .. })) = (missing, entry.hard_link()) {
            parent.enter();
            self.commands.push(Command::Hold(entry.index()));
            shared.links.step_back(group, job);
        }
        if let Some(request) = request {
            self.ask(request);
        }
        if let Some(complete) = complete {
            shared.done(entry, if complete { entry.size() } else { 0 });
            if !alone {
                let commands = shared.settle_group(entry, complete);
                self.commands.extend(commands);
            }
        }
    }

    fn ask(&mut self, request: Request<Job<D>>) {
        let cost = request.ticket.cost;
        if self.shared.requests.is_full(cost) {
            // Room comes only from requests that the driver knows of.
            self.flush();
        }
        self.shared.requests.enter(cost);
        request.ticket.dir.enter();
        self.commands.push(Command::Ask(request));
    }

    fn flush(&mut self) {
        self.shared.send(std::mem::take(&mut self.commands));
    }

    /// The list is over: the root is finished when everything below it is.
    fn finish(&mut self) {
        self.flush();
        if let Some(root) = self.root.take() {
            root.leave(self.shared);
        }
    }
}
