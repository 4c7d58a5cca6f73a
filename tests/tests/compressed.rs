//! Compressed transfers: every algorithm, with nothing there, with an old file to build on, whole files and many
//! small ones, beside rsync. What comes must be the same, down to how many bytes were sent as themselves.

use std::fs;
use std::path::Path;

use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::diff::assert_same_lines;
use end_to_end::pair::{Both, EQUAL_BLOCKS, Pair};
use end_to_end::random::Random;
use end_to_end::relay::{Relay, arguments};
use end_to_end::run::{Outcome, Program};
use end_to_end::server::Server;
use end_to_end::stats::Stats;

/// How many small files there are.
const SMALL: usize = 60;
/// By how many bytes what comes to two clients may differ: what they say before the transfer, and in which order files
/// are asked for.
const APART: u64 = 256;

/// Text, noise and repetitions.
fn content(random: &mut Random, len: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while out.len() < len {
        match random.below(4) {
            0 => out.extend((0..random.below(40_000)).map(|_| random.below(256) as u8)),
            1 => out.resize(out.len() + random.below(60_000), random.below(256) as u8),
            _ => (0..random.below(4_000)).for_each(|_| {
                out.extend(format!("{} is {}\n", random.below(500), random.below(90)).into_bytes());
            }),
        }
    }
    out.truncate(len);
    out
}

/// Large files, small ones, empty ones, and one of zeros.
fn fill(source: &Path) {
    let mut random = Random::new(11);
    let write =
        |name: &str, bytes: &[u8]| fs::write(source.join(name), bytes).expect("the source takes files");
    write("large", &content(&mut random, 1_200_000));
    write("other", &content(&mut random, 200_001));
    write("zeros", &vec![0; 500_000]);
    write("empty", b"");
    write("byte", b"x");
    fs::create_dir(source.join("small")).expect("the source takes directories");
    for number in 0..SMALL {
        let len = random.below(if number % 10 == 0 { 70_000 } else { 3_000 });
        write(&format!("small/{number}"), &content(&mut random, len));
    }
}

/// Changes that leave most of the blocks of each file: in the middle, at both ends, and by moving.
fn change(source: &Path) {
    let mut random = Random::new(12);
    let mut bytes = fs::read(source.join("large")).expect("it was written");
    for _ in 0..10 {
        let at = random.below(bytes.len() - 50_000);
        let new = content(&mut random, 1 + at % 3_000);
        bytes.splice(at..at + at % 9_000, new);
    }
    bytes.rotate_left(100_003);
    bytes.extend_from_slice(b"the end");
    fs::write(source.join("large"), bytes).expect("the source takes files");
    let mut bytes = fs::read(source.join("other")).expect("it was written");
    bytes.insert(0, b'!');
    fs::write(source.join("other"), bytes).expect("the source takes files");
    for number in (0..SMALL).step_by(3) {
        let name = source.join(format!("small/{number}"));
        let mut bytes = fs::read(&name).expect("it was written");
        bytes.extend_from_slice(b"more");
        fs::write(name, bytes).expect("the source takes files");
    }
}

/// How content travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Packed,
    Plain,
}
use Form::{Packed, Plain};

/// What the connection brought and the content in it have to be rsync's, and in this form.
fn assert_travelled(what: &str, form: Form, both: &Both<Outcome>) {
    let (theirs, ours) = (both.rsync.stats(), both.deployer.stats());
    let figures = |stats: &Stats| (stats.literal(), stats.matched());
    assert_eq!(figures(&ours), figures(&theirs), "{what}: literal and matched bytes");
    let [theirs, ours] = [theirs, ours].map(|stats| (stats.get("Total bytes received"), stats.literal()));
    let apart = theirs.0.abs_diff(ours.0);
    assert!(apart < APART, "{what}: {} bytes came to rsync, {} to us", theirs.0, ours.0);
    for (received, literal) in [theirs, ours] {
        match form {
            Packed => assert!(received < literal * 3 / 4, "{what}: {received} bytes came for {literal}"),
            Plain => assert!(received > literal, "{what}: {received} bytes came for {literal}"),
        }
    }
}

/// Returns how many bytes were found in old files.
fn pulls_alike(pair: &Pair, options: &[&str], form: Form, what: &str) -> u64 {
    let outcomes = pair.pull(&[&["-a", "-i", "--stats", EQUAL_BLOCKS], options].concat());
    assert_eq!(outcomes.rsync.code(), 0, "{what}\n{}", outcomes.rsync);
    assert_same_lines(what, &outcomes.rsync.itemized(), &outcomes.deployer.itemized());
    assert_travelled(what, form, &outcomes);
    pair.pictures().assert_same(what);
    outcomes.rsync.stats().matched()
}

