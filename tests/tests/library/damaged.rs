//! Content that comes damaged: a destination that spoils what arrives, and else is a local tree.

use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use bytes::Bytes;
use end_to_end::daemon::Daemon;
use end_to_end::scratch::Scratch;
use rsync_proto::checksum::StrongSum;
use rsync_proto::destination::{
    Destination, Failure, Incoming, Linking, Making, Offering, Received, Sink, Verdict,
};
use rsync_proto::flist::{EntryRef, SafePath, Segment};
use rsync_proto::local::{LocalBasis, LocalDir, LocalSink, LocalTree, LocalTreeOptions, Machine};
use rsync_proto::report::{Changes, Summary};
use rsync_proto::{Options, Result};

use super::{client, names, options, run};

/// A local tree whose content is damaged on the way in.
struct Damaging {
    tree: LocalTree,
    /// How many files are still to be damaged.
    left: Arc<Mutex<u32>>,
    spoils: Spoils,
}

/// What else goes wrong.
#[derive(Clone, Default)]
struct Spoils {
    /// Old files can be read to their middle only.
    cuts: bool,
    /// Somebody does something to a file whose content has come.
    meanwhile: Option<Arc<dyn Fn() + Send + Sync>>,
    /// Whoever looks ahead at a file of this name is lost.
    panics_at: Option<&'static [u8]>,
}

