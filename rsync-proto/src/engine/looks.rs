//! Looks that take long because whole files are read for them: a few threads take them while the generator walks on. What
//! they find it acts upon itself, and in the order of the list as far as these looks go.

use std::collections::{HashMap, VecDeque};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, Scope};

use super::Alarm;
use super::shared::{Job, Shared};
use crate::destination::{Destination, Verdict};

/// Most threads that look: disks do several things at once, but what is found has to be acted upon by one.
const MAX_THREADS: usize = 4;
/// Most looks that are begun and not acted upon. Each keeps its directory open.
const MAX_BEGUN: usize = 256;
/// Files go to the threads, and come back, in batches of so many or of so many bytes: to wake somebody takes longer than to
/// read a small file.
const BATCH: usize = 32;
const BATCH_BYTES: u64 = 1024 * 1024;

/// An entry that was looked at.
pub(super) struct Looked<D: Destination> {
    pub(super) job: Job<D>,
    /// Nothing if it has to be looked at in turn.
    pub(super) verdict: Option<Verdict<D::Basis>>,
}

/// A batch and its number.
type Numbered<T> = (u64, Vec<T>);
/// Nothing from a thread that is lost, and after a stop.
type Answer<D> = Option<Numbered<Looked<D>>>;

/// The looks that were begun.
pub(super) struct Looks<D: Destination> {
    /// Nothing if there are no threads.
    jobs: Option<Sender<Numbered<Job<D>>>>,
    answers: Receiver<Answer<D>>,
    /// The next batch, and the bytes of its files.
    gathered: Vec<Job<D>>,
    gathered_bytes: u64,
    /// Batches that were sent.
    sent: u64,
    /// What was found of batches that are not the next.
    early: HashMap<u64, Vec<Looked<D>>>,
    /// The number of the next batch to act upon.
    awaited: u64,
    /// What is left of the batch before.
    looked: VecDeque<Looked<D>>,
    begun: usize,
}

/// Tells whoever waits for a look when the thread that takes it is lost.
struct Farewell<D: Destination>(Sender<Answer<D>>);

impl<D: Destination> Drop for Farewell<D> {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.send(None);
        }
    }
}

impl<D: Destination> Looks<D> {
    /// Starts the threads, which end with this. None where there is a single core, or no look takes long.
    pub(super) fn start<'scope>(shared: &'scope Arc<Shared<D>>, scope: &'scope Scope<'scope, '_>) -> Self {
        let (jobs, waiting) = channel();
        let (sender, answers) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let wanted = if shared.options.checksum && cores > 1 { cores.min(MAX_THREADS) } else { 0 };
        let started = (0..wanted).filter(|_| {
            let (waiting, sender) = (Arc::clone(&waiting), sender.clone());
            let look = move || {
                // The alarm goes off before anybody is told that there is nothing to wait for.
                let (farewell, _alarm) = (Farewell(sender), Alarm(Arc::clone(shared)));
                look_on(shared, &waiting, &farewell.0);
            };
            // With fewer threads it takes longer.
            thread::Builder::new().name("look".to_owned()).spawn_scoped(scope, look).is_ok()
        });
        let jobs = (started.count() > 0).then_some(jobs);
        Self {
            jobs,
            answers,
            gathered: Vec::new(),
            gathered_bytes: 0,
            sent: 0,
            early: HashMap::new(),
            awaited: 0,
            looked: VecDeque::new(),
            begun: 0,
        }
    }

    /// Whether there is anybody to take looks.
    pub(super) fn are_taken(&self) -> bool {
        self.jobs.is_some()
    }

    /// Lets a look be taken.
    pub(super) fn begin(&mut self, job: Job<D>) {
        self.begun += 1;
        self.gathered_bytes += job.entry.get().size();
        self.gathered.push(job);
        if self.gathered.len() >= BATCH || self.gathered_bytes >= BATCH_BYTES {
            self.send();
        }
    }

    fn send(&mut self) {
        self.gathered_bytes = 0;
        let batch = std::mem::take(&mut self.gathered);
        if let Some(jobs) = self.jobs.as_ref().filter(|_| !batch.is_empty()) {
            // Threads that are gone have told so.
            let _ = jobs.send((self.sent, batch));
            self.sent += 1;
        }
    }

    /// Whether no further look should be begun before one has been acted upon.
    pub(super) fn are_many(&self) -> bool {
        self.begun >= MAX_BEGUN
    }

    /// Whether none is begun that was not acted upon.
    pub(super) fn are_over(&self) -> bool {
        self.begun == 0
    }

    /// What the next of them found, if it is ready.
    pub(super) fn ready(&mut self) -> Option<Looked<D>> {
        while self.looked.is_empty()
            && let Ok(answer) = self.answers.try_recv()
        {
            self.take(answer);
        }
        self.first()
    }

    /// What the next of them finds. Nothing if none was begun, or nobody looks any more.
    pub(super) fn next(&mut self) -> Option<Looked<D>> {
        self.send();
        while self.looked.is_empty() && !self.are_over() {
            let answer = self.answers.recv();
            self.take(answer.unwrap_or(None));
        }
        self.first()
    }

    fn take(&mut self, answer: Answer<D>) {
        let Some((number, looked)) = answer else {
            // What is left is not waited for, and nothing more is begun.
            self.jobs = None;
            self.gathered.clear();
            self.begun = self.looked.len();
            return;
        };
        self.early.insert(number, looked);
        while let Some(next) = self.early.remove(&self.awaited) {
            self.awaited += 1;
            self.looked.extend(next);
        }
    }

    fn first(&mut self) -> Option<Looked<D>> {
        let looked = self.looked.pop_front()?;
        self.begun = self.begun.saturating_sub(1);
        Some(looked)
    }
}

fn look_on<D: Destination>(
    shared: &Shared<D>,
    waiting: &Mutex<Receiver<Numbered<Job<D>>>>,
    sender: &Sender<Answer<D>>,
) {
    loop {
        let batch = waiting.lock().expect("no thread panics with the lock").recv();
        let Ok((number, batch)) = batch else { return };
        let looked = |job| (!shared.is_stopped()).then(|| Looked { verdict: shared.look_ahead(&job), job });
        let all: Option<Vec<_>> = batch.into_iter().map(looked).collect();
        if sender.send(all.map(|all| (number, all))).is_err() {
            return;
        }
    }
}
