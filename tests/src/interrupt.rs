//! Deployments that are cut off by a signal: when it is sent, how far they got, and what may be left of them.
//!
//! Not for what is deployed otherwise: see [`crate::deploy`].

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::Signal;
use serde_json::Value;

use crate::bare::{BareDisk, Mounted, output};
use crate::daemon::{Daemon, Module, Plan};
use crate::deploy::{
    Desk, Ended, System, assert_deployed_except, assert_nothing_mounted, description, disk, image, plant,
    volume, with, write,
};

/// How long the kernel, and programs that lost their parent, may take to let go. Passing it is a failure.
const LIMIT: Duration = Duration::from_secs(60);
/// What a BIOS starts of a disk, in bytes.
const BOOT_CODE: usize = 440;
/// Directories on each file system of a [`Machine`] in which the image has nothing.
pub const KEPT: [&str; 3] = ["own", "usr/own", "home/own"];
/// What asks a BIOS for the next device: `int 18h`, and a loop of `hlt`.
const NEXT_DEVICE: [u8; 5] = [0xcd, 0x18, 0xf4, 0xeb, 0xfd];
/// The marker of a system while it is written.
const UNFINISHED_MARKER: &str = ".deployer-state.json.deployer-new";

/// A moment at which a signal is sent.
#[derive(Debug)]
pub enum When<'a> {
    /// The step has begun that has this number, from 1 on.
    Step(usize),
    /// So many of the files below the directory of the tree are in place.
    Pulled(&'a str, usize),
    /// A program of this name runs.
    Runs(&'a str),
    /// Somebody else has seen it.
    Seen(&'a AtomicBool),
}

/// A run to which a signal was sent, unless it ended before.
#[derive(Debug)]
pub struct Cut {
    /// What it left for programs.
    pub ended: Ended,
}

impl Cut {
    /// Runs `command` until the moment has come, and sends it the signal. When this returns, no process of it is
    /// left, and the disks are free.
    ///
    /// # Panics
    /// If the moment does not come, or something is left.
    #[track_caller]
    pub fn new(
        desk: &Desk,
        (command, description, options): (&str, &Value, &[&str]),
        disks: &[&BareDisk],
        signal: Signal,
        when: &When<'_>,
    ) -> Self {
        let mut running = desk.start(command, description, options);
        let session = running.id();
        if running.reaches(&format!("{when:?}"), |id| when.has_come(desk, id)) {
            running.signal(signal);
        }
        let ended = desk.end(running);
        patiently("processes that are left", || processes(session));
        patiently("devices in use", || disks.iter().flat_map(|disk| busy(disk)).collect());
        assert_nothing_mounted(disks);
        Self { ended }
    }

    /// Fails the test unless it was killed: it said nothing of an end.
    ///
    /// # Panics
    /// If it ended.
    #[track_caller]
    pub fn was_killed(&self) {
        let (outcome, events) = (&self.ended.outcome, &self.ended.events);
        assert_eq!(outcome.signal(), Some(Signal::KILL.as_raw()), "it was expected to be killed\n{outcome}");
        assert!(events.iter().all(|event| event["event"] != "result"), "{events:?}");
        let receipt = self.ended.receipt();
        assert!(receipt["exit"].is_null() && receipt["success"] == false, "{receipt}");
    }

    /// The step in which it was, if it was in one.
    #[must_use]
    pub fn within(&self) -> Option<&str> {
        let mut events = self.ended.events.iter().rev();
        let last = events.find(|event| event["event"] == "step" || event["event"] == "done")?;
        last["step"]["action"].as_str()
    }

    /// Whether the step was carried out that makes the file system on this node.
    #[must_use]
    pub fn has_made(&self, node: &Path) -> bool {
        let node = node.to_str().expect("nodes have plain names");
        let events = &self.ended.events;
        let made =
            |event: &&Value| event["step"]["action"] == "make-file-system" && event["step"]["node"] == node;
        let Some(number) = events.iter().find(made).map(|step| &step["number"]) else { return false };
        events.iter().any(|event| event["event"] == "done" && event["number"] == *number)
    }
}

impl When<'_> {
    fn has_come(&self, desk: &Desk, session: u32) -> bool {
        match self {
            When::Step(number) => desk
                .events()
                .iter()
                .any(|event| event["event"] == "step" && event["number"].as_u64() >= Some(*number as u64)),
            When::Pulled(directory, count) => {
                // The tree is seen by the process alone.
                let tree = format!("/proc/{session}/root/run/deployer/target/{directory}");
                let names = fs::read_dir(tree).into_iter().flatten().flatten();
                let whole = names.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
                whole.count() >= *count
            }
            When::Runs(name) => processes(session).iter().any(|found| found.starts_with(&format!("{name} "))),
            When::Seen(seen) => seen.load(Ordering::SeqCst),
        }
    }
}

/// Waits until nothing is left.
#[track_caller]
fn patiently(what: &str, left: impl Fn() -> Vec<String>) {
    let deadline = Instant::now() + LIMIT;
    loop {
        let left = left();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "no {what} were expected: {left:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Processes of a session that run: names and ids.
fn processes(session: u32) -> Vec<String> {
    let stat = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("stat")).ok();
    let all = fs::read_dir("/proc").expect("processes can be listed").flatten().filter_map(stat);
    let own = |stat: String| {
        // id (name) state parent group session …; a name may have anything in it.
        let (start, rest) = stat.rsplit_once(") ")?;
        let (id, name) = start.split_once(" (")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let runs = !["Z", "X"].contains(&fields[0]) && fields[3] == session.to_string();
        runs.then(|| format!("{name} {id}"))
    };
    all.filter_map(own).collect()
}

/// Of a disk and its partitions those that somebody has for himself: a mount in any namespace, or a tool.
fn busy(disk: &BareDisk) -> Vec<String> {
    let partitions = (1..=16).map(|number| disk.partition(number)).filter(|node| node.exists());
    let nodes: Vec<PathBuf> = partitions.chain([disk.node().to_owned()]).collect();
    let alone = OFlags::EXCL.bits().cast_signed();
    let refused = |node: PathBuf| match OpenOptions::new().read(true).custom_flags(alone).open(&node) {
        Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => Some(node.display().to_string()),
        _ => None,
    };
    nodes.into_iter().filter_map(refused).collect()
}

/// Puts something onto the disk that a BIOS would start.
pub fn plant_boot_code(disk: &BareDisk) {
    disk.overwrite(0, &[0xeb; BOOT_CODE]);
}

/// Whether there is something on the disk that a BIOS would start, other than what asks for the next device.
#[must_use]
pub fn has_boot_code(disk: &BareDisk) -> bool {
    let head = disk.head(BOOT_CODE);
    let code = head.strip_prefix(&NEXT_DEVICE).unwrap_or(&head);
    code.iter().any(|byte| *byte != 0)
}

/// What the system says of itself: whether its deployment is complete; nothing if there was none.
///
/// # Panics
/// If it says something else.
#[must_use]
pub fn says_complete(tree: &Mounted) -> Option<bool> {
    let path = "/.deployer-state.json";
    let text = tree.join(path).exists().then(|| tree.text(path))?;
    let state: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Some(state["complete"].as_bool().expect("it says whether it is complete"))
}

/// Fails the test if a tree has something that its source has not, but for what a deployment writes and what lies below
/// `kept`.
///
/// # Panics
/// If so.
#[track_caller]
pub fn assert_nothing_foreign(source: &Path, tree: &Mounted, kept: &[&str]) {
    let root = tree.root();
    let mut open = vec![PathBuf::new()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(root.join(&directory)).expect("a directory can be read").flatten() {
            let path = directory.join(entry.file_name());
            let own = ["lost+found", ".deployer-state.json"].iter().any(|name| entry.file_name() == *name);
            if own || kept.iter().any(|kept| path.starts_with(kept)) {
                continue;
            }
            let known = source.join(&path).symlink_metadata().is_ok();
            assert!(known, "{} is not of the image", path.display());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path);
            }
        }
    }
}

