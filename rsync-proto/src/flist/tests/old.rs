//! What only protocol 29 says, and the lies that only it can tell.

use super::{decode, decode_bytes, read_segment};
use crate::error::Error;
use crate::flist::{HardLink, Kind, ListDecoder, ListOptions, Segment};
use crate::limits::Limits;
use crate::scripted::{Item, ListEncoder, options, plain_options};
use crate::wire::flags::{entry as flag, io_error, mode};

fn full() -> ListOptions {
    options(29, false, false)
}

fn plain() -> ListOptions {
    plain_options(29, false, false)
}

fn assert_malformed(result: Result<Segment, Error>, what: &str) {
    assert!(matches!(result, Err(Error::Malformed(_))), "{what} is malformed: {:?}", result.err());
}

fn assert_violation(result: Result<Segment, Error>, what: &str) {
    assert!(matches!(result, Err(Error::Violation(_))), "{what} is a violation: {:?}", result.err());
}

/// A whole list with one entry in these bytes behind the root, with numbers only and hard links.
fn with_entry(flags: u16, fields: &[&[u8]]) -> Result<Segment, Error> {
    let asked = ListOptions { numeric_ids: true, ..full() };
    let mut encoder = ListEncoder::new(&asked);
    encoder.entries(&[Item::dir(".")]);
    encoder.raw().extend((flags | flag::EXTENDED as u16).to_le_bytes());
    encoder.raw().extend(fields.concat());
    decode_bytes(&asked, &encoder.end(0))
}

const SAME: u16 = (flag::SAME_UID | flag::SAME_GID | flag::SAME_TIME) as u16;
const REGULAR: [u8; 4] = (mode::REGULAR | 0o644).to_le_bytes();
const DEVICE: [u8; 4] = (mode::BLOCK_DEVICE | 0o600).to_le_bytes();
const LINKED: u16 = flag::HARD_LINKED as u16;

#[test]
fn a_list_worked_out_by_hand_is_read() {
    let bytes = [
        &[0x08 | 0x10, 1, b'.'][..], // same owner and group (0), name of one byte
        &[0, 0x10, 0, 0],            // size 4096
        &[0x00, 0xf1, 0x53, 0x65],   // time 0x6553f100
        &[0xed, 0x41, 0, 0],         // mode 040755
        &[0x04 | 0x10, 0x02, 3, b'b', b'i', b'g'], // two bytes of flags: several names
        &[0xff, 0xff, 0xff, 0xff],   // the size takes 64 bits
        &[0, 0, 0, 0, 2, 0, 0, 0],   // 8 GiB
        &[0xff, 0xff, 0xff, 0xff],   // time 0xffffffff, of 2106
        &[0xa4, 0x81, 0, 0],         // mode 0100644
        &[0xe8, 3, 0, 0],            // owner 1000
        &[3, 8, 0, 0],               // device 0x803
        &[9, 0, 0, 0],               // inode 9
        &[7; 16],                    // the sum
        &[0],                        // no more entries
        &[0xe8, 3, 0, 0, 1, b'u'],   // user 1000
        &[0; 4],                     // no more users
        &[0; 4],                     // no groups
        &[1, 0, 0, 0x40],            // an I/O error, and a bit without meaning
    ]
    .concat();
    let asked = ListOptions { sum_len: 16, ..full() };
    let mut decoder = ListDecoder::new(asked);
    decoder.begin();
    let (segment, error) = read_segment(&mut decoder, &bytes).unwrap();
    assert_eq!(error, io_error::GENERAL);
    let (root, file) = (segment.entry(0), segment.entry(1));
    assert!(root.is_root());
    assert_eq!((root.listed_size(), root.mode(), root.mtime()), (4096, 0o40755, (0x6553_f100, 0)));
    assert_eq!((file.name(), file.size(), file.mode()), (&b"big"[..], 8 << 30, 0o100_644));
    assert_eq!(file.mtime(), (0xffff_ffff, 0));
    assert_eq!((file.uid(), file.gid()), (1000, 0));
    assert_eq!(file.hard_link(), Some(HardLink { group: 1, first: true }));
    assert_eq!(file.checksum(), [7; 16]);
    assert_eq!(segment.users()[..], [(1000, b"u"[..].into())]);
}

#[test]
fn groups_are_formed_by_device_and_inode() {
    let one_device = 5;
    let other_device = one_device | 1 << 31;
    let link = |path: &str, link: u32| Item { link: Some(link), ..Item::file(path, 1) };
    let items = [
        Item::dir("."),
        link("a", one_device),
        link("b", other_device),
        Item::file("c", 1),
        link("d", one_device),
        link("e", 6),
        link("f", other_device),
    ];
    let segment = decode(&full(), &items).unwrap();
    let group = |at: usize| segment.entry(at).hard_link().map(|link| (link.group, link.first));
    let groups: Vec<_> = (1..7).map(group).collect();
    let found = [Some((1, true)), Some((2, true)), None, Some((1, false)), Some((5, true)), Some((2, false))];
    assert_eq!(groups, found, "the same inode on another device is another file");
}

