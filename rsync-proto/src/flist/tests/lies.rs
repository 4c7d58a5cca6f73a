//! Rules about names, places, values, hard links and attributes: each is broken once, beside an honest twin
//! that differs from the lie in that one thing only.

use super::{decode, decode_bytes, decode_segments, newer_shapes, read_segment, shapes};
use crate::error::Error;
use crate::flist::{HardLink, ListDecoder, ListOptions};
use crate::scripted::{Item, ListEncoder, TestAcl, TestAclName, options, plain_options};
use crate::wire::flags::{entry as flag, mode};
use crate::wire::put;

/// What kind of error a lie must be met with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Name,
    Violation,
    Limit,
    Malformed,
}

fn fault(error: &Error) -> Option<Fault> {
    Some(match error {
        Error::Name { .. } => Fault::Name,
        Error::Violation(_) => Fault::Violation,
        Error::Limit { .. } => Fault::Limit,
        Error::Malformed(_) => Fault::Malformed,
        _ => return None,
    })
}

fn assert_refused<T>(result: Result<T, Error>, expected: Fault, what: &str) {
    match result {
        Ok(_) => panic!("{what}: must be refused as {expected:?}, but passed"),
        Err(error) => assert_eq!(fault(&error), Some(expected), "{what}: {error}"),
    }
}

fn assert_passes<T>(result: Result<T, Error>, what: &str) -> T {
    result.unwrap_or_else(|error| panic!("{what}: the honest twin must pass: {error}"))
}

/// Tells the lie and its honest twin as the entry after the root, in every shape of list.
fn assert_lie(honest: &Item, lie: &Item, expected: Fault, what: &str) {
    assert_lie_in(shapes(), honest, lie, expected, what);
}

/// The same for what protocol 29 cannot even say.
fn assert_newer_lie(honest: &Item, lie: &Item, expected: Fault, what: &str) {
    assert_lie_in(newer_shapes(), honest, lie, expected, what);
}

fn assert_lie_in(
    shapes: impl Iterator<Item = (u8, bool, bool)>,
    honest: &Item,
    lie: &Item,
    expected: Fault,
    what: &str,
) {
    for (protocol, varint, inc) in shapes {
        let asked = options(protocol, varint, inc);
        let list = |item: &Item| [Item::dir("."), item.clone()];
        assert_passes(decode(&asked, &list(honest)), what);
        assert_refused(decode(&asked, &list(lie)), expected, what);
    }
}

#[test]
fn impossible_names() {
    let component = "c".repeat(255);
    for (honest, lie, what) in [
        ("a", "", "an empty name"),
        ("a", "/a", "an absolute name"),
        ("a", "/", "nothing but a slash"),
        ("...", "..", "the directory above"),
        ("..a", "../a", "a way up"),
        ("a", "./a", "a dot at the beginning"),
        ("a", "a/", "a slash at the end"),
        ("ab", "a\0b", "a NUL"),
        (&component, &format!("{component}c"), "a component of 256 bytes"),
    ] {
        let name_is_looked_up_first = ["../a", "./a"].contains(&lie);
        let expected = if name_is_looked_up_first { Fault::Violation } else { Fault::Name };
        assert_lie(&Item::file(honest, 0), &Item::file(lie, 0), expected, what);
    }
}

#[test]
fn impossible_names_inside_a_directory() {
    let asked = plain_options(31, true, false);
    for (lie, expected) in [
        ("d/..", Fault::Name),
        ("d/.", Fault::Name),
        ("d/", Fault::Name),
        ("d//f", Fault::Violation),
        ("d/../f", Fault::Violation),
        ("d/./f", Fault::Violation),
    ] {
        let list = |path| [Item::dir("."), Item::dir("d"), Item::file(path, 0)];
        assert_passes(decode(&asked, &list("d/f")), lie);
        assert_refused(decode(&asked, &list(lie)), expected, lie);
        let as_dir = [Item::dir("."), Item::dir("d"), Item::dir(lie)];
        assert_refused(decode(&asked, &as_dir), expected, lie);
    }
}

