//! What is asked for, and what comes of it.

use std::path::Path;

use super::{SHAPES, paths_of, terms, told_with, tree};
use crate::server::failure::Failure;
use crate::server::request::{Names, Request};
use crate::wire::flags::io_error;

const ALL: [&str; 8] =
    ["a/b/c/deep", "a/b/file", "a/other", "x/a/b/second", "x/y", ".hidden", "top.txt", "note.txt"];

fn ask(dir: &Path, sources: &[&str], change: impl Fn(&mut Request)) -> Vec<String> {
    let (paths, said) = paths_of(dir, |request| {
        request.paths = sources.iter().map(|path| path.as_bytes().to_vec()).collect();
        change(request);
    });
    assert_eq!(said, [""; 0]);
    paths
}

fn plain(_: &mut Request) {}

fn relative(request: &mut Request) {
    request.relative = true;
}

fn flat(request: &mut Request) {
    (request.recursive, request.dirs) = (false, true);
}

#[test]
fn a_directory_or_its_content() {
    let dir = tree(&ALL);
    let dir = dir.path();
    assert_eq!(ask(dir, &["a"], plain), ["a/", "a/b/", "a/b/c/", "a/b/c/deep", "a/b/file", "a/other"]);
    assert_eq!(ask(dir, &["a/"], plain), ["./", "b/", "b/c/", "b/c/deep", "b/file", "other"]);
    assert_eq!(ask(dir, &["a/b/."], plain), ["./", "c/", "c/deep", "file"]);
    assert_eq!(ask(dir, &["a/b/file"], plain), ["file"]);
    assert_eq!(ask(dir, &["../../a/b/file"], plain), ["file"], "nothing leads out");
    assert_eq!(ask(dir, &[""], plain).len(), 15);
}

#[test]
fn several_sources_are_one_list() {
    let dir = tree(&ALL);
    let dir = dir.path();
    assert_eq!(ask(dir, &["x/y", "top.txt"], plain), ["top.txt", "y"]);
    let both = ask(dir, &["a", "x/a"], plain);
    assert_eq!(both, ["a/", "a/b/", "a/b/c/", "a/b/c/deep", "a/b/file", "a/b/second", "a/other"]);
    let contents = ask(dir, &["a/", "x/"], plain);
    assert_eq!(
        contents,
        ["./", "a/", "a/b/", "a/b/second", "b/", "b/c/", "b/c/deep", "b/file", "other", "y"]
    );
    assert_eq!(ask(dir, &["top.txt", "top.txt"], plain), ["top.txt"]);
}

#[test]
fn whole_paths_bring_the_directories_on_the_way() {
    let dir = tree(&ALL);
    let dir = dir.path();
    assert_eq!(ask(dir, &["a/b/c"], relative), ["a/b/c/", "a/b/c/deep", "a/b=", "a="]);
    assert_eq!(ask(dir, &["a/b/file"], relative), ["a/b/file", "a/b=", "a="]);
    assert_eq!(
        ask(dir, &["a/b/file", "x/y", "a/other"], relative),
        ["a/b/file", "a/b=", "a/other", "a=", "x/y", "x="]
    );
    assert_eq!(ask(dir, &["a/./b/file"], relative), ["b/file", "b="]);
    assert_eq!(ask(dir, &["./a/other"], relative), [".=", "a/other", "a="]);
    assert_eq!(ask(dir, &["a/b/c/"], relative), ["a/b/c/", "a/b/c/deep", "a/b=", "a="]);
    assert_eq!(ask(dir, &["a/b/./"], relative), ["./", "c/", "c/deep", "file"]);
    let mixed = ask(dir, &["a/b/file", "a"], relative);
    assert_eq!(mixed, ["a/", "a/b/", "a/b/c/", "a/b/c/deep", "a/b/file", "a/other"]);
    let bases = ask(dir, &["a/./b/file", "x/a/./b/second"], relative);
    assert_eq!(bases, ["b/file", "b/second", "b="]);
}

#[test]
fn directories_without_their_content() {
    let dir = tree(&ALL);
    let dir = dir.path();
    assert_eq!(ask(dir, &["a"], flat), ["a="]);
    assert_eq!(ask(dir, &["a/"], flat), ["./", "b=", "other"]);
    assert_eq!(
        ask(dir, &["x/a/"], |request| {
            flat(request);
            relative(request);
        }),
        ["x/a/", "x/a/b=", "x="]
    );
    let (paths, said) = paths_of(dir, |request| {
        request.recursive = false;
        request.paths = vec![b"a".to_vec(), b"x/y".to_vec()];
    });
    assert_eq!((paths, said), (vec!["y".to_owned()], vec!["Info: skipping directory a".to_owned()]));
}

