//! What only root may give a file, kept in extended attributes in its place, in the form in which rsync's
//! `--fake-super` keeps it: kind, permissions, device number and owner in one, access control lists in two
//! others. The file itself belongs to who runs this, who may always read and write it, and it is a regular file
//! whatever it stands for; the target of a symlink is its content.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Mode, OFlags, Stat, makedev, openat};

use super::ids::IdMap;
use super::node::Node;
use super::seen::Attributes;
use crate::flist::{Acl, Kind};
use crate::wire::flags::mode;

/// What the names of attributes of other namespaces begin with, so that they are a user's.
pub(super) const PREFIX: &[u8] = b"user.rsync.";
const STATUS: &[u8] = b"user.rsync.%stat";
pub(super) const ACCESS: &[u8] = b"user.rsync.%aacl";
pub(super) const DEFAULT: &[u8] = b"user.rsync.%dacl";

/// What no part of an access control list says.
const NO_ENTRY: u32 = 0x80;
/// Marks an entry of a list as a user's.
const IS_USER: u32 = 1 << 31;

/// Whether an attribute is one of those in which this room keeps something.
pub(super) fn is_own(name: &[u8]) -> bool {
    [STATUS, ACCESS, DEFAULT].contains(&name)
}

/// What stands on the disk for an entry.
pub(super) fn kind_here(kind: Kind) -> Kind {
    if kind == Kind::Directory { kind } else { Kind::File }
}

/// What an entry pretends to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pretended {
    /// With the type.
    pub(super) mode: u32,
    pub(super) device: (u32, u32),
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Pretended {
    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (mode, rest) = text.split_once(' ')?;
        let (device, owner) = rest.trim_start().split_once(' ')?;
        let (major, minor) = device.split_once(',')?;
        let (uid, gid) = owner.trim_start().split_once(':')?;
        Some(Self {
            mode: u32::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o177_777)?,
            device: (major.parse().ok()?, minor.parse().ok()?),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
        })
    }

    fn text(&self) -> String {
        let (major, minor) = self.device;
        format!("{:o} {major},{minor} {}:{}", self.mode, self.uid, self.gid)
    }
}

/// The status that an entry pretends to have. What cannot be read, or says that a directory is a file or a file
/// a directory, is passed over: it is going to be replaced.
pub(super) fn seen<F: AsFd>(node: &Node<F>, mut stat: Stat) -> Stat {
    let Some(kind) = Kind::from_mode(stat.st_mode).filter(|kind| *kind == kind_here(*kind)) else {
        return stat;
    };
    let text = node.xattr(STATUS).ok().flatten();
    let Some(pretended) = text.and_then(|text| Pretended::parse(&text)) else { return stat };
    if Kind::from_mode(pretended.mode).is_some_and(|pretended| kind_here(pretended) == kind) {
        stat.st_mode = pretended.mode;
        stat.st_uid = pretended.uid;
        stat.st_gid = pretended.gid;
        stat.st_rdev = makedev(pretended.device.0, pretended.device.1);
    }
    stat
}

/// As [`seen`], of the entry `name` of a directory.
pub(super) fn seen_at(dir: BorrowedFd<'_>, name: &[u8], stat: Stat) -> Stat {
    match Kind::from_mode(stat.st_mode) {
        Some(kind @ (Kind::File | Kind::Directory)) => match Node::open(dir, name, kind) {
            Ok(node) => seen(&node, stat),
            Err(_) => stat,
        },
        _ => stat,
    }
}

