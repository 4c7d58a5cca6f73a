//! Runs the program under test and the oracle, with a limit of time after which the test fails.
//!
//! Not for looking at trees: what a program did is seen in a snapshot.

mod invocation;
mod outcome;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scratch::Scratch;

pub use invocation::{Invocation, Running};
pub use outcome::Outcome;

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
        let path =
            env::var_os("DEPLOYER").map(PathBuf::from).or_else(|| beside("deployer")).unwrap_or_else(|| {
                panic!(
                    "no deployer beside the test, build it first: cargo build -p deployer, or set DEPLOYER"
                )
            });
        assert!(path.is_file(), "DEPLOYER names {}, which was expected to be a program", path.display());
        Self { name: "deployer", path, verbs: true, prefix: Vec::new() }
    }

    /// An example of the library, which was built beside this test.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn example(name: &'static str) -> Self {
        let path = beside(&format!("examples/{name}"));
        let path =
            path.unwrap_or_else(|| panic!("build it first: cargo build -p rsync-proto --example {name}"));
        Self { name, path, verbs: false, prefix: Vec::new() }
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

    /// The same program behind a filter that answers these system calls as a kernel that does not have them.
    ///
    /// # Panics
    /// If they are more than a jump of such a filter spans.
    #[must_use]
    pub fn without_calls(mut self, calls: &[u32], scratch: &Scratch) -> Self {
        // A classic BPF program: code, jumps and constant of each step. It loads the number of the system call,
        let mut steps: Vec<(u16, u8, u8, u32)> = vec![(0x20, 0, 0, 0)];
        // and from each that is not there jumps to the end,
        for (at, call) in calls.iter().enumerate() {
            steps.push((0x15, u8::try_from(calls.len() - at).expect("they are few"), 0, *call));
        }
        // past the step that lets everything else through, where it fails with ENOSYS.
        steps.extend([(0x06, 0, 0, 0x7fff_0000), (0x06, 0, 0, 0x0005_0000 | 38)]);
        let filter: Vec<u8> = steps
            .iter()
            .flat_map(|(code, yes, no, constant)| {
                [&code.to_ne_bytes()[..], &[*yes, *no], &constant.to_ne_bytes()].concat()
            })
            .collect();
        let file = scratch.join("filter");
        std::fs::write(&file, filter).expect("memory is large enough");
        let script = format!(
            "exec unshare --mount --propagation private bwrap --cap-add ALL --dev-bind / / --seccomp 9 \"$@\" 9<'{}'",
            file.display()
        );
        self.prefix = ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec();
        self
    }

    /// The same program, which may have only so many files open.
    #[must_use]
    pub fn with_open_files(mut self, most: u32) -> Self {
        self.prefix = vec!["prlimit".to_owned(), format!("--nofile={most}")];
        self
    }

    /// A command that runs the program for as long as this thread lasts, in a session of its own. A test that is killed
    /// drops nothing; what runs by this dies with it all the same.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "setsid"]).args(&self.prefix).arg(&self.path);
        command.env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent");
        command
    }

    /// The same program with this variable in its environment.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.prefix = vec!["env".to_owned(), format!("{name}={value}")];
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
        Invocation::new(self.name, command)
    }
}

/// What was built under this name with this test's profile, or with another.
fn beside(name: &str) -> Option<PathBuf> {
    // …/target/debug/deps/test-0123456789abcdef
    let test = env::current_exe().ok()?;
    let profile = test.parent()?.parent()?;
    let target = profile.parent()?;
    let candidates = [profile.to_owned(), target.join("debug"), target.join("release")];
    candidates.iter().map(|directory| directory.join(name)).find(|path| path.is_file())
}
