//! A file of which only attributes changed, but whose time says that its content may have, is not written anew. What comes
//! of it is what comes of a new file. Needs root.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use end_to_end::pair::Pair;
use end_to_end::run::Program;
use rustix::fs::{XattrFlags, setxattr};

const LARGE: usize = 9 << 20;

fn at(file: &Path, seconds: u64) {
    let file = File::open(file).expect("it is there");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).expect("times can be set");
}

fn attribute(file: &Path, name: &str, value: &str) {
    setxattr(file, name, value.as_bytes(), XattrFlags::empty()).expect("memory has extended attributes");
}

fn write(file: &Path, content: &[u8], seconds: u64) {
    fs::write(file, content).expect("memory is large enough");
    at(file, seconds);
}

/// Files of some pages and of some bytes; the last of them is going to change, and keep its size.
fn plant(root: &Path, seconds: u64) {
    let content: Vec<u8> = (0..LARGE as u32 / 4).flat_map(u32::to_le_bytes).collect();
    write(&root.join("large"), &content, seconds);
    write(&root.join("small"), b"content", seconds);
    write(&root.join("one of two"), b"two names", seconds);
    fs::hard_link(root.join("one of two"), root.join("another")).expect("links can be made");
    let mut changed = content;
    let last = changed.len() - 1;
    changed[last] ^= seconds as u8;
    write(&root.join("changed"), &changed, seconds);
    write(&root.join("shorter"), &changed[..5000 + seconds as usize % 7], seconds);
    at(root, seconds);
}

/// Both destinations hold the older state, and the server's has other attributes, too.
fn pair() -> Pair {
    let pair = Pair::new(|root| plant(root, 1_600_000_001));
    for program in Program::both() {
        let destination = pair.destination(&program);
        fs::create_dir(&destination).expect("memory is large enough");
        plant(&destination, 1_500_000_000);
        // Only this program's are elsewhere: a name that no pull knows of.
        let kept = pair.scratch().join(&format!("kept by {}", program.name()));
        fs::hard_link(destination.join("one of two"), kept).expect("links can be made");
        attribute(&destination.join("small"), "user.old", "old");
    }
    let small = pair.source().join("small");
    attribute(&small, "user.new", "new");
    chown(&small, Some(1234), Some(1235)).expect("root may");
    fs::set_permissions(&small, Permissions::from_mode(0o4711)).expect("root may");
    fs::set_permissions(pair.source().join("large"), Permissions::from_mode(0o600)).expect("root may");
    at(&pair.source(), 1_600_000_001);
    pair
}

/// Pulls, and returns which of these files are still the same ones.
fn kept(pair: &Pair, options: &[&str]) -> Vec<&'static str> {
    let destination = pair.destination(&Program::deployer());
    let numbers = || {
        ["large", "small", "one of two", "changed", "shorter"]
            .map(|name| (name, fs::metadata(destination.join(name)).expect("it is there").ino()))
    };
    let before = numbers();
    let outcomes = pair.pull(options);
    for outcome in [&outcomes.rsync, &outcomes.deployer] {
        assert_eq!(outcome.code(), 0, "{outcome}");
    }
    pair.pictures().assert_same(&format!("{options:?}"));
    assert_eq!(
        outcomes.rsync.itemized(),
        outcomes.deployer.itemized(),
        "{options:?}: both tell the same of what they did"
    );
    let after = numbers();
    before.iter().zip(&after).filter(|(before, after)| before == after).map(|(file, _)| file.0).collect()
}

#[test]
fn what_stays_the_same_is_not_written_again() {
    // With all attributes, nothing can be left of what was there; without, only where there is nothing to be left.
    assert_eq!(kept(&pair(), &["-aAX", "-i"]), ["large", "small"]);
    assert_eq!(kept(&pair(), &["-a", "-i"]), ["large"]);
    assert_eq!(kept(&pair(), &["-aHAX", "-i"]), ["large", "small"]);
    assert_eq!(kept(&pair(), &["-aAXz", "-i"]), ["large", "small"]);
    assert_eq!(kept(&pair(), &["-a", "-i", "--protocol=29"]), ["large"]);
    assert_eq!(kept(&pair(), &["-aAXI", "-i", "--fsync"]), ["large", "small"]);
}

#[test]
fn where_a_new_file_is_wanted_there_is_one() {
    for options in [
        &["-rlptAX", "-i"][..],
        &["-rltgoX", "-i"],
        &["-rlpgoAX", "-i"],
        &["-aAX", "-i", "-b"],
        &["-aAX", "-i", "-S"],
        &["-aAX", "-i", "--preallocate"],
        &["-aAX", "-i", "--delay-updates"],
        &["-aAX", "-i", "-W"],
        &["-aAX", "-i", "-O"],
    ] {
        assert_eq!(kept(&pair(), options), [""; 0], "{options:?}");
    }
}

/// Whoever has the file under another name keeps it as it was.
#[test]
fn other_names_of_a_file_are_left_alone() {
    let pair = pair();
    let _ = kept(&pair, &["-aAX", "-i"]);
    for program in Program::both() {
        let other = pair.scratch().join(&format!("kept by {}", program.name()));
        let seconds = fs::metadata(&other).expect("it is kept").mtime();
        assert_eq!(seconds, 1_500_000_000, "{}", program.name());
    }
}

/// Whoever may have opened a file to write it could write into what becomes another's.
#[test]
fn files_that_others_may_hold_open_are_replaced() {
    let give = |whose: &str, file: &Path| match whose {
        "another's" => chown(file, Some(1234), Some(1234)).expect("root may"),
        "everybody's" => fs::set_permissions(file, Permissions::from_mode(0o666)).expect("root may"),
        "a group's" => {
            chown(file, None, Some(1234)).expect("root may");
            fs::set_permissions(file, Permissions::from_mode(0o660)).expect("root may");
        }
        _ => {
            let done = Command::new("setfacl").args(["-m", "u:1234:rw"]).arg(file).status();
            assert!(done.expect("setfacl is there").success());
        }
    };
    for whose in ["another's", "everybody's", "a group's", "a user's by list"] {
        let pair = pair();
        for program in Program::both() {
            give(whose, &pair.destination(&program).join("large"));
        }
        assert_eq!(kept(&pair, &["-aAX", "-i"]), ["small"], "{whose}");
    }
}
