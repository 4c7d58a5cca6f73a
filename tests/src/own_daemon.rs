//! The daemon of the program under test, `deployer serve`, on loopback for the length of a test.
//!
//! Not for rsync's own: see [`crate::daemon`].

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::run::Program;
use crate::server::Server;

/// How long it may take until it listens, and until it has ended. Passing it is a failure, not a wait.
const LIMIT: Duration = Duration::from_secs(30);

/// What the daemon is to be like, before it runs.
#[derive(Debug)]
pub struct OwnPlan {
    program: Program,
    options: Vec<OsString>,
    modules: Vec<OsString>,
}

impl OwnPlan {
    /// On IPv4, with no modules.
    ///
    /// # Panics
    /// If there is no program under test.
    #[must_use]
    pub fn new() -> Self {
        Self { program: Program::deployer(), options: Vec::new(), modules: Vec::new() }
    }

    /// Adds a module.
    #[must_use]
    pub fn serve(mut self, name: &str, path: &Path) -> Self {
        let mut module = OsString::from(format!("{name}="));
        module.push(path);
        self.modules.push(module);
        self
    }

    /// One more argument in front of the modules.
    #[must_use]
    pub fn with(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.options.push(argument.as_ref().to_owned());
        self
    }

    /// Run in another way, such as by nobody or with few open files.
    #[must_use]
    pub fn run_as(mut self, change: impl FnOnce(Program) -> Program) -> Self {
        self.program = change(self.program);
        self
    }

    /// Starts it and returns when it listens.
    ///
    /// # Panics
    /// If it does not come to listen.
    #[must_use]
    pub fn start(self) -> OwnDaemon {
        let mut daemon = self.launch("127.0.0.1:0");
        let first = daemon.first_line();
        let url = first.strip_prefix("serving ").and_then(|url| url.split_once("://"));
        let address = url.filter(|(scheme, _)| ["rsync", "rsyncs"].contains(scheme)).map(|(_, rest)| rest);
        let address = address.and_then(|rest| rest.split('/').next());
        let address = address.and_then(|it| it.parse().ok()).unwrap_or_else(|| {
            panic!("deployer serve was expected to say where it listens, not {first:?}\n{}", daemon.said())
        });
        daemon.address = address;
        daemon
    }

    /// Runs it to its end, for what cannot be served. Returns its exit code and what it said.
    ///
    /// # Panics
    /// If it serves.
    #[must_use]
    pub fn refused(self) -> (Option<i32>, String) {
        let mut daemon = self.launch("127.0.0.1:0");
        let status = daemon.wait("refuse to serve");
        daemon.join();
        (status.code(), daemon.said())
    }

    fn launch(&self, listen: &str) -> OwnDaemon {
        let mut command = self.program.command();
        command.args(["serve", "--listen", listen]).args(&self.options).args(&self.modules);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("setpriv and setsid are expected to be installed");
        let said = Arc::new(Mutex::new(String::new()));
        let (first, came) = mpsc::channel();
        let out = child.stdout.take().expect("standard output is a pipe");
        let err = child.stderr.take().expect("standard error is a pipe");
        let readers = vec![keep(out, &said, Some(first)), keep(err, &said, None)];
        OwnDaemon { child, address: ([127, 0, 0, 1], 0).into(), said, came, readers, ended: false }
    }
}

impl Default for OwnPlan {
    fn default() -> Self {
        Self::new()
    }
}

/// Keeps what comes, line by line; the first line is passed on as well.
fn keep(
    stream: impl Read + Send + 'static,
    said: &Arc<Mutex<String>>,
    mut first: Option<mpsc::Sender<String>>,
) -> JoinHandle<()> {
    let said = Arc::clone(said);
    thread::spawn(move || {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            line.clear();
            if let Some(first) = first.take() {
                let _ = first.send(text.trim_end().to_owned());
            }
            said.lock().expect("no reader fails").push_str(&text);
        }
    })
}

/// A daemon that runs as long as this value lasts. [`OwnDaemon::stop`] ends it as an init system would.
#[derive(Debug)]
pub struct OwnDaemon {
    child: Child,
    address: SocketAddr,
    said: Arc<Mutex<String>>,
    came: mpsc::Receiver<String>,
    readers: Vec<JoinHandle<()>>,
    ended: bool,
}

