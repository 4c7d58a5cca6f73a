//! Pulls that end early: killed at any moment, they leave every file whole; cut off, they connect again, and what came
//! is not transferred twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use end_to_end::cut::CutLine;
use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::diff::assert_same;
use end_to_end::random::Random;
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::{Entry, Kind, Snapshot};
use rsync_proto::local::remove_leftovers;
use rustix::process::Signal;

/// How often an update is killed.
const KILLS: usize = 50;
/// Files of the tree that is updated.
const FILES: usize = 60;

/// `since_epoch`: when its files were changed, so that those of two trees are told apart by more than a moment.
fn plant(root: &Path, random: &mut Random, shared: &[Vec<u8>], since_epoch: Duration) {
    for (number, head) in shared.iter().enumerate() {
        let directory = root.join(format!("d{}", number % 7));
        fs::create_dir_all(&directory).expect("memory is large enough");
        let mut content = head.clone();
        content.extend(random.bytes(500 + number * 900));
        let mut file =
            fs::File::create(directory.join(format!("file-{number}"))).expect("memory is large enough");
        file.write_all(&content).expect("memory is large enough");
        file.set_modified(UNIX_EPOCH + since_epoch).expect("times can be set");
    }
}

/// A way to update, and which names of its own it may leave when it is killed.
struct Way {
    options: &'static [&'static str],
    /// The directory beside files in which they wait, or in which what came of them is kept.
    room: Option<&'static str>,
    backups: bool,
}

impl Way {
    const fn new(options: &'static [&'static str]) -> Self {
        Self { options, room: None, backups: false }
    }

    fn deletes(&self) -> bool {
        self.options.iter().any(|option| option.starts_with("--delete"))
    }
}

const WAYS: [Way; 8] = [
    Way::new(&["-a"]),
    Way::new(&["-a", "--delete"]),
    Way::new(&["-aH", "--delete-delay"]),
    Way { room: Some(".~tmp~"), ..Way::new(&["-a", "--delay-updates"]) },
    Way::new(&["-a", "-z"]),
    Way { room: Some(".part"), ..Way::new(&["-a", "--partial-dir=.part"]) },
    Way { backups: true, ..Way::new(&["-a", "-b", "--delete-after"]) },
    Way::new(&["-a", "-S", "--fsync", "--protocol=29"]),
];

/// What a name stands for that the tree has not.
enum Own {
    /// A file that is written.
    Temporary,
    /// The directory in which files wait.
    Room,
    /// A file that waits for the place of this name.
    Waiting(Vec<u8>),
    /// What was in the place of this name.
    Backup(Vec<u8>),
}

/// What stands under a name, and of all but directories, which change as long as something in them does, when it was
/// changed, in seconds, and its mode.
type State = (Kind, Option<(i64, u32)>);

/// By path.
type Tree = BTreeMap<Vec<u8>, State>;

fn tree(root: &Path) -> Tree {
    let state = |entry: Entry| {
        let is_directory = entry.kind == Kind::Directory;
        (entry.kind, (!is_directory).then_some((entry.time.0, entry.mode)))
    };
    Snapshot::take(root).entries.into_iter().map(|(path, entry)| (path, state(entry))).collect()
}

/// The directory of a path, and the name in it.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() }
}

/// The name of the file that is written under this temporary name.
fn behind_temporary(name: &[u8]) -> Option<&[u8]> {
    let (rest, letters) = name.split_last_chunk::<8>()?;
    let random = letters.iter().all(|letter| matches!(letter, b'a'..=b'z' | b'2'..=b'7'));
    rest.strip_suffix(b".rsp-")?.strip_prefix(b".").filter(|_| random)
}

fn temporary(tree: &Tree) -> BTreeSet<Vec<u8>> {
    tree.keys().filter(|path| behind_temporary(split(path).1).is_some()).cloned().collect()
}

/// A server with the new state of a tree, and the old one.
struct Update {
    scratch: Scratch,
    old: Tree,
    new: Tree,
}

impl Update {
    fn new() -> Self {
        let scratch = Scratch::new();
        let mut random = Random::new(77);
        let heads: Vec<Vec<u8>> = (0..FILES).map(|number| random.bytes(number * 700)).collect();
        plant(&scratch.directory("old"), &mut random, &heads, Duration::from_secs(1_000_000_000));
        plant(&scratch.directory("new"), &mut random, &heads, Duration::from_secs(1_000_000_100));
        fs::write(scratch.join("old/d1/gone"), b"gone\n").expect("memory is large enough");
        fs::write(scratch.join("new/d2/come"), random.bytes(50_000)).expect("memory is large enough");
        let [old, new] = ["old", "new"].map(|name| tree(&scratch.join(name)));
        Self { scratch, old, new }
    }

