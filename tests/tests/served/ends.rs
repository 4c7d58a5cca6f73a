//! How connections end, and how the daemon does.

use std::fs;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use end_to_end::own_daemon::{OwnDaemon, OwnPlan};
use end_to_end::random::Random;
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use rustix::process::Signal;

use crate::visitor::{GREETING, PLAIN, Visitor, assert_rid, assert_serves, frame, holdings};

/// A module of this many MiB that do not compress.
fn place(mebibytes: usize) -> Scratch {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    let mut random = Random::new(53);
    for number in 0..mebibytes / 4 {
        fs::write(source.join(format!("{number:03}")), random.bytes(4 << 20))
            .expect("memory is large enough");
    }
    // rsync leaves a directory's time alone that is off by less than a second.
    let root = fs::File::open(&source).expect("it was made");
    root.set_modified(UNIX_EPOCH + Duration::from_secs(1_500_000_000)).expect("times can be set");
    scratch
}

fn daemon(scratch: &Scratch) -> OwnDaemon {
    OwnDaemon::serving(&scratch.join("source"))
}

fn assert_whole(scratch: &Scratch, name: &str) {
    let [source, came] = ["source", name].map(|name| Snapshot::take(&scratch.join(name)));
    end_to_end::diff::assert_same(name, &source, &came);
}

#[test]
fn nobody_came() {
    let scratch = place(0);
    for signal in [Signal::TERM, Signal::INT] {
        let daemon = daemon(&scratch);
        daemon.signal(signal);
        let said = daemon.ends();
        assert!(
            said.lines().next().is_some_and(|line| line.starts_with("serving rsync://127.0.0.1:")),
            "{said}"
        );
    }
}

#[test]
fn after_a_transfer() {
    let scratch = place(8);
    let mut own = daemon(&scratch);
    let _ = Program::rsync().pull(&["-a"], &own.url("tree/"), &scratch.join("new")).expect(0);
    own.until_said("a line about the transfer", |said| {
        said.lines().any(|line| line.contains("tree") && !line.starts_with("serving"))
    });
    let said = own.stop();
    let line =
        said.lines().find(|line| line.contains("tree") && !line.starts_with("serving")).expect("it was said");
    assert!(line.contains("127.0.0.1"), "the client was expected in {line}");
    assert_whole(&scratch, "new");
}

/// At the signal a transfer goes on to its end, and nobody else is let in.
#[test]
fn during_a_transfer() {
    for (signal, program) in [(Signal::TERM, Program::rsync()), (Signal::INT, Program::deployer())] {
        let scratch = place(24);
        let own = daemon(&scratch);
        let (address, into) = (own.address(), scratch.join("new"));
        let mut pull = program.pulling(&["-a", "--bwlimit=10m"], &own.url("tree/"), &into).start();
        pull.until("files come", || into.join("000").exists());
        own.signal(signal);
        let outcome = pull.wait();
        let said = own.ends();
        assert_eq!(outcome.code(), 0, "{outcome}\n{said}");
        assert_whole(&scratch, "new");
        assert!(TcpStream::connect(address).is_err(), "nobody was expected to listen");
    }
}

