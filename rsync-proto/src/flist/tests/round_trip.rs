//! Every kind of entry with every attribute, in every shape of list: what goes in comes out.

use super::{decode_bytes, read_haltingly, shapes};
use crate::flist::{Acl, EntryRef, HardLink, Kind, ListDecoder, ListOptions, Segment, XattrSet};
use crate::scripted::{Item, ListEncoder, TestAcl, TestAclName, options, segments, sorted};
use crate::wire::flags::{io_error, mode};

/// A tree that has everything. Sums are there if the options want them.
fn tree(options: &ListOptions) -> Vec<Item> {
    let long_name = "n".repeat(255);
    let small = (b"user.small\0".to_vec(), b"value".to_vec());
    let long = (b"security.long\0".to_vec(), vec![7; 40]);
    let acl = TestAcl {
        user: Some(6),
        mask: Some(5),
        names: vec![
            TestAclName { is_user: true, id: 1000, permissions: 7, name: None },
            TestAclName { is_user: false, id: 5, permissions: 0, name: None },
        ],
        ..TestAcl::default()
    };
    let default_acl = TestAcl { group: Some(5), other: Some(0), ..TestAcl::default() };
    let mut items = vec![
        Item { uid: 1, gid: 2, user: Some("one"), group: Some("two"), ..Item::dir(".") },
        Item { nanoseconds: 999_999_999, ..Item::file("big", i64::MAX) },
        Item { mtime: -5, uid: u32::MAX - 1, gid: 7, ..Item::file("empty", 0) },
        Item { xattrs: vec![small.clone()], acl: acl.clone(), ..Item::file("attributes", 1) },
        Item { xattrs: vec![small, long], acl: acl.clone(), ..Item::file("more", 1) },
        Item::file(&long_name, 0x1234_5678),
        Item { acl, default_acl, ..Item::dir("dir") },
        Item { no_content: true, mode: mode::DIRECTORY | 0o1777, ..Item::dir("dir/sub") },
        Item { link: Some(1), nanoseconds: 1, ..Item::file("linked", 77) },
        Item { link: Some(1), nanoseconds: 1, ..Item::file("linked.again", 77) },
        Item { link: Some(1), nanoseconds: 1, ..Item::file("dir/elsewhere", 77) },
        Item { link: Some(2), ..Item::symlink("dir/sub/s1", "target of two") },
        Item { link: Some(2), ..Item::symlink("dir/sub/s2", "target of two") },
        Item::symlink("symlink", "../\u{fc}ber/all"),
        Item { device: (8, 1), ..Item::new("disk", mode::BLOCK_DEVICE | 0o660) },
        Item { device: (8, 0x1_0000), ..Item::new("disk2", mode::BLOCK_DEVICE | 0o660) },
        Item { device: (5, 1), ..Item::new("console", mode::CHAR_DEVICE | 0o600) },
        Item { link: Some(3), device: (4, 64), ..Item::new("dir/tty", mode::CHAR_DEVICE) },
        Item { link: Some(3), device: (4, 64), ..Item::new("dir/tty2", mode::CHAR_DEVICE) },
        Item { device: (4, 65), ..Item::new("dir/tty3", mode::CHAR_DEVICE) },
        Item::new("fifo", mode::FIFO | 0o622),
        Item::new("socket", mode::SOCKET | 0o4755),
        Item { device: (5, 2), ..Item::new("zzz", mode::CHAR_DEVICE) },
    ];
    for item in items.iter_mut().filter(|item| item.mode & mode::TYPE == mode::REGULAR) {
        let seed = item.link.map_or(item.path.len(), |link| link as usize);
        item.sum = vec![seed as u8; options.sum_len];
    }
    items
}

/// An item as the decoder has to show it.
fn expected(item: &Item, group: Option<HardLink>, asked: &ListOptions) -> String {
    let kind = Kind::from_mode(item.mode).unwrap();
    let is_link = kind == Kind::Symlink;
    let acl = |acl: &TestAcl| Acl {
        user: acl.user.map(|p| p as u8),
        group: acl.group.map(|p| p as u8),
        mask: acl.mask.map(|p| p as u8),
        other: acl.other.map(|p| p as u8),
        names: acl.names.iter().map(|n| (n.is_user, n.id, n.permissions as u8)).map(acl_name).collect(),
    };
    let xattrs: Vec<_> = item
        .xattrs
        .iter()
        .map(|(name, value)| (name[..name.len() - 1].to_vec(), value.len(), value.len() <= 32))
        .collect();
    let listed = match kind {
        Kind::File => item.size,
        Kind::Directory => item.size.min(i64::from(u32::MAX)),
        Kind::Symlink => item.size.min(0xffff),
        _ => 0,
    };
    let all = (
        String::from_utf8_lossy(if item.path == b"." { b"" } else { &item.path }).into_owned(),
        (kind, item.mode & mode::PERMISSIONS),
        (if kind == Kind::File { item.size } else { 0 }, listed),
        (
            // The times of protocol 29 have 32 bits and no sign.
            if asked.protocol < 30 { i64::from(item.mtime as u32) } else { item.mtime },
            if asked.protocol >= 31 { item.nanoseconds } else { 0 },
        ),
        (if asked.owner { item.uid } else { 0 }, if asked.group { item.gid } else { 0 }),
        if kind.is_device() && asked.devices { item.device } else { (0, 0) },
        String::from_utf8_lossy(if is_link && asked.links { &item.target } else { b"" }).into_owned(),
        if kind == Kind::File { item.sum.clone() } else { Vec::new() },
        group,
        (asked.acls && !is_link).then(|| acl(&item.acl)),
        (asked.acls && kind == Kind::Directory).then(|| acl(&item.default_acl)),
        asked.xattrs.then_some(xattrs),
    );
    format!("{all:?}")
}

