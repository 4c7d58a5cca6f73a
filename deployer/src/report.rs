//! What a deployment tells: steps and progress on a terminal, plain lines elsewhere and in the kernel's log, JSON
//! events for programs.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rsync_proto::report::{Monitor, Report};
use rsync_proto::session::Severity;
use serde_json::{Value, json};

use crate::console::complain;
use crate::exit::severity_word;
use crate::mount::PLACE;
use crate::plan::step::{Phase, Step};
use crate::{system, terminal};

/// Version of the events.
const VERSION: u32 = 1;
/// Steps that take longer than so many seconds are told how long they took.
const WORTH_TELLING: f64 = 1.0;

/// Where everything is told.
pub(crate) struct Reporter {
    started: Instant,
    quiet: bool,
    events: Option<Mutex<File>>,
    /// The kernel's log, where this is the first process's child in a ramdisk: a serial console shows it, and it
    /// outlasts this process.
    kernel_log: Option<Mutex<File>>,
    /// The bar that is shown now, which lines must not break.
    bar: Mutex<Option<indicatif::ProgressBar>>,
}

impl Reporter {
    /// One that writes events to `events`, a file or `fd:N`.
    pub(crate) fn new(quiet: bool, events: Option<&str>) -> io::Result<Self> {
        let events = events.map(open_events).transpose()?.map(Mutex::new);
        // On the kernel's own console each line would be seen twice.
        let wanted = in_ramdisk() && !terminal::is_console();
        let kernel_log = wanted.then(|| OpenOptions::new().write(true).open("/dev/kmsg").ok()).flatten();
        let reporter = Self {
            started: Instant::now(),
            quiet,
            events,
            kernel_log: kernel_log.map(Mutex::new),
            bar: Mutex::new(None),
        };
        reporter.event("start", json!({"version": VERSION, "deployer": env!("CARGO_PKG_VERSION")}));
        Ok(reporter)
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

    /// How far a pull is.
    pub(crate) fn progress(&self, bytes: u64, of: u64, entries: u64, entries_of: u64) {
        let progress = json!({"bytes": bytes, "bytes_of": of, "entries": entries, "entries_of": entries_of});
        self.event("progress", progress);
    }

    /// The end.
    pub(crate) fn result(&self, exit: u8, error: Option<&str>) {
        if let Some(error) = error {
            self.kernel_log(error);
        }
        self.event("result", json!({"success": error.is_none(), "exit": exit, "error": error}));
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
            let mut log = log.lock().expect("no thread panics with the lock");
            // Each write is a record.
            line.lines().for_each(|line| drop(log.write_all(format!("deployer: {line}\n").as_bytes())));
        }
    }

    fn event(&self, name: &str, fields: Value) {
        let Some(events) = &self.events else { return };
        let mut event = json!({"event": name, "elapsed_seconds": self.started.elapsed().as_secs_f64()});
        if let (Some(event), Value::Object(fields)) = (event.as_object_mut(), fields) {
            event.extend(fields);
        }
        let line = format!("{event}\n");
        // A reader that went away does not end a deployment.
        let _ = events.lock().expect("no thread panics with the lock").write_all(line.as_bytes());
    }
}

fn open_events(to: &str) -> io::Result<File> {
    match to.strip_prefix("fd:").map(str::parse::<i32>) {
        Some(Ok(number)) => Ok(system::inherited(number)?.into()),
        Some(Err(_)) => Err(io::Error::new(io::ErrorKind::InvalidInput, "expected fd:N with a number")),
        None => OpenOptions::new().create(true).append(true).mode(0o644).open(to),
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
    parent && Path::new("/dev/kmsg").exists() && mounts.lines().any(memory)
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
            Report::Skipped(entry, reason) => self.odd(&format!("{reason} \"{}\"", entry.path())),
            Report::Failed(message) | Report::Warning(message) => self.odd(message),
            _ => {}
        }
    }
}
