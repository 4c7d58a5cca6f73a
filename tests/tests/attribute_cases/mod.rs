//! A small tree with every kind of entry, many modes, owners by name and by number, and access times; and what
//! two programs make of it.

#![allow(dead_code, reason = "each test program that includes this uses a part of it")]

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use end_to_end::at::walk;
use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::diff::{assert_same, assert_same_lines};
use end_to_end::pair::{Both, Pair};
use end_to_end::run::{Outcome, Program};
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, UTIME_OMIT, XattrFlags, lsetxattr, makedev, mknodat,
    utimensat,
};

/// Long after every clock: reading does not change it.
const FAR: i64 = 2_000_000_000;
/// Stands for an access time at which a test ran.
const NOW: i64 = -1;

/// Access times in seconds of everything but directories.
pub type AccessTimes = BTreeMap<Vec<u8>, i64>;

/// A source, and two destinations that start out equal.
pub struct Case {
    pub pair: Pair,
    daemon: Daemon,
    start: i64,
}

impl Case {
    /// Nothing is at the destinations.
    pub fn from_nothing() -> Self {
        Self::new(Pair::new(plant))
    }

    /// At the destinations lies what the source was before.
    pub fn onto_older() -> Self {
        let pair = Pair::new(plant);
        for program in Program::both() {
            let destination = pair.destination(&program);
            fs::create_dir(&destination).expect("it can be made");
            plant(&destination);
            age(&destination);
        }
        Self::new(pair)
    }

    fn new(pair: Pair) -> Self {
        // Names are sent only where that is asked for.
        let module = Module::new("tree", &pair.source()).with("numeric ids = no");
        let daemon = Plan::new().serve(module).start();
        let start = seconds(SystemTime::now()) - 1;
        Self { pair, daemon, start }
    }

    /// Where the source is.
    pub fn url(&self) -> String {
        self.daemon.url("tree/")
    }

    /// Both pull, and exit with the same code.
    pub fn pull(&self, options: &[&str]) -> Both<Outcome> {
        let [rsync, deployer] = Program::both()
            .map(|program| program.pull(options, &self.url(), &self.pair.destination(&program)));
        assert_eq!(
            deployer.code(),
            rsync.code(),
            "the exit code was expected to be rsync's\n{rsync}\n{deployer}"
        );
        Both { rsync, deployer }
    }

    /// Both pull; they print the same lines and leave the same trees with the same access times.
    pub fn alike(&self, options: &[&str], what: &str) {
        let outcomes = self.pull(&[options, &["-i"]].concat());
        assert_same_lines(&format!("{what}: -i"), &outcomes.rsync.itemized(), &outcomes.deployer.itemized());
        let destinations = Program::both().map(|program| {
            let destination = self.pair.destination(&program);
            // A dry run makes nothing.
            let _ = fs::create_dir(&destination);
            destination
        });
        // Before the picture, for which all files are read.
        let [rsync, deployer] = destinations.map(|destination| self.told(accessed(&destination)));
        assert_eq!(deployer, rsync, "{what}: access times were expected to be rsync's");
        self.pair.pictures().assert_same(what);
    }

    fn told(&self, mut times: AccessTimes) -> AccessTimes {
        let now = self.start..=seconds(SystemTime::now()) + 1;
        times.values_mut().filter(|time| now.contains(time)).for_each(|time| *time = NOW);
        times
    }
}

/// From nothing, and onto an older tree.
pub fn alike(options: &[&str]) {
    Case::from_nothing().alike(options, "from nothing");
    Case::onto_older().alike(options, "onto an older tree");
}

/// Deployer refuses these options before anything is done.
pub fn refused(options: &[&str], sentence: &str) {
    let nowhere = Path::new("/nonexistent/destination");
    let outcome = Program::deployer().pull(options, "rsync://127.0.0.1:1/tree/", nowhere).expect(1);
    assert!(outcome.stderr.contains(sentence), "{options:?}: {sentence} was expected\n{outcome}");
}

/// Access times as they are.
pub fn accessed(root: &Path) -> AccessTimes {
    let mut times = AccessTimes::new();
    walk(root, &mut |walked| {
        if !walked.metadata.is_dir() {
            times.insert(walked.path.clone(), walked.metadata.atime());
        }
        Ok(())
    })
    .expect("a tree can be walked");
    times
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs() as i64)
}