#[test]
fn paths_too_deep_or_too_long() {
    let asked = plain_options(32, false, false);
    let chain = |depth: usize, name: &str| {
        let mut items = vec![Item::dir(".")];
        let mut path = name.to_owned();
        for _ in 0..depth {
            items.push(Item::dir(&path));
            path = format!("{path}/{name}");
        }
        items
    };
    assert_passes(decode(&asked, &chain(256, "d")), "256 components");
    assert_refused(decode(&asked, &chain(257, "d")), Fault::Name, "257 components");
    let long = "l".repeat(255);
    let with_last = |len: usize| {
        let mut items = chain(15, &long);
        let last = format!("{}/{}", String::from_utf8_lossy(&items[15].path), "x".repeat(len));
        items.push(Item::file(last, 0));
        items
    };
    assert_passes(decode(&asked, &with_last(255)), "4,095 bytes");
    assert_refused(decode(&asked, &with_last(256)), Fault::Malformed, "4,096 bytes");
}

#[test]
fn a_prefix_longer_than_the_name_before() {
    let tail = [0, 0, 0];
    for (shared, expected) in [(1u8, None), (2, Some(Fault::Malformed)), (255, Some(Fault::Malformed))] {
        let mut encoder = ListEncoder::new(&plain_options(31, false, false));
        encoder.entries(&[Item::dir("."), Item::file("a", 0)]);
        let same = flag::SAME_MODE | flag::SAME_UID | flag::SAME_GID | flag::SAME_TIME | flag::SAME_PREFIX;
        encoder.raw().extend([same as u8, shared, 1, b'b']);
        encoder.raw().extend(tail);
        let result = decode_bytes(&plain_options(31, false, false), &encoder.end(0));
        match expected {
            None => assert_eq!(assert_passes(result, "a shared byte").entry(2).name(), b"ab"),
            Some(expected) => assert_refused(result, expected, "a prefix that is not there"),
        }
    }
}

#[test]
fn entries_outside_of_every_directory() {
    let (root, d, f) = (Item::dir("."), Item::dir("d"), Item::file("d/f", 0));
    for (protocol, varint, inc) in shapes().filter(|(_, _, inc)| !inc) {
        let asked = plain_options(protocol, varint, inc);
        assert_passes(decode(&asked, &[root.clone(), d.clone(), f.clone()]), "a file in its directory");
        assert_refused(decode(&asked, &[root.clone(), f.clone()]), Fault::Violation, "no such directory");
        let late = [root.clone(), f.clone(), d.clone()];
        assert_refused(decode(&asked, &late), Fault::Violation, "the directory comes too late");
        for not_a_dir in [Item::file("d", 0), Item::symlink("d", "/etc"), Item::new("d", mode::FIFO)] {
            let through = [root.clone(), not_a_dir, f.clone()];
            assert_refused(decode(&asked, &through), Fault::Violation, "a way through what is no directory");
        }
    }
}

#[test]
fn a_segment_holds_the_content_of_its_directory_only() {
    let asked = plain_options(31, true, true);
    let list = [Item::dir("."), Item::dir("d"), Item::dir("e"), Item::file("d/f", 0), Item::file("e/g", 0)];
    assert_passes(decode_segments(&asked, &list), "everything in its place");
    let first = [Item::dir("."), Item::dir("d"), Item::file("d/f", 0)];
    assert_refused(decode(&asked, &first), Fault::Violation, "content of a directory in the first segment");
    for lie in ["e/g", "g", "d/sub/g", "."] {
        let mut encoder = ListEncoder::new(&asked);
        let mut decoder = ListDecoder::new(asked.clone());
        decoder.begin();
        read_segment(&mut decoder, &encoder.entries(&list[..3]).end(0)).unwrap();
        decoder.begin_directory(1).unwrap();
        let item = if lie == "." { Item::dir(lie) } else { Item::file(lie, 0) };
        let bytes = encoder.entries(&[list[3].clone(), item]).end(0);
        assert_refused(read_segment(&mut decoder, &bytes), Fault::Violation, lie);
    }
}

#[test]
fn segments_of_directories_that_do_not_wait_for_one() {
    let asked = plain_options(30, false, true);
    let begin = |number: u32| {
        let mut encoder = ListEncoder::new(&asked);
        let mut decoder = ListDecoder::new(asked.clone());
        decoder.begin();
        let first = [Item::dir("."), Item::dir("a"), Item::dir("b"), Item::dir("b")];
        read_segment(&mut decoder, &encoder.entries(&first).end(0)).unwrap();
        assert_eq!(decoder.open_directories(), 2, "the root and duplicates wait for nothing");
        decoder.begin_directory(2).unwrap();
        read_segment(&mut decoder, &encoder.end(0)).unwrap();
        assert_eq!(decoder.open_directories(), 1);
        decoder.begin_directory(number)
    };
    assert_passes(begin(1), "a directory that waits");
    for (number, what) in [(0, "the root"), (2, "twice"), (3, "a duplicate"), (4, "never announced")] {
        assert_refused(begin(number), Fault::Violation, what);
    }
    assert_refused(begin(u32::MAX), Fault::Violation, "far off");
}

