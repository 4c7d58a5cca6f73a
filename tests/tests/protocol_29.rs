//! Servers of protocol 29, the one of rsync 2.6.4 to 2.6.9: a daemon that is held down to it by the client, and one that
//! speaks nothing newer itself.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use end_to_end::awkward::Options;
use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::diff::{assert_same, assert_same_lines};
use end_to_end::mutate::{self, mutate};
use end_to_end::old_server::OldServer;
use end_to_end::pair::{EQUAL_BLOCKS, Pair};
use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;

const HELD_DOWN: &str = "--protocol=29";

/// What rsync exits with when the server turns it away.
const REFUSED: i32 = 5;
const PARTIAL: i32 = 23;

/// Pulled into nothing, again, and after an update of the server.
fn three_pulls(options: &[&str]) {
    let pair = Pair::awkward(&Options::all());
    let options = [options, &[HELD_DOWN, "--stats"]].concat();
    let outcomes = pair.pull(&options);
    assert_eq!(outcomes.rsync.code(), 0, "the first pull was expected to succeed\n{}", outcomes.rsync);
    let first = pair.pictures();
    first.assert_same("first pull");

    let outcomes = pair.pull(&options);
    assert_eq!(outcomes.rsync.code(), 0, "the second pull was expected to succeed\n{}", outcomes.rsync);
    let second = pair.pictures();
    second.assert_same("second pull");
    second.assert_untouched(&first, "second pull");
    let literal = outcomes.deployer.stats().literal();
    assert_eq!(literal, 0, "no content was expected to come again\n{}", outcomes.deployer);

    let log = mutate(&pair.source(), &mutate::Options::all());
    let outcomes = pair.pull(&options);
    println!("{}", log.join("\n"));
    assert_eq!(outcomes.rsync.code(), PARTIAL, "some directories stand in the way\n{}", outcomes.rsync);
    pair.pictures().assert_same("pull after the update");
}

#[test]
fn archive_with_hard_links() {
    three_pulls(&["-aH", "--numeric-ids"]);
}

#[test]
fn archive_with_names_of_owners() {
    three_pulls(&["-a"]);
}

#[test]
fn archive_by_checksum() {
    three_pulls(&["-acH"]);
}

#[test]
fn checksums_that_were_chosen() {
    for choice in ["md5", "md4", "xxh64", "sha1"] {
        let pair = Pair::awkward(&Options { crowd: 10, large_files: true, ..Options::small() });
        let choice = format!("--checksum-choice={choice}");
        let options = ["-acH", HELD_DOWN, "--stats", &choice];
        assert_eq!(pair.pull(&options).rsync.code(), 0, "{choice} was expected to work");
        pair.pictures().assert_same(&choice);
        mutate(&pair.source(), &mutate::Options { clashes: false, ..mutate::Options::all() });
        assert_eq!(pair.pull(&options).rsync.code(), 0, "{choice} was expected to work in an update");
        pair.pictures().assert_same(&format!("{choice}, update"));
    }
}

/// Onto an older tree, with a line for everything that changes.
fn itemized(options: &[&str]) {
    let planted = Options { xattrs: false, acls: false, ..Options::small() };
    let pair = Pair::awkward(&planted);
    // With whole seconds only, as everything that this protocol brings.
    for program in Program::both() {
        let destination = pair.destination(&program);
        let url = pair.daemon().url("tree/");
        let _ = Program::rsync().pull(&["-aH", HELD_DOWN], &url, &destination).expect(0);
    }
    let log = mutate(
        &pair.source(),
        &mutate::Options { xattrs: false, acls: false, hidden: true, times: 2, ..mutate::Options::all() },
    );
    println!("{}", log.join("\n"));
    let outcomes = pair.pull(&[options, &[HELD_DOWN, "-i"]].concat());
    let lines = outcomes.rsync.itemized();
    assert!(!lines.is_empty(), "rsync was expected to print what it did\n{}", outcomes.rsync);
    assert_same_lines(&format!("{options:?}: -i"), &lines, &outcomes.deployer.itemized());
    pair.pictures().assert_same(&format!("{options:?} onto an older tree"));
}

