//! A machine that runs, and what it has said.

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::LIMIT;
use crate::scratch::Scratch;

/// The name of the file with what came over the second serial line.
pub(super) const EVENTS: &str = "events";
/// The same of the console.
const CONSOLE: &str = "console";
/// How often its console is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How many of its last lines are shown.
const LAST: usize = 150;

/// A machine that runs; it is off when this value is dropped.
#[derive(Debug)]
pub struct Running {
    guest: Child,
    scratch: Scratch,
    until: Instant,
}

/// A machine that ran, or was cut off: what it has said.
#[derive(Debug)]
pub struct Ran {
    console: String,
    events: String,
}

impl Running {
    pub(super) fn new(mut command: Command, scratch: Scratch) -> Self {
        command.stdin(Stdio::piped()).stderr(Stdio::inherit());
        command.stdout(File::create(scratch.join(CONSOLE)).expect("memory is large enough"));
        let guest = command.spawn().unwrap_or_else(|error| panic!("the emulator cannot be started: {error}"));
        Self { guest, scratch, until: Instant::now() + LIMIT }
    }

    /// Waits until what it has said is so.
    ///
    /// # Panics
    /// If it ends before, or it takes too long.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut is_so: impl FnMut(&Ran) -> bool) {
        loop {
            // Before it is looked at what was said: what ends has said everything.
            let ended = self.has_ended();
            let said = self.said();
            if is_so(&said) {
                return;
            }
            assert!(!ended, "the machine ended, and {what} was expected before\n{said}");
            self.wait(what, &said);
        }
    }

    /// Whether its console has this text in time.
    pub(super) fn says_within(&mut self, text: &str, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        loop {
            let ended = self.has_ended();
            if self.said().console.contains(text) {
                return true;
            }
            if ended || Instant::now() >= until {
                return false;
            }
            thread::sleep(LOOK);
        }
    }

    /// Waits until its console has this text.
    ///
    /// # Panics
    /// As [`Running::until`].
    #[track_caller]
    pub fn until_it_says(&mut self, text: &str) {
        self.until(&format!("{text:?} on the console"), |said| said.console.contains(text));
    }

    /// Waits until it restarts or turns itself off.
    ///
    /// # Panics
    /// If it takes too long.
    #[must_use]
    #[track_caller]
    pub fn end(mut self) -> Ran {
        while !self.has_ended() {
            self.wait("the end of the machine", &self.said());
        }
        self.told()
    }

    /// Types this on its console, again and again, until what it has said is so: it may not listen yet.
    ///
    /// # Panics
    /// As [`Running::until`].
    #[track_caller]
    pub fn types_until(&mut self, text: &str, what: &str, mut is_so: impl FnMut(&Ran) -> bool) {
        while !is_so(&self.said()) {
            self.types(text);
            let said = self.said();
            self.wait(what, &said);
        }
    }

    /// Types this on its console.
    ///
    /// # Panics
    /// If it is off.
    pub fn types(&mut self, text: &str) {
        let keys = self.guest.stdin.as_mut().expect("it was opened");
        keys.write_all(text.as_bytes()).and_then(|()| keys.flush()).expect("the machine is on");
    }

    /// Cuts its power.
    #[must_use]
    pub fn cut(mut self) -> Ran {
        self.kill();
        self.told()
    }

    /// All that it has said, for whoever reads what the test did, too.
    fn told(&self) -> Ran {
        let said = self.said();
        println!("{said}\n");
        said
    }

    fn has_ended(&mut self) -> bool {
        self.guest.try_wait().expect("it is a child of this process").is_some()
    }

    #[track_caller]
    fn wait(&self, what: &str, said: &Ran) {
        assert!(Instant::now() < self.until, "{what} was expected within {LIMIT:?}\n{said}");
        thread::sleep(LOOK);
    }

    fn said(&self) -> Ran {
        let text = |name: &str| {
            let bytes = fs::read(self.scratch.join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Ran { console: text(CONSOLE), events: text(EVENTS) }
    }

    fn kill(&mut self) {
        let _ = self.guest.kill();
        let _ = self.guest.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Ran {
    /// Fails unless its console has all of these texts.
    ///
    /// # Panics
    /// With the first that is missing.
    #[track_caller]
    pub fn says(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.console.contains(text), "the console was expected to say {text:?}\n{self}");
        }
    }

    /// Fails if its console has one of these texts.
    ///
    /// # Panics
    /// With the first that is there.
    #[track_caller]
    pub fn says_nothing_of(&self, texts: &[&str]) {
        for text in texts {
            assert!(!self.console.contains(text), "the console was not expected to say {text:?}\n{self}");
        }
    }

    /// The ends of the lines of its console that have this text: what stands behind it.
    #[must_use]
    pub fn lines(&self, text: &str) -> Vec<String> {
        let rest = |line: &str| line.split_once(text).map(|(_, rest)| rest.trim_end().to_owned());
        self.console.lines().filter_map(rest).collect()
    }

    /// What its deployment told programs. What no program can read was not finished.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line.trim()).ok();
        self.events.lines().filter_map(parse).filter(|event: &Value| event["event"].is_string()).collect()
    }

    /// The receipt of its deployment, as it was written last.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn receipt(&self) -> Value {
        let text = self.events.replace('\r', "");
        let last = text.rfind("\n{\n").and_then(|start| text[start..].split_inclusive("\n}\n").next());
        let parsed = last.and_then(|receipt| serde_json::from_str(receipt).ok());
        parsed.unwrap_or_else(|| panic!("a receipt was expected in\n{text}\n{self}"))
    }

    /// The steps that began: their kinds.
    #[must_use]
    pub fn steps(&self) -> Vec<String> {
        let kind = |event: Value| Some(event["step"]["action"].as_str()?.to_owned());
        self.events().into_iter().filter_map(kind).collect()
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&str> = self.console.lines().collect();
        write!(f, "--- console, its last lines ---\n{}", lines[lines.len().saturating_sub(LAST)..].join("\n"))
    }
}
