//! Trees of files as a server may list them, with every attribute, made out of an input.

use std::collections::BTreeSet;

use rsync_proto::flist::ListOptions;
use rsync_proto::limits::MAX_TIME;
use rsync_proto::scripted::{Item, TestAcl, TestAclName};
use rsync_proto::wire::flags::mode;

use crate::choices::Choices;
use crate::names::{is_name, is_safe};

/// The name of a user or group, which is the same whenever it is told.
pub fn name_of(id: u32) -> Option<&'static str> {
    ["root", "daemon", "www-data", "", "a name with spaces", "\u{fc}ber"].get(id as usize % 8).copied()
}

/// A tree of at most `most` entries: the root, then each behind the directory that it lies in.
pub fn tree(choices: &mut Choices<'_>, asked: &ListOptions, most: usize) -> Vec<Item> {
    let mut items: Vec<Item> = vec![Item::dir(".")];
    let mut directories: Vec<Vec<u8>> = vec![Vec::new()];
    let mut paths = BTreeSet::new();
    for _ in 0..choices.below(most) {
        let Some(path) = path(choices, &directories).filter(|path| paths.insert(path.clone())) else {
            continue;
        };
        let leaders: Vec<&Item> = items.iter().filter(|item| !item.is_dir()).collect();
        let kind = choices.below(9);
        if kind == 8 && asked.hard_links && !leaders.is_empty() {
            // Another name for a file that is there.
            let at = choices.below(leaders.len());
            let leader = leaders[at].path.clone();
            let leader = items.iter_mut().find(|item| item.path == leader).expect("just seen");
            let link = leader.link.unwrap_or(at as u32 + 1);
            leader.link = Some(link);
            let again = Item { path, ..leader.clone() };
            items.push(again);
            continue;
        }
        let bits = [
            mode::REGULAR,
            mode::REGULAR,
            mode::DIRECTORY,
            mode::SYMLINK,
            mode::CHAR_DEVICE,
            mode::BLOCK_DEVICE,
            mode::FIFO,
            mode::SOCKET,
        ][kind % 8];
        if bits == mode::DIRECTORY {
            directories.push(path.clone());
        }
        items.push(item(choices, asked, path, bits));
    }
    for (link, item) in (1000..).zip(&mut items) {
        // A group may have one member only.
        if item.link.is_none() && !item.is_dir() && asked.hard_links && choices.below(8) == 7 {
            item.link = Some(link);
        }
    }
    items
}

fn path(choices: &mut Choices<'_>, directories: &[Vec<u8>]) -> Option<Vec<u8>> {
    let directory = &directories[choices.below(directories.len())];
    let len = match choices.u8() {
        len @ ..200 => 1 + usize::from(len % 12),
        long => usize::from(long),
    };
    let mut name = choices.bytes(len).to_vec();
    if name.len() < len {
        name.resize(len, b'x');
    }
    let path = if directory.is_empty() { name.clone() } else { [directory, &b"/"[..], &name].concat() };
    (is_name(&name) && is_safe(&path)).then_some(path)
}

fn item(choices: &mut Choices<'_>, asked: &ListOptions, path: Vec<u8>, kind: u32) -> Item {
    let mut item = Item::new(path, kind | u32::from(choices.u16() & 0o7777));
    let rare = choices.u8();
    if rare & 1 == 1 {
        let wide = choices.u64() as i64;
        // The times of protocol 29 have 32 bits.
        item.mtime = if asked.protocol < 30 { i64::from(wide as u32) } else { wide % (MAX_TIME + 1) };
        item.nanoseconds = (choices.u32() % 1_000_000_000) as i32;
    }
    if rare & 2 == 2 {
        (item.uid, item.gid) = (id(choices), id(choices));
        (item.user, item.group) = (name_of(item.uid), name_of(item.gid));
    }
    if rare & 4 == 4 && asked.acls && kind != mode::SYMLINK {
        item.acl = acl(choices);
        if kind == mode::DIRECTORY {
            item.default_acl = acl(choices);
        }
    }
    if rare & 8 == 8 && asked.xattrs {
        item.xattrs = xattrs(choices);
    }
    if matches!(kind, mode::REGULAR | mode::DIRECTORY) {
        let bits = choices.below(64);
        item.size = (choices.u64() as i64 & i64::MAX) >> bits;
    }
    match kind {
        mode::REGULAR => {
            item.sum = choices.bytes(asked.sum_len).to_vec();
            item.sum.resize(asked.sum_len, 7);
        }
        mode::DIRECTORY => item.no_content = rare & 16 == 16 && asked.protocol >= 30,
        mode::SYMLINK => {
            let len = 1 + if rare & 32 == 32 { choices.below(4095) } else { choices.below(20) };
            let target = choices.bytes(len.min(300)).iter();
            item.target = target.map(|byte| if *byte == 0 { b'0' } else { *byte }).collect();
            item.target.resize(len, b'/');
            item.size = len as i64;
        }
        mode::CHAR_DEVICE | mode::BLOCK_DEVICE => {
            item.device = if rare & 64 == 64 {
                (choices.u32(), choices.u32())
            } else {
                (u32::from(choices.u8()), u32::from(choices.u8()))
            };
        }
        _ => {}
    }
    item
}

fn id(choices: &mut Choices<'_>) -> u32 {
    let small = u32::from(choices.u8());
    // All ones are nobody's number.
    if small < 200 { small % 16 } else { choices.u32().min(u32::MAX - 1) }
}

fn acl(choices: &mut Choices<'_>) -> TestAcl {
    let present = choices.u8();
    let mut permissions = |bit: u8| (present >> bit & 1 == 1).then(|| choices.below(8) as i32);
    let (user, group, mask, other) = (permissions(0), permissions(1), permissions(2), permissions(3));
    let names = (0..present >> 5).map(|_| {
        let is_user = choices.flag();
        let permissions = choices.below(8) as i32;
        let id = id(choices);
        TestAclName { is_user, id, permissions, name: name_of(id).filter(|_| present & 16 == 16) }
    });
    TestAcl { user, group, mask, other, names: names.collect() }
}

/// A set of extended attributes; values are short, or long enough that only their sum is sent.
fn xattrs(choices: &mut Choices<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let count = choices.below(5);
    let xattr = |_| {
        let space = choices.of(&["user.", "trusted.", "security.", "foreign."]);
        let len = choices.below(20);
        let tail = choices.bytes(len).iter().map(|byte| if *byte == 0 { b'0' } else { *byte });
        let name = space.bytes().chain(tail).chain([0]).collect();
        let len = choices.below(80);
        let mut value = choices.bytes(len).to_vec();
        value.resize(len, b'v');
        (name, value)
    };
    (0..count).map(xattr).collect()
}

/// Three files with sets of extended attributes, some of them alike: those are asked for once.
pub fn with_xattrs(choices: &mut Choices<'_>) -> Vec<Item> {
    let mut items = vec![Item::dir(".")];
    for name in ["a", "b", "c"] {
        let set = if choices.flag() { items[items.len() - 1].xattrs.clone() } else { xattrs(choices) };
        items.push(Item { xattrs: set, ..Item::file(name, 0) });
    }
    items
}

/// Whether the value of an attribute has to be asked for.
pub fn lacks((name, value): &(Vec<u8>, Vec<u8>)) -> bool {
    value.len() > 32 && !name.starts_with(b"foreign.")
}
