//! Bounds, and clients that hang up.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::{BOUNDS, Ear, rules, terms, told, tree};
use crate::filter::Filters;
use crate::server::failure::Failure;
use crate::server::list::{List, ListBounds, Tree};
use crate::wire::IndexCodec;

fn begin(dir: &std::path::Path, bounds: &ListBounds, ear: &mut Ear, inc: bool) -> Result<List, Failure> {
    let tree = Arc::new(Tree::open(dir).unwrap());
    let terms = terms((32, true, inc));
    List::begin(&tree, &terms, rules(&[]), None, bounds, &mut Vec::new(), ear)
}

#[test]
fn entries_are_bounded() {
    let dir = tree(&["a", "b", "c"]);
    for (entries, fits) in [(4, true), (3, false)] {
        let bounds = ListBounds { entries, ..BOUNDS };
        match begin(dir.path(), &bounds, &mut Ear::default(), false) {
            Ok(_) => assert!(fits),
            Err(failure) => assert!(!fits && matches!(failure, Failure::Limit { limit: 3, .. }), "{failure}"),
        }
    }
}

#[test]
fn a_client_that_hangs_up_is_noticed() {
    let dir = tree(&["a/b/c/d/"]);
    let mut ear = Ear { patience: Some(2), ..Ear::default() };
    assert!(matches!(begin(dir.path(), &BOUNDS, &mut ear, false), Err(Failure::HungUp)));
    let mut ear = Ear { patience: Some(50), ..Ear::default() };
    assert!(begin(dir.path(), &BOUNDS, &mut ear, false).is_ok());
}

#[test]
fn depth_is_bounded() {
    let dir = tree(&["a/b/c/d"]);
    let bounds = ListBounds { depth: 2, ..BOUNDS };
    let mut ear = Ear::default();
    let list = begin(dir.path(), &bounds, &mut ear, false).unwrap();
    assert_eq!(list.figures().entries(), 3);
    assert_eq!(ear.lines, ["ErrorTransfer: skipping overly deep name: \"/a/b/c\""]);
    assert_ne!(list.io_error(), 0);
}

#[test]
fn no_more_segments_come_than_wait() {
    let dir = tree(&["a/1", "a/2", "a/3", "b/1", "b/2", "b/3", "c/1"]);
    let mut ear = Ear::default();
    let bounds = ListBounds { waiting: 4, ..BOUNDS };
    let mut list = begin(dir.path(), &bounds, &mut ear, true).unwrap();
    let (mut codec, mut out) = (IndexCodec::new(32), Vec::new());
    for _ in 0..2 {
        assert!(list.has_room() && list.next_segment(&mut codec, &mut out, &mut ear).unwrap());
    }
    assert!(!list.has_room());
    assert!(matches!(list.next_segment(&mut codec, &mut out, &mut ear), Err(Failure::Limit { .. })));
    assert!(!list.let_go().unwrap());
    assert!(list.next_segment(&mut codec, &mut out, &mut ear).unwrap());
}

#[test]
fn no_part_of_a_list_is_too_large() {
    let dir = tree(&["1", "2", "3"]);
    for segments in [true, false] {
        let with = |waiting| {
            let bounds = ListBounds { waiting, ..BOUNDS };
            begin(dir.path(), &bounds, &mut Ear::default(), segments).map(drop)
        };
        // The root counts as well.
        assert!(with(4).is_ok());
        assert!(matches!(with(3), Err(Failure::Limit { limit: 3, .. })));
    }
}

#[test]
fn an_empty_list_ends() {
    let dir = tree(&[]);
    let tree = Arc::new(Tree::open(dir.path()).unwrap());
    let mut terms = terms((32, true, true));
    terms.request.paths = vec![b"none".to_vec()];
    let (mut ear, mut out) = (Ear::default(), Vec::new());
    let rules = Filters::default().sender(b"");
    let mut list = List::begin(&tree, &terms, rules, None, &BOUNDS, &mut out, &mut ear).unwrap();
    assert_eq!(out, [0, 0]);
    out.clear();
    assert!(list.next_segment(&mut IndexCodec::new(32), &mut out, &mut ear).unwrap());
    assert_eq!((&out[..], list.is_complete(), list.waiting()), (&b"\xff\x01"[..], true, 0));
}

#[test]
fn what_cannot_be_read_is_said() {
    let dir = tree(&["a/closed/file", "b"]);
    let closed = dir.path().join("a/closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let may = fs::read_dir(&closed).is_ok();
    let told = told(dir.path(), &terms((32, true, true)));
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    if may {
        // Root reads everything.
        assert!(told.said.is_empty());
    } else {
        assert_eq!(
            told.said,
            ["ErrorTransfer: rsync: [sender] opendir \"/a/closed\" (in m) failed: Permission denied (13)"]
        );
        assert_eq!(told.io_error, crate::wire::flags::io_error::GENERAL);
    }
}

#[test]
fn errors_that_the_list_cannot_tell_are_told_once() {
    let dir = tree(&["a"]);
    let tree = Arc::new(Tree::open(dir.path()).unwrap());
    for safe in [true, false] {
        let mut terms = terms((30, false, false));
        terms.safe_flist = safe;
        terms.request.paths = vec![b"none/".to_vec(), b"a".to_vec()];
        let (mut ear, mut out) = (Ear::default(), Vec::new());
        let mut list = List::begin(&tree, &terms, rules(&[]), None, &BOUNDS, &mut out, &mut ear).unwrap();
        assert_eq!(list.unsaid_io_error(), (!safe).then_some(1));
        assert_eq!(list.unsaid_io_error(), None);
        assert_eq!(out.windows(3).any(|bytes| bytes == [4, 0x10, 1]), safe);
    }
}
