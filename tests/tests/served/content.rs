//! Options about how content travels and how it is written.

use std::fs;

use end_to_end::random::Random;
use end_to_end::run::Program;
use end_to_end::server::Server;
use end_to_end::starts::Start;

use crate::field::{FEW, Field, Job, TURNS, everywhere};

everywhere! {
    holes: "-aS";
    whole_files: "-aW";
    whole_files_compressed: "-aWz";
    compressed: "-az";
    compressed_by_lz4: "-a", "--zc=lz4";
    compressed_by_zlibx: "-a", "--zc=zlibx";
    compressed_by_zlib: "-a", "--zc=zlib";
    compressed_the_new_way: "-azz";
    compressed_the_old_way: "-a", "--old-compress";
    not_compressed_at_all: "-a", "--zc=none";
    compressed_at_level_1: "-a", "--zc=zlib", "--zl=1";
    compressed_at_level_9: "-a", "--zc=zlibx", "--zl=9";
    compressed_at_level_0: "-a", "--zc=zlib", "--zl=0";
    compressed_but_for_some: "-az", "--skip-compress=so/gz";
    compressed_with_sums: "-azc", "--no-inc-recursive";
    sums_of_md5: "-ac", "--checksum-choice=md5";
    sums_of_md4: "-ac", "--checksum-choice=md4";
    sums_of_sha1: "-ac", "--checksum-choice=sha1";
    sums_of_xxh64: "-ac", "--checksum-choice=xxh64";
    sums_of_xxh3: "-ac", "--checksum-choice=xxh3";
    sums_of_xxh128: "-ac", "--checksum-choice=xxh128";
    sums_of_two_kinds: "-ac", "--checksum-choice=md5,xxh64";
    sums_of_two_other_kinds: "-ac", "--checksum-choice=xxh3,sha1";
    blocks_of_1000: "-a", "--block-size=1000";
    blocks_of_64: "-a", "--block-size=64";
    blocks_of_131072: "-a", "--block-size=131072";
    blocks_of_700_compressed: "-az", "-B700";
    in_place: "-a", "--inplace";
    in_place_with_blocks: "-a", "--inplace", "-B512";
    in_place_compressed: "-az", "--inplace", "--no-W";
    appended: "-a", "--append";
    appended_and_verified: "-a", "--append-verify";
    appended_and_compressed: "-az", "--append";
    partial: "-a", "--partial";
    similar_files: "-a", "--fuzzy", "--no-whole-file";
    twice_similar_files: "-ayy", "--delay-updates";
    backups: "-a", "--backup";
    backups_in_a_directory: "-ab", "--backup-dir=.old", "--suffix=.bak";
    newer_files_stay: "-au";
    only_existing: "-a", "--existing";
    only_new: "-a", "--ignore-existing";
    neither: "-a", "--existing", "--ignore-existing";
}

/// Versions that do not know a choice of checksum use the one of old.
#[test]
fn every_checksum_in_every_version() {
    let field = Field::new();
    for protocol in [30, 31, 32] {
        for checksum in ["md5", "md4", "sha1", "xxh64", "xxh3", "xxh128"] {
            field.begin(Start::Older, false);
            let options = [&format!("--protocol={protocol}"), &format!("--checksum-choice={checksum}")];
            let options = ["-a", "-i", "--stats", options[0], options[1]];
            let results = field.alike(checksum, &Job::rsync(&options));
            assert!(
                results.own.stats().matched() > 1_000_000,
                "blocks were expected to match\n{}",
                results.own
            );
        }
    }
}

/// Part of a file from an earlier run, which is taken as what to build on.
#[test]
fn parts_of_files_in_a_directory() {
    let field = Field::new();
    for protocol in ["--protocol=30", "--protocol=32"] {
        for more in [&[][..], &["--inplace"], &["--delay-updates"], &["-z"]] {
            // Not together in one command.
            let partial = if more.contains(&"--inplace") { "--partial" } else { "--partial-dir=.part" };
            field.begin(Start::Cut, true);
            for root in field.destinations() {
                for (dir, name) in [("", "big"), ("a", "two"), ("b", "lib-1.2.so")] {
                    let part = root.join(dir).join(".part");
                    fs::create_dir_all(&part).expect("memory is large enough");
                    let content = fs::read(field.source().join(dir).join(name)).expect("it is there");
                    fs::write(part.join(name), &content[..content.len() / 2])
                        .expect("memory is large enough");
                    fs::remove_file(root.join(dir).join(name)).expect("it is there");
                }
            }
            let options = [&["-a", "-i", "--stats", partial, protocol], more].concat();
            let _ = field.alike("parts", &Job::rsync(&options));
        }
    }
}

/// Other directories in which files are looked for.
#[test]
fn other_directories() {
    let field = Field::new();
    let other = field.scratch.join("other");
    crate::field::copy(&field.source(), &other);
    end_to_end::starts::change(&other, Start::Cut);
    for kind in ["copy", "link", "compare"] {
        let option = format!("--{kind}-dest={}", other.display());
        for options in [&["-a"][..], &["-aHAX", "--numeric-ids"], &["-ac"]] {
            // rsync waits for itself: see the tests of what our client does.
            if kind == "compare" && options.contains(&"-aHAX") {
                continue;
            }
            let options = [options, &["-i", "--stats", &option]].concat();
            field.turns(&FEW, &Job::rsync(&options));
        }
    }
}

