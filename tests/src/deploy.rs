//! Deployments: descriptions, runs of the program under test with what they leave for programs to read, and small
//! systems to deploy.
//!
//! Not for looking at disks: see [`crate::bare`].

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::bare::{BareDisk, Mounted};
use crate::daemon::Daemon;
use crate::random::Random;
use crate::run::{Invocation, Outcome, Program, Running};
use crate::scratch::Scratch;
use crate::server::Server;
use crate::snapshot::Snapshot;

/// The exit codes of a deployment.
pub mod exit {
    /// Everything is in place.
    pub const DONE: i32 = 0;
    /// An option or argument that makes no sense.
    pub const USAGE: i32 = 1;
    /// Stopped by a signal.
    pub const STOPPED: i32 = 20;
    /// The description is wrong.
    pub const DESCRIPTION: i32 = 40;
    /// Refused before the first change.
    pub const REFUSED: i32 = 41;
    /// What is on the disks is not what is described.
    pub const DIFFERS: i32 = 42;
    /// A disk or file system failed.
    pub const DISK: i32 = 44;
    /// No connection, or it broke.
    pub const NETWORK: i32 = 45;
    /// Wrong password, or none.
    pub const AUTHENTICATION: i32 = 46;
    /// An image is incomplete, or its server refused.
    pub const IMAGE: i32 = 47;
    /// The boot loader was not installed.
    pub const BOOT_LOADER: i32 = 48;
}

/// A volume of a disk.
#[must_use]
pub fn volume(mount: &str, file_system: &str, size: &str) -> Value {
    json!({"type": "partition", "mount": mount, "file_system": file_system, "size": size})
}

/// The same object with one more key.
#[must_use]
pub fn with(mut object: Value, key: &str, value: impl Into<Value>) -> Value {
    object[key] = value.into();
    object
}

/// All of a disk, divided into volumes.
#[must_use]
pub fn disk(disk: &BareDisk, volumes: &[Value]) -> Value {
    let id = json!({"type": "name", "value": disk.name()});
    json!({"type": "disk", "id": id, "size": format!("{} MiB", disk.mebibytes()), "volumes": volumes})
}

/// An image.
#[must_use]
pub fn image(name: &str, url: &str, target: &str) -> Value {
    json!({"name": name, "image_pull_url": url, "target": target})
}

/// A description, with options that keep everything.
#[must_use]
pub fn description(policy: &str, images: &[Value], partitions: &[Value]) -> Value {
    json!({
        "partitions_policy": policy,
        "images": images,
        "image_deploy_flags": {"rsync_flags": "-a -H -A -X --numeric-ids"},
        "partitions": partitions,
    })
}

/// Where a run writes what programs read, for as long as this value lasts.
#[derive(Debug)]
pub struct Desk {
    scratch: Scratch,
    program: Program,
}