#[test]
fn itemized_archive() {
    itemized(&["-a"]);
}

#[test]
fn itemized_recursion_alone() {
    itemized(&["-r"]);
}

#[test]
fn itemized_by_checksum() {
    itemized(&["-ac"]);
}

#[test]
fn itemized_whatever_the_times() {
    itemized(&["-aI"]);
}

#[test]
fn itemized_dry_run() {
    itemized(&["-an"]);
}

#[test]
fn itemized_whole_files() {
    itemized(&["-rltW"]);
}

#[test]
fn as_much_is_found_in_the_basis_as_by_rsync() {
    let pair = Pair::awkward(&Options { crowd: 10, ..Options::all() });
    pair.prepare();
    mutate(&pair.source(), &mutate::Options { clashes: false, ..mutate::Options::all() });
    let outcomes = pair.pull(&["-aH", HELD_DOWN, "--stats", EQUAL_BLOCKS]);
    let (rsync, deployer) = (outcomes.rsync.stats(), outcomes.deployer.stats());
    assert!(rsync.matched() > 0, "some content was expected to be found\n{}", outcomes.rsync);
    assert_eq!((deployer.literal(), deployer.matched()), (rsync.literal(), rsync.matched()));
}

fn time_from_1970(seconds: i64) -> SystemTime {
    let length = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { SystemTime::UNIX_EPOCH - length } else { SystemTime::UNIX_EPOCH + length }
}

/// A size takes 31 bits or 64; a time has 32, and what they mean is for rsync to say.
#[test]
fn large_sizes_and_far_times() {
    const SIZES: [u64; 5] = [0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 5 << 30];
    const TIMES: [i64; 7] = [0, -1, -86_400, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000];
    let sparse = |path: &Path, size: u64, time: i64| {
        let file = File::create(path).expect("a file can be made");
        file.set_len(size).expect("a hole takes no room");
        file.set_modified(time_from_1970(time)).expect("a time can be set");
    };
    let pair = Pair::new(|source| {
        for size in SIZES {
            sparse(&source.join(format!("size-{size}")), size, 1_000_000_000);
        }
        for time in TIMES {
            sparse(&source.join(format!("time-{time}")), 3, time);
        }
    });
    // The large ones are there already, so that nothing of them comes.
    for program in Program::both() {
        fs::create_dir(pair.destination(&program)).expect("a directory can be made");
        for size in SIZES {
            sparse(&pair.destination(&program).join(format!("size-{size}")), size, 1_000_000_000);
        }
    }
    let outcomes = pair.pull(&["-a", "-i", "--stats", HELD_DOWN]);
    assert_eq!(outcomes.rsync.code(), 0, "{}", outcomes.rsync);
    assert_same_lines("-i", &outcomes.rsync.itemized(), &outcomes.deployer.itemized());
    for (program, size) in Program::both().iter().flat_map(|it| SIZES.map(|size| (it, size))) {
        let file = pair.destination(program).join(format!("size-{size}"));
        let left = fs::metadata(&file).expect("it was there before");
        assert_eq!(left.len(), size, "{} was expected to leave it alone", program.name());
        // A picture would read all of it.
        fs::remove_file(file).expect("a file can be removed");
    }
    pair.pictures().assert_same("far times");
    let (rsync, deployer) = (outcomes.rsync.stats(), outcomes.deployer.stats());
    assert_eq!(deployer.get("Total file size"), rsync.get("Total file size"));
    let [rsync, deployer] = Program::both().map(|program| listing(&program, &pair.daemon().url("tree/")));
    assert_same_lines("the listing", &rsync, &deployer);
}

