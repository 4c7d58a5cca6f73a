//! Who is let in, and what is said at the door.

use std::fs;

use end_to_end::daemon::{Module, Plan};
use end_to_end::own_daemon::OwnPlan;
use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;

use crate::masks;
use crate::visitor::{GREETING, Visitor, assert_refused, assert_serves};

/// A place with a small module.
fn place() -> Scratch {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    fs::write(source.join("file"), "content").expect("memory is large enough");
    scratch
}

fn pull(
    program: &Program,
    scratch: &Scratch,
    url: &str,
    options: &[&str],
    password: Option<&str>,
) -> Outcome {
    let into = scratch.join("new");
    let _ = fs::remove_dir_all(&into);
    let run = program.pulling(&[&["-a"], options].concat(), url, &into);
    let run = match password {
        Some(password) => run.env("RSYNC_PASSWORD", password),
        None => run,
    };
    let outcome = run.run();
    assert_eq!(into.join("file").exists(), outcome.code() == 0, "{outcome}");
    outcome
}

/// Both clients are let in or turned away as by rsync's daemon, in the same words.
#[test]
fn passwords() {
    let scratch = place();
    let secrets = scratch.file("secrets", "# who may\nalice:open sesame\nbob:other\n\ncarol:a:b:c\n", 0o600);
    let source = scratch.join("source");
    let module = Module::new("tree", &source).with("auth users = alice, bob, carol");
    let rsync = Plan::new().serve(module.with(&format!("secrets file = {}", secrets.display()))).start();
    let mut own = OwnPlan::new().with("--secrets").with(&secrets).serve("tree", &source).start();
    for (user, password) in [
        ("alice", Some("open sesame")),
        ("bob", Some("other")),
        ("carol", Some("a:b:c")),
        ("alice", Some("other")),
        ("alice", Some("")),
        ("alice", Some("open sesame ")),
        ("alice", Some("Open sesame")),
        ("bob", Some("open sesame")),
        ("mallory", Some("open sesame")),
        ("Alice", Some("open sesame")),
        ("#%20who%20may", Some("")),
        ("root", Some("")),
    ] {
        for protocol in ["--protocol=30", "--protocol=32"] {
            for program in Program::both() {
                let [theirs, ours] = [&rsync as &dyn Server, &own].map(|server| {
                    pull(&program, &scratch, &server.url_as(user, "tree/"), &[protocol], password)
                });
                assert_eq!(
                    ours.code(),
                    theirs.code(),
                    "{user} {password:?}\n{theirs}\n{ours}\n{}",
                    own.said()
                );
                assert_eq!(masks::errors(&ours), masks::errors(&theirs), "{user} {password:?}");
            }
        }
    }
    let anonymous = pull(&Program::deployer(), &scratch, &own.url("tree/"), &[], None);
    assert_ne!(anonymous.code(), 0, "{anonymous}");
    let said = own.said();
    assert!(!said.contains("open sesame") && !said.contains("a:b:c"), "no password was expected in\n{said}");
    // Modules are listed without a password.
    let list = Program::rsync().list(&[], &own.url("")).expect(0);
    assert!(list.stdout.starts_with("tree"), "{list}");
    own.assert_runs();
}

/// An answer cannot be used twice, and what is no answer is no password.
#[test]
fn answers_by_hand() {
    let scratch = place();
    let secrets = scratch.file("secrets", "alice:open sesame\n", 0o600);
    let mut own =
        OwnPlan::new().with("--secrets").with(&secrets).serve("tree", &scratch.join("source")).start();
    let ask = || {
        let mut visitor = Visitor::to(&own);
        visitor.say(&[GREETING, b"tree\n"].concat());
        let _ = visitor.line();
        let line = visitor.line();
        let challenge = line.strip_prefix("@RSYNCD: AUTHREQD ").map(str::to_owned);
        (visitor, challenge.unwrap_or_else(|| panic!("a challenge was expected, not {line}")))
    };
    let (first, second) = (ask().1, ask().1);
    assert_ne!(first, second, "challenges were expected to differ");
    assert!(first.len() >= 16, "{first} is short for a challenge");
    for answer in [
        &b"\n"[..],
        b"alice\n",
        b"alice \n",
        b" \n",
        b"alice open sesame\n",
        b"alice AAAAAAAAAAAAAAAAAAAAAA\n",
        b"alice\0 x\n",
        b"\xff\xff \xff\n",
    ] {
        let (mut visitor, _) = ask();
        visitor.say(answer);
        let text = assert_refused(&answer.escape_ascii().to_string(), &visitor.rest(), &own);
        assert!(text.starts_with("@ERROR: auth failed on module tree"), "{text}");
    }
    let (mut visitor, _) = ask();
    visitor.say(&[b'x'; 100_000]);
    visitor.ends();
    let _ = visitor.rest();
    own.assert_runs();
}

