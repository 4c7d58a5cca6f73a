//! One try at getting a single entry right, whoever makes it: the generator on its walk, or a disk worker for
//! a hard link whose group lost the file that it waited for.

use super::dirs::Directory;
use super::shared::{Job, Shared};
use crate::delta::Offer;
use crate::destination::{Destination, Failure, Linking, MoreSums, Offering, Verdict};
use crate::flist::{EntryRef, Kind, SafePath};
use crate::report::{Action, Changes};
use crate::session::{Command, Request, Wanted};
use crate::wire::flags::item;

/// What a request counts for apart from its sums, in bytes.
const REQUEST_COST: u64 = 2048;

/// A request, and the sums that follow it.
pub(super) struct Asking<D: Destination> {
    pub(super) request: Request<Job<D>>,
    pub(super) more: Option<MoreSums>,
}

impl<D: Destination> From<Request<Job<D>>> for Asking<D> {
    fn from(request: Request<Job<D>>) -> Self {
        Self { request, more: None }
    }
}

impl<D: Destination> Asking<D> {
    /// The request with all of its sums, for whoever cannot send them one after the other.
    pub(super) fn whole(self) -> Request<Job<D>> {
        let Self { mut request, more } = self;
        let (Some(more), Wanted::Content { offer, .. }) = (more, &mut request.wanted) else { return request };
        let all = offer.sums.len() as u64 + offer.more;
        more.for_each(|piece| offer.sums.extend(piece));
        if offer.sums.len() as u64 == all {
            offer.more = 0;
        } else {
            // What cannot be read is of no use, and the file comes whole.
            *offer = Offer::NONE;
            request.ticket.basis = None;
        }
        request.ticket.cost = REQUEST_COST + offer.sums.len() as u64;
        request
    }
}

/// What came of making a hard link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Linked {
    Done,
    Failed,
    /// The file lies on another file system, where no link can lead.
    Elsewhere,
}

/// What a try came to.
pub(super) struct Attempt<D: Destination> {
    /// What the server has to be asked for.
    pub(super) request: Option<Asking<D>>,
    /// Whether the entry is in place; nothing while that is still to come.
    pub(super) complete: Option<bool>,
    /// The entry, if it is missing and need not be asked for yet.
    pub(super) missing: Option<Job<D>>,
}

/// What the server has to be asked for, and whether the entry is in place.
type Outcome<D> = (Option<Asking<D>>, Option<bool>);

impl<D: Destination> Shared<D> {
    /// Compares an entry that is not a directory with what is there, and does what can be done at once. With
    /// `may_wait`, a file of which nothing is there is not asked for.
    pub(super) fn attempt(&self, job: Job<D>, may_wait: bool) -> Attempt<D> {
        let look = self.look(&job);
        self.act_upon(look, job, may_wait)
    }

    /// Compares an entry that is not a directory with what is there.
    pub(super) fn look(&self, job: &Job<D>) -> Result<Verdict<D::Basis>, Failure> {
        let entry = job.entry.get();
        let look = self.destination.look(job.dir.dir(), entry);
        if let Err(failure) = &look
            && failure.is_non_empty_directory()
            && self.deletions().is_some()
            && self.clear_the_way(job.dir.dir(), &job.dir.guard, entry)
        {
            return match self.options.dry_run {
                false => self.destination.look(job.dir.dir(), entry),
                true if entry.kind() == Kind::File => {
                    Ok(Verdict::Content { changes: Changes::NEW, basis: None })
                }
                true => Ok(Verdict::Make(Changes::NEW)),
            };
        }
        look
    }

    /// The same before its turn, if it can be told by then. What is to be said of failures is said in turn.
    pub(super) fn look_ahead(&self, job: &Job<D>) -> Option<Verdict<D::Basis>> {
        self.destination.look_ahead(job.dir.dir(), job.entry.get())?.ok()
    }