    fn begin(&self, destination: &Path) {
        let _ = fs::remove_dir_all(destination);
        let copied = Command::new("cp").arg("-a").arg(self.scratch.join("old")).arg(destination).status();
        assert!(copied.expect("cp is there").success());
    }

    /// What a name that the tree has not stands for, if a pull of this way makes such names.
    fn own(&self, path: &[u8], way: &Way) -> Option<Own> {
        let known = |path: &[u8]| self.old.contains_key(path) || self.new.contains_key(path);
        let (directory, name) = split(path);
        if let Some(name) = behind_temporary(name) {
            return known(&join(directory, name)).then_some(Own::Temporary);
        }
        if let Some(room) = way.room {
            if name == room.as_bytes() && known(directory) {
                return Some(Own::Room);
            }
            let (above, last) = split(directory);
            if last == room.as_bytes() {
                let place = join(above, name);
                return known(&place).then_some(Own::Waiting(place));
            }
        }
        let place = path.strip_suffix(b"~").filter(|_| way.backups)?;
        self.old.contains_key(place).then(|| Own::Backup(place.to_vec()))
    }

    /// Every file under a name that the tree has is whole: as it was before, or as the server has it. Every other is one
    /// that the pull made for itself.
    fn assert_whole(&self, found: &Tree, way: &Way, what: &str) {
        for (path, state) in found {
            let states = [&self.old, &self.new].map(|tree| tree.get(path));
            let shown = path.escape_ascii();
            if states.iter().any(Option::is_some) {
                let whole = states.iter().flatten().any(|known| *known == state);
                assert!(whole, "{what}: {shown} is neither old nor new: {state:?}");
                continue;
            }
            let is_file = matches!(state.0, Kind::File { .. });
            let fits = match self.own(path, way) {
                None => false,
                Some(Own::Temporary) => is_file,
                Some(Own::Room) => state.0 == Kind::Directory,
                // Where updates are delayed, what waits is complete; else it is a part.
                Some(Own::Waiting(place)) if way.options.contains(&"--delay-updates") => {
                    self.new.get(&place) == Some(state)
                }
                Some(Own::Waiting(_)) => is_file,
                Some(Own::Backup(place)) => self.old.get(&place) == Some(state),
            };
            assert!(fits, "{what}: {shown} is of nobody: {state:?}");
        }
        for path in self.old.keys().filter(|path| self.new.contains_key(*path) || !way.deletes()) {
            assert!(found.contains_key(path), "{what}: {} is gone", path.escape_ascii());
        }
    }

    /// What a run that is not killed comes to.
    fn wanted(&self, way: &Way) -> Tree {
        let mut wanted = self.new.clone();
        for (path, state) in &self.old {
            if self.new.get(path) == Some(state) {
                continue;
            }
            if way.backups {
                wanted.insert([path, &b"~"[..]].concat(), state.clone());
            } else if !way.deletes() && !self.new.contains_key(path) {
                wanted.insert(path.clone(), state.clone());
            }
        }
        wanted
    }
}

#[test]
fn killed_at_any_moment_it_leaves_whole_files() {
    let mut random = Random::of_this_run();
    let update = Update::new();
    let slow = Plan::new().serve(Module::new("tree", &update.scratch.join("new"))).slow(6 * 1024).start();
    let fast = Daemon::serving(&update.scratch.join("new"));
    let program = Program::deployer();
    let destination = update.scratch.join("destination");
    // How long an update takes from which moments are taken.
    update.begin(&destination);
    let begun = Instant::now();
    let _ = program.pull(WAYS[0].options, &slow.url("tree/"), &destination).expect(0);
    let mut whole = begun.elapsed();

    let (mut killed, mut midway, mut unfinished) = (0, 0, 0);
    for round in 0.. {
        let way = &WAYS[round % WAYS.len()];
        let moment = whole.mul_f64(random.below(1000) as f64 / 1000.0);
        let what = format!("round {round}: {:?} killed after {moment:?} of {whole:?}", way.options);
        update.begin(&destination);
        let running = program.pulling(way.options, &slow.url("tree/"), &destination).start();
        thread::sleep(moment);
        running.signal(Signal::KILL);
        match running.wait().signal() == Some(Signal::KILL.as_raw()) {
            true => killed += 1,
            // The host has less to do than before.
            false => whole = moment,
        }
        let left = tree(&destination);
        update.assert_whole(&left, way, &what);
        let has_files_of =
            |tree: &Tree| left.iter().any(|(path, state)| state.1.is_some() && tree.get(path) == Some(state));
        midway += usize::from(has_files_of(&update.old) && has_files_of(&update.new));
        let left = temporary(&left);
        unfinished += left.len();

        let outcome = program.pull(way.options, &fast.url("tree/"), &destination);
        assert_eq!(outcome.code(), 0, "{what}: the next run\n{outcome}");
        let mut found = tree(&destination);
        // What was left is to be deleted like anything that the server has not; else the library finds all of it.
        let still = temporary(&found);
        let expected = if way.deletes() { BTreeSet::new() } else { left.clone() };
        assert_eq!(still, expected, "{what}: unfinished files after the next run\n{outcome}");
        let removed = remove_leftovers(&destination).expect("what was left can be removed");
        assert_eq!(removed, still.len() as u64, "{what}: unfinished files, as the library knows them");
        found.retain(|path, _| !still.contains(path));
        if way.backups {
            found.retain(|path, _| !path.strip_suffix(b"~").is_some_and(|name| left.contains(name)));
        }
        let wanted = update.wanted(way);
        let odd: Vec<String> = (found.keys().chain(wanted.keys()))
            .filter(|path| found.get(*path) != wanted.get(*path))
            .map(|path| path.escape_ascii().to_string())
            .collect();
        assert!(odd.is_empty(), "{what}: the next run did not complete: {odd:?}\n{outcome}");
        if killed == KILLS {
            break;
        }
        assert!(round < 3 * KILLS, "most runs were over before they could be killed: {killed} of {round}");
    }
    assert!(midway > 0 && unfinished > 0, "some were expected to be killed midway: {midway}, {unfinished}");
}

