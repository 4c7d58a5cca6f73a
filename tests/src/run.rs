//! Runs the program under test and the oracle, with a limit of time after which the test fails.
//!
//! Not for looking at trees: what a program did is seen in a snapshot.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::stats::Stats;

/// What a run may take unless the test says otherwise. It is there to end a hang, so it is generous.
const LIMIT: Duration = Duration::from_secs(120);

/// A program that can pull.
#[derive(Debug, Clone)]
pub struct Program {
    name: &'static str,
    path: PathBuf,
    /// Whether the first argument is a verb: `deployer pull …`.
    verbs: bool,
    /// What stands in front of it on the command line.
    prefix: Vec<String>,
}

impl Program {
    /// The program under test: the one that the environment names in `DEPLOYER`, or else the one that was
    /// built beside this test.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn deployer() -> Self {
        let path = env::var_os("DEPLOYER").map(PathBuf::from).or_else(built).unwrap_or_else(|| {
            panic!("no deployer beside the test, build it first: cargo build -p deployer, or set DEPLOYER")
        });
        assert!(path.is_file(), "DEPLOYER names {}, which was expected to be a program", path.display());
        Self { name: "deployer", path, verbs: true, prefix: Vec::new() }
    }

    /// The oracle.
    #[must_use]
    pub fn rsync() -> Self {
        Self { name: "rsync", path: "rsync".into(), verbs: false, prefix: Vec::new() }
    }

    /// The same program run by nobody, from a copy in `directory`: where it was built may be closed to others.
    ///
    /// # Panics
    /// If it cannot be copied.
    #[must_use]
    pub fn for_nobody(mut self, directory: &Path) -> Self {
        if self.path.is_absolute() {
            let copy = directory.join(self.name);
            std::fs::copy(&self.path, &copy).expect("a program can be copied");
            self.path = copy;
        }
        let prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        self.prefix = prefix.map(str::to_owned).to_vec();
        self
    }

    /// The same program in a mount namespace of its own, in which a shell has run `script` before.
    #[must_use]
    pub fn in_own_mounts(mut self, script: &str) -> Self {
        let script = format!("set -e\n{script}\nexec \"$@\"");
        self.prefix = ["unshare", "--mount", "sh", "-c", &script, "sh"].map(str::to_owned).to_vec();
        self
    }

    /// Both, the oracle first.
    ///
    /// # Panics
    /// If there is no program under test.
    #[must_use]
    pub fn both() -> [Self; 2] {
        [Self::rsync(), Self::deployer()]
    }

    /// What a message calls it, and what a test may call its directory.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Pulls `url` into `destination` and waits.
    ///
    /// # Panics
    /// If it takes too long.
    #[must_use]
    pub fn pull(&self, options: &[&str], url: &str, destination: &Path) -> Outcome {
        self.pulling(options, url, destination).run()
    }

    /// A pull that has not started.
    #[must_use]
    pub fn pulling(&self, options: &[&str], url: &str, destination: &Path) -> Invocation {
        self.invoke("pull", options).arg(url).arg(destination)
    }

    /// Lists modules, or what is at a path, and waits.
    ///
    /// # Panics
    /// If it takes too long.
    #[must_use]
    pub fn list(&self, options: &[&str], url: &str) -> Outcome {
        self.invoke("list", options).arg(url).run()
    }

    /// Any invocation; the verb is for the program that has verbs.
    #[must_use]
    pub fn invoke(&self, verb: &str, options: &[&str]) -> Invocation {
        // A session of its own: no terminal to ask for a password, and one group to kill.
        let mut command = Command::new("setsid");
        command.args(&self.prefix).arg(&self.path);
        for (name, _) in env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"RSYNC_") {
                command.env_remove(name);
            }
        }
        // Both read settings from the home directory of whoever runs the tests.
        command.env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent").env_remove("POPT_ALIASES");
        if self.verbs {
            command.arg(verb);
        }
        command.args(options);
        Invocation { name: self.name, command, limit: LIMIT, input: Stdio::null() }
    }
}

/// The `deployer` of this test's profile, or of another.
fn built() -> Option<PathBuf> {
    // …/target/debug/deps/test-0123456789abcdef
    let test = env::current_exe().ok()?;
    let profile = test.parent()?.parent()?;
    let target = profile.parent()?;
    let candidates = [profile.to_owned(), target.join("debug"), target.join("release")];
    candidates.iter().map(|directory| directory.join("deployer")).find(|path| path.is_file())
}

/// A command line that has not started.
#[derive(Debug)]
pub struct Invocation {
    name: &'static str,
    command: Command,
    limit: Duration,
    input: Stdio,
}

impl Invocation {
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

/// How a run ended and what it printed.
#[derive(Debug, Clone)]
pub struct Outcome {
    name: &'static str,
    line: String,
    status: ExitStatus,
    /// Standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

impl Outcome {
    /// The signal that ended it, if one did.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// The exit code.
    ///
    /// # Panics
    /// If a signal ended it.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| {
            panic!("{} was expected to exit; signal {:?} ended it\n{self}", self.name, self.status.signal())
        })
    }

    /// Fails the test unless the exit code is the expected one.
    ///
    /// # Panics
    /// If it is another.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code(),
            code,
            "{} was expected to exit with {code}, not {}\n{self}",
            self.name,
            self.code()
        );
        self
    }

    /// The numbers that `--stats` printed.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::parse(&self.stdout)
    }

    /// The lines that `-i` printed, sorted; other lines are left out.
    #[must_use]
    pub fn itemized(&self) -> Vec<String> {
        let lines = self.stdout.lines().filter(|line| is_itemized(line));
        let mut lines: Vec<String> = lines.map(comparable).collect();
        lines.sort_unstable();
        lines
    }

    /// The lines of standard output, sorted.
    #[must_use]
    pub fn sorted_lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.stdout.lines().map(comparable).collect();
        lines.sort_unstable();
        lines
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}\n", self.line, self.status)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let start = text.char_indices().rev().nth(4000).map_or(0, |(at, _)| at);
            writeln!(f, "--- {name} ---\n{}", &text[start..])?;
        }
        Ok(())
    }
}

/// `YXcstpoguax name`, or `*deleting   name`.
fn is_itemized(line: &str) -> bool {
    let bytes = line.as_bytes();
    line.starts_with("*deleting ")
        || (bytes.len() > 12
            && b"<>ch.".contains(&bytes[0])
            && b"fdLDS".contains(&bytes[1])
            && !bytes[..11].contains(&b' ') | bytes[2..11].iter().all(|&it| it == b' ')
            && bytes[11] == b' ')
}

/// A line without what the programs may do differently: rsync lets DEL and marks of direction through, and
/// cuts lines off where a buffer of its ends.
fn comparable(line: &str) -> String {
    line.replace('\x7f', "\\#177").replace('\u{202e}', "\\#342\\#200\\#256").chars().take(2000).collect()
}