/// Clients that do not come to an end do not keep the daemon.
#[test]
fn during_a_transfer_that_does_not_end() {
    let scratch = place(64);
    let mut own = daemon(&scratch);
    let mut visitors: Vec<Visitor> = vec![Visitor::to(&own), Visitor::listing(&own)];
    let mut asking = Visitor::listing(&own);
    // All files, of which nothing is taken: in the list they are 1, 2 and so on.
    asking.say(&frame(
        &[&[2, 0, 0x80][..], &[0; 16], &[1, 0, 0x80], &[0; 16], &[1, 0, 0x80], &[0; 16]].concat(),
    ));
    visitors.push(asking);
    own.until("the daemon is busy with them", |own| own.threads() > 3 || own.open_files() > 10);
    let said = own.stop();
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn hanging_up_anywhere() {
    let scratch = place(32);
    let mut own = daemon(&scratch);
    let before = holdings(&own);
    let mut random = Random::new(54);
    for turn in 0..40 {
        let mut visitor = match turn % 4 {
            0 => Visitor::to(&own),
            1 => Visitor::asking(&own, &PLAIN[..3]),
            2 => Visitor::asking(&own, &PLAIN),
            _ => Visitor::listing(&own),
        };
        if turn % 4 == 3 {
            visitor.say(&frame(&[&[2, 0, 0x80][..], &[0; 16], &[1, 0, 0x80], &[0; 16]].concat()));
            let _ = visitor.hear(random.below(1 << 20));
        }
        drop(visitor);
        own.assert_runs();
    }
    let into = scratch.join("killed");
    for _ in 0..5 {
        let mut pull = Program::rsync().pulling(&["-a", "--inplace"], &own.url("tree/"), &into).start();
        let came = pull.reaches("a file comes", |_| into.join("000").exists());
        if came {
            pull.signal(Signal::KILL);
        }
        drop(pull);
    }
    assert_rid(&mut own, before);
    assert_serves(&mut own, "those who hung up");
    let _ = own.stop();
}

/// Who says nothing, or takes nothing, is not waited for for ever.
#[test]
fn silence() {
    let scratch = place(64);
    let mut own = OwnPlan::new().with("--timeout").with("1").serve("tree", &scratch.join("source")).start();
    let before = holdings(&own);
    let mut half = Visitor::to(&own);
    half.say(&GREETING[..10]);
    let mut named = Visitor::to(&own);
    named.say(&[GREETING, b"tree\n"].concat());
    let mut some = Visitor::asking(&own, &PLAIN[..2]);
    some.say(b"--numeric-ids");
    let mut deaf = Visitor::listing(&own);
    deaf.say(&frame(
        &[&[2, 0, 0x80][..], &[0; 16], &[1, 0, 0x80], &[0; 16], &[1, 0, 0x80], &[0; 16]].concat(),
    ));
    for (what, visitor) in [
        ("no word", Visitor::to(&own)),
        ("half a greeting", half),
        ("no arguments", named),
        ("half an argument", some),
        ("no rules", Visitor::asking(&own, &PLAIN)),
        ("no request", Visitor::listing(&own)),
    ] {
        // The server hangs up; otherwise this fails.
        let said = visitor.rest();
        assert!(said.len() < 100_000, "{what}: {} bytes", said.len());
        own.assert_runs();
    }
    assert_rid(&mut own, before);
    drop(deaf);
    assert_serves(&mut own, "the silent ones");
}

/// A client that takes longer over a file than the timeout gives signs of life, and so does the server.
#[test]
fn slow_is_not_silent() {
    let scratch = place(8);
    let own = OwnPlan::new().with("--timeout").with("2").serve("tree", &scratch.join("source")).start();
    for (number, program) in Program::both().iter().enumerate() {
        let into = format!("slow-{number}");
        let options = ["-a", "--bwlimit=2m", "--timeout=2"];
        let _ = program.pull(&options, &own.url("tree/"), &scratch.join(&into)).expect(0);
        assert_whole(&scratch, &into);
    }
}

/// Clients do not wait for each other, not even for one that takes nothing.
#[test]
fn several_at_once() {
    let scratch = place(32);
    let mut own = daemon(&scratch);
    let before = holdings(&own);
    let mut deaf = Visitor::listing(&own);
    deaf.say(&frame(
        &[&[2, 0, 0x80][..], &[0; 16], &[1, 0, 0x80], &[0; 16], &[1, 0, 0x80], &[0; 16]].concat(),
    ));
    let silent: Vec<Visitor> = (0..10).map(|_| Visitor::to(&own)).collect();
    let url = own.url("tree/");
    thread::scope(|scope| {
        for number in 0..6 {
            let (url, scratch) = (&url, &scratch);
            scope.spawn(move || {
                let program = if number % 2 == 0 { Program::rsync() } else { Program::deployer() };
                let name = format!("at-once-{number}");
                let _ = program.pull(&["-a"], url, &scratch.join(&name)).expect(0);
                assert_whole(scratch, &name);
                fs::remove_dir_all(scratch.join(&name)).expect("it is there");
            });
        }
    });
    drop((deaf, silent));
    assert_rid(&mut own, before);
    let _ = own.stop();
}

/// The line of a transfer comes for each of very many, and nothing is left of them.
#[test]
fn many_after_each_other() {
    let scratch = place(0);
    fs::write(scratch.join("source/file"), "content").expect("memory is large enough");
    let mut own = daemon(&scratch);
    let before = holdings(&own);
    for _ in 0..60 {
        let _ = Program::rsync().list(&[], &own.url("tree/")).expect(0);
        drop(Visitor::listing(&own));
    }
    assert_rid(&mut own, before);
    own.until_said("sixty lines", |said| said.lines().count() > 60);
    let _ = own.stop();
}

/// Where file handles run out, connections fail, but not the daemon.
#[test]
fn few_open_files() {
    let scratch = place(8);
    let mut own = OwnPlan::new()
        .run_as(|program| program.with_open_files(24))
        .serve("tree", &scratch.join("source"))
        .start();
    let visitors: Vec<Visitor> = (0..60).map(|_| Visitor::to(&own)).collect();
    own.assert_runs();
    thread::sleep(Duration::from_millis(300));
    drop(visitors);
    own.until("the next client is served", |own| Program::rsync().list(&[], &own.url("tree/")).code() == 0);
    let _ = own.stop();
}
