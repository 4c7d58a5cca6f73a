//! Content that is here already, under other names: alternate directories and `--fuzzy`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use end_to_end::pair::{EQUAL_BLOCKS, Pair};
use end_to_end::run::Program;
use end_to_end::server::Server;
use end_to_end::starts::{ALL, Start, pair, plant_foreign, pulls_alike};

#[test]
fn fuzzy() {
    for options in [&["-a", "-y"][..], &["-a", "--fuzzy", "--delete-after"]] {
        for start in [Start::Empty, Start::Older, Start::Same] {
            let pair = pair(start);
            for program in Program::both() {
                let root = pair.destination(&program);
                plant_foreign(&root);
                let _ = fs::remove_dir_all(root.join("kind"));
                let _ = fs::remove_dir_all(root.join("b/link"));
                let _ = fs::rename(root.join("b/lib-1.2.so"), root.join("b/lib-1.1.so"));
                let _ = fs::rename(root.join("big"), root.join("large"));
            }
            let options = &[&[EQUAL_BLOCKS], options].concat();
            let outcomes = pulls_alike(&pair, &format!("{start:?} {options:?}"), options);
            let [rsync, deployer] = [outcomes.rsync.stats(), outcomes.deployer.stats()];
            assert_eq!(rsync.literal(), deployer.literal(), "{start:?} {options:?}");
        }
    }
}

/// Another directory beside the destination that holds part of the tree, and part of it otherwise.
fn with_another(start: Start, change: impl Fn(&Path)) -> Pair {
    let pair = pair(start);
    let other = pair.scratch().join("other");
    let outcome = Program::rsync().pull(&["-a"], &pair.daemon().url("tree/"), &other);
    assert_eq!(outcome.code(), 0);
    change(&other);
    pair
}

fn partly(other: &Path) {
    fs::remove_file(other.join("a/one")).expect("it is there");
    fs::write(other.join("a/deep/three"), b"another\n").expect("memory is large enough");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(other.join("b/lib-1.2.so"), mode).expect("modes can be set");
    fs::remove_file(other.join("b/link")).expect("it is there");
    std::os::unix::fs::symlink("elsewhere", other.join("b/link")).expect("links can be made");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(other.join("c"), mode).expect("modes can be set");
    fs::remove_dir(other.join("hollow")).expect("it is empty");
}

fn alternates(option: &str) {
    for start in ALL {
        for options in [
            &["-a"][..],
            &["-a", "-n"],
            &["-aH"],
            &["-rl"],
            &["-a", "-c"],
            &["-a", "-y"],
            &["-a", "--delete"],
        ] {
            let pair = with_another(start, partly);
            let options: Vec<&str> = options.iter().copied().chain([option]).collect();
            pulls_alike(&pair, &format!("{start:?} {options:?}"), &options);
        }
    }
    let pair = with_another(Start::Empty, |_| {});
    pulls_alike(&pair, option, &["-a", option]);
}

#[test]
fn compare_dest() {
    alternates("--compare-dest=../other");
}

#[test]
fn copy_dest() {
    alternates("--copy-dest=../other");
}

#[test]
fn link_dest() {
    alternates("--link-dest=../other");
    let pair = with_another(Start::Empty, partly);
    pulls_alike(&pair, "links", &["-a", "--link-dest=../other"]);
    let [rsync, deployer] = Program::both().map(|program| {
        let inode = |path: &Path| fs::metadata(path).expect("it is there").ino();
        let other = pair.scratch().join("other");
        ["big", "a/two", "kind"]
            .map(|name| inode(&pair.destination(&program).join(name)) == inode(&other.join(name)))
    });
    assert_eq!((rsync, deployer), ([true; 3], [true; 3]));
}

#[test]
fn several_alternates() {
    for kind in ["compare", "copy", "link"] {
        let pair = with_another(Start::Empty, partly);
        let third = pair.scratch().join("third");
        let outcome = Program::rsync().pull(&["-a"], &pair.daemon().url("tree/"), &third);
        assert_eq!(outcome.code(), 0);
        fs::remove_file(third.join("big")).expect("it is there");
        let options = ["../other", "../third", "../missing"].map(|dir| format!("--{kind}-dest={dir}"));
        let options: Vec<&str> = ["-a"].into_iter().chain(options.iter().map(String::as_str)).collect();
        pulls_alike(&pair, &format!("{options:?}"), &options);
    }
}
