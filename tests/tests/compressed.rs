//! Compressed transfers: every algorithm, with nothing there, with an old file to build on, whole files and many
//! small ones, beside rsync. What comes must be the same, down to how many bytes were sent as themselves.

use std::fs;
use std::path::Path;

use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::diff::assert_same_lines;
use end_to_end::pair::Pair;
use end_to_end::random::Random;
use end_to_end::run::Program;

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
    write("large", &content(&mut random, 9_000_000));
    write("other", &content(&mut random, 700_001));
    write("zeros", &vec![0; 5_000_000]);
    write("empty", b"");
    write("byte", b"x");
    fs::create_dir(source.join("small")).expect("the source takes directories");
    for number in 0..400 {
        let len = random.below(if number % 10 == 0 { 70_000 } else { 3_000 });
        write(&format!("small/{number}"), &content(&mut random, len));
    }
}

/// Changes that leave most of the blocks of each file: in the middle, at both ends, and by moving.
fn change(source: &Path) {
    let mut random = Random::new(12);
    let mut bytes = fs::read(source.join("large")).expect("it was written");
    for _ in 0..25 {
        let at = random.below(bytes.len() - 50_000);
        let new = content(&mut random, 1 + at % 9_000);
        bytes.splice(at..at + at % 20_000, new);
    }
    bytes.rotate_left(1_000_003);
    bytes.extend_from_slice(b"the end");
    fs::write(source.join("large"), bytes).expect("the source takes files");
    let mut bytes = fs::read(source.join("other")).expect("it was written");
    bytes.insert(0, b'!');
    fs::write(source.join("other"), bytes).expect("the source takes files");
    for number in (0..400).step_by(3) {
        let name = source.join(format!("small/{number}"));
        let mut bytes = fs::read(&name).expect("it was written");
        bytes.extend_from_slice(b"more");
        fs::write(name, bytes).expect("the source takes files");
    }
}

fn pulls_alike(pair: &Pair, options: &[&str], what: &str) {
    let outcomes = pair.pull(&[&["-a", "-i", "--stats"], options].concat());
    assert_eq!(outcomes.rsync.code(), 0, "{what}\n{}", outcomes.rsync);
    assert_same_lines(what, &outcomes.rsync.itemized(), &outcomes.deployer.itemized());
    let (theirs, ours) = (outcomes.rsync.stats(), outcomes.deployer.stats());
    let figures = |stats: &end_to_end::stats::Stats| (stats.literal(), stats.matched());
    assert_eq!(figures(&ours), figures(&theirs), "{what}: literal and matched bytes");
    let received = |stats: &end_to_end::stats::Stats| stats.get("Total bytes received");
    let packed = received(&theirs).abs_diff(received(&ours));
    assert!(packed < 4_096, "{what}: {} bytes came to rsync, {} to us", received(&theirs), received(&ours));
    pair.pictures().assert_same(what);
}

/// From nothing, then by delta, then whole.
fn both_starts(options: &[&str]) {
    let pair = Pair::new(fill);
    pulls_alike(&pair, options, &format!("{options:?} from nothing"));
    change(&pair.source());
    pulls_alike(&pair, options, &format!("{options:?} onto old files"));
    let whole = [options, &["-W", "-I"]].concat();
    pulls_alike(&pair, &whole, &format!("{whole:?}"));
}

macro_rules! cases {
    ($($name:ident: $($option:literal)*;)*) => {$(
        #[test]
        fn $name() {
            both_starts(&[$($option),*]);
        }
    )*};
}

cases! {
    negotiated: "-z";
    twice: "-zz";
    zstd: "--compress-choice=zstd";
    zstd_at_its_fastest: "--zc=zstd" "--zl=-7";
    zstd_at_a_high_level: "--zc=zstd" "--zl=12";
    lz4: "--zc=lz4";
    zlibx: "--new-compress";
    zlibx_at_the_lowest_level: "--zc=zlibx" "--compress-level=1";
    zlib: "--old-compress";
    zlib_at_the_highest_level: "--zc=zlib" "--zl=9";
    zlib_of_protocol_30: "--zc=zlib" "--protocol=30";
    negotiated_in_protocol_30: "-z" "--protocol=30";
    level_0_of_zlib: "--zc=zlib" "--zl=0";
    level_0_of_zlibx: "-zz" "--zl=0";
    level_0_of_zstd: "--zc=zstd" "--zl=0";
    a_level_alone: "--zl=4";
    none: "-z" "--zc=none";
    auto: "-z" "--zc=auto";
    taken_back: "--zc=zstd" "--no-z";
    names_that_are_left_alone: "-z" "--skip-compress=small/large/mp[34]";
    with_sums: "-z" "-c" "--cc=md5";
    in_one_list: "--zc=zstd" "--no-inc-recursive";
    slower: "-z" "--bwlimit=200m";
}

/// Both against a daemon with this line of configuration.
fn refused_alike(line: &str, options: &[&str], words: &str) {
    let pair = Pair::new(|source| fs::write(source.join("file"), "content").expect("the source takes files"));
    let daemon: Daemon = Plan::new().serve(Module::new("tree", &pair.source()).with(line)).start();
    let [rsync, deployer] = Program::both().map(|program| {
        let options = [&["-a"], options].concat();
        program.pull(&options, &daemon.url("tree/"), &pair.destination(&program))
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

#[test]
fn a_daemon_that_compresses_nothing() {
    let pair = Pair::new(fill);
    let module = Module::new("tree", &pair.source()).with("dont compress = *");
    let daemon = Plan::new().serve(module).start();
    for option in ["-z", "-zz", "--old-compress", "--zc=lz4"] {
        let [rsync, deployer] = Program::both().map(|program| {
            let options = ["-a", "-I", "--stats", option];
            program.pull(&options, &daemon.url("tree/"), &pair.destination(&program)).expect(0)
        });
        assert_eq!(deployer.stats().literal(), rsync.stats().literal(), "{option}");
        pair.pictures().assert_same(option);
    }
}

#[test]
fn words_that_name_nothing() {
    let pair = Pair::new(fill);
    for (option, code) in [("--zc=gzip", 4), ("--bwlimit=100b", 1), ("--bwlimit=x", 1)] {
        let outcomes = pair.pull(&["-a", option]);
        assert_eq!(outcomes.deployer.code(), code, "{option}");
    }
}