/// Plants the tree in the empty directory `root`.
pub fn plant(root: &Path) {
    for (name, mode, owner) in [
        ("plain", 0o644, (0, 0)),
        ("executable", 0o755, (0, 0)),
        ("set-user-id", 0o4755, (0, 0)),
        ("set-group-id", 0o2674, (0, 0)),
        ("private", 0o600, (1, 1)),
        ("closed", 0o000, (65_534, 65_534)),
        ("odd", 0o647, (12_345, 54_321)),
        ("named", 0o664, (2, 2)),
        ("directory/file", 0o640, (2, 65_534)),
        ("directory/other", 0o711, (7, 0)),
        ("set-group/file", 0o644, (0, 3)),
    ] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("it lies in the root")).expect("it can be made");
        fs::write(&path, name).expect("it can be written");
        lchown(&path, Some(owner.0), Some(owner.1)).expect("an owner can be set");
        chmod(&path, mode);
    }
    for (name, mode) in [("directory", 0o755), ("set-group", 0o2755), ("sticky", 0o1777), ("locked", 0o500)] {
        let _ = fs::create_dir(root.join(name));
        chmod(&root.join(name), mode);
    }
    symlink("plain", root.join("link")).expect("it can be made");
    lchown(root.join("link"), Some(1), Some(2)).expect("an owner can be set");
    symlink("nowhere", root.join("dangling")).expect("it can be made");
    for (name, kind, device) in [
        ("fifo", FileType::Fifo, (0, 0)),
        ("socket", FileType::Socket, (0, 0)),
        ("character", FileType::CharacterDevice, (1, 3)),
        ("block", FileType::BlockDevice, (7, 1)),
    ] {
        node(&root.join(name), kind, device);
    }
    fs::hard_link(root.join("executable"), root.join("directory/linked")).expect("it can be linked");
    let long = "x".repeat(100);
    for (name, attribute, value) in [
        ("plain", "user.note", "short"),
        ("executable", "user.long", &*long),
        ("plain", "trusted.note", "secret"),
        ("private", "user.rsync.%stat", "104755 0,0 0:0"),
        ("directory", "user.directory", "value"),
        ("directory", "trusted.long", &*long),
    ] {
        xattr(&root.join(name), attribute, value);
    }
    date(root, 1_500_000_000);
}

/// Makes the tree what it was before.
pub fn age(root: &Path) {
    chmod(&root.join("plain"), 0o777);
    chmod(&root.join("executable"), 0o644);
    chmod(&root.join("odd"), 0o700);
    chmod(&root.join("directory"), 0o700);
    lchown(root.join("named"), Some(5), Some(5)).expect("an owner can be set");
    fs::write(root.join("private"), "something longer than it will be").expect("it can be written");
    fs::remove_file(root.join("dangling")).expect("it can be removed");
    symlink("elsewhere", root.join("dangling")).expect("it can be made");
    fs::remove_file(root.join("fifo")).expect("it can be removed");
    fs::remove_file(root.join("character")).expect("it can be removed");
    node(&root.join("character"), FileType::CharacterDevice, (1, 5));
    xattr(&root.join("plain"), "user.note", "another");
    xattr(&root.join("named"), "user.surplus", "value");
    let times = accessed(root);
    let later = |path: &[u8]| times[path] + 7;
    for name in ["plain", "private", "odd", "link", "socket", "executable"] {
        stamp(&root.join(name), Some(later(name.as_bytes())), None);
    }
    for name in ["link", "directory/other", "named"] {
        stamp(&root.join(name), None, Some(1_400_000_000));
    }
    for name in ["dangling", "character", "private", "directory", ""] {
        stamp(&root.join(name), Some(FAR), Some(1_400_000_001));
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode can be set");
}

fn node(path: &Path, kind: FileType, (major, minor): (u32, u32)) {
    mknodat(CWD, path, kind, Mode::from_raw_mode(0o644), makedev(major, minor)).expect("it can be made");
}

fn xattr(path: &Path, name: &str, value: &str) {
    lsetxattr(path, name, value.as_bytes(), XattrFlags::empty()).expect("an attribute can be set");
}

/// Sets times: of access to something of its own for each entry, of modification to nearly the same.
fn date(root: &Path, modified: i64) {
    let mut paths = Vec::new();
    walk(root, &mut |walked| {
        paths.push(root.join(std::ffi::OsString::from(String::from_utf8_lossy(&walked.path).into_owned())));
        Ok(())
    })
    .expect("a tree can be walked");
    for (number, path) in paths.iter().enumerate().rev() {
        let number = number as i64;
        stamp(path, Some(FAR + number * 1000), Some(modified + number));
    }
}

/// Sets times of a file, as far as they are given.
pub fn stamp(path: &Path, accessed: Option<i64>, modified: Option<i64>) {
    let time = |seconds: Option<i64>| match seconds {
        Some(tv_sec) => Timespec { tv_sec, tv_nsec: 0 },
        None => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
    };
    let times = Timestamps { last_access: time(accessed), last_modification: time(modified) };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("times can be set");
}

/// A picture of a tree.
pub fn picture(path: &Path) -> Snapshot {
    Snapshot::take(path)
}

/// Both pictures, which are the same.
pub fn same(what: &str, [rsync, deployer]: [Snapshot; 2]) {
    assert_same(what, &rsync, &deployer);
}