/// The steps of a run that went to its end: their kinds.
#[must_use]
pub fn kinds(ended: &Ended) -> Vec<String> {
    ended.steps().iter().map(|step| step["action"].as_str().expect("steps have a kind").to_owned()).collect()
}

/// A system on two disks, and where it is deployed from: `/`, swap and the config drive on the first; `/usr` and `/home`
/// on the other.
#[derive(Debug)]
pub struct Machine {
    /// What is deployed. It has what is looked for when a boot loader is to be installed, but none that would run.
    pub system: System,
    /// Of 300 and 500 MiB.
    pub disks: [BareDisk; 2],
    /// Where programs leave what they tell.
    pub desk: Desk,
}

impl Machine {
    /// With empty disks.
    ///
    /// # Panics
    /// As its parts.
    #[must_use]
    pub fn new() -> Self {
        let system = System::with(|root| {
            plant(root);
            for path in ["boot/vmlinuz-1", "usr/sbin/grub-install", "usr/sbin/grub-mkconfig"] {
                write(root, path, b"one\n");
            }
            write(root, "usr/lib/grub/i386-pc/normal.mod", b"one\n");
            for path in KEPT {
                fs::create_dir(root.join(path)).expect("memory is large enough");
            }
        });
        let desk = Desk::new();
        write(&desk.join("drive"), "openstack/latest/meta_data.json", b"{}\n");
        Self { system, disks: [BareDisk::new(300), BareDisk::new(500)], desk }
    }

