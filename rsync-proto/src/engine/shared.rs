//! What generator and disk workers share.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::mpsc::UnboundedSender;

use super::deletion::Deletions;
use super::dirs::Directory;
use super::gate::Gate;
use super::links::Links;
use super::worker::Backlog;
use crate::destination::{Destination, Failure};
use crate::error::Error;
use crate::flist::{EntryHandle, EntryRef, Kind, SafePath, Segment};
use crate::options::{DeleteWhen, Options};
use crate::report::{Action, Changes, Content, Item, KindCounts, Monitor, Progress, Report, Skip, Summary};
use crate::session::Command;

/// Bytes of requests under way: sums that were sent, and for each request what it keeps busy.
const REQUEST_BYTES: u64 = 8 * 1024 * 1024;

/// Bytes of sums that follow a request and were not taken to be sent.
const SUMS_UNDER_WAY: u64 = 512 * 1024;

/// Something that the server was asked for, or that waits for its group of hard links.
pub(crate) struct Job<D: Destination> {
    pub(super) entry: EntryHandle,
    /// The index that it is asked for by: the entry's, or that of a segment's own directory.
    pub(super) index: u32,
    /// Where it lies; for a directory itself, that directory.
    pub(super) dir: Arc<Directory<D>>,
    pub(super) changes: Changes,
    /// What the content may refer to.
    pub(super) basis: Option<D::Basis>,
    /// Bytes at its beginning that are in place already.
    pub(super) kept: u64,
    /// It cannot be linked to its group, which lies on another file system, and is on its own.
    pub(super) alone: bool,
    /// It came damaged once.
    pub(super) again: bool,
    /// What its request counts for.
    pub(super) cost: u64,
}

impl<D: Destination> Job<D> {
    pub(super) fn new(entry: &EntryHandle, index: u32, dir: &Arc<Directory<D>>, changes: Changes) -> Self {
        let (entry, dir) = (entry.clone(), Arc::clone(dir));
        Self { entry, index, dir, changes, basis: None, kept: 0, alone: false, again: false, cost: 0 }
    }
}

impl<D: Destination> Clone for Job<D> {
    fn clone(&self) -> Self {
        let (entry, dir, basis) = (self.entry.clone(), Arc::clone(&self.dir), self.basis.clone());
        Self { entry, dir, basis, ..*self }
    }
}

/// What goes to the driver.
pub(super) enum Notice<D: Destination> {
    Commands(Vec<Command<Job<D>>>),
    Fatal(Error),
}

pub(super) struct Shared<D: Destination> {
    pub(super) destination: D,
    pub(super) options: Options,
    pub(super) monitor: Arc<dyn Monitor>,
    /// Whether entries that are as they should be are reported.
    pub(super) wants_unchanged: bool,
    pub(super) progress: Arc<Progress>,
    notices: UnboundedSender<Notice<D>>,
    pub(super) requests: Gate,
    pub(super) sums: Arc<Gate>,
    pub(super) directories: Gate,
    pub(super) links: Links<D>,
    pub(super) backlog: Arc<Backlog>,
    /// Workers unpack deflated data; and whether long blocks are remembered as before protocol 31.
    pub(super) inflates: Option<bool>,
    stopped: AtomicBool,
    /// Workers go through all of what came before they stop.
    draining: AtomicBool,
    /// Nothing else can succeed any more; the driver is about to learn of it.
    lost: AtomicBool,
    /// Where something may be deleted.
    deletions: Option<Deletions>,
    /// The whole list, where it is needed once more at the end.
    whole_list: Mutex<Option<Arc<Segment>>>,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    listed: Mutex<KindCounts>,
    created: Mutex<KindCounts>,
    deleted: Mutex<KindCounts>,
    total_size: AtomicU64,
    transferred: AtomicU64,
    transferred_size: AtomicU64,
    literal: AtomicU64,
    matched: AtomicU64,
    failed: AtomicU64,
    not_sent: AtomicU64,
}

impl<D: Destination> Shared<D> {
    pub(super) fn new(
        destination: D,
        options: Options,
        monitor: Arc<dyn Monitor>,
        progress: Arc<Progress>,
        notices: UnboundedSender<Notice<D>>,
        inflates: Option<bool>,
        deleted: Arc<AtomicU64>,
    ) -> Self {
        Self {
            directories: Gate::new(destination.open_directories()),
            destination,
            deletions: options.deletion.clears_the_way().then(|| Deletions::new(deleted)),
            whole_list: Mutex::default(),
            options,
            wants_unchanged: monitor.wants_unchanged(),
            monitor,
            progress,
            notices,
            sums: Arc::new(Gate::new(SUMS_UNDER_WAY)),
            requests: Gate::with_slack(REQUEST_BYTES, REQUEST_BYTES / 4),
            links: Links::default(),
            backlog: Arc::default(),
            inflates,
            stopped: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            counters: Counters::default(),
        }
    }