/// The lines of a listing that are there in both programs.
fn listing(program: &Program, url: &str) -> Vec<String> {
    let outcome = program.list(&[HELD_DOWN], url).expect(0);
    outcome.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn listings() {
    let pair = Pair::awkward(&Options::small());
    for path in ["", "tree", "tree/", "tree/links/"] {
        let [rsync, deployer] = Program::both().map(|program| listing(&program, &pair.daemon().url(path)));
        assert!(!rsync.is_empty(), "rsync was expected to list \"{path}\"");
        assert_same_lines(&format!("the listing of \"{path}\""), &rsync, &deployer);
    }
}

#[test]
fn what_it_has_no_words_for() {
    let pair = Pair::new(|source| fs::write(source.join("f"), "f").expect("a file can be made"));
    for option in ["-A", "-X"] {
        for program in Program::both() {
            let destination = pair.destination(&program);
            let outcome = program.pull(&["-a", option, HELD_DOWN], &pair.daemon().url("tree/"), &destination);
            assert_ne!(outcome.code(), 0, "{option} needs protocol 30\n{outcome}");
            assert!(outcome.stderr.contains("protocol"), "the reason was expected\n{outcome}");
            assert!(!destination.exists(), "nothing was expected to come\n{outcome}");
        }
    }
}

/// Both pull, the oracle first.
fn pull_both(url: &str, options: &[&str], scratch: &Scratch) -> [Outcome; 2] {
    Program::both().map(|program| program.pull(options, url, &scratch.join(program.name())))
}

#[test]
fn a_server_that_speaks_nothing_newer() {
    // Whole seconds can lie before the moment itself.
    let since = SystemTime::now() - Duration::from_secs(1);
    let pair = Pair::awkward(&Options::small());
    for greeting in ["@RSYNCD: 29", "@RSYNCD: 29.0"] {
        let server = OldServer::before(pair.daemon(), greeting);
        let scratch = Scratch::new();
        for what in ["from nothing", "again", "after an update"] {
            if what == "after an update" {
                mutate(&pair.source(), &mutate::Options { clashes: false, ..mutate::Options::all() });
            }
            let [rsync, deployer] =
                pull_both(&server.url("tree/"), &["-aH", "--stats", EQUAL_BLOCKS], &scratch);
            let (rsync, deployer) = (rsync.expect(0), deployer.expect(0));
            let numbers = |outcome: &Outcome| (outcome.stats().literal(), outcome.stats().matched());
            assert_eq!(numbers(&deployer), numbers(&rsync), "{greeting}, {what}\n{deployer}");
            let [rsync, deployer] =
                ["rsync", "deployer"].map(|name| Snapshot::take_since(&scratch.join(name), since));
            assert_same(&format!("{greeting}, {what}"), &rsync, &deployer);
        }
    }
}

#[test]
fn passwords() {
    let (source, scratch) = (Scratch::new(), Scratch::new());
    let _ = source.file("f", "behind the door\n", 0o644);
    let secrets = scratch.file("secrets", "alice:open sesame\n", 0o600);
    let module = Module::new("tree", source.path())
        .with("auth users = alice")
        .with(&format!("secrets file = {}", secrets.display()));
    let daemon = Plan::new().serve(module).start();
    let old = OldServer::before(&daemon, "@RSYNCD: 29");
    let urls = [daemon.url_as("alice", "tree/"), old.url_as("alice", "tree/")];
    for (url, options) in urls.iter().zip([&["-a", HELD_DOWN][..], &["-a"]]) {
        for (password, code) in [("open sesame", 0), ("Open sesame", REFUSED), ("", REFUSED)] {
            for program in Program::both() {
                let into = Scratch::new();
                let run = program.pulling(options, url, &into.join("new"));
                let _ = run.env("RSYNC_PASSWORD", password).run().expect(code);
                assert_eq!(into.join("new/f").exists(), code == 0, "{} with {password}", program.name());
            }
        }
    }
}

/// A server says what it cannot read, and then goes on in silence.
#[test]
fn files_that_the_server_cannot_read() {
    let scratch = Scratch::new();
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).expect("root may do that");
    let source = scratch.directory("source");
    for n in 0..40 {
        let mode = if n % 3 == 0 { 0o600 } else { 0o644 };
        let name = format!("{n:02}");
        fs::write(source.join(&name), &name).expect("memory is large enough");
        fs::set_permissions(source.join(&name), fs::Permissions::from_mode(mode)).expect("root may do that");
    }
    // Not now: rsync leaves a directory alone that was made within the second that is to become its time.
    File::open(&source)
        .and_then(|it| it.set_modified(time_from_1970(1_000_000_000)))
        .expect("a time can be set");
    let module = Module::new("tree", &source).with("uid = nobody").with("gid = nogroup");
    let daemon = Plan::new().serve(module).start();
    let [rsync, deployer] = pull_both(&daemon.url("tree/"), &["-a", HELD_DOWN], &scratch);
    let (_, deployer) = (rsync.expect(PARTIAL), deployer.expect(PARTIAL));
    for line in ["failed to open \"39\"", "the server did not send 39"] {
        assert!(deployer.stderr.contains(line), "\"{line}\" was expected\n{deployer}");
    }
    let [rsync, deployer] = ["rsync", "deployer"].map(|name| Snapshot::take(&scratch.join(name)));
    assert_eq!(rsync.entries.len(), 27, "a directory and what can be read was expected");
    assert_same("what can be read", &rsync, &deployer);
}

