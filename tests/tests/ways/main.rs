//! Ways to a server besides plain TCP, each through the programs that people use for it, and with rsync as the oracle where
//! rsync knows the way.
//!
//! Here: what all of these tests need.

mod others;
mod served;
mod shell;
mod tls;

use std::path::PathBuf;

use end_to_end::awkward;
use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::diff::assert_same;
use end_to_end::run::{Invocation, Outcome, Program};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;

/// A tree, a daemon that serves it, and a place for copies.
struct Fixture {
    scratch: Scratch,
    daemon: Daemon,
}

impl Fixture {
    fn new() -> Self {
        let scratch = Scratch::new();
        let source = scratch.directory("source");
        awkward::plant(&source, &awkward::Options { crowd: 50, ..awkward::Options::small() });
        // More than any buffer on the way holds.
        std::fs::write(
            source.join("large"),
            (0..3_000_000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>(),
        )
        .expect("memory is large enough");
        let secrets = scratch.file("secrets", "alice:open sesame\n", 0o600);
        let guarded = Module::new("guarded", &source).with("auth users = alice");
        let guarded = guarded.with(&format!("secrets file = {}", secrets.display()));
        let daemon = Plan::new().serve(Module::new("tree", &source)).serve(guarded).start();
        Self { scratch, daemon }
    }

    fn source(&self) -> PathBuf {
        self.scratch.join("source")
    }

    fn port(&self) -> u16 {
        self.daemon.address().port()
    }

    /// A pull of the whole tree that has to make it the same.
    #[track_caller]
    fn comes(&self, what: &str, run: impl FnOnce(Invocation) -> Invocation, options: &[&str], url: &str) {
        let into = Scratch::new();
        let options = [&["-aHAX", "--numeric-ids", "--sandbox"], options].concat();
        let run = run(Program::deployer().pulling(&options, url, &into.join("new")));
        let outcome = run.run().expect(0);
        assert_eq!(outcome.stderr.lines().find(|line| line.contains("sandbox")), None, "{outcome}");
        assert_same(what, &Snapshot::take(&self.source()), &Snapshot::take(&into.join("new")));
    }

    /// A pull that has to end with this code, and with these words.
    #[track_caller]
    fn fails(
        &self,
        code: i32,
        words: &[&str],
        run: impl FnOnce(Invocation) -> Invocation,
        options: &[&str],
        url: &str,
    ) -> Outcome {
        let into = Scratch::new();
        let options = [&["-a", "--sandbox"], options].concat();
        let outcome = run(Program::deployer().pulling(&options, url, &into.join("new"))).run().expect(code);
        for word in words {
            assert!(outcome.stderr.contains(word), "\"{word}\" was expected\n{outcome}");
        }
        outcome
    }
}

/// Nothing more to say.
fn as_it_is(run: Invocation) -> Invocation {
    run
}