    /// Does what a look has shown to be necessary, as far as it can be done at once.
    pub(super) fn act_upon(
        &self,
        look: Result<Verdict<D::Basis>, Failure>,
        mut job: Job<D>,
        may_wait: bool,
    ) -> Attempt<D> {
        let handle = job.entry.clone();
        let entry = handle.get();
        if may_wait && matches!(&look, Ok(Verdict::Content { basis: None, .. })) {
            return Attempt { request: None, complete: None, missing: Some(job) };
        }
        let result = look.and_then(|verdict| match verdict {
            Verdict::Content { changes, .. } if self.options.dry_run => {
                self.item(entry, Action::Received, changes, None);
                self.count_transfer(entry.size());
                Ok((None, Some(true)))
            }
            Verdict::Content { changes, basis } => {
                (job.changes, job.basis) = (changes, basis);
                Ok((Some(self.content_request(job)?), None))
            }
            Verdict::Here { changes, basis } => self.bring(job, entry, changes, basis),
            Verdict::Skip(reason) => {
                self.skipped(entry, reason);
                Ok((None, Some(false)))
            }
            // Nothing is here that others of its group of hard links could be linked to.
            Verdict::Left => Ok((self.same(job, entry, Changes::default())?, Some(false))),
            Verdict::Same(changes) => Ok((self.same(job, entry, changes)?, Some(true))),
            Verdict::Make(changes) => Ok((self.make(job, entry, changes)?, Some(true))),
        });
        match result {
            Ok((request, complete)) => Attempt { request, complete, missing: None },
            Err(failure) => {
                self.failed(failure);
                Attempt { request: None, complete: Some(false), missing: None }
            }
        }
    }

    /// Content and kind are right: sets what else differs.
    fn same(
        &self,
        mut job: Job<D>,
        entry: EntryRef<'_>,
        changes: Changes,
    ) -> Result<Option<Asking<D>>, Failure> {
        if !changes.any() {
            if self.wants_unchanged {
                self.item(entry, Action::Touched, changes, None);
            }
            return Ok(None);
        }
        self.item(entry, Action::Touched, changes, None);
        if !self.options.dry_run {
            self.destination.touch(job.dir.dir(), entry, changes)?;
        }
        job.changes = changes;
        Ok(self.lacks_attributes(entry, changes).then(|| Self::attributes_request(job).into()))
    }

    fn make(
        &self,
        mut job: Job<D>,
        entry: EntryRef<'_>,
        changes: Changes,
    ) -> Result<Option<Asking<D>>, Failure> {
        if !self.options.dry_run {
            self.destination.make(job.dir.dir(), entry)?;
        }
        self.item(entry, Action::Made, changes, None);
        job.changes = Changes::NEW;
        Ok(self.lacks_attributes(entry, Changes::NEW).then(|| Self::attributes_request(job).into()))
    }

    /// Whether values of extended attributes are needed that only the server has.
    pub(super) fn lacks_attributes(&self, entry: EntryRef<'_>, changes: Changes) -> bool {
        !self.options.dry_run
            && changes.has(item::REPORT_XATTR | item::IS_NEW)
            && entry.xattrs().is_some_and(|set| !set.is_complete())
    }

    /// The content is elsewhere at the destination: takes it from there, or asks for it after all.
    fn bring(
        &self,
        mut job: Job<D>,
        entry: EntryRef<'_>,
        changes: Changes,
        basis: D::Basis,
    ) -> Result<Outcome<D>, Failure> {
        if !self.options.dry_run && !self.destination.bring(job.dir.dir(), entry, &basis)? {
            (job.changes, job.basis) = (Changes::NEW, Some(basis));
            return Ok((Some(self.content_request(job)?), None));
        }
        if changes.any() {
            self.item(entry, Action::Made, changes, None);
        } else if self.wants_unchanged {
            match self.options.content.links_alternates() {
                true => self.item(entry, Action::Linked, changes, Some(&SafePath::root())),
                false => self.item(entry, Action::Made, changes, None),
            }
        }
        Ok((None, Some(true)))
    }

    /// The request for the content of a file. Reads the beginning of its basis, if there is one.
    pub(super) fn content_request(&self, mut job: Job<D>) -> Result<Asking<D>, Failure> {
        let handle = job.entry.clone();
        let entry = handle.get();
        let Offering { offer, more } = match job.basis.as_ref().filter(|_| !self.options.whole_file) {
            Some(basis) => self.destination.offer(job.dir.dir(), entry, basis, job.again)?,
            None => Offering::default(),
        };
        // Sums that never come would be waited for.
        let (offer, more) = match more {
            None if offer.more > 0 => (Offer::NONE, None),
            more => (offer, more),
        };
        if offer.layout.count == 0 {
            job.basis = None;
        }
        job.kept = offer.kept;
        job.cost = REQUEST_COST + offer.sums.len() as u64;
        let request = Request {
            index: job.index,
            changes: job.changes.0,
            wanted: Wanted::Content { offer, size: entry.size() },
            xattrs: entry.xattrs().filter(|set| !set.is_complete()).cloned(),
            ticket: job,
        };
        Ok(Asking { request, more })
    }

    /// The request for values of extended attributes that are missing here.
    pub(super) fn attributes_request(mut job: Job<D>) -> Request<Job<D>> {
        job.cost = REQUEST_COST;
        let xattrs = job.entry.get().xattrs().cloned();
        Request { index: job.index, changes: job.changes.0, wanted: Wanted::Attributes, xattrs, ticket: job }
    }

