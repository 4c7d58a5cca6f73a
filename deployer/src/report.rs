//! What a deployment tells: steps and progress on a terminal, plain lines elsewhere and in the kernel's log, JSON
//! events for programs.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use rsync_proto::report::{Monitor, Report};
use rsync_proto::session::Severity;
use serde_json::{Value, json};

use crate::console::complain;
use crate::events::Events;
use crate::exit::severity_word;
use crate::kmsg::KernelLog;
use crate::mount::PLACE;
use crate::plan::step::{Phase, Step};

/// Steps that take longer than so many seconds are told how long they took.
const WORTH_TELLING: f64 = 1.0;

/// Where everything is told.
pub(crate) struct Reporter {
    quiet: bool,
    events: Option<Events>,
    /// The kernel's log, where this is the first process's child in a ramdisk: a serial console shows it, and it
    /// outlasts this process.
    kernel_log: Option<KernelLog>,
    /// The bar that is shown now, which lines must not break.
    bar: Mutex<Option<indicatif::ProgressBar>>,
}

impl Reporter {
    /// One that writes events to `events`, a file or `fd:N`.
    pub(crate) fn new(quiet: bool, events: Option<&str>) -> io::Result<Self> {
        let events = events.map(|to| Events::open(to, json!({}))).transpose()?;
        let kernel_log = in_ramdisk().then(KernelLog::open).flatten();
        Ok(Self { quiet, events, kernel_log, bar: Mutex::new(None) })
    }

    /// Whether only what is odd is told.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Lines go past this bar from now on.
    pub(crate) fn beside(&self, bar: Option<indicatif::ProgressBar>) {
        *self.bar.lock().expect("no thread panics with the lock") = bar;
    }

    /// A phase begins.
    pub(crate) fn phase(&self, phase: Phase) {
        self.line(&format!("== {phase}"));
        self.event("phase", json!({"phase": phase}));
    }

    /// A step begins.
    pub(crate) fn step(&self, number: usize, of: usize, step: &Step) {
        self.line(&format!("[{number}/{of}] {step}"));
        self.event("step", json!({"number": number, "of": of, "step": step}));
    }

    /// A step has ended.
    pub(crate) fn done(&self, number: usize, seconds: f64) {
        if seconds >= WORTH_TELLING {
            self.line(&format!("    took {seconds:.1} s"));
        }
        self.event("done", json!({"number": number, "seconds": seconds}));
    }

    /// Something that a person may want to know.
    pub(crate) fn note(&self, message: &str) {
        self.line(message);
        self.event("note", json!({"message": message}));
    }

    /// Something odd.
    pub(crate) fn warn(&self, message: &str) {
        self.event("warning", json!({"message": message}));
        self.kernel_log(message);
        self.past_the_bar(|| complain(message));
    }

    /// The events, if there are to be any.
    pub(crate) fn events(&self) -> Option<&Events> {
        self.events.as_ref()
    }

    /// The end.
    pub(crate) fn result(&self, exit: u8, error: Option<&str>) {
        if let Some(error) = error {
            self.kernel_log(error);
        }
        if let Some(events) = &self.events {
            events.result(exit, error, json!({}));
        }
    }

    /// A line for people.
    pub(crate) fn line(&self, line: &str) {
        self.kernel_log(line);
        if !self.quiet {
            self.past_the_bar(|| {
                let _ = writeln!(io::stderr().lock(), "{line}");
            });
        }
    }

    fn past_the_bar(&self, write: impl FnOnce()) {
        let bar = self.bar.lock().expect("no thread panics with the lock").clone();
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn kernel_log(&self, line: &str) {
        if let Some(log) = &self.kernel_log {
            log.write(line);
        }
    }

    fn event(&self, name: &str, fields: Value) {
        if let Some(events) = &self.events {
            events.write(name, fields);
        }
    }
}

/// Whether this is the child of the first process, with a root that is in memory.
fn in_ramdisk() -> bool {
    let parent = rustix::process::getppid().is_some_and(|parent| parent.is_init());
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let memory = |line: &str| {
        let mut words = line.split(' ').skip(1);
        words.next() == Some("/") && matches!(words.next(), Some("rootfs" | "tmpfs" | "ramfs"))
    };
    parent && mounts.lines().any(memory)
}

/// Takes the reports of a pull, and keeps count of what is odd in it.
pub(crate) struct PullMonitor {
    reporter: std::sync::Arc<Reporter>,
    /// Messages of things that failed or are odd, the first of them.
    messages: Mutex<Vec<String>>,
    odd: AtomicU64,
}

/// Messages that a receipt keeps.
const KEPT: usize = 100;

impl PullMonitor {
    pub(crate) fn new(reporter: std::sync::Arc<Reporter>) -> Self {
        Self { reporter, messages: Mutex::default(), odd: AtomicU64::new(0) }
    }

    /// How many messages there were, and the first of them.
    pub(crate) fn messages(&self) -> (u64, Vec<String>) {
        let messages = self.messages.lock().expect("no thread panics with the lock").clone();
        (self.odd.load(Ordering::Relaxed), messages)
    }

    fn odd(&self, message: &str) {
        // Files are named as the deployed system sees them.
        let message = message.replace(PLACE, "");
        self.odd.fetch_add(1, Ordering::Relaxed);
        self.reporter.warn(&message);
        let mut messages = self.messages.lock().expect("no thread panics with the lock");
        if messages.len() < KEPT {
            messages.push(message);
        }
    }
}

impl Monitor for PullMonitor {
    fn report(&self, report: &Report<'_>) {
        match report {
            Report::Server(Severity::Info, _) => {}
            Report::Server(severity, text) => self.odd(&format!("{}{text}", severity_word(*severity))),
            Report::Skipped(entry, reason) => self.odd(&reason.sentence(*entry)),
            Report::Failed(message) | Report::Warning(message) | Report::Stays(message) => self.odd(message),
            _ => {}
        }
    }
}