/// A file that others could read or write keeps no secret.
#[test]
fn secrets_that_are_none() {
    let scratch = place();
    for (what, path) in [
        ("readable", scratch.file("readable", "alice:x\n", 0o644)),
        ("missing", scratch.join("missing")),
        ("nonsense", scratch.file("nonsense", "alice\n", 0o600)),
    ] {
        let plan = OwnPlan::new().with("--secrets").with(&path).serve("tree", &scratch.join("source"));
        let (code, said) = plan.refused();
        assert!(code.is_some_and(|code| code != 0), "{what}: {said}");
        assert!(
            !said.contains("serving") && !said.contains("panicked") && !said.trim().is_empty(),
            "{what}: {said}"
        );
    }
}

#[test]
fn modules_that_cannot_be() {
    let scratch = place();
    let source = scratch.join("source");
    for (name, path) in [
        ("tree", scratch.join("missing")),
        ("tree", source.join("file")),
        ("", source.clone()),
        ("a/b", source.clone()),
    ] {
        let (code, said) = OwnPlan::new().serve(name, &path).refused();
        assert!(code.is_some_and(|code| code != 0), "{name}={}: {said}", path.display());
        assert!(!said.contains("panicked") && !said.trim().is_empty(), "{said}");
    }
    let (code, said) = OwnPlan::new().serve("tree", &source).serve("tree", &source).refused();
    assert!(code.is_some_and(|code| code != 0), "{said}");
    let (code, said) = OwnPlan::new().refused();
    assert!(code.is_some_and(|code| code != 0), "{said}");
}

#[test]
fn unknown_modules() {
    let scratch = place();
    let source = scratch.join("source");
    let rsync = Plan::new().serve(Module::new("tree", &source)).start();
    let own = OwnPlan::new().serve("tree", &source).start();
    for program in Program::both() {
        for module in ["no-such", "TREE/", "tre", "tree2/file", ".."] {
            let [theirs, ours] = [&rsync as &dyn Server, &own]
                .map(|server| pull(&program, &scratch, &server.url(module), &[], None));
            assert_eq!(ours.code(), theirs.code(), "{module}\n{theirs}\n{ours}");
            assert_eq!(masks::errors(&ours), masks::errors(&theirs), "{module}");
        }
    }
}

#[test]
fn lists_of_modules_and_a_message_of_the_day() {
    let scratch = place();
    let source = scratch.join("source");
    let names = ["tree", "another", "a-name-longer-than-its-column", "x"];
    for text in ["Welcome.\n", "Welcome.\n\n  to\ta strange server\n", "no line end"] {
        let motd = scratch.join("motd");
        fs::write(&motd, text).expect("memory is large enough");
        let mut plan = Plan::new().with(&format!("motd file = {}", motd.display()));
        let mut own = OwnPlan::new().with("--motd").with(&motd);
        for name in names {
            plan = plan.serve(Module::new(name, &source));
            own = own.serve(name, &source);
        }
        let (rsync, own) = (plan.start(), own.start());
        for program in Program::both() {
            let servers = [&rsync as &dyn Server, &own];
            let [theirs, ours] = servers.map(|server| program.list(&[], &server.url("")).expect(0));
            // Of a last line without an end rsync makes what it happens to make.
            if !text.ends_with("end") {
                // It puts another line end behind the text.
                let lines = |outcome: &Outcome| {
                    outcome
                        .stdout
                        .lines()
                        .filter(|line| !line.is_empty())
                        .map(str::to_owned)
                        .collect::<Vec<_>>()
                };
                assert_eq!(lines(&ours), lines(&theirs), "{text:?}");
            }
            for name in names {
                assert!(
                    ours.stdout.lines().any(|line| line.split_whitespace().next() == Some(name)),
                    "{ours}"
                );
            }
            let [theirs, ours] = [&rsync as &dyn Server, &own]
                .map(|server| pull(&program, &scratch, &server.url("tree/"), &[], None).expect(0));
            assert_eq!(ours.stdout.lines().next(), theirs.stdout.lines().next(), "{text:?}");
        }
    }
}