/// Files that are gone when they are asked for: the server tells of them in words only. rsync then says that all went
/// well; here it is no success.
fn vanishing(names: &'static [&'static str], fill: impl Fn(&Path)) -> (Snapshot, Outcome) {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    let daemon = Daemon::serving(&source);
    let gone = source.clone();
    let server = OldServer::interrupted(&daemon, "@RSYNCD: 29.0", move || {
        for name in names {
            fs::remove_file(gone.join(name)).expect("it was listed");
        }
    });
    let [rsync, deployer] = Program::both().map(|program| {
        fill(&source);
        program.pull(&["-aH"], &server.url("tree/"), &scratch.join(program.name()))
    });
    let _ = rsync.expect(0);
    let deployer = deployer.expect(PARTIAL);
    (Snapshot::take(&scratch.join("deployer")), deployer)
}

#[test]
fn files_that_vanish() {
    let (found, outcome) = vanishing(&["a", "c", "e"], |source| {
        for name in ["a", "b", "c", "d", "e"] {
            fs::write(source.join(name), name).expect("memory is large enough");
        }
    });
    let paths: Vec<String> = found.entries.keys().map(|path| path.escape_ascii().to_string()).collect();
    assert_eq!(paths, ["", "b", "d"], "the others were expected to come\n{outcome}");
    for name in ["a", "c", "e"] {
        let line = format!("the server did not send {name}");
        assert!(outcome.stderr.contains(&line), "\"{line}\" was expected\n{outcome}");
    }
}

#[test]
fn all_files_vanish() {
    let (found, outcome) = vanishing(&["a", "b"], |source| {
        for name in ["a", "b"] {
            fs::write(source.join(name), name).expect("memory is large enough");
        }
    });
    assert_eq!(found.entries.len(), 1, "an empty directory was expected\n{outcome}");
}

/// Whichever name is asked for: the one that is left comes.
fn hard_link_vanishes(gone: &'static [&'static str], left: &str) {
    let (found, outcome) = vanishing(gone, |source| {
        for name in ["a", "b", "c"] {
            let _ = fs::remove_file(source.join(name));
        }
        fs::write(source.join("a"), "a").expect("memory is large enough");
        fs::hard_link(source.join("a"), source.join("b")).expect("a link can be made");
        fs::write(source.join("c"), "c").expect("memory is large enough");
    });
    assert!(found.entries.contains_key(left.as_bytes()), "{left} was expected to come\n{outcome}");
    assert!(!found.entries.contains_key(&b"c"[..]), "c is gone\n{outcome}");
}

#[test]
fn the_first_of_two_hard_links_vanishes() {
    hard_link_vanishes(&["a", "c"], "b");
}

#[test]
fn the_second_of_two_hard_links_vanishes() {
    hard_link_vanishes(&["b", "c"], "a");
}
