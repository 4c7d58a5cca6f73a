//! The library as a program uses it: destinations of one's own, content that comes damaged, and pulls that are
//! dropped in the middle.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use rsync_proto::checksum::StrongSum;
use rsync_proto::delta::Offer;
use rsync_proto::destination::{
    Destination, DirChanges, Failure, Incoming, Linking, Making, Received, Sink, Verdict,
};
use rsync_proto::flist::{EntryRef, SafePath, Segment};
use rsync_proto::local::{LocalBasis, LocalDir, LocalSink, LocalTree, LocalTreeOptions};
use rsync_proto::report::{Changes, Summary};
use rsync_proto::{Client, Location, Options, Result};
use rustix::fs::XattrFlags;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A local tree whose content is damaged on the way in.
struct Damaging {
    tree: LocalTree,
    /// How many files are still to be damaged.
    left: Arc<Mutex<u32>>,
}

struct DamagingSink {
    sink: LocalSink,
    damage: bool,
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

    fn offer(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        basis: &LocalBasis,
        again: bool,
    ) -> Result<Offer, Failure> {
        self.tree.offer(dir, entry, basis, again)
    }

    fn receive(
        &self,
        dir: &Arc<LocalDir>,
        entry: EntryRef<'_>,
        incoming: Incoming<'_, LocalBasis>,
    ) -> Result<DamagingSink, Failure> {
        let sink = self.tree.receive(dir, entry, incoming)?;
        let mut left = self.left.lock().expect("no thread panics with the lock");
        let damage = *left > 0 && entry.name() == b"damaged";
        *left -= u32::from(damage);
        Ok(DamagingSink { sink, damage })
    }
}

fn client(daemon: &Daemon, options: Options) -> Client {
    Client::new(Location::parse(&daemon.url("tree/")).expect("the daemon's URL is one"), options)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(work)
}

fn options() -> Options {
    let mut options = Options::archive();
    options.hard_links = true;
    options
}

/// Pulls with the first `times` arrivals of the file `damaged` spoilt.
fn pull_damaged(daemon: &Daemon, options: &Options, to: &Path, times: u32) -> Summary {
    let left = Arc::new(Mutex::new(times));
    let summary = run(client(daemon, options.clone()).pull_into(|agreed| {
        let settings = LocalTreeOptions { options: options.clone(), summer: agreed.summer };
        Ok(Damaging { tree: LocalTree::new(to, settings), left: Arc::clone(&left) })
    }));
    assert_eq!(*left.lock().expect("no thread panics with the lock"), 0, "the file was expected so often");
    summary.expect("damage to one file does not end a pull")
}