impl Desk {
    /// For the program under test.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Program::deployer())
    }

    /// For the program under test, run in another way.
    #[must_use]
    pub fn of(program: Program) -> Self {
        Self { scratch: Scratch::with_size(65536), program }
    }

    /// A path beside the files of the run.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Runs `deployer provision` to its end.
    ///
    /// # Panics
    /// If it takes too long or a file that it wrote is no JSON.
    #[must_use]
    pub fn provision(&self, description: &Value, options: &[&str]) -> Ended {
        self.end(self.start("provision", description, options))
    }

    /// The same, with another limit of time.
    ///
    /// # Panics
    /// As [`Desk::provision`].
    #[must_use]
    pub fn provision_within(&self, limit: Duration, description: &Value, options: &[&str]) -> Ended {
        self.end(self.prepare("provision", description, options).limit(limit).start())
    }

    /// Starts a command that carries something out.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(&self, command: &str, description: &Value, options: &[&str]) -> Running {
        self.prepare(command, description, options).start()
    }

    fn prepare(&self, command: &str, description: &Value, options: &[&str]) -> Invocation {
        for name in ["events", "receipt"] {
            let _ = fs::remove_file(self.join(name));
        }
        let invocation = self.program.invoke(command, options).arg("--input-data-file");
        let invocation = invocation.arg(self.write(description)).arg("--events").arg(self.join("events"));
        invocation.arg("--receipt").arg(self.join("receipt"))
    }

    /// Waits for the end of a run.
    ///
    /// # Panics
    /// If it takes too long or a file that it wrote is no JSON.
    #[must_use]
    pub fn end(&self, running: Running) -> Ended {
        let outcome = running.wait();
        let receipt = fs::read_to_string(self.join("receipt")).ok();
        let parse = |text: &str| serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        Ended { outcome, receipt: receipt.map(|text| parse(&text)), events: self.events() }
    }

    /// Runs a command that carries nothing out.
    ///
    /// # Panics
    /// If it takes too long.
    #[must_use]
    pub fn look(&self, command: &str, description: &Value, options: &[&str]) -> Outcome {
        let path = self.write(description);
        self.program.invoke(command, options).arg("--input-data-file").arg(path).run()
    }

    /// What a run has told so far. A line that is being written is left out.
    ///
    /// # Panics
    /// If a line is no JSON.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.join("events")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        whole.lines().map(parse).collect()
    }

    fn write(&self, description: &Value) -> PathBuf {
        let path = self.join("provision.json");
        fs::write(&path, description.to_string()).expect("memory is large enough");
        path
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

/// A run that has ended, with what it left for programs.
#[derive(Debug)]
pub struct Ended {
    /// How it ended and what it printed.
    pub outcome: Outcome,
    /// Nothing if it came to no plan.
    pub receipt: Option<Value>,
    /// In their order.
    pub events: Vec<Value>,
}

impl Ended {
    /// Fails the test unless the exit code is the expected one, for people and for programs.
    ///
    /// # Panics
    /// If it is another.
    #[must_use]
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        let outcome = self.outcome.expect(code);
        let start = self.events.first().expect("events begin");
        assert_eq!((&start["event"], &start["version"]), (&json!("start"), &json!(1)), "{start}");
        assert!(self.events.iter().all(|event| event["elapsed_seconds"].is_f64()), "{:?}", self.events);
        let result = self.events.last().expect("events end");
        assert_eq!(result["event"], "result");
        if let Some(receipt) = &self.receipt {
            assert_eq!((&receipt["version"], receipt["seconds"].is_f64()), (&json!(1), true), "{receipt}");
        }
        for told in [Some(result), self.receipt.as_ref()].into_iter().flatten() {
            let found = (&told["exit"], &told["success"], told["error"].is_string());
            assert_eq!(found, (&json!(code), &json!(code == exit::DONE), code != exit::DONE), "{told}");
        }
        Self { outcome, ..self }
    }

    /// The receipt.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn receipt(&self) -> &Value {
        self.receipt.as_ref().expect("the run came to a receipt")
    }

    /// The steps that began, without their numbers.
    #[must_use]
    pub fn steps(&self) -> Vec<&Value> {
        self.events.iter().filter(|event| event["event"] == "step").map(|event| &event["step"]).collect()
    }

    /// Fails the test unless standard error has all of these.
    ///
    /// # Panics
    /// With the first that is missing.
    #[track_caller]
    pub fn says(&self, words: &[&str]) {
        for word in words {
            let stderr = &self.outcome.stderr;
            assert!(stderr.contains(word), "{word:?} was expected in what it says\n{}", self.outcome);
        }
    }
}

/// Fails the test if something is left of a run: a mount of the disk, or something where trees are mounted.
///
/// # Panics
/// If so.
#[track_caller]
pub fn assert_nothing_mounted(disks: &[&BareDisk]) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the kernel tells mounts");
    for disk in disks {
        let (node, left) = (disk.node().display(), disk.mounts());
        assert!(left.is_empty(), "nothing of {node} was expected to be mounted: {left:?}");
    }
    assert!(!mounts.contains("/run/deployer"), "no tree was expected to be mounted\n{mounts}");
    let place = fs::read_dir("/run/deployer/target").map_or(0, Iterator::count);
    assert_eq!(place, 0, "the place of trees was expected to be empty");
}

/// Fails the test unless a deployed tree is its source, but for what a deployment writes.
///
/// # Panics
/// With the first differences.
#[track_caller]
pub fn assert_deployed(source: &Path, found: &Mounted) {
    assert_deployed_except(&[], source, found);
}