#[test]
fn a_lost_connection_is_made_again() {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    let mut random = Random::new(5);
    fs::write(source.join("big"), random.bytes(4 << 20)).expect("memory is large enough");
    for number in 0..20 {
        fs::write(source.join(format!("a-{number}")), random.bytes(40_000)).expect("memory is large enough");
    }
    let daemon = Daemon::serving(&source);
    // Among the small files, in the middle of the large one, and again.
    let line = CutLine::to(daemon.address(), &[300_000, 2_500_000, 1_500_000]);
    let destination = scratch.join("destination");
    let outcome =
        Program::deployer().pull(&["-a", "--retries=5", "--stats"], &line.url("tree/"), &destination);
    assert_eq!(outcome.code(), 0, "{outcome}");
    assert_eq!(line.connections(), 4, "{outcome}");
    for word in
        ["trying again in 1 s (1 of 5)", "trying again in 2 s (2 of 5)", "trying again in 4 s (3 of 5)"]
    {
        assert!(outcome.stderr.contains(word), "{outcome}");
    }
    assert_same("retried", &Snapshot::take(&source), &Snapshot::take(&destination));
    // All tries are counted, and what came before is the basis of what comes now: but for what was on its way, or is
    // less than a block, each byte comes once.
    let size = (4 << 20) + 20 * 40_000;
    let literal = outcome.stats().literal();
    assert!((size - 300_000..size + 300_000).contains(&literal), "{literal} of {size}\n{outcome}");
    assert_eq!(outcome.stats().get("Number of regular files transferred"), 21, "{outcome}");
}

#[test]
fn a_connection_that_is_lost_too_often_ends_it() {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    fs::write(source.join("big"), Random::new(5).bytes(1 << 20)).expect("memory is large enough");
    let daemon = Daemon::serving(&source);
    let line = CutLine::to(daemon.address(), &[200_000; 9]);
    let destination = scratch.join("destination");
    let outcome = Program::deployer().pull(&["-a", "--retries=1"], &line.url("tree/"), &destination);
    assert!(matches!(outcome.code(), 10 | 12), "{outcome}");
    assert_eq!(line.connections(), 2, "{outcome}");
    assert!(!destination.join("big").exists(), "what is not complete has no final name");
    // It goes on from there even then.
    let outcome =
        Program::deployer().pull(&["-a", "--retries=1", "--stats"], &daemon.url("tree/"), &destination);
    assert_eq!(outcome.code(), 0, "{outcome}");
    assert!(outcome.stats().matched() > 100_000, "{outcome}");
    assert_same("gone on", &Snapshot::take(&source), &Snapshot::take(&destination));
}

#[test]
fn a_refusal_is_final() {
    let scratch = Scratch::new();
    let daemon = Daemon::serving(&scratch.directory("source"));
    let line = CutLine::to(daemon.address(), &[]);
    let begun = Instant::now();
    let outcome =
        Program::deployer().pull(&["-a", "--retries=5"], &line.url("nothing/"), &scratch.join("destination"));
    assert_eq!(outcome.code(), 5, "{outcome}");
    assert_eq!(line.connections(), 1, "{outcome}");
    assert!(!outcome.stderr.contains("trying again"), "{outcome}");
    assert!(begun.elapsed() < Duration::from_secs(30));
}