    /// Everything that waits wakes up, and nothing new is begun.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.destination.stop();
        self.requests.close();
        self.sums.close();
        self.directories.close();
    }

    /// From now on, workers end only when they have nothing more to do.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether a worker shall leave what it has not begun.
    pub(super) fn drops_steps(&self) -> bool {
        self.is_stopped() && !self.draining.load(Ordering::Relaxed)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Whether nothing may be put into place or deleted any more.
    pub(super) fn is_lost(&self) -> bool {
        self.is_stopped() || self.lost.load(Ordering::Acquire)
    }

    pub(super) fn deletions(&self) -> Option<&Deletions> {
        self.deletions.as_ref()
    }

    pub(super) fn server_error(&self) {
        if let Some(deletions) = &self.deletions {
            deletions.server_error.store(true, Ordering::Relaxed);
        }
    }

    /// Keeps the whole list until the end, if it is needed then.
    pub(super) fn keep_list(&self, segment: &Arc<Segment>) {
        if self.options.deletion.when == Some(DeleteWhen::After) {
            *self.whole_list.lock().expect("no thread panics with the lock") = Some(Arc::clone(segment));
        }
    }

    /// Everything came, and everything but what waited for that is done.
    pub(super) fn conclude(&self) {
        if self.is_lost() {
            return;
        }
        self.destination.conclude().into_iter().for_each(|failure| self.failed(failure));
        self.delete_delayed();
        if let Some(list) = self.whole_list.lock().expect("no thread panics with the lock").take() {
            self.delete_everywhere(DeleteWhen::After, &list);
        }
        self.tell_of_skipped();
    }

    /// Something was deleted.
    pub(super) fn deleted(&self, path: &SafePath, kind: Kind) {
        self.counters.deleted.lock().expect("no thread panics with the lock").add(kind);
        self.monitor.report(&Report::Deleted(path, kind));
    }

    pub(super) fn list_complete(&self, entries: u64) {
        self.monitor.report(&Report::ListComplete(entries));
        self.progress.list_complete.store(true, Ordering::Relaxed);
    }

    pub(super) fn send(&self, commands: Vec<Command<Job<D>>>) {
        if !commands.is_empty() {
            // The driver is gone only when the transfer is over.
            let _ = self.notices.send(Notice::Commands(commands));
        }
    }

    pub(super) fn fatal(&self, error: Error) {
        self.lost.store(true, Ordering::Release);
        let _ = self.notices.send(Notice::Fatal(error));
    }

    /// Something about one entry failed; if nothing else can succeed any more, the transfer ends.
    pub(super) fn failed(&self, failure: Failure) {
        bump(&self.counters.failed, 1);
        let location = self.destination.locate(&failure.path);
        if failure.is_fatal() {
            self.fatal(Error::Local {
                action: failure.action,
                path: location.into(),
                source: failure.source,
            });
        } else {
            let Failure { action, source, .. } = failure;
            self.monitor.report(&Report::Failed(&format!("cannot {action} {location}: {source}")));
        }
    }

    /// Something about one entry failed, in the words of `message`.
    pub(super) fn failed_with(&self, message: &str) {
        bump(&self.counters.failed, 1);
        self.monitor.report(&Report::Failed(message));
    }

    /// The server could not send an entry, and says itself why.
    pub(super) fn not_sent(&self, entry: EntryRef<'_>) {
        bump(&self.counters.not_sent, 1);
        self.warn(&format!("the server did not send {}", entry.path()));
    }

    pub(super) fn warn(&self, message: &str) {
        self.monitor.report(&Report::Warning(message));
    }

    pub(super) fn skipped(&self, entry: EntryRef<'_>, reason: Skip) {
        self.monitor.report(&Report::Skipped(entry, reason));
    }

    /// Reports an entry, and counts it if it is new.
    pub(super) fn item(
        &self,
        entry: EntryRef<'_>,
        action: Action,
        changes: Changes,
        link_to: Option<&SafePath>,
    ) {
        self.told(Item { entry, action, changes, link_to, content: None });
    }

    /// Reports a file whose content is in place, and counts it if it is new.
    pub(super) fn received(&self, entry: EntryRef<'_>, changes: Changes, content: Content<'_>) {
        let content = Some(content);
        self.told(Item { entry, action: Action::Received, changes, link_to: None, content });
    }

    fn told(&self, item: Item<'_>) {
        if item.changes.is_new() {
            let mut created = self.counters.created.lock().expect("no thread panics with the lock");
            created.add(item.entry.kind());
        }
        self.monitor.report(&Report::Item(item));
    }

    /// Counts the entries of a segment.
    pub(super) fn listed(&self, counts: &KindCounts, size: u64) {
        let mut listed = self.counters.listed.lock().expect("no thread panics with the lock");
        listed.files += counts.files;
        listed.directories += counts.directories;
        listed.symlinks += counts.symlinks;
        listed.devices += counts.devices;
        listed.specials += counts.specials;
        bump(&self.counters.total_size, size);
        bump(&self.progress.entries_listed, counts.total());
    }

    /// An entry is finished, well or not.
    pub(super) fn done(&self, entry: EntryRef<'_>, in_place: u64) {
        bump(&self.progress.entries_done, 1);
        if entry.kind() == Kind::File && in_place > 0 {
            bump(&self.progress.bytes_done, in_place);
        }
    }

    pub(super) fn count_content(&self, literal: u64, matched: u64) {
        bump(&self.counters.literal, literal);
        bump(&self.counters.matched, matched);
        bump(&self.progress.bytes_done, literal + matched);
    }

    pub(super) fn count_transfer(&self, size: u64) {
        bump(&self.counters.transferred, 1);
        bump(&self.counters.transferred_size, size);
    }

    pub(super) fn summary(&self) -> Summary {
        let counters = &self.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Summary {
            listed: *counters.listed.lock().expect("no thread panics with the lock"),
            created: *counters.created.lock().expect("no thread panics with the lock"),
            deleted: *counters.deleted.lock().expect("no thread panics with the lock"),
            deletions_skipped: self.skipped_deletions(),
            transferred: get(&counters.transferred),
            total_size: get(&counters.total_size),
            transferred_size: get(&counters.transferred_size),
            literal: get(&counters.literal),
            matched: get(&counters.matched),
            failed: get(&counters.failed),
            not_sent: get(&counters.not_sent),
            ..Summary::default()
        }
    }
}

/// Adds to a counter that nothing is ordered by.
pub(super) fn bump(counter: &AtomicU64, value: u64) {
    counter.fetch_add(value, Ordering::Relaxed);
}