/// The same, without what lies below some directories.
///
/// # Panics
/// With the first differences.
#[track_caller]
pub fn assert_deployed_except(below: &[&str], source: &Path, found: &Mounted) {
    let [source, found] = [source, &found.root()].map(|root| {
        let mut picture = Snapshot::take(root);
        let own = |path: &[u8]| {
            let path = Path::new(std::ffi::OsStr::from_bytes(path));
            path.file_name().is_some_and(|name| name == "lost+found")
                || [Path::new("etc/fstab"), Path::new(".deployer-state.json")].contains(&path)
                || below.iter().any(|directory| path.starts_with(directory) && path != Path::new(directory))
        };
        picture.entries.retain(|path, _| !own(path));
        // What a deployment writes there gives them other times.
        for path in [&b""[..], b"etc"] {
            picture.entries.get_mut(path).expect("every system has it").time = (0, 0);
        }
        // Names of one file on several file systems are several files.
        picture.without_groups()
    });
    crate::diff::assert_same("the deployed tree", &source, &found);
}

/// A small system on a server.
#[derive(Debug)]
pub struct System {
    scratch: Scratch,
    daemon: Daemon,
}

impl System {
    /// With a few hundred files, and without a kernel.
    ///
    /// # Panics
    /// If the daemon does not start.
    #[must_use]
    pub fn new() -> Self {
        Self::with(plant)
    }

    /// With what `fill` puts there.
    ///
    /// # Panics
    /// If the daemon does not start.
    #[must_use]
    pub fn with(fill: impl FnOnce(&Path)) -> Self {
        let scratch = Scratch::new();
        let source = scratch.directory("source");
        fill(&source);
        backdate(&source, 3);
        Self { daemon: Daemon::serving(&source), scratch }
    }

    /// What the server holds.
    #[must_use]
    pub fn source(&self) -> PathBuf {
        self.scratch.join("source")
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        self.daemon.url("tree/")
    }

    /// The image of a description with one system.
    #[must_use]
    pub fn image(&self) -> Value {
        image("system", &self.url(), "/")
    }
}

impl Default for System {
    fn default() -> Self {
        Self::new()
    }
}

/// Gives directories near the root an older time: mount points are made while a deployment runs, and times that
/// differ in less than a second are not brought into line.
fn backdate(directory: &Path, depth: u32) {
    let older = |open: File| match open.metadata()?.modified()?.elapsed() {
        // The others have times of their own.
        Ok(age) if age < Duration::from_secs(3600) => {
            open.set_modified(UNIX_EPOCH + Duration::from_secs(1_600_000_000))
        }
        _ => Ok(()),
    };
    for entry in fs::read_dir(directory).expect("a directory can be read").flatten() {
        if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            backdate(&entry.path(), depth - 1);
        }
    }
    File::open(directory).and_then(older).expect("root can set times");
}

/// Writes a file, with the directories that lead to it.
///
/// # Panics
/// If it cannot be written.
pub fn write(root: &Path, path: &str, content: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a file is in a directory")).expect("memory is large enough");
    fs::write(&path, content).expect("memory is large enough");
}

/// Plants a small system in the directory `root`: the directories that every system has, with files in each.
///
/// # Panics
/// If the file system cannot keep something.
pub fn plant(root: &Path) {
    let mut random = Random::new(17);
    for directory in ["dev", "proc", "sys", "run", "tmp", "mnt"] {
        fs::create_dir(root.join(directory)).expect("memory is large enough");
    }
    fs::set_permissions(root.join("tmp"), PermissionsExt::from_mode(0o1777)).expect("modes can be set");
    write(root, "etc/hostname", b"small\n");
    write(root, "etc/os-release", b"PRETTY_NAME=\"Small System 1\"\n");
    write(root, "etc/fstab", b"# of the image\n");
    for directory in ["etc/conf.d", "usr/bin", "usr/share/doc", "var/lib/data", "var/log", "home/user/files"]
    {
        for number in 0..30 {
            let length = random.below(20_000);
            write(root, &format!("{directory}/file-{number}"), &random.bytes(length));
        }
    }
    write(root, "usr/lib/large", &random.bytes(3 << 20));
    symlink("usr/bin", root.join("bin")).expect("memory is large enough");
}

/// The object of a list whose key has this value.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn find<'a>(list: &'a Value, key: &str, value: &str) -> &'a Map<String, Value> {
    let mut objects = list.as_array().into_iter().flatten().filter_map(Value::as_object);
    let found = objects.find(|object| object.get(key).is_some_and(|found| found == value));
    found.unwrap_or_else(|| panic!("{key} {value} was expected in {list}"))
}