/// From nothing, then by delta.
fn two_starts(options: &[&str], form: Form) -> Pair {
    let pair = Pair::new(fill);
    assert_eq!(pulls_alike(&pair, options, form, &format!("{options:?} from nothing")), 0);
    change(&pair.source());
    let matched = pulls_alike(&pair, options, form, &format!("{options:?} onto old files"));
    assert!(matched > 1_000_000, "most blocks were expected to be the old ones, not {matched} bytes");
    pair
}

/// The same, and then whole files.
fn three_starts(options: &[&str], form: Form) {
    let pair = two_starts(options, form);
    let whole = [options, &["-W", "-I"]].concat();
    assert_eq!(pulls_alike(&pair, &whole, form, &format!("{whole:?}")), 0);
}

macro_rules! cases {
    ($($name:ident: $form:ident $($option:literal)*;)*) => {
        $(
            #[test]
            fn $name() {
                three_starts(&[$($option),*], $form);
            }
        )*

        /// The options of all of them.
        const CASES: &[&[&str]] = &[$(&[$($option),*]),*];
    };
}

cases! {
    negotiated: Packed "-z";
    twice: Packed "-zz";
    zstd: Packed "--compress-choice=zstd";
    zstd_at_its_fastest: Packed "--zc=zstd" "--zl=-7";
    zstd_at_a_high_level: Packed "--zc=zstd" "--zl=12";
    lz4: Packed "--zc=lz4";
    zlibx: Packed "--new-compress";
    zlibx_at_the_lowest_level: Packed "--zc=zlibx" "--compress-level=1";
    zlib: Packed "--old-compress";
    zlib_at_the_highest_level: Packed "--zc=zlib" "--zl=9";
    zlib_beyond_its_levels: Packed "--zc=zlib" "--zl=10";
    zlib_of_protocol_30: Packed "--zc=zlib" "--protocol=30";
    negotiated_in_protocol_30: Packed "-z" "--protocol=30";
    level_0_of_zlib: Plain "--zc=zlib" "--zl=0";
    level_0_of_zlibx: Plain "-zz" "--zl=0";
    level_0_of_zstd: Packed "--zc=zstd" "--zl=0";
    a_level_alone: Packed "--zl=4";
    none: Plain "-z" "--zc=none";
    auto: Packed "-z" "--zc=auto";
    taken_back: Plain "--zc=zstd" "--no-z";
    in_one_list: Packed "--zc=zstd" "--no-inc-recursive";
}

/// By which what is the same is not transferred once more.
#[test]
fn with_sums() {
    let _ = two_starts(&["-z", "-c", "--cc=md5"], Packed);
}

fn one_file(source: &Path) {
    fs::write(source.join("file"), "content").expect("the source takes files");
}

/// Of what the server is asked for: what is about compression and rates, in whatever order.
fn asked(program: &Program, pair: &Pair, options: &[&str]) -> Vec<String> {
    let relay = Relay::to(pair.daemon().address());
    let options = [&["-a"], options].concat();
    let outcome = program.pull(&options, &relay.url("tree/"), &pair.destination(program)).expect(0);
    let said = relay.said();
    let (arguments, _) =
        arguments(&said).unwrap_or_else(|| panic!("no arguments in {}\n{outcome}", said.escape_ascii()));
    let letters = |argument: &String| argument.starts_with('-') && !argument.starts_with("--");
    // Behind the e stands what the client can do.
    let z = arguments.iter().filter(|it| letters(it)).flat_map(|it| it.chars().take_while(|it| *it != 'e'));
    let z = z.filter(|it| *it == 'z').map(|_| "-z".to_owned());
    let named = |it: &&String| it.contains("compress") || it.contains("bwlimit") || it.contains("zl");
    // rsync protects patterns as if from a shell, and its daemon takes that back.
    let named = arguments.iter().filter(named).map(|it| it.replace('\\', ""));
    let mut asked: Vec<String> = named.chain(z).collect();
    asked.sort_unstable();
    asked
}