    /// Makes `entry` another name of the file at `leader`.
    /// `waited`: the file came only now, so that rsync compares with nothing.
    pub(super) fn link(
        &self,
        leader: &SafePath,
        dir: &Directory<D>,
        entry: EntryRef<'_>,
        waited: bool,
    ) -> Linked {
        let mut linked = self.destination.link(leader, dir.dir(), entry);
        if let Err(failure) = &linked
            && failure.is_non_empty_directory()
            && self.deletions().is_some()
            && self.clear_the_way(dir.dir(), &dir.guard, entry)
        {
            linked = match self.options.dry_run {
                false => self.destination.link(leader, dir.dir(), entry),
                true => Ok(Linking::Made(Changes::NEW)),
            };
        }
        match linked {
            Ok(Linking::Made(changes)) => {
                self.item(entry, Action::Linked, changes, Some(leader));
                Linked::Done
            }
            Ok(Linking::Like(changes)) => {
                let changes = if waited { Changes::NEW } else { changes };
                self.item(entry, Action::Linked, changes, Some(leader));
                Linked::Done
            }
            Ok(Linking::Again) => {
                if self.wants_unchanged {
                    self.item(entry, Action::Linked, Changes::default(), Some(leader));
                }
                Linked::Done
            }
            Ok(Linking::There) => {
                if self.wants_unchanged {
                    self.item(entry, Action::Linked, Changes::default(), Some(&SafePath::root()));
                }
                Linked::Done
            }
            Ok(Linking::Skip(reason)) => {
                self.skipped(entry, reason);
                Linked::Done
            }
            Err(failure) if failure.source.kind() == std::io::ErrorKind::CrossesDevices => {
                let (path, leader) =
                    (self.destination.locate(&entry.path()), self.destination.locate(leader));
                self.warn(&format!("{path} becomes a copy: {leader} lies on another file system"));
                Linked::Elsewhere
            }
            Err(failure) => {
                self.failed(failure);
                Linked::Failed
            }
        }
    }

    /// An entry is finished. If others of its group of hard links waited for it, they are linked to it, or
    /// one of them takes its place. `came`: its content came from the server. Returns what the session has to know.
    pub(super) fn settle_group(
        &self,
        entry: EntryRef<'_>,
        complete: bool,
        came: bool,
    ) -> Vec<Command<Job<D>>> {
        match entry.hard_link() {
            None => Vec::new(),
            Some(link) if complete => self.link_waiting(link.group, &entry.path(), came),
            Some(link) => self.next_leader(link.group),
        }
    }

    /// One of those that wait in a group of hard links takes the place of its leader.
    pub(super) fn next_leader(&self, group: u32) -> Vec<Command<Job<D>>> {
        let mut commands = Vec::new();
        while let Some(next) = self.links.failed(group) {
            let (handle, dir, index) = (next.entry.clone(), next.dir.clone(), next.index);
            let Attempt { request, complete, .. } = self.attempt(next, false);
            let asked = request.is_some();
            commands.extend(request.map(|request| self.ask_unheld(request, &dir)));
            if let Some(complete) = complete {
                self.done(handle.get(), if complete { handle.get().size() } else { 0 });
            }
            commands.push(Command::Release(index));
            dir.leave(self);
            if complete == Some(true) {
                commands.extend(self.link_waiting(group, &handle.get().path(), false));
                break;
            }
            if asked {
                break;
            }
        }
        commands
    }

    fn link_waiting(&self, group: u32, leader: &SafePath, came: bool) -> Vec<Command<Job<D>>> {
        let mut commands = Vec::new();
        for job in self.links.ready(group, leader.clone()) {
            let (handle, dir, index) = (job.entry.clone(), job.dir.clone(), job.index);
            let follower = handle.get();
            let complete = match self.link(leader, &dir, follower, came) {
                Linked::Done => Some(true),
                Linked::Failed => Some(false),
                Linked::Elsewhere => {
                    let Attempt { request, complete, .. } = self.attempt(Job { alone: true, ..job }, false);
                    commands.extend(request.map(|request| self.ask_unheld(request, &dir)));
                    complete
                }
            };
            if let Some(complete) = complete {
                self.done(follower, if complete { follower.size() } else { 0 });
            }
            commands.push(Command::Release(index));
            dir.leave(self);
        }
        commands
    }

    /// A request that stands in for work which was let in before, so it does not wait.
    fn ask_unheld(&self, asking: Asking<D>, dir: &Directory<D>) -> Command<Job<D>> {
        let request = asking.whole();
        self.requests.exceed(request.ticket.cost);
        dir.enter();
        Command::Ask(request)
    }
}