/// Makes an entry pretend. An attribute says so only where the file itself does not.
pub(super) fn pretend<F: AsFd>(node: &Node<F>, wanted: &Pretended) -> io::Result<()> {
    let real = node.stat()?;
    let (kind, permissions) = (real.st_mode & mode::TYPE, real.st_mode & mode::PERMISSIONS);
    let usable = if kind == mode::DIRECTORY { 0o700 } else { 0o600 };
    let access = wanted.mode & 0o777 | usable;
    if permissions != access {
        node.set_mode(access)?;
    }
    let there = node.xattr(STATUS)?;
    if kind | access == wanted.mode && (real.st_uid, real.st_gid) == (wanted.uid, wanted.gid) {
        return if there.is_some() { node.remove_xattr(STATUS) } else { Ok(()) };
    }
    let text = wanted.text().into_bytes();
    if there.as_ref() == Some(&text) { Ok(()) } else { node.set_xattr(STATUS, &text) }
}

/// Makes the file that stands for something else than a file or directory. `content` is a symlink's target.
pub(super) fn make(dir: BorrowedFd<'_>, name: &[u8], content: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(dir, name, flags, Mode::from_raw_mode(0o600))?;
    std::fs::File::from(file).write_all(content)
}

/// The list of a file of this mode; nothing where the mode says it all.
pub(super) fn access(acl: &Acl, mode: u32, ids: &IdMap) -> Option<Vec<u8>> {
    if acl.mask.is_none() && acl.names.is_empty() {
        return None;
    }
    Some(encode(acl, acl.mask.unwrap_or((mode >> 3 & 7) as u8), ids))
}

/// The list that entries of a directory get; nothing where they get none.
pub(super) fn default(acl: &Acl, ids: &IdMap) -> Option<Vec<u8>> {
    acl.user?;
    let implied = || acl.names.iter().fold(acl.group.unwrap_or(0), |bits, name| bits | name.permissions);
    match acl.mask.or_else(|| (!acl.names.is_empty()).then(implied)) {
        Some(mask) => Some(encode(acl, mask, ids)),
        None => Some(encode(acl, NO_ENTRY as u8, ids)),
    }
}

fn encode(acl: &Acl, mask: u8, ids: &IdMap) -> Vec<u8> {
    let part = |bits: Option<u8>| bits.map_or(NO_ENTRY, u32::from);
    let mut value = Vec::with_capacity(16 + 8 * acl.names.len());
    for bits in [part(acl.user), part(acl.group), mask.into(), part(acl.other)] {
        value.extend(bits.to_le_bytes());
    }
    for name in &acl.names {
        let (id, user) = if name.is_user { (ids.uid(name.id), IS_USER) } else { (ids.gid(name.id), 0) };
        value.extend(id.to_le_bytes());
        value.extend((u32::from(name.permissions) | user).to_le_bytes());
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flist::AclName;

    #[test]
    fn what_is_pretended_is_read_as_it_is_written() {
        let device = Pretended { mode: 0o020_600, device: (1, 3), uid: 0, gid: 4_000_000_000 };
        assert_eq!(device.text(), "20600 1,3 0:4000000000");
        assert_eq!(Pretended::parse(device.text().as_bytes()), Some(device));
        for text in [
            "",
            "100644",
            "100644 0,0",
            "100644 0,0 0",
            "8 0,0 0:0",
            "200000 0,0 0:0",
            "1 0,0 -1:0",
            "\u{ff}",
        ] {
            assert_eq!(Pretended::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn lists_say_what_the_mode_does_not() {
        let ids = IdMap::new(false);
        let acl = Acl { names: vec![AclName { is_user: true, id: 9, permissions: 6 }], ..Acl::default() };
        let words = |value: &[u8]| -> Vec<u32> {
            value.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
        };
        assert_eq!(access(&Acl::default(), 0o644, &ids), None);
        assert_eq!(words(&access(&acl, 0o654, &ids).unwrap()), [0x80, 0x80, 5, 0x80, 9, 6 | 1 << 31]);
        assert_eq!(default(&acl, &ids), None);
        let acl = Acl { user: Some(7), group: Some(1), other: Some(0), ..acl };
        assert_eq!(words(&default(&acl, &ids).unwrap()), [7, 1, 7, 0, 9, 6 | 1 << 31]);
    }
}