struct DamagingSink {
    sink: LocalSink,
    damage: bool,
    meanwhile: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Sink for DamagingSink {
    fn literal(&mut self, bytes: Bytes) -> io::Result<()> {
        if std::mem::take(&mut self.damage) {
            let damaged: Vec<u8> = bytes.iter().map(|byte| byte ^ 1).collect();
            return self.sink.literal(damaged.into());
        }
        self.sink.literal(bytes)
    }

    fn matched(&mut self, offset: u64, len: u64) -> io::Result<()> {
        self.sink.matched(offset, len)
    }

    fn read_back(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.sink.read_back(offset, into)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    fn finish(self, sum: &StrongSum, entry: EntryRef<'_>) -> Result<Received, Failure> {
        if let Some(meanwhile) = &self.meanwhile {
            meanwhile();
        }
        self.sink.finish(sum, entry)
    }
}

impl Destination for Damaging {
    type Dir = LocalDir;
    type Sink = DamagingSink;
    type Basis = LocalBasis;

    fn begin(&self, first: &Segment) -> Result<LocalDir> {
        self.tree.begin(first)
    }

    fn learn(&self, segment: &Segment) {
        self.tree.learn(segment);
    }

    fn make_dir(&self, parent: &LocalDir, entry: EntryRef<'_>) -> Result<Making, Failure> {
        self.tree.make_dir(parent, entry)
    }

    fn open_dir(&self, entry: EntryRef<'_>, changes: Changes) -> Result<LocalDir, Failure> {
        self.tree.open_dir(entry, changes)
    }

    fn leave(&self, dir: &LocalDir, entry: EntryRef<'_>) -> Result<(), Failure> {
        self.tree.leave(dir, entry)
    }

    fn look(&self, dir: &LocalDir, entry: EntryRef<'_>) -> Result<Verdict<LocalBasis>, Failure> {
        self.tree.look(dir, entry)
    }

    fn touch(&self, dir: &LocalDir, entry: EntryRef<'_>, changes: Changes) -> Result<(), Failure> {
        self.tree.touch(dir, entry, changes)
    }

    fn make(&self, dir: &LocalDir, entry: EntryRef<'_>) -> Result<(), Failure> {
        self.tree.make(dir, entry)
    }

    fn link(&self, leader: &SafePath, dir: &LocalDir, entry: EntryRef<'_>) -> Result<Linking, Failure> {
        self.tree.link(leader, dir, entry)
    }

    fn bring(&self, dir: &LocalDir, entry: EntryRef<'_>, basis: &LocalBasis) -> Result<bool, Failure> {
        self.tree.bring(dir, entry, basis)
    }

    fn looks_take_long(&self, dir: &LocalDir, entry: EntryRef<'_>) -> bool {
        self.tree.looks_take_long(dir, entry)
    }

    fn look_ahead(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
    ) -> Option<Result<Verdict<LocalBasis>, Failure>> {
        assert_ne!(Some(entry.name()), self.spoils.panics_at, "somebody is lost on purpose");
        self.tree.look_ahead(dir, entry)
    }

    fn offer(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        basis: &LocalBasis,
        again: bool,
    ) -> Result<Offering, Failure> {
        let Offering { offer, more } = self.tree.offer(dir, entry, basis, again)?;
        let more = more.map(|more| if self.spoils.cuts { Box::new(more.take(1)) } else { more });
        assert!(!self.spoils.cuts || more.is_some(), "a basis of one piece cannot be cut");
        Ok(Offering { offer, more })
    }

    fn receive(
        &self,
        dir: &Arc<LocalDir>,
        entry: EntryRef<'_>,
        incoming: Incoming<'_, LocalBasis>,
    ) -> Result<DamagingSink, Failure> {
        let again = incoming.again;
        let sink = self.tree.receive(dir, entry, incoming)?;
        let mut left = self.left.lock().expect("no thread panics with the lock");
        let damage = *left > 0 && entry.name() == b"damaged";
        *left -= u32::from(damage);
        let meanwhile = self.spoils.meanwhile.clone().filter(|_| !again);
        Ok(DamagingSink { sink, damage, meanwhile })
    }
}

/// Pulls with the first `times` arrivals of the file `damaged` spoilt.
fn pull_damaged(daemon: &Daemon, options: &Options, to: &Path, times: u32) -> Summary {
    let spoils = Spoils::default();
    pull_spoilt(daemon, options, to, times, &spoils).expect("damage to one file does not end a pull")
}

fn pull_spoilt(
    daemon: &Daemon,
    options: &Options,
    to: &Path,
    times: u32,
    spoils: &Spoils,
) -> Result<Summary> {
    let left = Arc::new(Mutex::new(times));
    let summary = run(client(daemon, options.clone()).pull_into(|agreed| {
        let settings = LocalTreeOptions {
            options: options.clone(),
            summer: agreed.summer,
            machine: Machine::read(options)?,
        };
        Ok(Damaging { tree: LocalTree::new(to, settings), left: Arc::clone(&left), spoils: spoils.clone() })
    }));
    assert_eq!(*left.lock().expect("no thread panics with the lock"), 0, "the file was expected so often");
    summary
}

fn source() -> Scratch {
    let source = Scratch::new();
    let content: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    fs::write(source.join("damaged"), &content).expect("a file can be made");
    fs::write(source.join("whole"), &content).expect("a file can be made");
    fs::hard_link(source.join("damaged"), source.join("other-name")).expect("a link can be made");
    source
}

#[test]
fn what_comes_damaged_is_asked_for_again() {
    let source = source();
    let daemon = Daemon::serving(source.path());
    for protocol in [30, 32] {
        for basis in [false, true] {
            let scratch = Scratch::new();
            let to = scratch.directory("new");
            if basis {
                let mut old = fs::read(source.join("damaged")).expect("it was written");
                old[500_000] ^= 1;
                old.truncate(1_000_000);
                fs::write(to.join("damaged"), old).expect("a file can be made");
            }
            let mut options = Options::archive();
            options.protocol = protocol;
            let summary = pull_damaged(&daemon, &options, &to, 1);
            assert!(summary.is_complete(), "the second try was expected to succeed: {summary:?}");
            assert_eq!(names(&to), ["damaged", "other-name", "whole"], "no temporary file was expected");
            assert_eq!(
                fs::read(to.join("damaged")).expect("it is there"),
                fs::read(source.join("damaged")).expect("it was written"),
                "protocol {protocol}, with a basis: {basis}: the content was expected to be the source's"
            );
        }
    }
}

#[test]
fn what_comes_damaged_twice_is_not_kept() {
    let source = source();
    fs::remove_file(source.join("other-name")).expect("it can be removed");
    let daemon = Daemon::serving(source.path());
    let scratch = Scratch::new();
    let to = scratch.directory("new");
    fs::write(to.join("damaged"), "old").expect("a file can be made");
    let summary = pull_damaged(&daemon, &options(), &to, 2);
    assert_eq!(summary.failed, 1, "the damaged file was expected to be reported: {summary:?}");
    assert_eq!(
        fs::read(to.join("damaged")).expect("it is there"),
        b"old",
        "what was there was expected to stay"
    );
    assert_eq!(names(&to), ["damaged", "whole"], "no temporary file was expected");
}

/// A leader of hard links that fails is replaced by another name of its file.
#[test]
fn another_name_takes_the_place_of_a_failed_one() {
    let source = source();
    let daemon = Daemon::serving(source.path());
    let scratch = Scratch::new();
    let to = scratch.directory("new");
    // The names wait for the last of them, `other-name`; something there makes `damaged` the first to be asked for.
    fs::write(to.join("damaged"), "old").expect("a file can be made");
    let summary = pull_damaged(&daemon, &options(), &to, 2);
    assert_eq!(summary.failed, 1, "one name was expected to fail: {summary:?}");
    assert_eq!(
        fs::read(to.join("other-name")).expect("it is there"),
        fs::read(source.join("damaged")).expect("it was written"),
        "the other name was expected to be asked for itself"
    );
}

/// What the server cannot find in an old file it sends, in the first try as in the second.
#[test]
fn old_files_that_end_early_while_they_are_read() {
    let source = Scratch::new();
    let content: Vec<u8> = (0..4_000_000u32).flat_map(u32::to_le_bytes).collect();
    fs::write(source.join("damaged"), &content).expect("a file can be made");
    let daemon = Daemon::serving(source.path());
    for (times, inc_recursive) in [(0, true), (1, true), (0, false)] {
        let scratch = Scratch::new();
        let to = scratch.directory("new");
        let mut old = content.clone();
        old[5_000] ^= 1;
        fs::write(to.join("damaged"), &old[..15_999_000]).expect("a file can be made");
        let mut options = options();
        options.inc_recursive = inc_recursive;
        let spoils = Spoils { cuts: true, ..Spoils::default() };
        let summary = pull_spoilt(&daemon, &options, &to, times, &spoils).expect("it is no damage");
        assert!(summary.is_complete(), "{summary:?}");
        let came = fs::read(to.join("damaged")).expect("it is there");
        assert!(came == content, "the content was expected to be the source's");
        // A third of the sums is missing in the first try, and all of them in the second.
        let matched = summary.matched / 1_000_000;
        assert!((8..15).contains(&matched), "{summary:?}");
    }
}

/// A file that may stay, since only its time is another, is looked at once more before it does.
#[test]
fn files_that_change_while_they_are_compared() {
    let source = Scratch::new();
    let content: Vec<u8> = (0..4_000_000u32).flat_map(u32::to_le_bytes).collect();
    fs::write(source.join("damaged"), &content).expect("a file can be made");
    let daemon = Daemon::serving(source.path());
    for what in ["nothing", "is written", "grows", "is cut", "gets a name", "is replaced"] {
        let scratch = Scratch::new();
        let to = scratch.directory("new");
        let (path, other) = (to.join("damaged"), scratch.join("other"));
        fs::write(&path, &content).expect("a file can be made");
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let file = fs::File::options().write(true).open(&path).expect("it was made");
        file.set_modified(long_ago).expect("times can be set");
        let number = || fs::metadata(&path).expect("it is there").ino();
        let before = number();
        let (at, beyond, len) = (path.clone(), other.clone(), content.len() as u64);
        let meanwhile = move || {
            let file = fs::File::options().write(true).open(&at).expect("it is there");
            match what {
                "is written" => file.write_all_at(b"x", 0).expect("it can be written"),
                "grows" => file.set_len(len + 1).expect("it can grow"),
                "is cut" => file.set_len(len - 1).expect("it can be cut"),
                "gets a name" => fs::hard_link(&at, &beyond).expect("links can be made"),
                "is replaced" => fs::rename(&beyond, &at).expect("it can be replaced"),
                _ => {}
            }
        };
        if what == "is replaced" {
            fs::write(&other, "something else").expect("a file can be made");
        }
        let spoils = Spoils { meanwhile: Some(Arc::new(meanwhile)), ..Spoils::default() };
        let summary = pull_spoilt(&daemon, &options(), &to, 0, &spoils).expect("it is no damage");
        assert!(summary.is_complete(), "{what}: {summary:?}");
        assert!(fs::read(&path).expect("it is there") == content, "{what}");
        assert_eq!(number() == before, what == "nothing", "{what}");
        if what == "gets a name" {
            let modified = fs::metadata(&other).and_then(|found| found.modified());
            assert_eq!(modified.expect("it is there"), long_ago, "the other name keeps what it had");
        }
    }
}

/// A thread that is lost ends the transfer, whoever waits for it.
#[test]
fn a_look_that_is_lost_ends_the_pull() {
    let source = Scratch::new();
    let scratch = Scratch::new();
    let to = scratch.directory("new");
    for number in 0..2000 {
        for directory in [source.path(), &to] {
            fs::write(directory.join(format!("{number:04}")), "content").expect("a file can be made");
        }
    }
    let daemon = Daemon::serving(source.path());
    for name in [&b"0000"[..], b"0700", b"1999"] {
        let mut options = options();
        options.checksum = true;
        let spoils = Spoils { panics_at: Some(name), ..Spoils::default() };
        let error = pull_spoilt(&daemon, &options, &to, 0, &spoils).expect_err("somebody was lost");
        assert!(matches!(error, rsync_proto::Error::Internal(_)), "{error}");
    }
}