/// Files in which nearly everything has moved, and files whose blocks are all the same.
#[test]
fn blocks_in_other_places() {
    let mut random = Random::new(46);
    let noise = random.bytes(3_000_000);
    let mut turned = noise.clone();
    turned.rotate_left(1_234_567);
    let mut inserted = noise.clone();
    for at in (0..noise.len()).step_by(100_000).rev() {
        inserted.insert(at, 7);
    }
    let pairs = [
        ("turned", noise.clone(), turned),
        ("inserted", noise.clone(), inserted.clone()),
        ("removed", inserted, noise.clone()),
        ("zeros", vec![0; 2_500_000], [&noise[..1000], &[0; 2_000_000], &noise[..777]].concat()),
        ("shorter", noise.clone(), noise[..1_000_001].to_vec()),
        ("longer", noise[..1_000_001].to_vec(), noise.clone()),
        ("empty", noise.clone(), Vec::new()),
        ("from-empty", Vec::new(), noise.clone()),
        (
            "tail",
            noise[..700 * 1000 + 13].to_vec(),
            [&noise[..300], &noise[700 * 999..700 * 1000 + 13]].concat(),
        ),
    ];
    let field = Field::with(|root| {
        pairs
            .iter()
            .for_each(|(name, _, new)| fs::write(root.join(name), new).expect("memory is large enough"));
    });
    for options in [
        &["-a"][..],
        &["-a", "-B700"],
        &["-az"],
        &["-a", "--zc=zlib"],
        &["-a", "--zc=lz4"],
        &["-a", "--inplace"],
        &["-a", "--cc=xxh64"],
        &["-a", "--append", "--protocol=31"],
        &["-a", "--append-verify", "--protocol=30"],
    ] {
        field.clear();
        for root in field.destinations() {
            fs::create_dir(&root).expect("memory is large enough");
            pairs
                .iter()
                .for_each(|(name, old, _)| fs::write(root.join(name), old).expect("memory is large enough"));
        }
        let options = [options, &["-i", "-I", "--stats"]].concat();
        let results = field.alike("moved", &Job::rsync(&options));
        if !options.iter().any(|option| option.starts_with("--append")) {
            for (name, _, new) in &pairs {
                let found = fs::read(field.destinations()[1].join(name)).expect("it came");
                assert!(found == *new, "{name} was expected to come whole\n{}", results.own);
            }
        }
    }
}

/// What came before is right at its size but not in its bytes: the sum over the file tells, and it comes once more.
#[test]
fn appended_to_the_wrong_beginning() {
    let field = Field::with(|root| {
        for (name, seed) in [("one", 47), ("two", 48)] {
            fs::write(root.join(name), Random::new(seed).bytes(500_000)).expect("memory is large enough");
        }
    });
    for (_, _, protocol) in TURNS {
        for options in
            [&["--append-verify"][..], &["--append-verify", "-z"], &["--append-verify", "--cc=sha1"]]
        {
            field.clear();
            for root in field.destinations() {
                fs::create_dir(&root).expect("memory is large enough");
                for name in ["one", "two"] {
                    let mut content = fs::read(field.source().join(name)).expect("it is there");
                    content.truncate(300_000);
                    content[150_000] ^= 1;
                    fs::write(root.join(name), content).expect("memory is large enough");
                }
            }
            let version = format!("--protocol={protocol}");
            let options = [&["-a", "-i", &version], options].concat();
            let results = field.alike("a wrong beginning", &Job::rsync(&options));
            let _ = field.pictures().map(|picture| assert_eq!(picture.entries.len(), 3));
            let source = fs::read(field.source().join("one")).expect("it is there");
            let found = fs::read(field.destinations()[1].join("one")).expect("it came");
            assert!(found == source, "{}", results.own);
        }
    }
}

/// The algorithm is one that both sides have, or the client is told.
#[test]
fn a_compression_that_may_be_missing() {
    let field = Field::new();
    field.clear();
    let [_, own] = field.run(&Job::rsync(&["-a", "--zc=zstd"]));
    match own.code() {
        0 => field.turns(&FEW, &Job::rsync(&["-a", "-i", "--stats", "--zc=zstd"])),
        // "Requested action not supported", which rsync says of a name that the other side does not know.
        4 => assert!(own.stderr.contains("zstd"), "{own}"),
        _ => panic!("it was expected to come, or to be refused\n{own}"),
    }
}

/// Larger than every buffer.
#[test]
fn large_files() {
    let field = Field::with(|root| {
        let mut random = Random::new(49);
        fs::write(root.join("noise"), random.bytes(20 << 20)).expect("memory is large enough");
        fs::write(root.join("text"), random.text(30 << 20)).expect("memory is large enough");
        let file = fs::File::create(root.join("holes")).expect("memory is large enough");
        file.set_len(100 << 20).expect("it holds nothing");
    });
    for options in [&["-aS"][..], &["-aSz"], &["-aS", "--zc=zlib"], &["-aS", "--cc=md5", "--protocol=30"]] {
        field.clear();
        let options = [options, &["-i", "--stats"]].concat();
        let _ = field.alike("from nothing", &Job::rsync(&options));
        for root in field.destinations() {
            let mut content = fs::read(root.join("noise")).expect("it came");
            content.splice(5_000_000..5_000_100, [1; 333]);
            content.truncate(19 << 20);
            fs::write(root.join("noise"), content).expect("memory is large enough");
        }
        let _ = field.alike("again", &Job::rsync(&options));
    }
    let memory = field.own.peak_memory();
    assert!(memory < 200 << 10, "{memory} KiB are more than a transfer needs");
    let _ = Program::rsync().list(&[], &field.own.url("tree/")).expect(0);
}