fn acl_name((is_user, id, permissions): (bool, u32, u8)) -> crate::flist::AclName {
    crate::flist::AclName { is_user, id, permissions }
}

/// An entry in the same words.
fn found(entry: EntryRef<'_>) -> String {
    let xattr = |set: &XattrSet| {
        let item = |x: &crate::flist::Xattr| (x.name.to_vec(), x.len, x.value().is_some());
        set.items.iter().map(item).collect::<Vec<_>>()
    };
    let all = (
        String::from_utf8_lossy(entry.path().as_bytes()).into_owned(),
        (entry.kind(), entry.permissions()),
        (entry.size(), entry.listed_size()),
        entry.mtime(),
        (entry.uid(), entry.gid()),
        entry.device(),
        String::from_utf8_lossy(entry.link_target()).into_owned(),
        entry.checksum().to_vec(),
        entry.hard_link(),
        entry.acl().map(|acl| (**acl).clone()),
        entry.default_acl().map(|acl| (**acl).clone()),
        entry.xattrs().map(|set| xattr(set)),
    );
    format!("{all:?}")
}

/// Which group of hard links each item is in: the index at which the first of the group was sent.
fn link_groups(cut: &[(Option<u32>, Vec<Item>)], inc_recurse: bool) -> Vec<(Vec<u8>, HardLink)> {
    let mut index = u32::from(inc_recurse);
    let mut first = Vec::new();
    let mut groups = Vec::new();
    for (_, items) in cut {
        for (index, item) in (index..).zip(items) {
            let Some(link) = item.link else { continue };
            let known = first.iter().find(|(number, _)| *number == link).map(|(_, index)| *index);
            let group = known.unwrap_or(index);
            if known.is_none() {
                first.push((link, index));
            }
            groups.push((item.path.clone(), HardLink { group, first: known.is_none() }));
        }
        index += items.len() as u32 + u32::from(inc_recurse);
    }
    groups
}

fn assert_comes_back(asked: &ListOptions) {
    let items = tree(asked);
    let cut = if asked.inc_recurse { segments(&items) } else { vec![(None, items)] };
    let groups = link_groups(&cut, asked.inc_recurse);
    let mut encoder = ListEncoder::new(asked);
    let mut decoder = ListDecoder::new(asked.clone());
    for (number, items) in &cut {
        let first_index = encoder.first_index();
        match number {
            None => decoder.begin(),
            Some(number) => decoder.begin_directory(*number).unwrap(),
        }
        let (segment, error) = read_haltingly(&mut decoder, &encoder.entries(items).end(0));
        assert_eq!(error, 0, "no I/O error was sent");
        assert_eq!((segment.first_index(), segment.directory()), (first_index, *number));
        let dir = items.first().map_or(&b""[..], |item| item.split().0);
        assert_eq!(segment.len(), items.len());
        for (entry, item) in segment.iter().zip(sorted(items, dir)) {
            let group = groups.iter().find(|(path, _)| *path == item.path).map(|(_, group)| *group);
            assert_eq!(found(entry), expected(&item, group, asked), "{asked:?}");
        }
    }
    assert_eq!(decoder.open_directories(), 0, "every directory came");
}

#[test]
fn everything_comes_back_in_every_shape() {
    for (protocol, varint, inc) in shapes() {
        assert_comes_back(&options(protocol, varint, inc));
        assert_comes_back(&ListOptions { sum_len: 16, ..options(protocol, varint, inc) });
        assert_comes_back(&ListOptions { numeric_ids: true, ..options(protocol, varint, inc) });
    }
}

#[test]
fn what_was_not_asked_for_is_not_read() {
    for (protocol, varint, inc) in shapes() {
        let full = options(protocol, varint, inc);
        assert_comes_back(&ListOptions { owner: false, ..full.clone() });
        assert_comes_back(&ListOptions { group: false, acls: false, ..full.clone() });
        assert_comes_back(&ListOptions { owner: false, group: false, acls: false, ..full.clone() });
        assert_comes_back(&ListOptions { devices: false, ..full.clone() });
        assert_comes_back(&ListOptions { specials: false, xattrs: false, ..full });
    }
}

#[test]
fn without_link_targets_the_size_of_a_link_is_still_listed() {
    for (protocol, varint, inc) in shapes() {
        assert_comes_back(&ListOptions { links: false, ..options(protocol, varint, inc) });
    }
}

