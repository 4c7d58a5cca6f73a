//! Modules that want a user and a password.

use end_to_end::awkward::{self, Options};
use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::diff::assert_same;
use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;

/// What rsync exits with when the server turns it away.
const REFUSED: i32 = 5;
/// What rsync exits with when the command line asks for something that it does not do.
const USAGE: i32 = 1;

struct Fixture {
    scratch: Scratch,
    daemon: Daemon,
}

impl Fixture {
    fn new() -> Self {
        let scratch = Scratch::new();
        let source = scratch.directory("source");
        awkward::plant(&source, &Options { crowd: 5, ..Options::small() });
        let secrets = scratch.file("secrets", "alice:open sesame\nbob:other\n", 0o600);
        let secrets = format!("secrets file = {}", secrets.display());
        let module = |name, users: &str| Module::new(name, &source).with(users).with(&secrets);
        let daemon = Plan::new()
            .serve(module("tree", "auth users = alice, bob"))
            .serve(module("alice-only", "auth users = alice"))
            .serve(Module::new("open", &source))
            .start();
        Self { scratch, daemon }
    }

    /// A pull by one program, into nothing.
    fn pull(
        &self,
        program: &Program,
        more: &[&str],
        url: &str,
        environment: &[(&str, &str)],
    ) -> (Outcome, Snapshot) {
        let into = Scratch::new();
        let options = [&["-aHAX", "--numeric-ids"], more].concat();
        let mut run = program.pulling(&options, url, &into.join("new"));
        for (name, value) in environment {
            run = run.env(name, value);
        }
        (run.run(), Snapshot::take(into.path()))
    }

    #[track_caller]
    fn comes(&self, more: &[&str], url: &str, environment: &[(&str, &str)]) {
        for program in Program::both() {
            let into = Scratch::new();
            let options = [&["-aHAX", "--numeric-ids"], more].concat();
            let mut run = program.pulling(&options, url, &into.join("new"));
            for (name, value) in environment {
                run = run.env(name, value);
            }
            let _ = run.run().expect(0);
            let found = Snapshot::take(&into.join("new"));
            assert_same("what was let through", &Snapshot::take(&self.scratch.join("source")), &found);
        }
    }

    #[track_caller]
    fn is_refused(&self, code: i32, more: &[&str], url: &str, environment: &[(&str, &str)]) {
        for program in Program::both() {
            let (outcome, picture) = self.pull(&program, more, url, environment);
            let outcome = outcome.expect(code);
            let said = [outcome.stdout, outcome.stderr].concat();
            assert!(
                !said.contains("open sesame"),
                "no password was expected in what {} says",
                program.name()
            );
            let content = picture.entries.len();
            assert!(
                content <= 2,
                "nothing was expected to come from behind a closed door, not {content} entries"
            );
        }
    }
}

#[test]
fn password_from_a_file() {
    let fixture = Fixture::new();
    for (name, content) in
        [("plain", "open sesame"), ("line", "open sesame\n"), ("more", "open sesame\nsecond line\n")]
    {
        let file = fixture.scratch.file(name, content, 0o600);
        let option = format!("--password-file={}", file.display());
        fixture.comes(&[&option], &fixture.daemon.url_as("alice", "tree/"), &[]);
    }
}

#[test]
fn password_from_the_environment() {
    let fixture = Fixture::new();
    let password = [("RSYNC_PASSWORD", "open sesame")];
    fixture.comes(&[], &fixture.daemon.url_as("alice", "tree/"), &password);
    fixture.comes(&[], &fixture.daemon.url_as("alice", "alice-only/"), &password);
}

#[test]
fn user_before_two_colons() {
    let fixture = Fixture::new();
    let port = format!("--port={}", fixture.daemon.address().port());
    fixture.comes(&[&port], "bob@127.0.0.1::tree/", &[("RSYNC_PASSWORD", "other")]);
}

#[test]
fn wrong_password() {
    let fixture = Fixture::new();
    let url = fixture.daemon.url_as("alice", "tree/");
    for password in ["", "Open sesame", "open sesame ", "other"] {
        fixture.is_refused(REFUSED, &[], &url, &[("RSYNC_PASSWORD", password)]);
    }
    let file = fixture.scratch.file("wrong", "closed sesame\n", 0o600);
    fixture.is_refused(REFUSED, &[&format!("--password-file={}", file.display())], &url, &[]);
}

#[test]
fn wrong_user() {
    let fixture = Fixture::new();
    let password = [("RSYNC_PASSWORD", "open sesame")];
    fixture.is_refused(REFUSED, &[], &fixture.daemon.url_as("mallory", "tree/"), &password);
    fixture.is_refused(REFUSED, &[], &fixture.daemon.url_as("bob", "tree/"), &password);
    fixture.is_refused(
        REFUSED,
        &[],
        &fixture.daemon.url_as("bob", "alice-only/"),
        &[("RSYNC_PASSWORD", "other")],
    );
}

/// Nobody can be asked: the tests run without a terminal.
#[test]
fn no_password() {
    let fixture = Fixture::new();
    let (outcome, picture) =
        fixture.pull(&Program::deployer(), &[], &fixture.daemon.url_as("alice", "tree/"), &[]);
    let _ = outcome.expect(REFUSED);
    assert!(picture.entries.len() <= 2, "nothing was expected to come without a password");
}

#[test]
fn password_file_that_others_can_read() {
    let fixture = Fixture::new();
    let url = fixture.daemon.url_as("alice", "tree/");
    for mode in [0o604, 0o644, 0o666] {
        let file = fixture.scratch.file(&format!("password-{mode:o}"), "open sesame\n", mode);
        fixture.is_refused(USAGE, &[&format!("--password-file={}", file.display())], &url, &[]);
    }
}

#[test]
fn password_file_that_is_not_there() {
    let fixture = Fixture::new();
    let option = format!("--password-file={}", fixture.scratch.join("no-such-file").display());
    fixture.is_refused(USAGE, &[&option], &fixture.daemon.url_as("alice", "tree/"), &[]);
}

/// A password that nobody asked for is not sent, and does no harm.
#[test]
fn password_for_an_open_module() {
    let fixture = Fixture::new();
    fixture.comes(&[], &fixture.daemon.url_as("alice", "open/"), &[("RSYNC_PASSWORD", "open sesame")]);
}
