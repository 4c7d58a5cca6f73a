//! With `-c`, several threads look at files before their turn in the list: what comes of it is what comes of one after the
//! other.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use end_to_end::daemon::Daemon;
use end_to_end::diff::{assert_same, assert_same_lines};
use end_to_end::pair::Pair;
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;

const DIRECTORIES: usize = 700;

/// Directories with files of two sizes, some of which have other names, and something else in between.
fn plant(root: &Path) {
    for number in 0..DIRECTORIES {
        let directory = root.join(format!("d{number}"));
        fs::create_dir(&directory).expect("memory is large enough");
        for (name, len) in
            [("small", 10), ("middle", 10_000), ("large", if number % 50 == 0 { 3 << 20 } else { 1 })]
        {
            let file = directory.join(name);
            fs::write(&file, vec![number as u8; len]).expect("memory is large enough");
            at(&file, 1_600_000_000);
        }
        symlink("small", directory.join("to small")).expect("links can be made");
        fs::hard_link(directory.join("small"), directory.join("zmall")).expect("links can be made");
        if let Some(before) = number.checked_sub(1) {
            let other = root.join(format!("d{before}/middle"));
            fs::hard_link(other, directory.join("linked")).expect("links can be made");
        }
    }
}

fn at(file: &Path, seconds: u64) {
    let file = fs::File::options().write(true).open(file).expect("it is there");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).expect("times can be set");
}

/// Every tenth directory has files that only their sums tell from what they were.
fn change(root: &Path) {
    for number in (0..DIRECTORIES).step_by(10) {
        for name in ["middle", "large"] {
            let file = root.join(format!("d{number}/{name}"));
            let mut content = fs::read(&file).expect("it is there");
            content[0] ^= 1;
            fs::write(&file, content).expect("memory is large enough");
            at(&file, 1_600_000_000);
        }
    }
}

#[test]
fn many_directories_and_few_descriptors() {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    plant(&source);
    let daemon = Daemon::serving(&source);
    for form in ["--inc-recursive", "--no-inc-recursive"] {
        let destination = scratch.join("destination");
        let program = Program::deployer().with_open_files(64);
        let outcome = program.pull(&["-aH", form], &daemon.url("tree/"), &destination);
        assert_eq!(outcome.code(), 0, "{outcome}");
        change(&source);
        let outcome = program.pull(&["-aHc", form], &daemon.url("tree/"), &destination);
        assert_eq!(outcome.code(), 0, "{outcome}");
        assert_same(form, &Snapshot::take(&source), &Snapshot::take(&destination));
        fs::remove_dir_all(&destination).expect("it is there");
    }
}

/// Without `-H`, names of one file are one file here and several on the server: what is done for one of them is seen by
/// the others.
#[test]
fn names_of_one_file_come_in_turn() {
    let pair = Pair::new(plant);
    for (options, in_turn) in [
        (&["-aH"][..], false),
        (&["-ac", "--chmod=F600"], true),
        (&["-acH", "--chmod=F640"], false),
        (&["-ac", "--chmod=F644"], true),
    ] {
        let outcomes = pair.pull(&[options, &["--out-format=%i %n"]].concat());
        assert_eq!(outcomes.deployer.code(), 0, "{}", outcomes.deployer);
        if in_turn {
            let [rsync, deployer] = [&outcomes.rsync, &outcomes.deployer].map(|outcome| {
                let mut lines: Vec<String> = outcome.stdout.lines().map(str::to_owned).collect();
                lines.sort_unstable();
                lines
            });
            assert_same_lines(&format!("{options:?}"), &rsync, &deployer);
        }
        pair.pictures().assert_same(&format!("{options:?}"));
    }
}
