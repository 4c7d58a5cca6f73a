//! A command line, and the program that runs by it.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::Outcome;

/// What a run may take unless the test says otherwise. It is there to end a hang, so it is generous.
const LIMIT: Duration = Duration::from_secs(120);

/// A command line that has not started.
#[derive(Debug)]
pub struct Invocation {
    name: &'static str,
    command: Command,
    limit: Duration,
    input: Stdio,
}

impl Invocation {
    pub(super) fn new(name: &'static str, command: Command) -> Self {
        Self { name, command, limit: LIMIT, input: Stdio::null() }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// One more variable in the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// What it reads from standard input; otherwise that is empty.
    #[must_use]
    pub fn input(mut self, input: impl Into<Stdio>) -> Self {
        self.input = input.into();
        self
    }

    /// Where relative paths begin.
    #[must_use]
    pub fn within(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Another limit of time.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it cannot be started or takes too long.
    #[must_use]
    pub fn run(self) -> Outcome {
        self.start().wait()
    }

    /// Starts it.
    ///
    /// # Panics
    /// If it cannot be started, or its input cannot be opened.
    #[must_use]
    pub fn start(mut self) -> Running {
        let arguments: Vec<OsString> = self.command.get_args().map(OsStr::to_owned).collect();
        self.command.stdin(self.input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            self.command.spawn().unwrap_or_else(|error| panic!("setsid cannot be started: {error}"));
        let streams = vec![
            collect(child.stdout.take().expect("standard output is a pipe")),
            collect(child.stderr.take().expect("standard error is a pipe")),
        ];
        let line = arguments.join(OsStr::new(" ")).to_string_lossy().into_owned();
        Running { name: self.name, line, child, streams, deadline: Instant::now() + self.limit }
    }
}

fn collect(mut stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("a pipe can be read");
        bytes
    })
}

/// A program that runs. It is killed if the test drops it.
#[derive(Debug)]
pub struct Running {
    name: &'static str,
    line: String,
    child: Child,
    /// Standard output and standard error.
    streams: Vec<JoinHandle<Vec<u8>>>,
    deadline: Instant,
}

impl Running {
    /// Sends a signal to the program's first process, as an init system would.
    ///
    /// # Panics
    /// If it has ended and was waited for.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a child that was not waited for can be sent a signal");
    }

    /// Waits until `condition` holds while the program runs.
    ///
    /// # Panics
    /// If the program ends before, or time is up.
    pub fn until(&mut self, what: &str, mut condition: impl FnMut() -> bool) {
        let reached = self.reaches(what, |_| condition());
        assert!(reached, "{} was expected to run until {what}; it ended", self.line);
    }

    /// Waits until `condition`, which is given the process id, holds or the program has ended. Returns whether it
    /// holds.
    ///
    /// # Panics
    /// If time is up.
    pub fn reaches(&mut self, what: &str, mut condition: impl FnMut(u32) -> bool) -> bool {
        while !condition(self.child.id()) {
            if self.child.try_wait().expect("a child can be asked whether it has ended").is_some() {
                return false;
            }
            assert!(Instant::now() < self.deadline, "{} was expected to come to: {what}", self.line);
            thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Its process id, which is also that of the session in which all that it starts runs.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end, and for that of every child that holds its output open.
    ///
    /// # Panics
    /// If it takes too long.
    #[must_use]
    pub fn wait(mut self) -> Outcome {
        let mut status: Option<ExitStatus> = None;
        while status.is_none() || !self.streams.iter().all(JoinHandle::is_finished) {
            if status.is_none() {
                status = self.child.try_wait().expect("a child can be asked whether it has ended");
            }
            if Instant::now() > self.deadline {
                let _ = kill_process_group(self.pid(), Signal::KILL);
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!("{} was expected to end in time; it was killed", self.line);
            }
            thread::sleep(Duration::from_millis(1));
        }
        let mut text = self.streams.drain(..).map(|stream| {
            let bytes = stream.join().expect("a pipe is read to its end");
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let [stdout, stderr] = [(); 2].map(|()| text.next().expect("two streams are read"));
        drop(text);
        let status = status.expect("the loop ends with a status");
        Outcome { name: self.name, line: self.line.clone(), status, stdout, stderr }
    }

    fn pid(&self) -> Pid {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a child has a process id")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process_group(self.pid(), Signal::KILL);
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
