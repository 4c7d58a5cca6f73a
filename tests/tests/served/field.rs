//! Two daemons that serve the same directories, and what one client makes of both.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use end_to_end::at::walk;
use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::diff::{assert_same, assert_same_lines, files_once};
use end_to_end::own_daemon::{OwnDaemon, OwnPlan};
use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use end_to_end::starts::{self, Start};

use crate::masks;
use crate::tree;

/// From what a destination starts, whether it has foreign entries, and in which version of the protocol the client
/// speaks. Each state comes up, and each version with several of them.
pub const TURNS: [(Start, bool, u8); 6] = [
    (Start::Empty, false, 32),
    (Start::Older, true, 31),
    (Start::Newer, false, 30),
    (Start::Cut, false, 32),
    (Start::Empty, false, 30),
    (Start::Older, false, 32),
];

/// A few of them, for what the state or the version matters little to.
pub const FEW: [(Start, bool, u8); 3] =
    [(Start::Empty, false, 32), (Start::Older, true, 31), (Start::Cut, false, 30)];

/// The module, and its two daemons.
pub struct Field {
    pub rsync: Daemon,
    pub own: OwnDaemon,
    pub scratch: Scratch,
    since: SystemTime,
}

/// What a client came to from the own daemon, after it was found to be the same as from rsync's.
pub struct Results {
    pub own: Outcome,
    pub tree: Snapshot,
}

/// What a client is to do.
#[derive(Clone)]
pub struct Job<'a> {
    pub program: Program,
    pub options: Vec<&'a str>,
    /// Below the module `tree`.
    pub paths: Vec<&'a str>,
    /// What it reads from standard input.
    pub input: &'a [u8],
}

