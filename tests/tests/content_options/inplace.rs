//! Files that are written where they are: `--inplace`, `--append`, `--append-verify`.

use std::fs;
use std::os::unix::fs::MetadataExt;

use end_to_end::random::Random;
use end_to_end::run::Program;
use end_to_end::starts::{Start, alike, pair, pulls_alike};

use super::{assert_named_once, with_the_same_bytes};

#[test]
fn inplace() {
    with_the_same_bytes(&["-a", "--inplace"]);
    alike(Start::Older, true, &["-a", "--inplace", "--delete"]);
    alike(Start::Older, false, &["-a", "--inplace", "-W"]);
    alike(Start::Older, false, &["-a", "--inplace", "-c"]);
}

#[test]
fn inplace_keeps_what_else_a_file_is() {
    for options in [&["-a", "--inplace"][..], &["-a", "--inplace", "--no-W"], &["-rt", "--inplace"]] {
        let pair = pair(Start::Older);
        let inodes = Program::both().map(|program| {
            let root = pair.destination(&program);
            fs::hard_link(root.join("big"), root.join("other name")).expect("links can be made");
            fs::metadata(root.join("big")).expect("it is there").ino()
        });
        pulls_alike(&pair, &format!("{options:?}"), options);
        for (program, inode) in Program::both().iter().zip(inodes) {
            let root = pair.destination(program);
            assert_eq!(fs::metadata(root.join("big")).expect("it is there").ino(), inode);
            assert_eq!(fs::read(root.join("other name")).ok(), fs::read(pair.source().join("big")).ok());
        }
    }
}

#[test]
fn inplace_with_backups() {
    alike(Start::Older, false, &["-a", "--inplace", "-b"]);
    alike(Start::Older, false, &["-a", "--inplace", "-b", "-W"]);
    for start in [Start::Older, Start::Cut] {
        let pair = pair(start);
        let outcomes = pair.pull(&["-a", "-i", "--inplace", "--backup-dir=../kept"]);
        // In another directory rsync does not find its backups as a basis at first, and files come twice.
        assert_named_once(&outcomes);
        pair.pictures().assert_same(&format!("{start:?}"));
    }
}

#[test]
fn append() {
    with_the_same_bytes(&["-a", "--append"]);
    alike(Start::Cut, true, &["-a", "--append", "--delete"]);
    alike(Start::Cut, false, &["-a", "--append", "-b"]);
}

#[test]
fn append_verify() {
    with_the_same_bytes(&["-a", "--append-verify"]);
}

/// What is here is not the beginning of what comes: the sum tells, and the file comes again.
#[test]
fn append_to_something_else() {
    let pair = pair(Start::Cut);
    for program in Program::both() {
        let path = pair.destination(&program).join("a/two");
        let length = fs::metadata(&path).expect("it is there").len();
        let length = usize::try_from(length).expect("it is small");
        fs::write(&path, Random::new(9).bytes(length)).expect("memory is large enough");
    }
    let outcomes = pair.pull(&["-a", "--append-verify", "-i"]);
    // rsync names it twice, because it came twice.
    assert_named_once(&outcomes);
    pair.pictures().assert_same("--append-verify");
    let source = fs::read(pair.source().join("a/two")).expect("it is there");
    assert!(fs::read(pair.destination(&Program::deployer()).join("a/two")).expect("it is there") == source);
}
