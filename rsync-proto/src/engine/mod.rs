//! The threads that work on a pull: a generator that compares the file list with the destination and asks
//! for what is missing, with a few others that look for it where a look takes long, and disk workers that
//! write what comes. The driver parses what the server sends and hands it on to them; they tell it what to ask
//! for and what is finished.
//!
//! Every queue is bounded: requests by a gate, content by the pool of network buffers and by the number of
//! steps that wait, open directories by a second gate. Nothing here waits for the network while it holds what
//! the network waits for: workers give their buffers back before they wait, and before the generator waits for
//! directories, hard links that keep them open stop waiting for their group.

mod attempt;
mod deletion;
mod dirs;
mod gate;
mod generator;
#[cfg(feature = "zlib")]
mod inflate;
mod links;
mod looks;
mod shared;
mod walk;
mod worker;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::checksum::StrongSum;
use crate::compression::CompressionKind;
use crate::destination::Destination;
use crate::error::{Error, Result};
use crate::flist::Segment;
use crate::handshake::Agreed;
use crate::options::Options;
use crate::report::{Monitor, Progress, Summary};
use crate::session::Command;
pub(crate) use shared::Job;
use shared::{Notice, Shared};
pub(crate) use worker::Backlog;
use worker::{Batch, Step};

/// Disk workers: enough to keep a second core busy, few enough to keep writes in large pieces.
const WORKERS: usize = 2;

/// Blocks are joined up to about this length, in bytes: between two steps a worker looks whether to stop.
const MAX_RUN: u64 = 4 * 1024 * 1024;

/// A pull's threads, and the way to them.
pub(crate) struct Engine<D: Destination> {
    shared: Arc<Shared<D>>,
    notices: UnboundedReceiver<Notice<D>>,
    segments: Option<mpsc::Sender<Arc<Segment>>>,
    only_one: bool,
    /// Entries that came so far.
    listed: u64,
    workers: Vec<Lane<D>>,
    /// The worker that writes the file whose content is coming.
    current: usize,
    threads: Vec<JoinHandle<()>>,
}

/// Tells when a thread panics: nobody else would, and the transfer would wait for it.
struct Alarm<D: Destination>(Arc<Shared<D>>);

impl<D: Destination> Drop for Alarm<D> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fatal(Error::Internal("a thread of the transfer panicked"));
        }
    }
}

/// What goes to one worker: collected while a chunk is parsed, then sent in one piece.
struct Lane<D: Destination> {
    sender: Option<mpsc::Sender<Batch<D>>>,
    batch: Batch<D>,
    load: Arc<worker::Load>,
}

/// What the engine has to say.
pub(crate) enum Said<D: Destination> {
    /// For the session.
    Commands(Vec<Command<Job<D>>>),
    /// The transfer cannot go on.
    Fatal(Error),
}

impl<D: Destination> Engine<D> {
    /// Starts the threads. `agreed` tells how content comes.
    pub(crate) fn start(
        destination: D,
        options: &Options,
        agreed: &Agreed,
        monitor: Arc<dyn Monitor>,
        progress: Arc<Progress>,
        deleted: Arc<AtomicU64>,
    ) -> Result<Self> {
        let (sender, notices) = unbounded_channel();
        let inflates = (agreed.compression == Some(CompressionKind::Zlib)).then_some(agreed.protocol < 31);
        let shared =
            Arc::new(Shared::new(destination, options.clone(), monitor, progress, sender, inflates, deleted));
        let (segments, incoming) = mpsc::channel();
        let mut engine = Self {
            shared: Arc::clone(&shared),
            notices,
            segments: Some(segments),
            only_one: false,
            listed: 0,
            workers: Vec::new(),
            current: 0,
            threads: Vec::new(),
        };
        let generator = Arc::clone(&shared);
        engine.spawn("generator", move || generator::run(&generator, &incoming))?;
        for _ in 0..WORKERS {
            let (sender, steps) = mpsc::channel();
            let load = Arc::new(worker::Load::default());
            let (shared, worker_load) = (Arc::clone(&shared), Arc::clone(&load));
            engine.spawn("disk", move || worker::run(&shared, &steps, &worker_load))?;
            engine.workers.push(Lane { sender: Some(sender), batch: Batch::default(), load });
        }
        Ok(engine)
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
        let alarm = Alarm(Arc::clone(&self.shared));
        let run = move || {
            // Moved in, so that it goes off with the thread.
            let _alarm = alarm;
            run();
        };
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .map_err(|source| Error::Local { action: "start a thread for", path: name.into(), source })?;
        self.threads.push(thread);
        Ok(())
    }

    /// The next thing that the engine has to say.
    pub(crate) async fn said(&mut self) -> Said<D> {
        match self.notices.recv().await {
            Some(Notice::Commands(commands)) => Said::Commands(commands),
            Some(Notice::Fatal(error)) => Said::Fatal(error),
            None => unreachable!("the engine holds a sender itself"),
        }
    }

    /// As [`Self::said`], if there is something already.
    pub(crate) fn said_already(&mut self) -> Option<Said<D>> {
        match self.notices.try_recv().ok()? {
            Notice::Commands(commands) => Some(Said::Commands(commands)),
            Notice::Fatal(error) => Some(Said::Fatal(error)),
        }
    }

    /// The first segment is the whole list.
    pub(crate) fn one_segment(&mut self) {
        self.only_one = true;
    }

