//! Symlinks as themselves and as what they lead to, and never out of the module.

use std::path::Path;

use super::{paths_of, terms, told, tree};
use crate::server::request::Request;

fn ask(dir: &Path, change: impl Fn(&mut Request)) -> (Vec<String>, Vec<String>) {
    paths_of(dir, change)
}

#[test]
fn links_are_themselves_or_what_they_lead_to() {
    let dir = tree(&["d/file", "to-file -> d/file", "to-dir -> d", "d/up -> ../other", "other"]);
    let dir = dir.path();
    let (paths, said) = ask(dir, |_| {});
    assert_eq!(
        (paths, said.len()),
        (["./", "d/", "d/file", "d/up", "other", "to-dir", "to-file"].map(str::to_owned).to_vec(), 0)
    );
    let all = ["./", "d/", "d/file", "d/up", "other", "to-dir/", "to-dir/file", "to-dir/up", "to-file"];
    let (paths, said) = ask(dir, |request| request.copy_links = true);
    assert_eq!((&paths[..], said.len()), (&all.map(str::to_owned)[..], 0));
    let (paths, _) = ask(dir, |request| request.copy_dirlinks = true);
    assert_eq!(paths, all);
    let mut terms = terms((32, true, true));
    terms.request.copy_links = true;
    let told = told(dir, &terms);
    for entry in told.entries() {
        assert!(entry.link_target().is_empty());
        let opened = told.list.entry(entry.index()).unwrap().open();
        assert_eq!(opened.is_ok(), entry.size() > 0, "{:?}", entry.path());
    }
}

#[test]
fn only_links_that_lead_out_are_copied() {
    let dir = tree(&["m/in -> sub/file", "m/sub/file", "m/out -> ../beside", "beside", "m/sub/up -> ../sub"]);
    let mut terms = terms((32, true, false));
    terms.request.copy_unsafe_links = true;
    terms.request.paths = vec![b"m/".to_vec()];
    let told = told(dir.path(), &terms);
    let kinds: Vec<String> =
        told.entries().map(|entry| format!("{:?} {:?}", entry.path(), entry.kind())).collect();
    assert_eq!(
        kinds,
        [
            "\".\" Directory",
            "\"in\" Symlink",
            "\"out\" File",
            "\"sub\" Directory",
            "\"sub/file\" File",
            "\"sub/up\" Symlink"
        ]
    );
}

#[test]
fn nothing_outside_of_the_module_is_reached() {
    let dir = tree(&[
        "secret",
        "secrets/one",
        "m/abs -> /etc",
        "m/up -> ../secret",
        "m/dir -> ../secrets",
        "m/d/file",
    ]);
    let module = dir.path().join("m");
    for sources in
        [&[""][..], &["up", "dir", "abs"], &["dir/", "abs/", "dir/one", "abs/passwd"], &["d/../../secret"]]
    {
        for relative in [false, true] {
            let (paths, said) = ask(&module, |request| {
                request.copy_links = true;
                request.relative = relative;
                request.paths = sources.iter().map(|path| path.as_bytes().to_vec()).collect();
            });
            let leaked = paths.iter().any(|path| {
                path.contains("secret")
                    || path.contains("one")
                    || path.contains("passwd")
                    || path == "up"
                    || path.starts_with("dir")
                    || path.starts_with("abs")
            });
            assert!(!leaked, "{paths:?}");
            assert!(!said.is_empty(), "{sources:?}");
        }
    }
    let (paths, _) = ask(&module, |_| {});
    assert_eq!(paths, ["./", "abs", "d/", "d/file", "dir", "up"], "as themselves");
}

#[test]
fn no_directory_is_walked_through_in_itself() {
    let dir = tree(&["d/e/file", "d/e/loop -> ../../d", "d/again -> e"]);
    let (paths, said) = ask(dir.path(), |request| request.copy_links = true);
    assert_eq!(paths, ["./", "d/", "d/again/", "d/again/file", "d/e/", "d/e/file"]);
    let error =
        |path| format!("ErrorTransfer: skipping symlink to a directory that it lies in: \"/{path}\" (in m)");
    let mut said = said;
    said.sort();
    assert_eq!(said, [error("d/again/loop"), error("d/e/loop")]);
}

#[test]
fn a_link_to_nothing() {
    let dir = tree(&["gone -> nowhere", "file"]);
    let (paths, said) = ask(dir.path(), |request| request.copy_links = true);
    assert_eq!(paths, ["./", "file"]);
    assert_eq!(said, ["ErrorTransfer: symlink has no referent: \"/gone\" (in m)"]);
    let (paths, said) = ask(dir.path(), |_| {});
    assert_eq!((paths.len(), said.len()), (3, 0));
}

#[test]
fn targets_are_made_whole_again() {
    let dir = tree(&["a -> /rsyncd-munged//etc", "b -> b"]);
    for (munge, target) in [(true, "/etc"), (false, "/rsyncd-munged//etc")] {
        let mut terms = terms((32, true, true));
        terms.request.munge_links = munge;
        let told = told(dir.path(), &terms);
        let targets: Vec<_> = told.entries().map(|entry| entry.link_target().to_vec()).collect();
        assert_eq!(targets, [&b""[..], target.as_bytes(), b"b"]);
    }
}
