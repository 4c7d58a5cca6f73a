//! A disk worker: writes the content of files as it comes, one file after the other, and finishes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};

use bytes::Bytes;
use tokio::sync::Notify;

#[cfg(feature = "zlib")]
use super::inflate::{Inflating, Trouble};
use super::shared::{Job, Shared};
use crate::checksum::StrongSum;
use crate::destination::{Destination, Failure, Incoming, Received, Sink};
use crate::flist::Kind;
use crate::report::Content;
use crate::session::Command;

/// So many commands are collected before the driver hears of them, even if there is more to do.
const BATCH: usize = 64;

/// So many steps may wait for the workers before nothing more is read from the network.
const MAX_BACKLOG: u64 = 64 * 1024;
/// So many bytes of literals, likewise. More than all buffers of the network have, so it matters only where few bytes
/// become many.
const MAX_BACKLOG_BYTES: u64 = 16 * 1024 * 1024;

/// One thing to do.
pub(super) enum Step<D: Destination> {
    Begin(Job<D>),
    Literal(Bytes),
    /// Literals that only a worker can unpack.
    #[cfg(feature = "zlib")]
    Deflated(Bytes),
    Matched {
        offset: u64,
        len: u64,
    },
    End {
        sum: StrongSum,
        received: u64,
    },
    Attributes(Job<D>),
    NotSent(Job<D>),
}

impl<D: Destination> Step<D> {
    /// A rough measure of the time that it takes, in bytes written.
    pub(super) fn weight(&self) -> u64 {
        match self {
            Step::Begin(_) | Step::Attributes(_) => 32 * 1024,
            Step::Literal(bytes) => bytes.len() as u64,
            #[cfg(feature = "zlib")]
            Step::Deflated(bytes) => bytes.len() as u64,
            Step::Matched { len, .. } => *len,
            Step::End { .. } | Step::NotSent(_) => 0,
        }
    }
}

/// What waits for a worker.
#[derive(Default)]
pub(super) struct Load(AtomicU64);

