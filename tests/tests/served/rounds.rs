//! Random trees, random changes of them and random options: our client from the own daemon, rsync's client from it, and
//! our client from rsync's daemon come to the same.

use std::fs;

use end_to_end::daemon::Daemon;
use end_to_end::diff::diff_except;
use end_to_end::mutate;
use end_to_end::own_daemon::OwnDaemon;
use end_to_end::random::Random;
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;

use crate::{field, wood};

const ROUNDS: usize = 60;

/// Each is given or not, independently of the others; of a group at most one.
const SINGLE: &[&str] =
    &["-H", "-A", "-X", "-S", "-c", "-I", "-W", "--no-inc-recursive", "-m", "-O", "-J", "-E"];
const GROUPS: &[&[&str]] = &[
    &["--protocol=30", "--protocol=31", "--protocol=32"],
    &["-z", "--zc=zlib", "--zc=zlibx", "--zc=lz4", "--zc=none"],
    &["--cc=md5", "--cc=xxh64", "--cc=xxh3", "--cc=sha1", "--cc=md4"],
    &["-B700", "-B64", "-B5000"],
    &["--inplace", "--delay-updates", "--partial-dir=.part"],
    &["--delete", "--delete-before", "--delete-after", "--delete-excluded"],
    &["--max-size=5000", "--min-size=100"],
    &["--exclude=*a*", "--exclude=/b*/", "--exclude=.*", "--exclude=**b/**", "--include=*/", "-C"],
    &["--exclude=*", "-f-! */", "--exclude=?[.-]*"],
    &["--safe-links", "--munge-links", "--no-links"],
    &["--no-perms", "--no-times", "--no-owner", "--chmod=u+rw", "--size-only", "-u"],
];
/// With these, what comes is the whole source.
const COMPLETE: &[&str] = &["-aHAX", "--numeric-ids", "--delete"];

fn options(random: &mut Random) -> (Vec<&'static str>, bool) {
    let complete = random.below(3) == 0;
    let mut options = if complete { COMPLETE.to_vec() } else { vec!["-a", "--numeric-ids"] };
    // Of what leaves entries or attributes out, nothing where all is to come.
    let groups = if complete { &GROUPS[..4] } else { GROUPS };
    if complete {
        for single in ["-S", "-c", "-W", "--no-inc-recursive", "-I"] {
            options.extend((random.below(4) == 0).then_some(single));
        }
    } else {
        SINGLE.iter().for_each(|single| options.extend((random.below(5) == 0).then_some(*single)));
    }
    for group in groups {
        if random.below(3) == 0 {
            options.push(group[random.below(group.len())]);
        }
    }
    // Our client wants permissions with lists of access. With hard links, a file that keeps its mode keeps that of the
    // name that was looked at first: how much of the list had come by then decides. With attributes that are too long for
    // the list, rsync's gives directories and nodes the server's permissions all the same.
    if ["-A", "-H", "-X"].iter().any(|option| options.contains(option)) {
        options.retain(|option| *option != "--no-perms");
    }
    // What contradicts itself is refused by our client.
    if options.contains(&"-c") || options.contains(&"-I") {
        options.retain(|option| *option != "--size-only");
    }
    // Together with either, rsync takes neither of them.
    if options.contains(&"--inplace") {
        options.retain(|option| *option != "-S");
    }
    (options, complete)
}

#[test]
fn sides_in_every_combination() {
    let mut random = Random::or_else(2026);
    let scratch = Scratch::new();
    let all = scratch.directory("all");
    let (rsync, own) = (Daemon::serving(&all), OwnDaemon::serving(&all));
    let sides: [(&str, Program, &dyn Server); 3] = [
        ("ours from the own daemon", Program::deployer(), &own),
        ("rsync's from the own daemon", Program::rsync(), &own),
        ("ours from rsync's daemon", Program::deployer(), &rsync),
    ];
    for round in 0..ROUNDS {
        let source = all.join("source");
        fs::create_dir(&source).expect("it is not there");
        wood::plant(&source, &mut random);
        let older = random.below(3) > 0;
        let (mut options, complete) = options(&mut random);
        let starts = [0, 1, 2].map(|side| scratch.join(&format!("side-{side}")));
        if older {
            // Links that stay although the source has them no longer make one file of two: which of both it is in the end
            // is a matter of time.
            let copy = if complete { field::copy } else { field::copy_without_links };
            starts.iter().for_each(|start| copy(&source, start));
            let changes = mutate::Options { seed: random.number(), times: 1, ..mutate::Options::all() };
            let _ = mutate::mutate(&source, &changes);
        }
        if older {
            // In 30 there are no nanoseconds. Those of a file that stays are left alone by ours.
            let old = options.iter_mut().filter(|option| **option == "--protocol=30");
            old.for_each(|option| *option = "--protocol=31");
        }
        let since = std::time::SystemTime::now();
        let results: Vec<_> = (sides.iter().zip(&starts))
            .map(|((name, program, server), start)| {
                let outcome = program.pull(&options, &server.url("tree/source/"), start);
                let _ = fs::create_dir(start);
                (name, outcome, Snapshot::take_since(start, since))
            })
            .collect();
        let what = format!("round {round}, {}{options:?}", if older { "onto an older tree, " } else { "" });
        let (first, outcome, found) = &results[0];
        for (other, theirs, expected) in &results[1..] {
            let said = || format!("{what}: {first} and {other}\n{outcome}\n{theirs}\n{}", own.said());
            assert_eq!(outcome.code(), theirs.code(), "{}", said());
            let lines = diff_except(&[], expected, found);
            assert!(lines.is_empty(), "{}\n{}", lines.join("\n"), said());
        }
        // Nanoseconds came with 31.
        if complete && !options.contains(&"--protocol=30") {
            assert_eq!(outcome.code(), 0, "{what}\n{outcome}");
            let lines = diff_except(&[], &Snapshot::take(&source), &Snapshot::take(&starts[0]));
            assert!(lines.is_empty(), "{what}: the source was expected\n{}", lines.join("\n"));
        }
        starts.iter().chain([&source]).for_each(|path| fs::remove_dir_all(path).expect("it is there"));
    }
    let _ = own.stop();
}
