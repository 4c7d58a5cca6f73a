//! Writes the entries of the list. Each says only how it differs from the one before, across all segments.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use super::owners::{Owners, put_name};
use crate::flist::Kind;
use crate::server::terms::Terms;
use crate::wire::flags::{entry as flag, mode};
use crate::wire::put;

/// What is told of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub mode: u32,
    /// As the list counts it: 0 for devices and special files.
    pub size: u64,
    pub mtime: i64,
    pub nanoseconds: u32,
    pub atime: i64,
    pub uid: u32,
    pub gid: u32,
    pub device: (u32, u32),
    pub target: &'a [u8],
    pub sum: &'a [u8],
    /// Flags of a directory.
    pub flags: u32,
}

/// What a file with several names is in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Linked {
    No,
    First,
    /// Another name of a file that was listed in an earlier segment, with this number.
    Again(u32),
    /// Another name of a file of this segment: nothing more needs to be said.
    Copy(u32),
}

/// The values of the entry before. Where the other side may have taken over others, they are not known.
#[derive(Debug)]
struct Previous {
    name: Vec<u8>,
    mtime: Option<i64>,
    atime: Option<i64>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    major: Option<u32>,
}

/// Writes entries.
#[derive(Debug)]
pub(super) struct Encoder {
    protocol: u8,
    varint_flags: bool,
    safe_flist: bool,
    inline_names: bool,
    owner: bool,
    group: bool,
    devices: bool,
    specials: bool,
    links: bool,
    access_times: bool,
    previous: Previous,
    /// The numbers of groups, and of what kind of file they are.
    groups: HashMap<(u64, u64), (u32, u16)>,
}

impl Encoder {
    pub fn new(terms: &Terms) -> Self {
        let request = &terms.request;
        Self {
            protocol: terms.protocol,
            varint_flags: terms.varint_flags,
            safe_flist: terms.safe_flist || terms.protocol >= 31,
            inline_names: terms.inc_recurse,
            owner: request.owner,
            group: request.group,
            devices: request.devices,
            specials: request.specials,
            links: request.links,
            access_times: request.access_times,
            previous: Previous {
                name: Vec::new(),
                mtime: Some(0),
                atime: Some(0),
                mode: Some(0),
                // The first entry tells of its owner even if that is number 0, for the sake of the name.
                uid: None,
                gid: None,
                major: Some(0),
            },
            groups: HashMap::new(),
        }
    }

    /// What the file with this device and inode is in a segment that begins at `first_index`, as the entry that is sent
    /// as number `index`.
    pub fn linked(&mut self, link: Option<(u64, u64)>, mode: u32, index: u32, first_index: u32) -> Linked {
        let Some(link) = link else { return Linked::No };
        let kind = (mode & mode::TYPE) as u16;
        match self.groups.entry(link) {
            Slot::Vacant(slot) => {
                slot.insert((index, kind));
                Linked::First
            }
            // The inode is another file's by now.
            Slot::Occupied(slot) if slot.get().1 != kind => Linked::No,
            Slot::Occupied(slot) if slot.get().0 >= first_index => Linked::Copy(slot.get().0),
            Slot::Occupied(slot) => Linked::Again(slot.get().0),
        }
    }