    /// The same system from a server that takes some seconds for all of it.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn slow_server(&self) -> Daemon {
        Plan::new().serve(Module::new("tree", &self.system.source())).slow(1024).start()
    }

    /// The description.
    ///
    /// # Panics
    /// Never: paths of tests are plain.
    #[must_use]
    pub fn describe(&self, policy: &str, url: &str) -> Value {
        let first = [volume("/", "ext4", "150 MiB"), volume("none", "swap", "remaining")];
        let second = [volume("/usr", "btrfs", "256 MiB"), volume("/home", "ext4", "remaining")];
        let partitions = [disk(&self.disks[0], &first), disk(&self.disks[1], &second)];
        let description = description(policy, &[image("system", url, "/")], &partitions);
        with(description, "configdrive", self.desk.join("drive").to_str().expect("paths of tests are plain"))
    }

    /// The disks.
    #[must_use]
    pub fn disks(&self) -> [&BareDisk; 2] {
        [&self.disks[0], &self.disks[1]]
    }

    /// Puts something onto both disks that a BIOS would start.
    ///
    /// # Panics
    /// If they cannot be written.
    pub fn plant_boot_code(&self) {
        self.disks.iter().for_each(plant_boot_code);
    }

    fn parts(&self) -> [(&BareDisk, u32, &str); 3] {
        let [first, second] = self.disks();
        [(first, 2, "/"), (second, 2, "/usr"), (second, 3, "/home")]
    }

    /// What is on the disks.
    #[must_use]
    pub fn tree(&self) -> Mounted {
        Mounted::new(&self.parts())
    }

    /// The same, writable.
    #[must_use]
    pub fn writable(&self) -> Mounted {
        Mounted::writable(&self.parts())
    }

    /// Cuts `provision` off.
    #[track_caller]
    pub fn cut(&self, description: &Value, options: &[&str], signal: Signal, when: &When<'_>) -> Cut {
        Cut::new(&self.desk, ("provision", description, options), &self.disks(), signal, when)
    }

    /// Fails the test if the system looks complete. It may be that there is none yet.
    ///
    /// # Panics
    /// If it does.
    #[track_caller]
    pub fn assert_incomplete(&self, cut: &Cut) {
        for disk in &self.disks {
            assert!(!has_boot_code(disk), "{} looks as if it could start: {cut:?}", disk.node().display());
        }
        if cut.has_made(&self.disks[0].partition(2)) {
            let root = self.disks[0].mount(2);
            match says_complete(&root) {
                Some(complete) => assert!(!complete, "{cut:?}"),
                // Before it there are mount points only.
                None => {
                    let own = [UNFINISHED_MARKER, "home", "usr"];
                    assert_nothing_foreign(Path::new("/nonexistent"), &root, &own);
                }
            }
        }
    }

    /// Fails the test unless everything is in place and sound, whatever lies in [`KEPT`].
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert_complete(&self) {
        let source = self.system.source();
        let tree = self.tree();
        assert_eq!(says_complete(&tree), Some(true));
        assert_deployed_except(&KEPT, &source, &tree);
        assert_nothing_foreign(&source, &tree, &KEPT);
        assert!(tree.text("/etc/fstab").contains(&self.disks[1].uuid(3)));
        drop(tree);
        let [first, second] = self.disks();
        assert_eq!(first.content(4)["LABEL"], "config-2");
        let ext4 = ["fsck.ext4", "-f", "-n"];
        for (disk, number, check) in
            [(first, 2, ext4), (second, 2, ["btrfs", "check", "--readonly"]), (second, 3, ext4)]
        {
            output(Command::new(check[0]).args(&check[1..]).arg(disk.partition(number)));
        }
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}
