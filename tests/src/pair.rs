//! One source, and two destinations that start out equal: rsync fills one, the program under test the other,
//! and then they are compared.
//!
//! Not for tests in which the oracle has nothing to say.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::awkward;
use crate::daemon::{Daemon, Module, Plan};
use crate::diff::assert_same;
use crate::run::{Outcome, Program};
use crate::scratch::Scratch;
use crate::server::Server;
use crate::snapshot::Snapshot;

/// Both programs cut old files into blocks of this length. Left to themselves, the one under test takes shorter ones.
pub const EQUAL_BLOCKS: &str = "--block-size=1000";

/// What both programs came to. `rsync` is the oracle, `deployer` is under test.
#[derive(Debug, Clone)]
pub struct Both<T> {
    /// The oracle's.
    pub rsync: T,
    /// That of the program under test.
    pub deployer: T,
}

/// The source with its daemon, and the two destinations.
#[derive(Debug)]
pub struct Pair {
    daemon: Daemon,
    scratch: Scratch,
    since: SystemTime,
}

impl Pair {
    /// With what `fill` puts into the source. The destinations do not exist yet.
    ///
    /// # Panics
    /// If the daemon does not start.
    #[must_use]
    pub fn new(fill: impl FnOnce(&Path)) -> Self {
        Self::serving(fill, Daemon::serving)
    }

    /// As [`Pair::new`], with a daemon in a chroot. For a server that is to follow symlinks: outside of one it asks the
    /// kernel to keep it beneath the module, which gives up (EAGAIN) at a `..` whenever anything on the machine is
    /// renamed at that moment, and it does not ask again.
    ///
    /// # Panics
    /// If the daemon does not start.
    #[must_use]
    pub fn in_chroot(fill: impl FnOnce(&Path)) -> Self {
        Self::serving(fill, |source| {
            Plan::new().serve(Module::new("tree", source).with("use chroot = yes")).start()
        })
    }

    fn serving(fill: impl FnOnce(&Path), serve: impl FnOnce(&Path) -> Daemon) -> Self {
        let scratch = Scratch::new();
        let source = scratch.directory("source");
        fill(&source);
        Self { daemon: serve(&source), scratch, since: SystemTime::now() }
    }

    /// With the awkward tree.
    ///
    /// # Panics
    /// As [`awkward::plant`].
    #[must_use]
    pub fn awkward(options: &awkward::Options) -> Self {
        Self::new(|source| awkward::plant(source, options))
    }

    /// What the daemon serves.
    #[must_use]
    pub fn source(&self) -> PathBuf {
        self.scratch.join("source")
    }

    /// Where a program pulls to.
    #[must_use]
    pub fn destination(&self, program: &Program) -> PathBuf {
        self.scratch.join(program.name())
    }

    /// The place of all three.
    #[must_use]
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The daemon.
    #[must_use]
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Both pull the whole source with the same options. Fails unless they exit with the same code.
    ///
    /// # Panics
    /// If they do not.
    #[must_use]
    pub fn pull(&self, options: &[&str]) -> Both<Outcome> {
        let [rsync, deployer] = Program::both()
            .map(|program| program.pull(options, &self.daemon.url("tree/"), &self.destination(&program)));
        let code = rsync.code();
        assert_eq!(deployer.code(), code, "the exit code was expected to be rsync's\n{rsync}\n{deployer}");
        Both { rsync, deployer }
    }

    /// Pictures of both destinations, in which all times since the source was filled are one.
    ///
    /// # Panics
    /// If one cannot be read.
    #[must_use]
    pub fn pictures(&self) -> Both<Snapshot> {
        let [rsync, deployer] =
            Program::both().map(|program| Snapshot::take_since(&self.destination(&program), self.since));
        Both { rsync, deployer }
    }

    /// Brings both destinations to the state of the source as it is now, whatever the program under test can
    /// do.
    ///
    /// # Panics
    /// If the oracle cannot.
    pub fn prepare(&self) {
        for program in Program::both() {
            let options = ["-aHAX", "--numeric-ids", "--delete"];
            let destination = self.destination(&program);
            let outcome = Program::rsync().pull(&options, &self.daemon.url("tree/"), &destination);
            let _ = outcome.expect(0);
        }
    }
}

impl Both<Snapshot> {
    /// Fails unless both destinations are the same.
    ///
    /// # Panics
    /// With the first differences.
    pub fn assert_same(&self, what: &str) {
        assert_same(what, &self.rsync, &self.deployer);
    }

    /// Fails unless the program under test left everything alone that the oracle left alone since `before`.
    ///
    /// # Panics
    /// With the entries that were touched.
    pub fn assert_untouched(&self, before: &Self, what: &str) {
        let allowed = self.rsync.touched_since(&before.rsync);
        let touched: Vec<String> = (self.deployer.touched_since(&before.deployer).iter())
            .filter(|(path, _)| !allowed.contains_key(*path))
            .map(|(path, how)| format!("{}: {how}", path.escape_ascii()))
            .collect();
        assert!(
            touched.is_empty(),
            "{what}: nothing was expected to be touched\n{}",
            crate::diff::summary(&touched)
        );
    }
}