#[test]
fn the_same_name_for_different_kinds() {
    let kinds = [
        Item::file("x", 0),
        Item::dir("x"),
        Item::symlink("x", "y"),
        Item::new("x", mode::FIFO),
        Item::new("x", mode::CHAR_DEVICE),
    ];
    for (protocol, varint, inc) in shapes() {
        let asked = plain_options(protocol, varint, inc);
        for (a, first) in kinds.iter().enumerate() {
            for (b, second) in kinds.iter().enumerate() {
                let list = |path: &str| {
                    let second = Item { path: path.into(), ..second.clone() };
                    [Item::dir("."), first.clone(), Item::file("w", 0), second, Item::dir("x-")]
                };
                assert_passes(decode(&asked, &list("z")), "different names");
                match a == b {
                    true => drop(assert_passes(decode(&asked, &list("x")), "the same kind")),
                    false => assert_refused(decode(&asked, &list("x")), Fault::Violation, "another kind"),
                }
            }
        }
    }
}

#[test]
fn roots_that_cannot_be() {
    for (protocol, varint, inc) in shapes() {
        let asked = plain_options(protocol, varint, inc);
        assert_passes(decode(&asked, &[Item::dir(".")]), "a root");
        assert_refused(decode(&asked, &[Item::file(".", 0)]), Fault::Violation, "a file as root");
        assert_refused(decode(&asked, &[Item::symlink(".", "/")]), Fault::Violation, "a link as root");
        assert_refused(decode(&asked, &[Item::dir("."), Item::dir(".")]), Fault::Violation, "two roots");
    }
}

#[test]
fn impossible_values() {
    let ok = Item::file("f", 1);
    let link = Item::symlink("l", "t");
    let far = crate::limits::MAX_TIME;
    for (lie, what) in [
        (Item { size: -1, ..ok.clone() }, "a negative size"),
        (Item { size: i64::MIN, ..ok.clone() }, "the most negative size"),
        (Item { mode: 0o644, ..ok.clone() }, "no kind"),
        (Item { mode: 0o170_644, ..ok.clone() }, "all kinds"),
        (Item { mode: 0o1_100_644, ..ok.clone() }, "a mode of more than 16 bits"),
    ] {
        assert_lie(&ok, &lie, Fault::Malformed, what);
    }
    for (mtime, what) in [
        (far + 1, "a time after the end"),
        (-far - 1, "a time before the beginning"),
        (i64::MIN, "the earliest time"),
    ] {
        let edge = Item { mtime: far, ..ok.clone() };
        assert_newer_lie(&edge, &Item { mtime, ..ok.clone() }, Fault::Malformed, what);
    }
    let target = |target: Vec<u8>| Item { target, ..link.clone() };
    assert_lie(&link, &target(Vec::new()), Fault::Malformed, "an empty link target");
    assert_lie(&target(vec![b't'; 4095]), &target(vec![b't'; 4096]), Fault::Malformed, "a long link target");
    assert_lie(&target(b"ab".to_vec()), &target(b"a\0".to_vec()), Fault::Malformed, "a NUL in a link target");
}

#[test]
fn impossible_nanoseconds() {
    let at = |nanoseconds| [Item::dir("."), Item { nanoseconds, ..Item::file("f", 1) }];
    for protocol in [31, 32] {
        let asked = plain_options(protocol, true, true);
        assert_passes(decode(&asked, &at(999_999_999)), "the last nanosecond");
        assert_refused(decode(&asked, &at(1_000_000_000)), Fault::Malformed, "a whole second");
        assert_refused(decode(&asked, &at(-1)), Fault::Malformed, "a negative number");
    }
}

#[test]
fn flags_that_mean_nothing() {
    let asked = plain_options(32, true, false);
    for (bit, honest) in [(flag::TOP_DIRECTORY, true), (1 << 14, false), (1 << 15, false), (1 << 31, false)] {
        let mut encoder = ListEncoder::new(&asked);
        encoder.entry(&Item::dir("."), bit);
        let result = decode_bytes(&asked, &encoder.end(0));
        match honest {
            true => drop(assert_passes(result, "a known bit")),
            false => assert_refused(result, Fault::Malformed, "an unknown bit"),
        }
    }
}

