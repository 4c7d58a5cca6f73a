//! Options that meet, where one changes what another may do.

mod links;
mod places;
mod written;

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use end_to_end::pair::Pair;
use end_to_end::run::Program;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use end_to_end::starts::{Start, alike, pair, pulls_alike};

/// A pair with another directory beside it, in which some files are as on the server and others begin like them.
fn with_another(start: Start) -> Pair {
    let pair = pair(start);
    let other = pair.scratch().join("other");
    let outcome = Program::rsync().pull(&["-a"], &pair.daemon().url("tree/"), &other);
    assert_eq!(outcome.code(), 0);
    for name in ["big", "a/two", "b/lib-1.2.so"] {
        let mut content = fs::read(other.join(name)).expect("it is there");
        let middle = content.len() / 2;
        content[middle..middle + 3000].fill(1);
        content.extend([2; 9000]);
        fs::write(other.join(name), content).expect("memory is large enough");
    }
    for name in ["a/one", "a/deep/three"] {
        let content = fs::read(other.join(name)).expect("it is there");
        fs::write(other.join(name), &content[..content.len() / 2]).expect("memory is large enough");
    }
    pair
}

/// The content of both destinations is the server's, byte by byte.
fn assert_content(pair: &Pair, what: &str, programs: &[Program]) {
    let kinds = |root: &Path| -> Vec<_> {
        Snapshot::take(root).entries.into_iter().map(|(path, entry)| (path, entry.kind)).collect()
    };
    let source = kinds(&pair.source());
    for program in programs {
        assert!(
            kinds(&pair.destination(program)) == source,
            "{what}: {} has another content",
            program.name()
        );
    }
}

fn dated(path: &Path, content: &str, seconds: u64) {
    fs::write(path, content).expect("memory is large enough");
    let file = fs::File::options().write(true).open(path).expect("it is there");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).expect("times can be set");
}

#[test]
fn a_checksum_each_for_what_is_compared_and_transferred() {
    for choice in ["md5,xxh64", "xxh128,md5", "sha1,md4"] {
        alike(Start::Older, false, &["-ac", "-B", "1.5k", &format!("--checksum-choice={choice}")]);
        alike(Start::Same, false, &["-ac", "-B0", &format!("--cc={choice}")]);
    }
}

#[test]
fn deletion_with_a_list_of_names() {
    for options in [&["-a", "--delete"][..], &["-a", "-r", "--delete"], &["-a", "--delete-after"]] {
        let pair = Pair::new(|root| {
            fs::create_dir_all(root.join("d/e")).expect("memory is large enough");
            dated(&root.join("d/f"), "1", 1_000_000_000);
        });
        for program in Program::both() {
            let root = pair.destination(&program);
            fs::create_dir_all(root.join("d/e")).expect("memory is large enough");
            for name in ["g", "d/g", "d/e/g"] {
                fs::write(root.join(name), "foreign").expect("memory is large enough");
            }
        }
        let names = pair.scratch().join("names");
        for text in ["d/\n", "d\n", "d/f\n", "d/e/\nd/\n"] {
            fs::write(&names, text).expect("memory is large enough");
            let from = format!("--files-from={}", names.display());
            let options: Vec<&str> = options.iter().copied().chain([&from[..]]).collect();
            pulls_alike(&pair, &format!("{text:?} {options:?}"), &options);
        }
    }
}