    /// Writes an entry, but for its lists and attributes.
    pub fn entry(
        &mut self,
        out: &mut Vec<u8>,
        owners: &mut Option<Owners>,
        path: &[u8],
        facts: &Facts<'_>,
        linked: Linked,
    ) {
        let (group, link_flags) = match linked {
            Linked::No => (None, 0),
            Linked::First => (None, flag::HARD_LINKED | flag::HARD_LINK_FIRST),
            Linked::Again(group) | Linked::Copy(group) => (Some(group), flag::HARD_LINKED),
        };
        if matches!(linked, Linked::Copy(_)) {
            // The values of the first name are taken over, which may be older than what is seen here.
            self.head(out, path, link_flags, false, group);
            let name = std::mem::take(&mut self.previous.name);
            let unknown = (None, None, None, None, None, None);
            let (mtime, atime, mode, uid, gid, major) = unknown;
            self.previous = Previous { name, mtime, atime, mode, uid, gid, major };
            return;
        }
        let kind = Kind::from_mode(facts.mode);
        let is_directory = kind == Some(Kind::Directory);
        let is_device = self.devices && kind.is_some_and(Kind::is_device);
        let is_special = self.specials && kind.is_some_and(Kind::is_special) && self.protocol < 31;
        let with_atime = self.access_times && !is_directory;
        let old = &self.previous;
        let mut flags = facts.flags | link_flags;
        for (set, bit) in [
            (old.mode == Some(facts.mode), flag::SAME_MODE),
            (!self.owner || old.uid == Some(facts.uid), flag::SAME_UID),
            (!self.group || old.gid == Some(facts.gid), flag::SAME_GID),
            (old.mtime == Some(facts.mtime), flag::SAME_TIME),
            (facts.nanoseconds != 0 && self.protocol >= 31, flag::NANOSECONDS),
            (is_device && old.major == Some(facts.device.0) || is_special, flag::SAME_RDEV_MAJOR),
            (with_atime && old.atime == Some(facts.atime), flag::SAME_ACCESS_TIME),
        ] {
            flags |= if set { bit } else { 0 };
        }
        let inline = self.inline_names;
        let (mut user, mut group_name) = (None, None);
        if let Some(owners) = owners {
            // A name is told of with the first number, or remembered for the lists at the end.
            if flags & flag::SAME_UID == 0 {
                user = owners.users.first(facts.uid).filter(|_| inline);
            }
            if flags & flag::SAME_GID == 0 {
                group_name = owners.groups.first(facts.gid).filter(|_| inline);
            }
        }
        flags |= if user.is_some() { flag::USER_NAME } else { 0 };
        flags |= if group_name.is_some() { flag::GROUP_NAME } else { 0 };
        self.head(out, path, flags, is_directory, group);

        put::varlong(out, facts.size as i64, 3);
        if flags & flag::SAME_TIME == 0 {
            put::varlong(out, facts.mtime, 4);
        }
        if flags & flag::NANOSECONDS != 0 {
            put::varint(out, facts.nanoseconds as i32);
        }
        if flags & flag::SAME_MODE == 0 {
            put::u32(out, facts.mode);
        }
        if with_atime && flags & flag::SAME_ACCESS_TIME == 0 {
            put::varlong(out, facts.atime, 4);
        }
        for (same, id, name) in [(flag::SAME_UID, facts.uid, user), (flag::SAME_GID, facts.gid, group_name)] {
            if flags & same == 0 {
                put::varint(out, id as i32);
                if let Some(name) = name {
                    put_name(out, name);
                }
            }
        }
        if is_device {
            if flags & flag::SAME_RDEV_MAJOR == 0 {
                put::varint(out, facts.device.0 as i32);
            }
            put::varint(out, facts.device.1 as i32);
        } else if is_special {
            put::varint(out, 0);
        }
        if self.links && kind == Some(Kind::Symlink) {
            put::varint(out, facts.target.len() as i32);
            out.extend_from_slice(facts.target);
        }
        if kind == Some(Kind::File) {
            out.extend_from_slice(facts.sum);
        }
        let previous = &mut self.previous;
        previous.mtime = Some(facts.mtime);
        previous.mode = Some(facts.mode);
        if self.owner {
            previous.uid = Some(facts.uid);
        }
        if self.group {
            previous.gid = Some(facts.gid);
        }
        if with_atime {
            previous.atime = Some(facts.atime);
        }
        if is_device {
            previous.major = Some(facts.device.0);
        }
    }

    /// Writes flags, name and group.
    fn head(&mut self, out: &mut Vec<u8>, path: &[u8], flags: u32, is_directory: bool, group: Option<u32>) {
        let last = &mut self.previous.name;
        let shared = path.iter().zip(&*last).take(255).take_while(|(a, b)| a == b).count();
        let rest = &path[shared..];
        let flags = flags
            | if shared > 0 { flag::SAME_PREFIX } else { 0 }
            | if rest.len() > 255 { flag::LONG_NAME } else { 0 };
        if self.varint_flags {
            put::varint(out, if flags == 0 { flag::EXTENDED } else { flags } as i32);
        } else {
            // Flags of 0 would be the end of the list.
            let flags = if flags == 0 && !is_directory { flag::TOP_DIRECTORY } else { flags };
            if flags & 0xff00 != 0 || flags == 0 {
                put::u16(out, (flags | flag::EXTENDED) as u16);
            } else {
                out.push(flags as u8);
            }
        }
        if shared > 0 {
            out.push(shared as u8);
        }
        if rest.len() > 255 {
            put::varint(out, rest.len() as i32);
        } else {
            out.push(rest.len() as u8);
        }
        out.extend_from_slice(rest);
        if let Some(group) = group {
            put::varint(out, group as i32);
        }
        last.truncate(shared);
        last.extend_from_slice(rest);
    }

    /// Whether the end of a segment can carry I/O errors.
    pub fn tells_errors(&self) -> bool {
        self.safe_flist
    }

    /// Ends a segment.
    pub fn end(&self, out: &mut Vec<u8>, io_error: u32) {
        // Where that was not agreed on, a message says it.
        let io_error = if self.safe_flist { io_error } else { 0 };
        if self.varint_flags {
            put::varint(out, 0);
            put::varint(out, io_error as i32);
        } else if io_error != 0 {
            put::u16(out, (flag::EXTENDED | flag::END_WITH_ERROR) as u16);
            put::varint(out, io_error as i32);
        } else {
            out.push(0);
        }
    }
}
