//! Limits on the list as a whole, tightened by the caller: what fits passes, one more does not; and what
//! takes memory is counted.

use super::{decode, decode_bytes, decode_segments, read_segment, shapes};
use crate::error::Error;
use crate::flist::{ListDecoder, ListOptions};
use crate::limits::Limits;
use crate::scripted::{Item, ListEncoder, TestAcl, options, plain_options};

fn assert_limit<T>(result: Result<T, Error>, named: &str) {
    match result {
        Ok(_) => panic!("{named} must be over the limit"),
        Err(Error::Limit { what, .. }) => assert_eq!(what, named),
        Err(other) => panic!("{named} must be over the limit, not: {other}"),
    }
}

fn files(count: usize) -> Vec<Item> {
    std::iter::once(Item::dir(".")).chain((1..count).map(|n| Item::file(n.to_string(), 0))).collect()
}

#[test]
fn entries_are_counted() {
    for (protocol, varint, inc) in shapes() {
        let limits = Limits { entries: 10, ..Limits::default() };
        let asked = ListOptions { limits, ..plain_options(protocol, varint, inc) };
        assert_eq!(decode(&asked, &files(10)).unwrap().len(), 10);
        assert_limit(decode(&asked, &files(11)), "the number of files");
    }
}

#[test]
fn entries_are_counted_over_all_segments() {
    let asked = |entries| ListOptions {
        limits: Limits { entries, ..Limits::default() },
        ..plain_options(31, true, true)
    };
    let tree: Vec<Item> = [Item::dir("."), Item::dir("a"), Item::dir("a/b"), Item::file("a/b/c", 1)].to_vec();
    assert_eq!(decode_segments(&asked(4), &tree).unwrap().len(), 3);
    assert_limit(decode_segments(&asked(3), &tree), "the number of files");
}

#[test]
fn names_of_users_and_groups_are_counted() {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    for (protocol, varint, inc) in shapes() {
        let asked = |ids| ListOptions {
            limits: Limits { ids, ..Limits::default() },
            ..options(protocol, varint, inc)
        };
        let users: Vec<Item> = (0..3)
            .map(|n| Item { uid: n + 1, user: Some(NAMES[n as usize]), ..Item::file(NAMES[n as usize], 0) })
            .collect();
        let groups: Vec<Item> = (0..3)
            .map(|n| Item { gid: n + 1, group: Some(NAMES[n as usize]), ..Item::file(NAMES[n as usize], 0) })
            .collect();
        // Where the name of number 0 comes along, it counts as well.
        let enough = 3 + u64::from(varint && !inc);
        assert!(decode(&asked(enough), &users).is_ok() && decode(&asked(enough), &groups).is_ok());
        assert_limit(decode(&asked(enough - 1), &users), "the number of users");
        assert_limit(decode(&asked(enough - 1), &groups), "the number of groups");
    }
}

#[test]
fn sets_of_attributes_are_counted() {
    let asked = |attribute_sets| ListOptions {
        limits: Limits { attribute_sets, ..Limits::default() },
        ..options(32, true, true)
    };
    let xattr = |n: u8| Item { xattrs: vec![(b"user.a\0".to_vec(), vec![n])], ..Item::file([b'a' + n], 0) };
    let acl = |n: i32| Item {
        acl: TestAcl { other: Some(n), ..TestAcl::default() },
        ..Item::file([b'a' + n as u8], 0)
    };
    let xattrs: Vec<Item> = (0..4).map(xattr).collect();
    let acls: Vec<Item> = (0..4).map(acl).collect();
    assert!(decode(&asked(4), &xattrs).is_ok() && decode(&asked(4), &acls).is_ok());
    assert_limit(decode(&asked(3), &xattrs), "the number of attribute sets");
    assert_limit(decode(&asked(3), &acls), "the number of attribute sets");
}

#[test]
fn memory_of_the_list_is_counted() {
    for (protocol, varint, inc) in shapes() {
        let asked = |list_bytes| ListOptions {
            limits: Limits { list_bytes, ..Limits::default() },
            ..plain_options(protocol, varint, inc)
        };
        let links: Vec<Item> = (0..100).map(|n| Item::symlink(format!("{n:03}"), "t".repeat(1000))).collect();
        assert!(decode(&asked(200_000), &links).is_ok(), "100 links with targets of 1,000 bytes");
        assert_limit(decode(&asked(100_000), &links), "the memory for the file list");
    }
}