/// Lines of the message that clients would take for the protocol do not reach them as such.
#[test]
fn a_message_that_looks_like_the_protocol() {
    let scratch = place();
    for text in ["@RSYNCD: EXIT\n", "@ERROR: no\n", "fine\n@RSYNCD: OK\n"] {
        let motd = scratch.join("motd");
        fs::write(&motd, text).expect("memory is large enough");
        let plan = OwnPlan::new().with("--motd").with(&motd).serve("tree", &scratch.join("source"));
        let (code, said) = plan.refused();
        assert!(code.is_some_and(|code| code != 0) && !said.contains("panicked"), "{text:?}: {said}");
    }
}

#[test]
fn at_most_so_many_connections() {
    let scratch = place();
    let source = scratch.join("source");
    let rsync = Plan::new()
        .serve(
            Module::new("tree", &source)
                .with("max connections = 1")
                .with(&format!("lock file = {}", scratch.join("lock").display())),
        )
        .start();
    let mut own = OwnPlan::new().with("--max-connections").with("1").serve("tree", &source).start();
    let greeted = |server: &dyn Server| {
        let mut visitor = Visitor::to(server);
        visitor.say(&[GREETING, b"tree\n"].concat());
        let _ = (visitor.line(), visitor.line());
        visitor
    };
    for program in Program::both() {
        let visitors = [greeted(&rsync), greeted(&own)];
        let [theirs, ours] = [&rsync as &dyn Server, &own]
            .map(|server| pull(&program, &scratch, &server.url("tree/"), &[], None));
        assert_eq!(ours.code(), theirs.code(), "{theirs}\n{ours}");
        let mentions = |outcome: &Outcome| {
            outcome.stderr.contains("@ERROR: max connections (1) reached")
                || outcome.stderr.contains("max connections")
        };
        assert!(mentions(&theirs) && mentions(&ours), "{theirs}\n{ours}");
        drop(visitors);
        // The place is free as soon as the daemon has noticed.
        own.until("a free place", |own| {
            pull(&Program::rsync(), &scratch, &own.url("tree/"), &[], None).code() == 0
        });
    }
    // Again and again, each in its turn.
    for _ in 0..20 {
        own.until("a free place", |own| {
            pull(&Program::rsync(), &scratch, &own.url("tree/"), &[], None).code() == 0
        });
    }
    own.until("a free place at last", |own| Program::rsync().list(&[], &own.url("tree/")).code() == 0);
}

#[test]
fn several_modules_are_apart() {
    let scratch = place();
    let other = scratch.directory("other");
    fs::write(other.join("secret"), "SECRET").expect("memory is large enough");
    let mut own = OwnPlan::new().serve("tree", &scratch.join("source")).serve("other", &other).start();
    let into = scratch.join("into");
    for path in ["tree/../other/secret", "tree/other/secret", "tree/../../other/", "tree//../other/secret"] {
        let _ = Program::rsync().pull(&["-a"], &own.url(path), &into);
        let found = if into.is_dir() { Snapshot::take(&into).entries } else { Default::default() };
        assert!(!found.keys().any(|name| name.ends_with(b"secret")), "{path}");
    }
    let _ = Program::rsync().pull(&["-a"], &own.url("other/"), &scratch.join("two")).expect(0);
    assert_eq!(fs::read(scratch.join("two/secret")).expect("it came"), b"SECRET");
    assert_serves(&mut own, "two modules");
}