    /// The server could not read everything that it was asked for.
    pub(crate) fn server_error(&self) {
        self.shared.server_error();
    }

    /// A segment came.
    pub(crate) fn segment(&mut self, segment: Arc<Segment>) {
        self.listed += segment.len() as u64;
        if self.only_one {
            self.shared.list_complete(self.listed);
        }
        if let Some(segments) = &self.segments {
            // A generator that is gone has told why.
            let _ = segments.send(segment);
        }
        if self.only_one {
            self.segments = None;
        }
    }

    /// No further segment will come.
    pub(crate) fn list_end(&mut self) {
        self.segments = None;
        self.shared.list_complete(self.listed);
    }

    /// The content of a file begins: the worker with the least to do takes it.
    pub(crate) fn file_begins(&mut self, job: Job<D>) {
        let loads = self.workers.iter().map(|lane| lane.load.get());
        self.current = loads.enumerate().min_by_key(|(_, load)| *load).map_or(0, |(worker, _)| worker);
        self.push(Step::Begin(job));
    }

    /// The next bytes of the file that began.
    pub(crate) fn literal(&mut self, bytes: Bytes) {
        self.workers[self.current].batch.bytes += bytes.len() as u64;
        self.push(Step::Literal(bytes));
    }

    /// Deflated data, of which the next bytes of the file that began are made.
    #[cfg(feature = "zlib")]
    pub(crate) fn deflated(&mut self, bytes: Bytes) {
        self.push(Step::Deflated(bytes));
    }

    /// The next bytes of the file that began lie in its basis.
    pub(crate) fn matched(&mut self, offset: u64, len: u32) {
        let len = u64::from(len);
        // Where it matters how long a block is, it stays alone.
        let join = self.shared.inflates != Some(true);
        let lane = &mut self.workers[self.current];
        // Blocks that follow each other are copied in one piece.
        if join
            && let Some(Step::Matched { offset: start, len: run }) = lane.batch.steps.last_mut()
            && *start + *run == offset
            && *run < MAX_RUN
        {
            *run += len;
            lane.load.add(len);
            return;
        }
        self.push(Step::Matched { offset, len });
    }

    /// The file that began is complete.
    pub(crate) fn file_ends(&mut self, sum: StrongSum, received: u64) {
        self.push(Step::End { sum, received });
    }

    /// The attributes of a file that were missing are here.
    pub(crate) fn attributes(&mut self, job: Job<D>) {
        self.push(Step::Attributes(job));
    }

    /// The server cannot send a file.
    pub(crate) fn not_sent(&mut self, job: Job<D>) {
        self.push(Step::NotSent(job));
    }

    fn push(&mut self, step: Step<D>) {
        let lane = &mut self.workers[self.current];
        lane.load.add(step.weight());
        lane.batch.steps.push(step);
    }

    /// A chunk is parsed: sends what was collected.
    pub(crate) fn dispatch(&mut self) {
        for lane in self.workers.iter_mut().filter(|lane| !lane.batch.steps.is_empty()) {
            let (steps, bytes) = (lane.batch.steps.len(), lane.batch.bytes);
            self.shared.backlog.add(steps, bytes);
            let batch = std::mem::take(&mut lane.batch);
            if lane.sender.as_ref().is_none_or(|sender| sender.send(batch).is_err()) {
                // The worker is gone, and has told why.
                self.shared.backlog.remove(steps, bytes);
            }
        }
    }

    /// What waits for the workers.
    pub(crate) fn backlog(&self) -> Arc<Backlog> {
        Arc::clone(&self.shared.backlog)
    }

    /// What was counted so far.
    pub(crate) fn summary(&self) -> Summary {
        self.shared.summary()
    }

    /// The transfer is over: waits until the threads have finished the last directories, and does what has to come
    /// last.
    ///
    /// # Errors
    /// What made that impossible.
    pub(crate) async fn finish(&mut self) -> Result<()> {
        self.segments = None;
        self.end_lanes();
        let generator = self.threads.remove(0);
        let workers = std::mem::take(&mut self.threads);
        let shared = Arc::clone(&self.shared);
        let (sender, ended) = tokio::sync::oneshot::channel();
        // Not here: whoever drives this must be able to drop it meanwhile.
        self.spawn("last", move || {
            workers.into_iter().chain([generator]).for_each(|thread| drop(thread.join()));
            shared.conclude();
            let _ = sender.send(());
        })?;
        let _ = ended.await;
        self.join();
        while let Some(said) = self.said_already() {
            if let Said::Fatal(error) = said {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Nothing more comes, but what came counts: the workers go through it before they end, so that as little as
    /// possible has to come again.
    pub(crate) fn stop_after_what_came(&mut self) {
        self.dispatch();
        self.shared.drain();
        self.stop();
    }

    /// Ends the threads: they finish what they are at, and drop what they have of unfinished files.
    pub(crate) fn stop(&mut self) {
        self.shared.stop();
        self.join();
    }

    fn end_lanes(&mut self) {
        for lane in &mut self.workers {
            lane.batch = Batch::default();
            lane.sender = None;
        }
    }

    fn join(&mut self) {
        self.segments = None;
        self.end_lanes();
        for thread in self.threads.drain(..) {
            // A thread that panicked has shown its message; there is nothing to add here.
            let _ = thread.join();
        }
    }
}

impl<D: Destination> Drop for Engine<D> {
    fn drop(&mut self) {
        self.stop();
    }
}
