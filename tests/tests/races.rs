//! Somebody moves paths of the destination while root pulls into it, with deletion: whatever is exchanged for a symlink,
//! and whenever, nothing beyond the destination is touched, and the next pull heals what is within.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use end_to_end::daemon::Daemon;
use end_to_end::diff::assert_same;
use end_to_end::random::Random;
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use rustix::fs::{CWD, RenameFlags, renameat_with};

/// The number of that system call, which is the same on all architectures.
const OPENAT2: u32 = 437;

/// How long paths are moved.
const WHILE: Duration = Duration::from_secs(6);

/// Exchanges a path for a symlink that leads to the canary, and back, for ever.
struct Flipper {
    stopped: Arc<AtomicBool>,
    flips: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Flipper {
    /// Exchanges `name` in a directory for `link`. The directory is held by a handle: what happens to its path must not
    /// lead the flipper itself astray.
    fn start(parent: fs::File, name: &'static str, link: PathBuf) -> Self {
        let (stopped, flips) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (is_stopped, count) = (Arc::clone(&stopped), Arc::clone(&flips));
        let thread = thread::spawn(move || {
            while !is_stopped.load(Ordering::Relaxed) {
                // It may be away for a moment.
                if renameat_with(&parent, name, CWD, &link, RenameFlags::EXCHANGE).is_ok() {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                thread::yield_now();
            }
        });
        Self { stopped, flips, thread }
    }

    fn stop(self) -> usize {
        self.stopped.store(true, Ordering::Relaxed);
        self.thread.join().expect("flippers do not fail");
        self.flips.load(Ordering::Relaxed)
    }
}

/// The tree of the server; in another state everything in it is different.
fn plant(root: &Path, random: &mut Random, state: &str) {
    for directory in ["d", "d/e", "d/e/f", "g", "g/h"] {
        let directory = root.join(directory);
        fs::create_dir_all(&directory).expect("memory is large enough");
        for number in 0..12 {
            let file = directory.join(format!("file-{number}"));
            let _ = fs::remove_file(&file);
            fs::write(&file, random.bytes(3000)).expect("memory is large enough");
        }
        let _ = fs::remove_file(directory.join("link"));
        symlink(state, directory.join("link")).expect("links can be made");
        let other = directory.join("other name");
        let _ = fs::remove_file(&other);
        fs::hard_link(directory.join("file-0"), other).expect("it is on the same file system");
        fs::create_dir_all(directory.join(format!("only in {state}/below"))).expect("memory is large enough");
        fs::write(directory.join(format!("only in {state}/below/file")), state)
            .expect("memory is large enough");
    }
    for directory in ["d", "d/e", "d/e/f", "g", "g/h"] {
        let other = if state == "one" { "two" } else { "one" };
        let _ = fs::remove_dir_all(root.join(directory).join(format!("only in {other}")));
    }
}

fn races(program: &Program, options: &[&str]) {
    let scratch = Scratch::new();
    let mut random = Random::new(9);
    let [one, two] = ["one", "two"].map(|state| {
        let root = scratch.directory(state);
        plant(&root, &mut random, state);
        root
    });
    let daemons = [&one, &two].map(|root| Daemon::serving(root));
    let destination = scratch.directory("destination");
    let pull = |number: usize| {
        let url = daemons[number % 2].url("tree/");
        // What is tried holds without the walls of the kernel.
        let all: Vec<&str> =
            ["-aH", "-I", "--timeout=20", "--no-sandbox"].iter().chain(options).copied().collect();
        program.pull(&all, &url, &destination)
    };
    let first = pull(0);
    assert_eq!(first.code(), 0, "{first}");
    // The same names as in the tree: whoever follows a link changes or deletes something here.
    let canary = scratch.directory("canary");
    plant(&canary, &mut random, "beyond");
    fs::write(canary.join("file-0"), "beyond").expect("memory is large enough");
    let before = Snapshot::take(&canary);
    let aside = scratch.directory("aside");
    let places = [
        ("", "d", "d"),
        ("d", "e", "d/e"),
        ("d/e", "f", ""),
        ("", "g", ""),
        ("g", "h", "d/e"),
        ("d", "file-0", "file-0"),
        ("g", "link", "g"),
    ];
    let parents = places.map(|(parent, ..)| fs::File::open(destination.join(parent)).expect("it is there"));
    let flippers: Vec<Flipper> = (places.into_iter().zip(parents).enumerate())
        .map(|(number, ((_, name, target), parent))| {
            let link = aside.join(number.to_string());
            symlink(canary.join(target), &link).expect("links can be made");
            Flipper::start(parent, name, link)
        })
        .collect();
    let began = Instant::now();
    let mut pulls = 1;
    while began.elapsed() < WHILE {
        let outcome = pull(pulls);
        assert!([0, 11, 23, 24].contains(&outcome.code()), "{outcome}");
        pulls += 1;
    }
    let flips: Vec<usize> = flippers.into_iter().map(Flipper::stop).collect();
    assert!(flips.iter().all(|count| *count > 100), "they were expected to move: {flips:?}");
    assert_same("beyond the destination", &before, &Snapshot::take(&canary));
    let healed = pull(1);
    assert_eq!(healed.code(), 0, "{healed}");
    if !options.contains(&"-b") {
        assert_same("healed", &Snapshot::take(&two), &Snapshot::take(&destination));
    }
}

#[test]
fn while_files_are_replaced_and_deleted() {
    races(&Program::deployer(), &["--delete"]);
}

#[test]
fn while_files_wait_and_are_kept() {
    races(&Program::deployer(), &["--delete-after", "--delay-updates", "-b", "--suffix=.old", "--partial"]);
}

#[test]
fn while_files_are_written_in_place() {
    races(&Program::deployer(), &["--delete-delay", "--inplace"]);
}

/// A kernel, or a wall around the program, that knows no `openat2`.
#[test]
fn where_paths_are_walked_by_hand() {
    let scratch = Scratch::new();
    races(&Program::deployer().without_calls(&[OPENAT2], &scratch), &["--delete"]);
    races(&Program::deployer().without_calls(&[OPENAT2], &scratch), &["--delete-delay", "--inplace"]);
}