#[test]
fn patterns() {
    let dir = tree(&ALL);
    let dir = dir.path();
    assert_eq!(ask(dir, &["*.txt"], plain), ["note.txt", "top.txt"]);
    assert_eq!(ask(dir, &["[nt]o?*.txt"], plain), ["note.txt", "top.txt"]);
    assert_eq!(ask(dir, &["*/a/*/second"], plain), ["second"]);
    assert_eq!(ask(dir, &["a/*/"], plain), ["./", "c/", "c/deep", "file"]);
    std::os::unix::fs::symlink("/etc", dir.join("out")).unwrap();
    std::os::unix::fs::symlink("nowhere", dir.join("off")).unwrap();
    assert_eq!(ask(dir, &["o*"], plain), ["out"]);
    assert_eq!(
        ask(dir, &["[!o]*"], flat),
        [".hidden", "a=", "note.txt", "top.txt", "x="],
        "hidden ones as well"
    );
    let (paths, said) = paths_of(dir, |request| request.paths = vec![b"*.none".to_vec()]);
    assert_eq!(paths, [""; 0]);
    assert_eq!(
        said,
        ["ErrorTransfer: rsync: [sender] link_stat \"/*.none\" (in m) failed: No such file or directory (2)"]
    );
}

#[test]
fn names_in_a_list() {
    let dir = tree(&ALL);
    for shape in SHAPES {
        let mut terms = terms(shape);
        terms.request.relative = true;
        terms.request.names = Names::FromClient;
        let names = [&b"a/b/file"[..], b"a/b/c/", b"x/./a", b"/top.txt", b"a/b/file"].map(<[u8]>::to_vec);
        let told = told_with(dir.path(), &terms, &[], Some(names.to_vec())).unwrap();
        let mut paths = told.paths();
        paths.sort();
        let all = ["a/", "a/b/", "a/b/c/", "a/b/c/deep", "a/b/file", "a/b/second", "top.txt"];
        assert_eq!(paths.iter().map(|path| path.replace('=', "/")).collect::<Vec<_>>(), all, "{shape:?}");
    }
}

#[test]
fn names_in_a_file() {
    let dir = tree(&["list -> ../../etc/passwd", "names", "d/one", "d/two"]);
    std::fs::write(dir.path().join("names"), "# two\none\n\n").unwrap();
    let mut terms = terms((32, true, true));
    terms.request.relative = true;
    terms.request.paths = vec![b"d".to_vec()];
    terms.request.names = Names::File(b"/names".to_vec());
    assert_eq!(told_with(dir.path(), &terms, &[], None).unwrap().paths(), ["one"]);
    for bad in ["list", "none", "d"] {
        terms.request.names = Names::File(bad.into());
        assert!(matches!(told_with(dir.path(), &terms, &[], None), Err(Failure::Refused(_))), "{bad}");
    }
}

#[test]
fn what_is_not_there_is_said() {
    let dir = tree(&ALL);
    let mut terms = terms((32, true, true));
    terms.request.paths = [&b"none"[..], b"top.txt/x", b"nowhere/", b"top.txt"].map(<[u8]>::to_vec).to_vec();
    let told = told_with(dir.path(), &terms, &[], None).unwrap();
    assert_eq!(told.paths(), ["top.txt"]);
    assert_eq!(
        told.said,
        [
            "ErrorTransfer: rsync: [sender] link_stat \"/none\" (in m) failed: No such file or directory (2)",
            "ErrorTransfer: rsync: [sender] change_dir \"/top.txt\" (in m) failed: Not a directory (20)",
            "ErrorTransfer: rsync: [sender] change_dir \"/nowhere\" (in m) failed: No such file or directory (2)",
        ]
    );
    assert_eq!((told.io_error, told.list.io_error()), (io_error::GENERAL, io_error::GENERAL));
    terms.request.paths = vec![b"none".to_vec()];
    let told = told_with(dir.path(), &terms, &[], None).unwrap();
    assert_eq!(
        (told.io_error, told.said.len(), told.paths().len()),
        (0, 1, 0),
        "nothing is missing from the list"
    );
    terms.request.ignore_missing_args = true;
    assert!(told_with(dir.path(), &terms, &[], None).unwrap().said.is_empty());
}