impl<'a> Job<'a> {
    /// rsync pulls all of the module.
    pub fn rsync(options: &[&'a str]) -> Self {
        let options = options.to_vec();
        Self { program: Program::rsync(), options, paths: vec![""], input: b"" }
    }

    /// The program under test pulls all of the module.
    pub fn deployer(options: &[&'a str]) -> Self {
        Self { program: Program::deployer(), ..Self::rsync(options) }
    }

    pub fn paths(mut self, paths: &[&'a str]) -> Self {
        self.paths = paths.to_vec();
        self
    }

    fn has_whole_paths(&self) -> bool {
        self.has('R', "--files-from")
    }

    fn keeps_links(&self) -> bool {
        self.has('H', "--hard-links")
    }

    fn has(&self, short: char, long: &str) -> bool {
        let is_short = |option: &str| !option.starts_with("--") && option.contains(short);
        self.options.iter().any(|option| option.starts_with(long) || is_short(option))
    }

    pub fn input(mut self, input: &'a [u8]) -> Self {
        self.input = input;
        self
    }
}

impl Field {
    /// With the tree of [`tree::plant`].
    pub fn new() -> Self {
        Self::with(tree::plant)
    }

    /// With what `fill` makes of an empty directory.
    pub fn with(fill: impl FnOnce(&Path)) -> Self {
        // Names of owners are sent; rsync leaves that to its configuration.
        Self::of(fill, |module| module.with("numeric ids = no"), |plan, _| plan)
    }

    /// rsync's daemon in a chroot, for what follows symlinks: see `Pair::in_chroot`. There it does not find names of
    /// owners.
    pub fn in_chroot(fill: impl FnOnce(&Path)) -> Self {
        Self::of(fill, |module| module.with("use chroot = yes"), |plan, _| plan)
    }

    pub fn of(
        fill: impl FnOnce(&Path),
        module: impl FnOnce(Module) -> Module,
        plan: impl FnOnce(OwnPlan, &Scratch) -> OwnPlan,
    ) -> Self {
        let scratch = Scratch::new();
        scratch.keep_access_times();
        let source = scratch.directory("source");
        fill(&source);
        age(&source);
        let rsync = Plan::new().serve(module(Module::new("tree", &source))).start();
        let own = plan(OwnPlan::new(), &scratch).serve("tree", &source).start();
        for name in ["rsync", "own"] {
            let _ = scratch.directory(name);
        }
        Self { rsync, own, scratch, since: SystemTime::now() }
    }

    pub fn source(&self) -> PathBuf {
        self.scratch.join("source")
    }

    /// Both destinations of a job. Each is called `new`, so that the client says the same.
    pub fn destinations(&self) -> [PathBuf; 2] {
        ["rsync/new", "own/new"].map(|name| self.scratch.join(name))
    }

    /// Brings both destinations into a state of [`starts`].
    pub fn begin(&self, start: Start, foreign: bool) {
        self.clear();
        for destination in self.destinations() {
            if start != Start::Empty {
                copy(&self.source(), &destination);
                starts::change(&destination, start);
            }
            if foreign {
                let _ = fs::create_dir(&destination);
                starts::plant_foreign(&destination);
            }
        }
    }

    /// Removes both destinations.
    pub fn clear(&self) {
        for destination in self.destinations() {
            let _ = fs::remove_dir_all(destination);
        }
    }

    /// The client does the job with both daemons.
    pub fn run(&self, job: &Job<'_>) -> [Outcome; 2] {
        let input = self.scratch.join("input");
        fs::write(&input, job.input).expect("memory is large enough");
        let servers: [(&dyn Server, &str); 2] = [(&self.rsync, "rsync"), (&self.own, "own")];
        servers.map(|(server, name)| {
            let run = job.program.invoke("pull", &job.options).within(&self.scratch.join(name));
            let run = run.input(File::open(&input).expect("it was written"));
            let run = job.paths.iter().fold(run, |run, path| run.arg(server.url(&format!("tree/{path}"))));
            // With a slash at its end it is a directory, whatever comes.
            run.arg("new/").run()
        })
    }

    /// Fails unless the client comes to the same with both: the exit code, the tree, and all lines but for figures that
    /// depend on time.
    #[track_caller]
    pub fn alike(&self, what: &str, job: &Job<'_>) -> Results {
        let [rsync, own] = self.run(job);
        let what = format!("{what}: {:?} {:?}", job.options, job.paths);
        let said = || format!("\nfrom rsync's:\n{rsync}\nfrom the own one:\n{own}\n{}", self.own.said());
        assert_eq!(own.code(), rsync.code(), "{what}: the exit code was expected to be the same{}", said());
        let [theirs, ours] = [&rsync, &own].map(|outcome| {
            let mut lines = masks::output(outcome);
            // Where paths are whole, directories on the way may be listed several times, which nobody sees otherwise.
            lines.retain(|line| !job.has_whole_paths() || !line.starts_with("Number of files: "));
            if job.keeps_links() { files_once(lines, &self.source()) } else { lines }
        });
        assert_same_lines(&what, &theirs, &ours);
        assert_same_lines(&format!("{what}: errors"), &masks::errors(&rsync), &masks::errors(&own));
        masks::assert_close(&what, &rsync, &own);
        let trees = self.pictures();
        assert_same(&what, &trees[0], &trees[1]);
        let [_, tree] = trees;
        Results { own, tree }
    }

    /// Pictures of both destinations. One that is not there is taken as empty.
    pub fn pictures(&self) -> [Snapshot; 2] {
        self.destinations().map(|destination| match destination.is_dir() {
            true => Snapshot::take_since(&destination, self.since),
            false => Snapshot::default(),
        })
    }

    /// The same job from several states and in several versions.
    #[track_caller]
    pub fn turns(&self, turns: &[(Start, bool, u8)], job: &Job<'_>) {
        for &(start, foreign, protocol) in turns {
            self.begin(start, foreign);
            let option = format!("--protocol={protocol}");
            let mut job = job.clone();
            let own_version = job.options.iter().any(|option| option.starts_with("--protocol="));
            if !own_version {
                job.options.push(&option);
            }
            let foreign = if foreign { ", foreign" } else { "" };
            let _ = self.alike(&format!("{start:?}{foreign}"), &job);
        }
    }
}

/// Each line of `-i` and the figures are compared.
const SAID: [&str; 2] = ["-i", "--stats"];

/// rsync pulls everything with these options, from all starts.
#[track_caller]
pub fn pull_everywhere(options: &[&str]) {
    Field::new().turns(&TURNS, &Job::rsync(&[options, &SAID].concat()));
}

/// rsync pulls these paths with these options, from a few starts.
#[track_caller]
pub fn pull_paths(options: &[&str], paths: &[&str]) {
    Field::new().turns(&FEW, &Job::rsync(&[options, &SAID].concat()).paths(paths));
}

/// Gives an older time to each file that was just written: what a test then writes elsewhere would at times have the same.
fn age(root: &Path) {
    let recent = SystemTime::now() - Duration::from_secs(24 * 60 * 60);
    walk(root, &mut |walked| {
        if walked.metadata.is_file() && walked.metadata.modified()? > recent {
            File::open(root.join(OsStr::from_bytes(&walked.path)))?.set_modified(recent)?;
        }
        Ok(())
    })
    .expect("a tree can be walked");
}

/// A copy with everything that a file system keeps.
pub fn copy(from: &Path, to: &Path) {
    copy_keeping("all", from, to);
}

/// A copy in which each name has a file of its own.
pub fn copy_without_links(from: &Path, to: &Path) {
    copy_keeping("mode,ownership,timestamps,xattr", from, to);
}

fn copy_keeping(what: &str, from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-PR").arg(format!("--preserve={what}")).arg(from).arg(to).status();
    assert!(status.expect("cp is installed").success(), "{} can be copied", from.display());
}

/// A test of this name for each set of options: rsync pulls everything from all starts.
macro_rules! everywhere {
    ($($name:ident: $($option:literal),+;)+) => {
        $(#[test] fn $name() { $crate::field::pull_everywhere(&[$($option),+]); })+
    };
}

/// A test of this name for each set of options and paths: rsync pulls them from a few starts.
macro_rules! from {
    ($($name:ident: $($option:literal),+ => $($path:literal),+;)+) => {
        $(#[test] fn $name() { $crate::field::pull_paths(&[$($option),+], &[$($path),+]); })+
    };
}

pub(crate) use {everywhere, from};
