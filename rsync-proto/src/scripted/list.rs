//! Writes a file list, entry by entry, as a server of protocol 29 to 32 does.

use super::acl::{TestAcl, put_acl};
use super::item::Item;
use crate::checksum::xattr_sum;
use crate::flist::ListOptions;
use crate::wire::flags::{entry as flag, mode};
use crate::wire::put;

/// Writes the segments of one list.
pub struct ListEncoder {
    options: ListOptions,
    out: Vec<u8>,
    previous: Item,
    device_major: u32,
    link_device: i64,
    first_index: u32,
    sent: u32,
    groups: Vec<(u32, u32)>,
    acls: Vec<TestAcl>,
    default_acls: Vec<TestAcl>,
    xattrs: Vec<Vec<(Vec<u8>, Vec<u8>)>>,
    users: Vec<(u32, &'static str)>,
    group_names: Vec<(u32, &'static str)>,
}

impl ListEncoder {
    pub fn new(options: &ListOptions) -> Self {
        Self {
            options: options.clone(),
            out: Vec::new(),
            previous: Item::default(),
            device_major: 0,
            link_device: 0,
            first_index: u32::from(options.inc_recurse),
            sent: 0,
            groups: Vec::new(),
            acls: Vec::new(),
            default_acls: Vec::new(),
            xattrs: Vec::new(),
            users: Vec::new(),
            group_names: Vec::new(),
        }
    }

    fn is_old(&self) -> bool {
        self.options.protocol < 30
    }

    fn put_number(&mut self, value: i32) {
        if self.is_old() { put::u32(&mut self.out, value as u32) } else { put::varint(&mut self.out, value) }
    }

    /// The index of the first entry of the segment at hand.
    pub fn first_index(&self) -> u32 {
        self.first_index
    }

    /// Pretends that a group of hard links began at this index.
    pub fn assume_group(&mut self, link: u32, index: u32) {
        self.groups.push((link, index));
    }

    /// Pretends that so many sets of extended attributes were sent, and that those of the first entry are the last.
    pub fn assume_attributes(&mut self, count: usize) {
        self.xattrs = vec![vec![(Vec::new(), Vec::new())]; count];
        self.xattrs.push(Vec::new());
    }

    /// The same for access control lists.
    pub fn assume_lists(&mut self, count: usize) {
        self.acls = vec![TestAcl { user: Some(1), ..TestAcl::default() }; count];
        self.acls.push(TestAcl::default());
    }

    /// The bytes so far, to lie with.
    pub fn raw(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Ends a list that never ends, for lies that stand before it.
    pub fn unfinished(self) -> Vec<u8> {
        self.out
    }

    pub fn entries<'a>(&mut self, items: impl IntoIterator<Item = &'a Item>) -> &mut Self {
        items.into_iter().for_each(|item| self.entry(item, 0));
        self
    }

    /// Writes one entry, with these flags besides its own.
    pub fn entry(&mut self, item: &Item, more_flags: u32) {
        let shared = self.previous.path.iter().zip(&item.path).take_while(|(a, b)| a == b).count().min(255);
        let user = self.inline_name(item.uid, item.user, true);
        let group = self.inline_name(item.gid, item.group, false);
        let known_group = self.groups.iter().find(|(link, _)| item.link == Some(*link)).map(|(_, at)| *at);
        let flags = more_flags
            | self.flags(item)
            | if shared > 0 { flag::SAME_PREFIX } else { 0 }
            | if item.path.len() - shared > 255 { flag::LONG_NAME } else { 0 }
            | if user.is_some() { flag::USER_NAME } else { 0 }
            | if group.is_some() { flag::GROUP_NAME } else { 0 }
            | if self.begins_group(item, known_group) { flag::HARD_LINK_FIRST } else { 0 };
        self.put_flags(flags, item.is_dir());
        if shared > 0 {
            self.out.push(shared as u8);
        }
        let rest = &item.path[shared..];
        if flags & flag::LONG_NAME != 0 {
            self.put_number(rest.len() as i32);
        } else {
            self.out.push(rest.len() as u8);
        }
        self.out.extend(rest);
        match (item.link, known_group) {
            _ if self.is_old() => {}
            (Some(_), Some(index)) => put::varint(&mut self.out, index as i32),
            (Some(link), None) => self.groups.push((link, self.first_index + self.sent)),
            _ => {}
        }
        if self.is_old() || known_group.is_none_or(|index| index < self.first_index) {
            self.put_fields(item, flags, user, group);
        }
        self.put_attributes(item);
        if item.is_device() {
            self.device_major = item.device.0;
        }
        self.link_device = item.inode().map_or(self.link_device, |(device, _)| device);
        self.previous = item.clone();
        self.sent += 1;
    }

    /// The first of a group is marked where the server forms the groups.
    fn begins_group(&self, item: &Item, known: Option<u32>) -> bool {
        item.link.is_some() && known.is_none() && !self.is_old()
    }

    fn flags(&self, item: &Item) -> u32 {
        let (old, asked) = (&self.previous, &self.options);
        let same_device = item.inode().is_some_and(|(device, _)| device == self.link_device);
        let small_minor = item.is_special() || item.is_device() && item.device.1 < 256;
        let mut flags = 0;
        for (set, bit) in [
            (item.mode == old.mode, flag::SAME_MODE),
            (item.uid == old.uid || !asked.owner, flag::SAME_UID),
            (item.gid == old.gid || !asked.group, flag::SAME_GID),
            (item.mtime == old.mtime, flag::SAME_TIME),
            (item.nanoseconds != 0 && asked.protocol >= 31, flag::NANOSECONDS),
            (item.is_device() && item.device.0 == self.device_major, flag::SAME_RDEV_MAJOR),
            (item.is_special() && asked.protocol < 31, flag::SAME_RDEV_MAJOR),
            (item.is_dir() && (item.no_content || item.implied) && !self.is_old(), flag::NO_CONTENT),
            (item.is_dir() && item.implied, flag::TOP_DIRECTORY),
            (item.link.is_some(), flag::HARD_LINKED),
            (self.is_old() && same_device, flag::SAME_DEVICE),
            (self.is_old() && small_minor, flag::MINOR_IN_BYTE),
        ] {
            if set {
                flags |= bit;
            }
        }
        flags
    }

    fn put_flags(&mut self, flags: u32, is_dir: bool) {
        if self.options.varint_flags {
            return put::varint(&mut self.out, if flags == 0 { flag::EXTENDED } else { flags } as i32);
        }
        let flags = if flags == 0 && !is_dir { flag::TOP_DIRECTORY } else { flags };
        if flags & 0xff00 != 0 || flags == 0 {
            put::u16(&mut self.out, (flags | flag::EXTENDED) as u16);
        } else {
            self.out.push(flags as u8);
        }
    }

    fn put_fields(&mut self, item: &Item, flags: u32, user: Option<&str>, group: Option<&str>) {
        if self.is_old() {
            return self.put_old_fields(item, flags);
        }
        let out = &mut self.out;
        put::varlong(out, item.size, 3);
        if flags & flag::SAME_TIME == 0 {
            put::varlong(out, item.mtime, 4);
        }
        if flags & flag::NANOSECONDS != 0 {
            put::varint(out, item.nanoseconds);
        }
        if flags & flag::SAME_MODE == 0 {
            put::u32(out, item.mode);
        }
        for (same, id, name) in [(flag::SAME_UID, item.uid, user), (flag::SAME_GID, item.gid, group)] {
            if flags & same == 0 {
                put::varint(out, id as i32);
                name.iter().for_each(|name| put_short(out, name.as_bytes()));
            }
        }
        if self.options.devices && item.is_device() {
            if flags & flag::SAME_RDEV_MAJOR == 0 {
                put::varint(out, item.device.0 as i32);
            }
            put::varint(out, item.device.1 as i32);
        } else if self.options.specials && item.is_special() && self.options.protocol < 31 {
            put::varint(out, 0);
        }
        if self.options.links && item.mode & mode::TYPE == mode::SYMLINK {
            put::varint(out, item.target.len() as i32);
            out.extend(&item.target);
        }
        if item.mode & mode::TYPE == mode::REGULAR {
            out.extend(&item.sum);
        }
    }

    fn put_old_fields(&mut self, item: &Item, flags: u32) {
        let out = &mut self.out;
        put::longint(out, item.size);
        for (same, value) in [
            (flag::SAME_TIME, item.mtime as u32),
            (flag::SAME_MODE, item.mode),
            (flag::SAME_UID, item.uid),
            (flag::SAME_GID, item.gid),
        ] {
            if flags & same == 0 {
                put::u32(out, value);
            }
        }
        if self.options.devices && item.is_device() || self.options.specials && item.is_special() {
            if flags & flag::SAME_RDEV_MAJOR == 0 {
                put::u32(out, item.device.0);
            }
            if flags & flag::MINOR_IN_BYTE != 0 {
                out.push(item.device.1 as u8);
            } else {
                put::u32(out, item.device.1);
            }
        }
        if self.options.links && item.mode & mode::TYPE == mode::SYMLINK {
            put::u32(out, item.target.len() as u32);
            out.extend(&item.target);
        }
        if let Some((device, inode)) = item.inode() {
            if flags & flag::SAME_DEVICE == 0 {
                put::longint(out, device);
            }
            put::longint(out, inode);
        }
        if item.mode & mode::TYPE == mode::REGULAR {
            out.extend(&item.sum);
        }
    }

    fn put_attributes(&mut self, item: &Item) {
        if self.options.acls && item.mode & mode::TYPE != mode::SYMLINK {
            put_acl(&mut self.out, &mut self.acls, &item.acl);
            if item.is_dir() {
                put_acl(&mut self.out, &mut self.default_acls, &item.default_acl);
            }
        }
        if !self.options.xattrs {
            return;
        }
        let out = &mut self.out;
        if let Some(known) = self.xattrs.iter().position(|set| *set == item.xattrs) {
            return put::varint(out, known as i32 + 1);
        }
        put::varint(out, 0);
        put::varint(out, item.xattrs.len() as i32);
        for (name, value) in &item.xattrs {
            put::varint(out, name.len() as i32);
            put::varint(out, value.len() as i32);
            out.extend(name);
            if value.len() > 32 {
                out.extend(xattr_sum(value));
            } else {
                out.extend(value);
            }
        }
        self.xattrs.push(item.xattrs.clone());
    }

    /// With incremental recursion a name goes with the first entry that has the number; otherwise names are
    /// collected for the end of the list.
    fn inline_name(&mut self, id: u32, name: Option<&'static str>, is_user: bool) -> Option<&'static str> {
        let asked = if is_user { self.options.owner } else { self.options.group };
        let old = if is_user { self.previous.uid } else { self.previous.gid };
        let seen = if is_user { &mut self.users } else { &mut self.group_names };
        let name = name.filter(|_| asked && !self.options.numeric_ids)?;
        if seen.iter().any(|(known, _)| *known == id) || self.options.inc_recurse && old == id {
            return None;
        }
        seen.push((id, name));
        Some(name).filter(|_| self.options.inc_recurse)
    }

    /// Ends the segment, or the whole list with its names. What follows is the next segment.
    pub fn end(&mut self, io_error: u32) -> Vec<u8> {
        if self.options.varint_flags {
            put::varint(&mut self.out, 0);
            put::varint(&mut self.out, io_error as i32);
        } else if io_error != 0 && !self.is_old() {
            put::u16(&mut self.out, (flag::EXTENDED | flag::END_WITH_ERROR) as u16);
            put::varint(&mut self.out, io_error as i32);
        } else {
            self.out.push(0);
        }
        let listed = !self.options.inc_recurse && !self.options.numeric_ids;
        if listed && (self.options.owner || self.options.acls) {
            let users = std::mem::take(&mut self.users);
            self.put_names(&users);
            self.users = users;
        }
        if listed && (self.options.group || self.options.acls) {
            let groups = std::mem::take(&mut self.group_names);
            self.put_names(&groups);
            self.group_names = groups;
        }
        if self.is_old() {
            put::u32(&mut self.out, io_error);
        }
        self.first_index += self.sent + u32::from(self.options.inc_recurse);
        self.sent = 0;
        std::mem::take(&mut self.out)
    }

    fn put_names(&mut self, names: &[(u32, &str)]) {
        for (id, name) in names.iter().filter(|(id, _)| *id != 0) {
            self.put_number(*id as i32);
            put_short(&mut self.out, name.as_bytes());
        }
        self.put_number(0);
        if self.options.id0_names {
            let zero = names.iter().find(|(id, _)| *id == 0).map_or("", |(_, name)| *name);
            put_short(&mut self.out, zero.as_bytes());
        }
    }
}

pub(super) fn put_short(out: &mut Vec<u8>, text: &[u8]) {
    out.push(text.len() as u8);
    out.extend(text);
}