impl OwnDaemon {
    /// A daemon that serves `path` as the module `tree`.
    ///
    /// # Panics
    /// If it does not come to listen.
    #[must_use]
    pub fn serving(path: &Path) -> Self {
        OwnPlan::new().serve("tree", path).start()
    }

    /// What it has said so far, on both streams.
    ///
    /// # Panics
    /// If what reads it has failed.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.lock().expect("no reader fails").clone()
    }

    /// Waits until it has said something in which `condition` holds.
    ///
    /// # Panics
    /// If that does not come, or the daemon ends.
    pub fn until_said(&mut self, what: &str, condition: impl Fn(&str) -> bool) {
        self.until(what, |daemon| condition(&daemon.said()));
    }

    /// Waits until `condition` holds while the daemon runs.
    ///
    /// # Panics
    /// If that does not come, or the daemon ends.
    pub fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !condition(self) {
            self.assert_runs();
            assert!(
                Instant::now() < deadline,
                "{what} was expected of the daemon; it has {} threads and {} files\n{}",
                self.threads(),
                self.open_files(),
                self.said()
            );
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Fails the test if it has ended.
    ///
    /// # Panics
    /// If it has.
    pub fn assert_runs(&mut self) {
        let status = self.child.try_wait().expect("a child can be asked whether it has ended");
        assert!(status.is_none(), "the daemon was expected to run on; it ended: {status:?}\n{}", self.said());
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How much memory it has used at most, in KiB.
    ///
    /// # Panics
    /// If the kernel does not tell.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        self.status("VmHWM")
    }

    /// How many threads it has.
    ///
    /// # Panics
    /// If the kernel does not tell.
    #[must_use]
    pub fn threads(&self) -> u64 {
        self.status("Threads")
    }

    /// How many files it has open.
    ///
    /// # Panics
    /// If the kernel does not tell.
    #[must_use]
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).expect("it runs").count()
    }

    fn status(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("the kernel was expected to tell {key}"))
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If it has ended and was waited for.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a child that was not waited for can be sent a signal");
    }

    /// Ends it by SIGTERM, and fails unless it exits with 0. Returns what it said in its life.
    ///
    /// # Panics
    /// If it ended before, does not end, or ends in another way.
    #[must_use]
    pub fn stop(mut self) -> String {
        self.assert_runs();
        self.signal(Signal::TERM);
        self.ends()
    }

    /// Waits for its end after a signal, and fails unless it exits with 0. Returns what it said in its life.
    ///
    /// # Panics
    /// If it does not end, or ends in another way.
    #[must_use]
    pub fn ends(mut self) -> String {
        let status = self.wait("end");
        self.join();
        assert_eq!(
            status.code(),
            Some(0),
            "the daemon was expected to exit with 0: {status}\n{}",
            self.said()
        );
        self.said()
    }

    fn first_line(&mut self) -> String {
        match self.came.recv_timeout(LIMIT) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.wait("end");
                self.join();
                panic!("deployer serve was expected to listen; it ended: {status}\n{}", self.said());
            }
            Err(RecvTimeoutError::Timeout) => {
                panic!("deployer serve was expected to listen\n{}", self.said())
            }
        }
    }

    fn wait(&mut self, what: &str) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked whether it has ended") {
                self.ended = true;
                return status;
            }
            assert!(Instant::now() < deadline, "the daemon was expected to {what}\n{}", self.said());
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn join(&mut self) {
        for reader in self.readers.drain(..) {
            reader.join().expect("a pipe is read to its end");
        }
    }

    fn pid(&self) -> Pid {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a child has a process id")
    }
}

impl Server for OwnDaemon {
    fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for OwnDaemon {
    fn drop(&mut self) {
        if !self.ended {
            // Before `setsid` has run there is no group.
            if kill_process_group(self.pid(), Signal::KILL).is_err() {
                let _ = self.child.kill();
            }
            let _ = self.child.wait();
        }
    }
}