#[test]
fn memory_of_segments_let_go_is_free_again() {
    let limits = Limits { list_bytes: 30_000, ..Limits::default() };
    let asked = ListOptions { limits, ..plain_options(31, true, true) };
    let run = |let_go: bool| {
        let mut encoder = ListEncoder::new(&asked);
        let mut decoder = ListDecoder::new(asked.clone());
        let dirs: Vec<Item> =
            std::iter::once(Item::dir(".")).chain((0..10).map(|n| Item::dir(n.to_string()))).collect();
        decoder.begin();
        read_segment(&mut decoder, &encoder.entries(&dirs).end(0))?;
        for n in 0..10u32 {
            decoder.begin_directory(n + 1)?;
            let links: Vec<Item> =
                (0..10).map(|m| Item::symlink(format!("{n}/{m}"), "t".repeat(1000))).collect();
            let (segment, _) = read_segment(&mut decoder, &encoder.entries(&links).end(0))?;
            if let_go {
                decoder.forget(segment.memory());
            }
        }
        Ok::<_, Error>(())
    };
    assert!(run(true).is_ok(), "one segment at a time fits");
    assert_limit(run(false), "the memory for the file list");
}

#[test]
fn letting_go_of_a_segment_frees_no_more_than_it_took() {
    let limits = Limits { list_bytes: 110_000, ..Limits::default() };
    let asked = ListOptions { limits, ..plain_options(31, true, true) };
    let mut encoder = ListEncoder::new(&asked);
    let mut decoder = ListDecoder::new(asked);
    let name = |n: usize| format!("{n:03}{}", "d".repeat(200));
    let dirs: Vec<Item> =
        std::iter::once(Item::dir(".")).chain((0..100).map(|n| Item::dir(name(n)))).collect();
    decoder.begin();
    let (first, _) = read_segment(&mut decoder, &encoder.entries(&dirs).end(0)).unwrap();
    decoder.forget(first.memory());
    let links = |n: usize| -> Vec<Item> {
        (0..80).map(|m| Item::symlink(format!("{}/{m:02}", name(n)), "t".repeat(1000))).collect()
    };
    // A segment of 80 KB lives; then all the empty ones go; then 40 KB more come, which is too much.
    decoder.begin_directory(1).unwrap();
    let (large, _) = read_segment(&mut decoder, &encoder.entries(&links(0)).end(0)).unwrap();
    for number in 2..=99 {
        decoder.begin_directory(number).unwrap();
        let (empty, _) = read_segment(&mut decoder, &encoder.end(0)).unwrap();
        decoder.forget(empty.memory());
    }
    decoder.begin_directory(100).unwrap();
    let more = read_segment(&mut decoder, &encoder.entries(&links(99)[..40]).end(0));
    assert!(large.memory() > 80_000, "the first one still lives");
    assert_limit(more, "the memory for the file list");
}

/// 2,000 directories, each in need of a path of 3.7 KB: 7.5 MB at least.
fn many_deep_directories() -> Vec<Item> {
    let component = "c".repeat(250);
    let mut tree = vec![Item::dir(".")];
    let mut path = component.clone();
    for _ in 0..15 {
        tree.push(Item::dir(&path));
        path = format!("{path}/{component}");
    }
    let deepest = tree[15].path.clone();
    tree.extend((0..2000).map(|n| Item::dir([&deepest[..], format!("/{n}").as_bytes()].concat())));
    tree
}

#[test]
fn memory_of_paths_in_a_whole_list_is_counted() {
    let limits = Limits { list_bytes: 1_000_000, ..Limits::default() };
    let asked = ListOptions { limits, ..plain_options(31, true, false) };
    assert_limit(decode(&asked, &many_deep_directories()), "the memory for the file list");
}

#[test]
fn memory_of_paths_of_directories_that_wait_is_counted() {
    let limits = Limits { list_bytes: 1_000_000, ..Limits::default() };
    let asked = ListOptions { limits, ..plain_options(31, true, true) };
    assert_limit(decode_segments(&asked, &many_deep_directories()), "the memory for the file list");
}

#[test]
fn memory_of_attributes_is_bounded() {
    let limits = Limits { list_bytes: 1_000_000, ..Limits::default() };
    let asked = ListOptions { limits, ..options(31, true, true) };
    let with_set = |n: usize| {
        let name = |m: usize| format!("user.{n}.{m}.{}\0", "x".repeat(230)).into_bytes();
        Item { xattrs: (0..100).map(|m| (name(m), vec![1; 32])).collect(), ..Item::file(n.to_string(), 0) }
    };
    let items: Vec<Item> = (0..200).map(with_set).collect();
    // 200 sets of 100 attributes of 260 bytes: 5 MB.
    match decode(&asked, &items) {
        Err(Error::Limit { .. }) => {}
        Err(other) => panic!("the memory of attributes must be over the limit, not: {other}"),
        Ok(_) => panic!("5 MB of attributes must be over a limit of 1 MB"),
    }
}

#[test]
fn names_behind_an_empty_list_are_taken_in() {
    for varint in [true, false] {
        let asked = options(31, varint, false);
        let mut bytes = ListEncoder::new(&ListOptions { numeric_ids: true, ..asked.clone() }).end(0);
        let zero: &[u8] = if varint { b"\x00" } else { b"" };
        // A user with number 5, and no group.
        bytes.extend([&[5, 1, b'u', 0][..], zero, &[0], zero].concat());
        assert!(decode_bytes(&asked, &bytes).unwrap().is_empty(), "an empty list");
    }
}
