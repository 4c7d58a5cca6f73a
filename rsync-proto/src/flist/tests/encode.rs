//! The sending half of the file list, for tests: writes entries as a server of protocol 29 to 32 does, and
//! works out the order and the numbers of the entries by itself, the slow and obvious way.
//!
//! It does not check what it is given, so that tests can lie with it.

use std::collections::VecDeque;

use crate::checksum::xattr_sum;
use crate::chmod::ModeChanges;
use crate::filter::ListFilter;
use crate::flist::{Asked, ListOptions};
use crate::limits::Limits;
use crate::wire::flags::{entry as flag, mode};
use crate::wire::put;

/// One file as the server sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    pub path: Vec<u8>,
    pub mode: u32,
    pub size: i64,
    pub mtime: i64,
    pub nanoseconds: i32,
    pub uid: u32,
    pub gid: u32,
    pub user: Option<&'static str>,
    pub group: Option<&'static str>,
    pub device: (u32, u32),
    pub target: Vec<u8>,
    pub sum: Vec<u8>,
    /// The group of hard links, by a number of the test's own.
    pub link: Option<u32>,
    pub acl: TestAcl,
    pub default_acl: TestAcl,
    /// Names with their closing NUL, and values.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// The directory comes without its content.
    pub no_content: bool,
    /// A directory on the way to what was asked for.
    pub implied: bool,
}

/// An access control list; permissions are numbers so that they can be wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestAcl {
    pub user: Option<i32>,
    pub group: Option<i32>,
    pub mask: Option<i32>,
    pub other: Option<i32>,
    pub names: Vec<TestAclName>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestAclName {
    pub is_user: bool,
    pub id: u32,
    pub permissions: i32,
    pub name: Option<&'static str>,
}

impl Item {
    pub fn new(path: impl AsRef<[u8]>, mode: u32) -> Self {
        Self { path: path.as_ref().to_vec(), mode, mtime: 1_700_000_000, ..Self::default() }
    }

    pub fn file(path: impl AsRef<[u8]>, size: i64) -> Self {
        Self { size, ..Self::new(path, mode::REGULAR | 0o644) }
    }

    pub fn dir(path: impl AsRef<[u8]>) -> Self {
        Self { size: 4096, ..Self::new(path, mode::DIRECTORY | 0o755) }
    }

    pub fn symlink(path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        let target = target.as_ref().to_vec();
        Self { size: target.len() as i64, target, ..Self::new(path, mode::SYMLINK | 0o777) }
    }

    pub fn is_dir(&self) -> bool {
        self.mode & mode::TYPE == mode::DIRECTORY
    }

    pub fn is_device(&self) -> bool {
        [mode::CHAR_DEVICE, mode::BLOCK_DEVICE].contains(&(self.mode & mode::TYPE))
    }

    fn is_special(&self) -> bool {
        [mode::FIFO, mode::SOCKET].contains(&(self.mode & mode::TYPE))
    }

    /// Device and inode, in numbers that need both widths.
    fn inode(&self) -> Option<(i64, i64)> {
        self.link.map(|link| (0x1_0000_0000 + i64::from(link >> 31), i64::from(link)))
    }

    /// The path of the directory that it lies in, and its name there.
    pub fn split(&self) -> (&[u8], &[u8]) {
        match self.path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&self.path[..slash], &self.path[slash + 1..]),
            None => (b"", &self.path),
        }
    }
}

/// The content of a directory, with all that is below.
pub fn everything() -> Asked {
    asked(true, false, &[""])
}

/// These paths.
pub fn asked(recursive: bool, relative: bool, paths: &[&str]) -> Asked {
    let mut asked = Asked::new(recursive, relative);
    paths.iter().for_each(|path| asked.pattern(path.as_bytes()));
    asked
}

/// Options that ask for everything that there is, for a list of this shape.
pub fn options(protocol: u8, varint_flags: bool, inc_recurse: bool) -> ListOptions {
    ListOptions {
        protocol,
        recursive: true,
        dirs: false,
        varint_flags,
        inc_recurse,
        safe_flist: protocol >= 30,
        id0_names: varint_flags,
        owner: true,
        group: true,
        numeric_ids: false,
        links: true,
        devices: true,
        specials: true,
        hard_links: true,
        acls: protocol >= 30,
        xattrs: protocol >= 30,
        access_times: false,
        chmod: ModeChanges::default(),
        sum_len: 0,
        filter: ListFilter::default(),
        munge_links: false,
        asked: everything(),
        limits: Limits { growth: 0, ..Limits::default() },
    }
}

/// As [`options`], without what most tests have no use for.
pub fn plain_options(protocol: u8, varint_flags: bool, inc_recurse: bool) -> ListOptions {
    ListOptions {
        numeric_ids: true,
        hard_links: false,
        acls: false,
        xattrs: false,
        ..options(protocol, varint_flags, inc_recurse)
    }
}

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

fn put_short(out: &mut Vec<u8>, text: &[u8]) {
    out.push(text.len() as u8);
    out.extend(text);
}

fn put_acl(out: &mut Vec<u8>, known: &mut Vec<TestAcl>, acl: &TestAcl) {
    if let Some(at) = known.iter().position(|old| old == acl) {
        return put::varint(out, at as i32 + 1);
    }
    known.push(acl.clone());
    put::varint(out, 0);
    let fields = [acl.user, acl.group, acl.mask, acl.other];
    let present = (0..).zip(&fields).map(|(bit, field)| u8::from(field.is_some()) << bit).sum::<u8>();
    out.push(present | u8::from(!acl.names.is_empty()) << 4);
    fields.iter().flatten().for_each(|field| put::varint(out, *field));
    if acl.names.is_empty() {
        return;
    }
    put::varint(out, acl.names.len() as i32);
    for entry in &acl.names {
        let bits = i32::from(entry.is_user) << 1 | i32::from(entry.name.is_some());
        put::varint(out, entry.id as i32);
        put::varint(out, entry.permissions << 2 | bits);
        entry.name.iter().for_each(|name| put_short(out, name.as_bytes()));
    }
}

/// The items in the order of their indexes: in each directory what is no directory, by its bytes, then the
/// directories as if their names ended in a slash, each followed by its content.
pub fn sorted(items: &[Item], dir: &[u8]) -> Vec<Item> {
    let mut here: Vec<&Item> =
        items.iter().filter(|item| item.path != b"." && item.split().0 == dir).collect();
    here.sort_by_key(|item| {
        let mut key = vec![u8::from(item.is_dir())];
        key.extend(item.split().1);
        key.extend(item.is_dir().then_some(b'/'));
        key
    });
    let root = items.iter().filter(|item| dir.is_empty() && item.path == b".").cloned();
    let below = here.into_iter().flat_map(|item| {
        let content = if item.is_dir() { sorted(items, &item.path) } else { Vec::new() };
        std::iter::once(item.clone()).chain(content)
    });
    root.chain(below).collect()
}

/// A tree cut into segments: the number of the directory (none for the first), and what lies in it.
pub fn segments(items: &[Item]) -> Vec<(Option<u32>, Vec<Item>)> {
    let mut found = Vec::new();
    let mut waiting = VecDeque::from([(None, Vec::new())]);
    let mut numbers = 0..;
    while let Some((number, dir)) = waiting.pop_front() {
        let inside: Vec<Item> = items.iter().filter(|item| item.split().0 == dir).cloned().collect();
        for item in sorted(&inside, &dir).into_iter().filter(Item::is_dir) {
            let number = numbers.next();
            if item.path != b"." {
                waiting.push_back((number, item.path));
            }
        }
        found.push((number, inside));
    }
    found
}