#[test]
fn an_end_with_errors_that_was_not_agreed_on() {
    for inc in [false, true] {
        let asked = |safe_flist| ListOptions { safe_flist, ..plain_options(30, false, inc) };
        let bytes = ListEncoder::new(&asked(true)).entries(&[Item::dir(".")]).end(1);
        assert_passes(decode_bytes(&asked(true), &bytes), "agreed on");
        assert_refused(decode_bytes(&asked(false), &bytes), Fault::Malformed, "not agreed on");
    }
}

#[test]
fn hard_links_that_were_not_asked_for() {
    let linked = [Item::dir("."), Item { link: Some(1), ..Item::file("f", 0) }];
    for (protocol, varint, inc) in shapes() {
        let asked = options(protocol, varint, inc);
        assert_passes(decode(&asked, &linked), "hard links");
        let not_asked = ListOptions { hard_links: false, ..asked };
        assert_refused(decode(&not_asked, &linked), Fault::Violation, "hard links that nobody asked for");
    }
}

#[test]
fn hard_links_to_groups_that_were_not_declared() {
    let linked = Item { link: Some(1), ..Item::file("f", 0) };
    for (protocol, varint, inc) in newer_shapes() {
        let asked = options(protocol, varint, inc);
        let first = u32::from(inc);
        for (group, honest) in [(first + 1, true), (first, false), (first + 2, false), (u32::MAX, false)] {
            let mut encoder = ListEncoder::new(&asked);
            encoder.entries(&[Item::dir("."), Item { link: Some(9), ..Item::file("first", 0) }]);
            encoder.assume_group(1, group);
            encoder.entries([&linked]);
            let result = decode_bytes(&asked, &encoder.end(0));
            match honest {
                true => {
                    let segment = assert_passes(result, "a group that was declared");
                    let link = segment.iter().find(|entry| entry.name() == b"f").unwrap().hard_link();
                    assert_eq!(link, Some(HardLink { group, first: false }));
                }
                false => assert_refused(result, Fault::Violation, "a group that was not declared"),
            }
        }
    }
}

#[test]
fn hard_links_to_a_file_of_another_kind() {
    let asked = options(31, true, true);
    for (second, honest) in [(Item::file("d/g", 0), true), (Item::symlink("d/g", "x"), false)] {
        let second = Item { link: Some(1), ..second };
        let tree = [Item::dir("."), Item { link: Some(1), ..Item::file("f", 0) }, Item::dir("d"), second];
        match honest {
            true => drop(assert_passes(decode_segments(&asked, &tree), "the same kind")),
            false => assert_refused(decode_segments(&asked, &tree), Fault::Violation, "another kind"),
        }
    }
}

#[test]
fn hard_links_of_directories_are_refused_or_keep_their_numbers() {
    let asked = ListOptions { acls: false, xattrs: false, ..options(31, true, false) };
    let linked = |path| Item { link: Some(1), ..Item::dir(path) };
    let Ok(segment) = decode(&asked, &[Item::dir("."), linked("a"), linked("b"), Item::dir("c")]) else {
        return;
    };
    let mut numbers: Vec<u32> = segment.iter().map(|entry| entry.own_number()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3], "each directory has a number of its own");
}

/// Encodes an entry without attributes, and puts these bytes where they would stand.
fn with_attributes(asked: &ListOptions, attributes: &[u8]) -> Result<crate::flist::Segment, Error> {
    let mut encoder = ListEncoder::new(&ListOptions { acls: false, xattrs: false, ..asked.clone() });
    encoder.entries(&[Item::file("f", 0)]);
    encoder.raw().extend(attributes);
    let mut end = Vec::new();
    put::varint(&mut end, 0);
    put::varint(&mut end, 0);
    decode_bytes(asked, &[encoder.unfinished(), end].concat())
}