fn source() -> Scratch {
    let source = Scratch::new();
    let content: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    fs::write(source.join("damaged"), &content).expect("a file can be made");
    fs::write(source.join("whole"), &content).expect("a file can be made");
    fs::hard_link(source.join("damaged"), source.join("other-name")).expect("a link can be made");
    source
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory can be read");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
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

#[test]
fn a_dropped_pull_leaves_no_temporary_file() {
    let source = Scratch::new();
    fs::write(source.join("large"), vec![7; 64 << 20]).expect("a file can be made");
    let daemon = Plan::new().serve(Module::new("tree", source.path())).slow(8192).start();
    let scratch = Scratch::new();
    let to = scratch.directory("new");
    let under_way = AtomicBool::new(false);
    run(async {
        let client = client(&daemon, options());
        let pull = client.pull(&to);
        let seen = async {
            while !names(&to).iter().any(|name| name.starts_with(".large.")) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            under_way.store(true, Ordering::Relaxed);
        };
        tokio::select! {
            done = pull => panic!("the pull was expected to take longer: {done:?}"),
            () = seen => {}
        }
    });
    assert!(under_way.load(Ordering::Relaxed), "the file was expected to be under way");
    assert_eq!(names(&to), Vec::<String>::new(), "nothing was expected to be left");
}

/// Files in memory: what an embedder without a file system would write.
#[derive(Default)]
struct Memory {
    files: Arc<Mutex<HashMap<SafePath, Vec<u8>>>>,
}

struct MemoryFile {
    path: SafePath,
    content: Vec<u8>,
    checksum: rsync_proto::checksum::ChecksumKind,
    files: Arc<Mutex<HashMap<SafePath, Vec<u8>>>>,
}

impl Sink for MemoryFile {
    fn literal(&mut self, bytes: Bytes) -> io::Result<()> {
        self.content.extend_from_slice(&bytes);
        Ok(())
    }

    fn matched(&mut self, _: u64, _: u64) -> io::Result<()> {
        Err(io::Error::other("no basis was offered"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(self, sum: &StrongSum, _: EntryRef<'_>) -> Result<Received, Failure> {
        if rsync_proto::checksum::FileSummer::of(self.checksum, &self.content) != *sum {
            return Ok(Received::Mismatch);
        }
        self.files.lock().expect("no thread panics with the lock").insert(self.path, self.content);
        Ok(Received::Complete)
    }
}

impl Destination for Memory {
    type Dir = ();
    type Sink = MemoryFile;
    type Basis = ();

    fn begin(&self, _: &Segment) -> Result<()> {
        Ok(())
    }

    fn learn(&self, _: &Segment) {}

    fn make_dir(&self, (): &(), _: EntryRef<'_>) -> Result<Making, Failure> {
        Ok(Making::Done(DirChanges::default()))
    }

    fn open_dir(&self, _: EntryRef<'_>, _: Changes) -> Result<(), Failure> {
        Ok(())
    }

    fn leave(&self, (): &(), _: EntryRef<'_>) -> Result<(), Failure> {
        Ok(())
    }

    fn look(&self, (): &(), _: EntryRef<'_>) -> Result<Verdict<()>, Failure> {
        Ok(Verdict::Content { changes: Changes::NEW, basis: None })
    }

    fn touch(&self, (): &(), _: EntryRef<'_>, _: Changes) -> Result<(), Failure> {
        Ok(())
    }

    fn make(&self, (): &(), _: EntryRef<'_>) -> Result<(), Failure> {
        Ok(())
    }

    fn link(&self, _: &SafePath, (): &(), _: EntryRef<'_>) -> Result<Linking, Failure> {
        Ok(Linking::There)
    }

    fn receive(&self, _: &Arc<()>, entry: EntryRef<'_>, _: Incoming<'_, ()>) -> Result<MemoryFile, Failure> {
        Ok(MemoryFile {
            path: entry.path(),
            content: Vec::new(),
            checksum: rsync_proto::checksum::ChecksumKind::Md5,
            files: Arc::clone(&self.files),
        })
    }
}

/// A file system in memory that has no extended attributes, for as long as this value lasts.
struct Bare(PathBuf);

impl Bare {
    fn mount(at: &Path) -> Self {
        mount("e2e", at, "ramfs", MountFlags::empty(), None).unwrap();
        Self(at.to_owned())
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

#[test]
fn attributes_that_a_file_system_lacks_are_passed_over_on_request() {
    let source = Scratch::new();
    for name in ["labelled", "plain"] {
        let file = source.file(name, "content", 0o644);
        if name == "labelled" {
            rustix::fs::lsetxattr(&file, "user.label", b"value", XattrFlags::empty()).unwrap();
        }
    }
    let daemon = Daemon::serving(source.path());
    let to = Scratch::new();
    let place = to.directory("bare");
    let _bare = Bare::mount(&place);
    for (lenient, failed) in [(false, 1), (true, 0)] {
        let mut options = options();
        (options.xattrs, options.acls, options.perms) = (true, true, true);
        options.lenient_attributes = lenient;
        let summary = run(client(&daemon, options).pull(&place)).unwrap();
        assert_eq!(summary.failed, failed, "lenient: {lenient}");
        assert_eq!(names(&place), ["labelled", "plain"]);
    }
}

#[test]
fn a_tree_can_go_into_memory() {
    let source = Scratch::new();
    let inner = source.directory("a");
    fs::write(inner.join("b"), "content").expect("a file can be made");
    fs::write(source.join("empty"), "").expect("a file can be made");
    let daemon = Daemon::serving(source.path());
    let mut options = Options::default();
    options.recursive = true;
    options.checksum_choice = Some(rsync_proto::checksum::ChecksumKind::Md5.into());
    let memory = Memory::default();
    let files = Arc::clone(&memory.files);
    let summary =
        run(client(&daemon, options).pull_into(|_| Ok(memory))).expect("the pull was expected to succeed");
    assert_eq!(summary.transferred, 2, "both files were expected to come");
    let files = files.lock().expect("no thread panics with the lock");
    let path = SafePath::new(b"a/b").expect("a safe path");
    assert_eq!(
        files.get(&path).map(Vec::as_slice),
        Some(&b"content"[..]),
        "the content was expected in memory"
    );
}