#[test]
fn a_list_worked_out_by_hand_is_read() {
    // Protocol 31, flags in bytes: the root, and a file whose name shares nothing with it.
    let bytes = [
        &[0x08 | 0x10, 1, b'.'][..], // same owner and group (0), name of one byte
        &[0, 0x00, 0x10],            // size 4096: the high byte, then the low ones
        &[0x65, 0x00, 0xf1, 0x53],   // time 0x6553f100
        &[0xed, 0x41, 0, 0],         // mode 040755
        &[0x04 | 0x08 | 0x10 | 0x80, 0x20, 1, b'f'], // two bytes of flags: nanoseconds follow
        &[0, 5, 0],                  // size 5
        &[0x81, 0x02],               // 0x102 nanoseconds
        &[0xa4, 0x81, 0, 0],         // mode 0100644
        &[0],
    ]
    .concat();
    let asked = ListOptions { acls: false, xattrs: false, numeric_ids: true, ..options(31, false, false) };
    let segment = decode_bytes(&asked, &bytes).unwrap();
    assert_eq!(segment.len(), 2);
    assert!(segment.entry(0).is_root());
    assert_eq!(segment.entry(0).listed_size(), 4096);
    assert_eq!((segment.entry(0).mode(), segment.entry(0).mtime()), (0o40755, (0x6553_f100, 0)));
    let file = segment.entry(1);
    assert_eq!((file.name(), file.size(), file.mode()), (&b"f"[..], 5, 0o100_644));
    assert_eq!(file.mtime(), (0x6553_f100, 0x102));
}

#[test]
fn io_errors_at_the_end_are_handed_out_and_masked() {
    for (protocol, varint, inc) in shapes() {
        let asked = options(protocol, varint, inc);
        let sent = io_error::GENERAL | io_error::VANISHED | 0x40;
        let mut decoder = ListDecoder::new(asked.clone());
        decoder.begin();
        let (segment, error) =
            read_haltingly(&mut decoder, &ListEncoder::new(&asked).entries(&[Item::dir(".")]).end(sent));
        assert_eq!(error, io_error::GENERAL | io_error::VANISHED, "undefined bits mean nothing");
        assert_eq!(segment.len(), 1);
    }
}

#[test]
fn names_of_owners_come_inline_or_behind_the_list() {
    let items = [
        Item { uid: 0, user: Some("root"), gid: 9, group: Some("nine"), ..Item::dir(".") },
        Item { uid: 8, user: Some("eight"), gid: 9, group: Some("nine"), ..Item::file("a", 0) },
        Item { uid: 8, user: Some("eight"), gid: 0, group: Some("wheel"), ..Item::file("b", 0) },
    ];
    let text = |names: &crate::flist::IdNames| {
        let name = |(id, name): &(u32, Box<[u8]>)| format!("{id}={}", String::from_utf8_lossy(name));
        names.iter().map(name).collect::<Vec<_>>().join(" ")
    };
    let names = |asked: &ListOptions| {
        let segment: Segment = super::decode(asked, &items).unwrap();
        (text(segment.users()), text(segment.groups()))
    };
    let both = |users: &str, groups: &str| (users.to_owned(), groups.to_owned());
    assert_eq!(names(&options(29, false, false)), both("8=eight", "9=nine"), "behind the list");
    for protocol in 30..=32 {
        assert_eq!(names(&options(protocol, true, true)), both("8=eight", "9=nine 0=wheel"), "inline");
        assert_eq!(names(&options(protocol, true, false)), both("8=eight 0=root", "9=nine 0=wheel"));
        assert_eq!(names(&options(protocol, false, false)), both("8=eight", "9=nine"), "none for 0");
        let numbers = ListOptions { numeric_ids: true, ..options(protocol, true, false) };
        assert_eq!(names(&numbers), both("", ""), "numbers only");
    }
}

#[test]
fn names_inside_access_control_lists_are_handed_out() {
    let named = TestAclName { is_user: true, id: 33, permissions: 4, name: Some("www") };
    let acl = TestAcl { names: vec![named], ..TestAcl::default() };
    let items = [Item::dir("."), Item { acl, ..Item::file("a", 0) }];
    let segment = super::decode(&options(31, true, true), &items).unwrap();
    assert_eq!(segment.users().len(), 1);
    assert_eq!((segment.users()[0].0, &*segment.users()[0].1), (33, &b"www"[..]));
}

#[test]
fn sets_that_were_sent_before_are_shared() {
    let xattrs = vec![(b"user.a\0".to_vec(), b"1".to_vec())];
    let items = [
        Item::dir("."),
        Item { xattrs: xattrs.clone(), ..Item::file("a", 0) },
        Item::file("b", 0),
        Item { xattrs, ..Item::file("c", 0) },
    ];
    let segment = super::decode(&options(32, true, false), &items).unwrap();
    let set = |at: usize| std::sync::Arc::as_ptr(segment.entry(at).xattrs().unwrap());
    assert_eq!(set(1), set(3), "the same set is stored once");
    assert_eq!(set(0), set(2), "the empty set is stored once");
    assert_ne!(set(0), set(1));
}