#[test]
fn access_control_lists_that_cannot_be() {
    let asked = ListOptions { xattrs: false, ..options(32, true, true) };
    assert_passes(with_attributes(&asked, &[0, 0]), "an empty list");
    assert_refused(with_attributes(&asked, &[1]), Fault::Violation, "a list that was not sent");
    assert_refused(with_attributes(&asked, &[0, 0x20]), Fault::Malformed, "an unknown flag");
    let minus = [0xf0, 0xff, 0xff, 0xff, 0xff];
    assert_refused(with_attributes(&asked, &minus), Fault::Malformed, "a negative number");
    let acl = |acl: TestAcl| Item { acl, ..Item::file("f", 0) };
    let owner = |user| acl(TestAcl { user: Some(user), ..TestAcl::default() });
    assert_newer_lie(&owner(7), &owner(8), Fault::Malformed, "permissions of the owner");
    assert_newer_lie(&owner(0), &owner(-1), Fault::Malformed, "negative permissions");
    let named = |permissions| {
        let name = TestAclName { is_user: true, id: 1, permissions, name: None };
        acl(TestAcl { names: vec![name], ..TestAcl::default() })
    };
    assert_newer_lie(&named(7), &named(8), Fault::Malformed, "permissions of a named user");
    let many = |count: u32| {
        let name = |id| TestAclName { is_user: false, id, permissions: 4, name: None };
        acl(TestAcl { names: (0..count).map(name).collect(), ..TestAcl::default() })
    };
    let list = |count| [Item::dir("."), many(count)];
    assert_passes(decode(&options(31, true, true), &list(8191)), "a long list");
    assert_refused(decode(&options(31, true, true), &list(8192)), Fault::Limit, "too long a list");
}

#[test]
fn extended_attributes_that_cannot_be() {
    let asked = ListOptions { acls: false, ..options(32, true, true) };
    assert_passes(with_attributes(&asked, &[0, 0]), "an empty set");
    assert_refused(with_attributes(&asked, &[1]), Fault::Violation, "a set that was not sent");
    let with =
        |name: &[u8], len: usize| Item { xattrs: vec![(name.to_vec(), vec![1; len])], ..Item::file("f", 0) };
    let ok = with(b"user.a\0", 1);
    for (lie, expected, what) in [
        (with(b"user.a", 1), Fault::Malformed, "a name without a NUL"),
        (with(b"user.\0a\0", 1), Fault::Malformed, "a name with two NULs"),
        (with(b"\0", 1), Fault::Malformed, "no name"),
        (with(b"", 1), Fault::Malformed, "not even a NUL"),
        (with(b"system.posix_acl_access\0", 1), Fault::Violation, "the kernel's own namespace"),
        (with(b"usera\0", 1), Fault::Violation, "no namespace"),
    ] {
        assert_newer_lie(&ok, &lie, expected, what);
    }
    let named = |len: usize| with(format!("user.{}\0", "n".repeat(len - 6)).as_bytes(), 1);
    assert_newer_lie(&named(256), &named(257), Fault::Limit, "a long name");
    assert_newer_lie(&with(b"user.a\0", 65_536), &with(b"user.a\0", 65_537), Fault::Limit, "a long value");
    let many = |count: usize, len: usize| {
        let xattr = |n| (format!("trusted.{n}\0").into_bytes(), vec![0; len]);
        Item { xattrs: (0..count).map(xattr).collect(), ..Item::file("f", 0) }
    };
    assert_newer_lie(&many(256, 1), &many(257, 1), Fault::Limit, "many attributes");
    assert_newer_lie(&many(15, 65_536), &many(16, 65_536), Fault::Limit, "a set of more than a megabyte");
}

#[test]
fn owners_that_nobody_is() {
    for (lie, what) in [
        (Item { uid: u32::MAX, ..Item::file("f", 0) }, "the user that means no change"),
        (Item { gid: u32::MAX, ..Item::file("f", 0) }, "the group that means no change"),
    ] {
        assert_lie(&Item { uid: 4_000_000_000, ..Item::file("f", 0) }, &lie, Fault::Malformed, what);
    }
}

/// Who does not ask for directories gets none, and nothing in them.
#[test]
fn trees_that_were_not_asked_for() {
    let tree = [Item::dir("."), Item::dir("d"), Item::file("d/f", 0)];
    let alone = ListOptions { recursive: false, ..options(32, true, false) };
    let listing = ListOptions { dirs: true, ..alone.clone() };
    assert_passes(decode(&options(32, true, false), &tree), "a tree");
    assert_passes(decode(&listing, &tree[..2]), "a listing");
    assert_passes(decode(&alone, &[Item::file("f", 0)]), "a single file");
    assert_refused(decode(&listing, &tree), Fault::Violation, "what lies in a directory");
    assert_refused(decode(&alone, &tree[..1]), Fault::Violation, "a directory");
}