/// With rsync 3.2.7 as the server, what is not to be compressed is compressed all the same, and bounds that no test
/// waits for do not show: here is what is left to see.
const UNSEEN: &[&[&str]] = &[
    &["-z", "--skip-compress=gz/jpg/mp[34]"],
    &["-z", "--skip-compress="],
    &["--skip-compress=gz"],
    &["--bwlimit=200m"],
    &["--bwlimit=1.5m"],
    &["--bwlimit=9000"],
    &["--bwlimit=512b"],
    &["--bwlimit=1000kb"],
    &["--bwlimit=0"],
    &["--bwlimit=9000", "--no-bwlimit"],
    &["-z", "--zl=99999"],
    &["--zc=lz4", "--zl=3"],
    &["--old-compress", "--new-compress"],
    &["--new-compress", "--old-compress"],
    &["-z", "--old-compress"],
];

#[test]
fn the_server_is_asked_for_the_same() {
    let pair = Pair::new(one_file);
    for options in CASES.iter().chain(UNSEEN) {
        let [rsync, deployer] = Program::both().map(|program| asked(&program, &pair, options));
        assert_eq!(deployer, rsync, "{options:?}");
    }
    let [program, _] = Program::both();
    let options = ["-z", "--skip-compress=gz", "--bwlimit=1m"];
    assert_eq!(asked(&program, &pair, &options).len(), 3, "all three were expected to be seen");
}

/// Both against a daemon with this line of configuration.
fn refused_alike(line: &str, options: &[&str], words: &str) {
    let pair = Pair::new(one_file);
    let daemon: Daemon = Plan::new().serve(Module::new("tree", &pair.source()).with(line)).start();
    let [rsync, deployer] = Program::both().map(|program| {
        let pull = |options: &[&str]| {
            program.pull(&[&["-a"], options].concat(), &daemon.url("tree/"), &pair.destination(&program))
        };
        let refused = pull(options);
        let _ = pull(&[]).expect(0);
        refused
    });
    assert_eq!(deployer.code(), rsync.code(), "{rsync}\n{deployer}");
    assert_ne!(deployer.code(), 0, "{deployer}");
    assert!(rsync.stderr.contains(words), "{rsync}");
    assert!(deployer.stderr.contains(words), "{deployer}");
}

#[test]
fn a_daemon_that_refuses_compression() {
    refused_alike("refuse options = compress", &["-z"], "refuse --compress");
}

#[test]
fn a_daemon_that_refuses_what_a_choice_implies() {
    refused_alike("refuse options = compress", &["--zc=zstd"], "refuse --compress");
}

#[test]
fn a_daemon_that_refuses_a_bound() {
    refused_alike("refuse options = bwlimit", &["--bwlimit=9000"], "refuse --bwlimit");
}

/// With rsync 3.2.7 as the server, this concerns zlib in both forms alone.
#[test]
fn a_daemon_that_compresses_nothing() {
    let pair = Pair::new(fill);
    let module = Module::new("tree", &pair.source()).with("dont compress = *");
    let daemon = Plan::new().serve(module).start();
    for (option, form) in [("-z", Packed), ("-zz", Plain), ("--old-compress", Plain), ("--zc=lz4", Packed)] {
        let [rsync, deployer] = Program::both().map(|program| {
            // Whole files, so that content travels each time.
            let options = ["-a", "-I", "-W", "--stats", option];
            program.pull(&options, &daemon.url("tree/"), &pair.destination(&program)).expect(0)
        });
        assert_travelled(option, form, &Both { rsync, deployer });
        pair.pictures().assert_same(option);
    }
}

#[test]
fn words_that_name_nothing() {
    let pair = Pair::new(one_file);
    for (option, code) in [
        ("--zc=gzip", 4),
        ("--zc=", 4),
        ("--zc=zstd,lz4", 4),
        ("--zc=auto,zstd", 4),
        ("--zl=x", 1),
        ("--bwlimit=100b", 1),
        ("--bwlimit=511b", 1),
        ("--bwlimit=-1", 1),
        ("--bwlimit=x", 1),
    ] {
        let [rsync, deployer] = Program::both().map(|program| {
            let destination = pair.destination(&program);
            let outcome = program.pull(&["-a", option], &pair.daemon().url("tree/"), &destination);
            assert!(!destination.exists(), "{outcome}");
            outcome
        });
        assert_eq!(
            deployer.code(),
            rsync.code(),
            "the exit code was expected to be rsync's\n{rsync}\n{deployer}"
        );
        assert_eq!(rsync.code(), code, "{rsync}");
    }
}