#[test]
fn a_device_minor_takes_a_byte_or_four() {
    let device = |minor| Item { device: (8, minor), ..Item::new(format!("d{minor}"), mode::BLOCK_DEVICE) };
    let items = [Item::dir("."), device(255), device(256), device(u32::MAX), Item::new("f", mode::FIFO)];
    let segment = decode(&plain(), &items).unwrap();
    let mut found: Vec<_> = segment.iter().map(|entry| (entry.kind(), entry.device())).collect();
    found.sort_by_key(|(_, device)| *device);
    let device = |minor| (Kind::BlockDevice, (8, minor));
    let none = [(Kind::Directory, (0, 0)), (Kind::Fifo, (0, 0))];
    assert_eq!(found[..2], none);
    assert_eq!(found[2..], [device(255), device(256), device(u32::MAX)]);
    let in_byte = SAME | (flag::MINOR_IN_BYTE | flag::SAME_RDEV_MAJOR) as u16;
    let honest = with_entry(in_byte, &[&[1, b'd', 0, 0, 0, 0], &DEVICE, &[9]]).unwrap();
    assert_eq!(honest.entry(1).device(), (0, 9));
}

#[test]
fn flags_that_it_does_not_have() {
    let entry = |more: u32| with_entry(SAME | more as u16, &[&[1, b'f', 5, 0, 0, 0], &REGULAR]);
    entry(0).expect("an honest entry");
    entry(flag::TOP_DIRECTORY).expect("a bit without meaning for files");
    for bit in [12, 13, 14, 15] {
        assert_malformed(entry(1 << bit), &format!("bit {bit}"));
    }
    let end = [0x04, 0x10, 0, 0, 0, 0, 0, 0];
    assert_malformed(decode_bytes(&plain(), &end), "an end with errors");
}

#[test]
fn numbers_that_cannot_be() {
    let sized = |size: &[u8]| with_entry(SAME, &[&[1, b'f'], size, &REGULAR]);
    let long = |size: i64| [&[0xff; 4][..], &size.to_le_bytes()].concat();
    assert_eq!(sized(&long(i64::MAX)).unwrap().entry(1).size(), i64::MAX as u64);
    assert_eq!(sized(&long(3)).unwrap().entry(1).size(), 3, "a short size in the long form");
    assert_malformed(sized(&long(-1)), "a negative size");
    assert_malformed(sized(&i32::MIN.to_le_bytes()), "a negative size in the short form");
    let named = |len: i32| {
        let flags = SAME | flag::LONG_NAME as u16;
        with_entry(flags, &[&len.to_le_bytes(), &[b'n'; 255], &[0; 4], &REGULAR])
    };
    named(255).expect("a long name");
    for len in [-1, i32::MIN, i32::MAX, 4096] {
        assert_malformed(named(len), "the length of a name");
    }
    let link = (mode::SYMLINK | 0o777).to_le_bytes();
    let linked = |len: i32| with_entry(SAME, &[&[1, b'l', 1, 0, 0, 0], &link, &len.to_le_bytes(), b"t"]);
    linked(1).expect("a link");
    for len in [0, -1, i32::MIN, i32::MAX, 4096] {
        assert_malformed(linked(len), "the length of a target");
    }
    let owned = |id: u32| {
        let flags = SAME & !(flag::SAME_UID as u16);
        with_entry(flags, &[&[1, b'f', 0, 0, 0, 0], &REGULAR, &id.to_le_bytes()])
    };
    owned(u32::MAX - 1).expect("an owner");
    assert_malformed(owned(u32::MAX), "nobody");
}

#[test]
fn hard_links_that_cannot_be() {
    let entry =
        |mode: [u8; 4], more: &[u8]| with_entry(SAME | LINKED, &[&[1, b'x', 0, 0, 0, 0], &mode, more]);
    let inode = [&[1, 0, 0, 0][..], &[2, 0, 0, 0]].concat();
    entry(REGULAR, &inode).expect("a file with several names");
    let directory = (mode::DIRECTORY | 0o755).to_le_bytes();
    assert_violation(entry(directory, &inode), "a directory with several names");
    let linked = [Item::dir("."), Item { link: Some(1), ..Item::file("f", 0) }];
    decode(&full(), &linked).expect("hard links");
    let not_asked = ListOptions { hard_links: false, ..full() };
    assert_violation(decode(&not_asked, &linked), "hard links that nobody asked for");
    let second =
        |item: Item| decode(&full(), &[linked[0].clone(), linked[1].clone(), Item { link: Some(1), ..item }]);
    second(Item::file("g", 0)).expect("the same kind");
    assert_violation(second(Item::symlink("g", "x")), "the same inode as another kind of file");
    assert_violation(second(Item::new("g", mode::FIFO)), "the same inode as another kind of file");
}

#[test]
fn memory_of_inodes_is_counted() {
    let asked = |list_bytes, hard_links| ListOptions {
        limits: Limits { list_bytes, ..Limits::default() },
        hard_links,
        ..full()
    };
    let item = |n: u32, link| Item { link, ..Item::file(n.to_string(), 0) };
    let items =
        |linked: bool| -> Vec<Item> { (0..1000).map(|n| item(n, Some(n).filter(|_| linked))).collect() };
    decode(&asked(80_000, false), &items(false)).expect("1,000 files");
    let linked = decode(&asked(80_000, true), &items(true));
    assert!(matches!(linked, Err(Error::Limit { .. })), "1,000 inodes: {:?}", linked.err());
}