impl Load {
    pub(super) fn add(&self, weight: u64) {
        self.0.fetch_add(weight, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What waits for all workers. References to a basis hold no buffer of the network, and neither does what was
/// unpacked, so they need bounds of their own.
#[derive(Default)]
pub(crate) struct Backlog {
    steps: AtomicU64,
    bytes: AtomicU64,
    relief: Notify,
}

/// Steps that go to a worker together.
pub(super) struct Batch<D: Destination> {
    pub(super) steps: Vec<Step<D>>,
    /// Bytes of literals in them.
    pub(super) bytes: u64,
}

impl<D: Destination> Default for Batch<D> {
    fn default() -> Self {
        Self { steps: Vec::new(), bytes: 0 }
    }
}

impl Backlog {
    pub(super) fn add(&self, steps: usize, bytes: u64) {
        self.steps.fetch_add(steps as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn remove(&self, steps: usize, bytes: u64) {
        let steps = self.steps.fetch_sub(steps as u64, Ordering::Relaxed);
        let bytes = self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        if steps >= MAX_BACKLOG || bytes >= MAX_BACKLOG_BYTES {
            self.relief.notify_one();
        }
    }

    /// Whether nothing more should be read for now.
    pub(crate) fn is_full(&self) -> bool {
        self.steps.load(Ordering::Relaxed) >= MAX_BACKLOG
            || self.bytes.load(Ordering::Relaxed) >= MAX_BACKLOG_BYTES
    }

    /// Waits until more may be read.
    pub(crate) async fn room(&self) {
        while self.is_full() {
            self.relief.notified().await;
        }
    }
}

/// Works on batches of steps until there are no more.
pub(super) fn run<D: Destination>(shared: &Arc<Shared<D>>, batches: &Receiver<Batch<D>>, load: &Load) {
    let mut worker = Worker {
        shared,
        file: None,
        commands: Vec::new(),
        #[cfg(feature = "zlib")]
        inflating: shared.inflates.map(Inflating::new),
    };
    loop {
        let Batch { steps: batch, bytes } = match batches.try_recv() {
            Ok(batch) => batch,
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {
                // The network may be waiting for the buffers that the file still holds, and the server for
                // what is finished.
                worker.flush();
                match batches.recv() {
                    Ok(batch) => batch,
                    Err(_) => break,
                }
            }
        };
        let steps = batch.len();
        for step in batch {
            if shared.drops_steps() {
                return;
            }
            let weight = step.weight();
            worker.step(step);
            if worker.commands.len() >= BATCH {
                worker.send();
            }
            load.0.fetch_sub(weight, Ordering::Relaxed);
        }
        shared.backlog.remove(steps, bytes);
    }
    worker.flush();
}

struct Worker<'a, D: Destination> {
    shared: &'a Arc<Shared<D>>,
    file: Option<Open<D>>,
    commands: Vec<Command<Job<D>>>,
    #[cfg(feature = "zlib")]
    inflating: Option<Inflating>,
}

/// The file whose content comes.
struct Open<D: Destination> {
    job: Job<D>,
    /// Nothing after a failure: the rest of the content is dropped.
    sink: Option<D::Sink>,
    literal: u64,
    matched: u64,
}

impl<D: Destination> Worker<'_, D> {
    fn step(&mut self, step: Step<D>) {
        match step {
            Step::Begin(job) => self.begin(job),
            Step::Literal(bytes) => {
                let len = bytes.len() as u64;
                self.content(len, 0, |sink| sink.literal(bytes));
            }
            #[cfg(feature = "zlib")]
            Step::Deflated(bytes) => self.inflate(|inflating, sink| inflating.unpack(bytes, sink)),
            Step::Matched { offset, len } => {
                self.content(0, len, |sink| sink.matched(offset, len));
                #[cfg(feature = "zlib")]
                self.inflate(|inflating, sink| inflating.matched(len, sink).map(|()| 0));
            }
            Step::End { sum, received } => self.end(&sum, received),
            Step::Attributes(job) => self.attributes(&job),
            Step::NotSent(job) => {
                self.shared.not_sent(job.entry.get());
                self.settle(&job, false);
            }
        }
    }

    fn begin(&mut self, job: Job<D>) {
        let handle = job.entry.clone();
        let incoming = Incoming {
            basis: job.basis.as_ref(),
            kept: job.kept,
            again: job.again,
            replaces: !job.changes.is_new(),
        };
        let opened = job.dir.receive(self.shared, handle.get(), incoming);
        let sink = self.ok(opened);
        #[cfg(feature = "zlib")]
        if let Some(inflating) = &mut self.inflating {
            let growth = self.shared.options.limits.growth;
            inflating.begin(handle.get().size().saturating_add(growth));
        }
        self.file = Some(Open { job, sink, literal: 0, matched: 0 });
    }

    fn ok<T>(&self, result: Result<T, Failure>) -> Option<T> {
        result.map_err(|failure| self.shared.failed(failure)).ok()
    }

    fn content(
        &mut self,
        literal: u64,
        matched: u64,
        store: impl FnOnce(&mut D::Sink) -> std::io::Result<()>,
    ) {
        let open = self.file.as_mut().expect("content belongs to a file");
        open.literal += literal;
        open.matched += matched;
        self.shared.count_content(literal, matched);
        let Some(sink) = &mut open.sink else { return };
        if let Err(error) = store(sink) {
            open.sink = None;
            self.shared.failed(Failure::new("write", open.job.entry.get().path(), error));
        }
    }

    /// Does something with the deflated stream, if there is one, that leads to so many bytes of literals.
    #[cfg(feature = "zlib")]
    fn inflate(&mut self, work: impl FnOnce(&mut Inflating, &mut D::Sink) -> Result<u64, Trouble>) {
        let Some(inflating) = &mut self.inflating else { return };
        let open = self.file.as_mut().expect("content belongs to a file");
        let Some(sink) = &mut open.sink else { return };
        match work(inflating, sink) {
            Ok(literal) => {
                open.literal += literal;
                self.shared.count_content(literal, 0);
            }
            Err(trouble) => {
                open.sink = None;
                match trouble {
                    Trouble::Server(error) => self.shared.fatal(error),
                    Trouble::Sink(error) => {
                        self.shared.failed(Failure::new("write", open.job.entry.get().path(), error));
                    }
                }
            }
        }
    }

    fn end(&mut self, sum: &StrongSum, received: u64) {
        #[cfg(feature = "zlib")]
        self.inflate(|inflating, _| inflating.end().map(|()| 0).map_err(Trouble::Server));
        let Open { job, sink, literal, matched } = self.file.take().expect("an end belongs to a file");
        let handle = job.entry.clone();
        let entry = handle.get();
        self.shared.count_transfer(entry.size());
        let Some(sink) = sink else { return self.settle(&job, false) };
        let content = Content { literal, matched, received, sum };
        match self.ok(sink.finish(sum, entry)) {
            Some(Received::Complete) => {
                self.shared.received(entry, job.changes, content);
                self.settle(&job, true);
            }
            Some(Received::Bare(failure)) => {
                self.shared.received(entry, job.changes, content);
                self.shared.failed(failure);
                self.settle(&job, true);
            }
            Some(Received::Mismatch) if !job.again => self.ask_again(&job),
            Some(Received::Mismatch) => {
                let path = entry.path();
                self.shared.failed_with(&format!(
                    "{path} came twice with a wrong checksum and was not kept; it may be changing on the server"
                ));
                self.settle(&job, false);
            }
            None => self.settle(&job, false),
        }
    }

    /// The second try asks with block sums of full length. What the first request held goes over to it.
    fn ask_again(&mut self, job: &Job<D>) {
        let path = job.entry.get().path();
        self.shared.warn(&format!("{path} came with a wrong checksum; asking for it again"));
        let (index, cost) = (job.index, job.cost);
        let again = Job { again: true, ..job.clone() };
        match self.shared.content_request(again) {
            Ok(asking) => {
                let mut request = asking.whole();
                request.ticket.cost = cost;
                self.commands.extend([Command::Ask(request), Command::Release(index)]);
            }
            Err(failure) => {
                self.shared.failed(failure);
                self.settle(job, false);
            }
        }
    }

    fn attributes(&mut self, job: &Job<D>) {
        let handle = job.entry.clone();
        let entry = handle.get();
        // A directory gets its attributes when the last one leaves it.
        if entry.kind() != Kind::Directory {
            let set = self.shared.destination.touch(job.dir.dir(), entry, job.changes);
            self.ok(set);
        }
        self.release(job);
    }

    /// A file is finished, well or not, and with it perhaps its group of hard links.
    fn settle(&mut self, job: &Job<D>, complete: bool) {
        let handle = job.entry.clone();
        self.shared.done(handle.get(), 0);
        if !job.alone {
            let commands = self.shared.settle_group(handle.get(), complete, true);
            self.commands.extend(commands);
        }
        self.release(job);
    }

    fn release(&mut self, job: &Job<D>) {
        self.commands.push(Command::Release(job.index));
        self.shared.requests.leave(job.cost);
        job.dir.leave(self.shared);
    }

    fn flush(&mut self) {
        if let Some(open) = &mut self.file
            && let Some(Err(error)) = open.sink.as_mut().map(Sink::flush)
        {
            open.sink = None;
            self.shared.failed(Failure::new("write", open.job.entry.get().path(), error));
        }
        self.send();
    }

    fn send(&mut self) {
        self.shared.send(std::mem::take(&mut self.commands));
    }
}
