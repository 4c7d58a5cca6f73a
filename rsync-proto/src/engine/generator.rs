//! The generator: walks the file list in order, compares each entry with the destination, does at once what
//! needs no data, and asks for the rest.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;

use super::attempt::{Asking, Attempt, Linked};
use super::deletion::Guard;
use super::dirs::Directory;
use super::links::Role;
use super::looks::{Looked, Looks};
use super::shared::{Job, Shared, bump};
use super::walk::{Announced, Level, Missing};
use crate::destination::{Destination, MoreSums};
use crate::flist::{EntryHandle, EntryRef, HardLink, Kind, Segment};
use crate::report::{Changes, KindCounts, Skip};
use crate::session::{Command, Wanted};

/// So many commands are collected before the driver hears of them.
pub(super) const BATCH: usize = 64;

/// Works on segments until there are no more.
pub(super) fn run<D: Destination>(shared: &Arc<Shared<D>>, segments: &Receiver<Arc<Segment>>) {
    thread::scope(|scope| walk(shared, segments, Looks::start(shared, scope)));
}

fn walk<D: Destination>(shared: &Arc<Shared<D>>, segments: &Receiver<Arc<Segment>>, looks: Looks<D>) {
    let mut generator = Generator {
        shared,
        looks,
        commands: Vec::new(),
        announced: HashMap::new(),
        path: Vec::new(),
        root: None,
        last_links: HashMap::new(),
    };
    let mut known = VecDeque::new();
    while let Some(segment) = known.pop_front().or_else(|| {
        let segment = generator.next_segment(segments)?;
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

pub(super) struct Generator<'a, D: Destination> {
    pub(super) shared: &'a Arc<Shared<D>>,
    /// What others look at meanwhile.
    looks: Looks<D>,
    pub(super) commands: Vec<Command<Job<D>>>,
    /// Directories whose content comes in a later segment, by their number.
    pub(super) announced: HashMap<u32, Result<Announced, Missing>>,
    /// The directories from the root to where the walk is, with their numbers in the segment. With
    /// incremental recursion, only the directory of the segment.
    pub(super) path: Vec<Level<D>>,
    pub(super) root: Option<Arc<Directory<D>>>,
    /// The last entry that is known of each group of hard links.
    last_links: HashMap<u32, u32>,
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

    /// The next segment that comes. While there is none, goes on with what is being looked at.
    fn next_segment(&mut self, segments: &Receiver<Arc<Segment>>) -> Option<Arc<Segment>> {
        loop {
            match segments.try_recv() {
                Ok(segment) => return Some(segment),
                Err(_) if self.act_upon_next_look() => {}
                Err(_) => {
                    self.flush();
                    return segments.recv().ok();
                }
            }
        }
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

    fn entry(&mut self, handle: &EntryHandle, entry: EntryRef<'_>) {
        let parent = if entry.is_root() { self.root.clone() } else { self.parent(entry) };
        let Some(parent) = parent else {
            if entry.kind() == Kind::Directory {
                self.remember(entry, Err(Missing::PassedOver), &Guard::Idle);
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
            let commands = self.shared.settle_group(entry, false, false);
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

    fn file(&mut self, handle: &EntryHandle, entry: EntryRef<'_>, parent: &Arc<Directory<D>>) {
        let shared = self.shared;
        let mut job = Job::new(handle, entry.index(), parent, Changes::default());
        if self.looks.are_taken()
            && entry.hard_link().is_none()
            && shared.destination.looks_take_long(parent.dir(), entry)
        {
            return self.let_look(job);
        }
        let mut may_wait = false;
        if let Some(HardLink { group, .. }) = entry.hard_link() {
            match shared.links.join(group, || job.clone()) {
                // Whether a later name is left out because it is elsewhere must not depend on when it comes.
                Role::Leader if shared.options.content.compares_alternates() => {}
                Role::Leader => may_wait = !self.is_last_link(entry, group),
                Role::Waiting => {
                    parent.enter();
                    self.commands.push(Command::Hold(entry.index()));
                    return;
                }
                Role::Follower(leader) => match shared.link(&leader, parent, entry, false) {
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
                let commands = shared.settle_group(entry, complete, false);
                self.commands.extend(commands);
            }
        }
    }

    /// Lets others look at an entry, and acts upon what they have found meanwhile.
    fn let_look(&mut self, job: Job<D>) {
        job.dir.enter();
        self.commands.push(Command::Hold(job.index));
        self.looks.begin(job);
        while let Some(looked) = self.looks.ready() {
            self.act_upon(looked);
        }
        if self.looks.are_many() {
            self.act_upon_next_look();
        }
    }

    fn act_upon(&mut self, Looked { job, verdict }: Looked<D>) {
        let (handle, dir, index) = (job.entry.clone(), Arc::clone(&job.dir), job.index);
        let look = verdict.map_or_else(|| self.shared.look(&job), Ok);
        let Attempt { request, complete, .. } = self.shared.act_upon(look, job, false);
        if let Some(request) = request {
            self.ask(request);
        }
        if let Some(complete) = complete {
            let entry = handle.get();
            self.shared.done(entry, if complete { entry.size() } else { 0 });
        }
        self.commands.push(Command::Release(index));
        dir.leave(self.shared);
    }

    /// Waits for a look to be taken, and acts upon it. False if none was begun.
    fn act_upon_next_look(&mut self) -> bool {
        if self.looks.are_over() || self.shared.is_stopped() {
            return false;
        }
        let looked = self.looks.ready().or_else(|| {
            self.flush();
            self.looks.next()
        });
        looked.map(|looked| self.act_upon(looked)).is_some()
    }

    /// Waits for all looks, which keep directories open.
    pub(super) fn act_upon_all_looks(&mut self) {
        while self.act_upon_next_look() {}
    }

    pub(super) fn ask(&mut self, asking: Asking<D>) {
        let Asking { request, more } = asking;
        let cost = request.ticket.cost;
        if !self.shared.requests.try_enter(cost) {
            // Room comes only from requests that the driver knows of.
            self.flush();
            self.shared.requests.enter(cost);
        }
        request.ticket.dir.enter();
        let due = match &request.wanted {
            Wanted::Content { offer, .. } => offer.more,
            Wanted::Attributes => 0,
        };
        self.commands.push(Command::Ask(request));
        if let Some(more) = more {
            self.send_sums(more, due);
        }
    }

    /// Sends the sums that follow a request. Where they end early, others stand in for those that are missing: of no block in
    /// particular, and each another one, since servers look through all that are alike. Should a server find something by
    /// them, the sum of the file tells.
    fn send_sums(&mut self, more: MoreSums, mut due: u64) {
        let mut number = 0_u64;
        let mut next = || {
            number += 1;
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()
        };
        let missing = std::iter::repeat_with(move || (0..8192).flat_map(|_| next()).collect::<Vec<u8>>());
        for mut piece in more.chain(missing) {
            if due == 0 || self.shared.is_stopped() {
                break;
            }
            piece.truncate(usize::try_from(due).unwrap_or(usize::MAX));
            due -= piece.len() as u64;
            self.commands.push(Command::Sums(self.shared.sums.hold(piece)));
            self.flush();
        }
    }

    pub(super) fn flush(&mut self) {
        self.shared.send(std::mem::take(&mut self.commands));
    }

    /// The list is over: the root is finished when everything below it is.
    fn finish(&mut self) {
        self.act_upon_all_looks();
        self.flush();
        if let Some(root) = self.root.take() {
            root.leave(self.shared);
        }
    }
}
