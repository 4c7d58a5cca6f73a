//! An entry that was dealt with: what was done, what changed, and how rsync's `-i` words it.

use crate::checksum::StrongSum;
use crate::error::printable;
use crate::flist::{EntryRef, Kind, SafePath};
use crate::wire::flags::item;

/// What of an entry changes: bits of [`item`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes(pub u16);

impl Changes {
    /// Nothing was there before.
    pub const NEW: Changes = Changes(item::IS_NEW);

    /// Adds `bits` if `condition` holds.
    pub fn set(&mut self, condition: bool, bits: u16) {
        self.0 |= if condition { bits } else { 0 };
    }

    /// Whether any of `bits` is set.
    pub fn has(self, bits: u16) -> bool {
        self.0 & bits != 0
    }

    /// Whether nothing was there before.
    pub fn is_new(self) -> bool {
        self.has(item::IS_NEW)
    }

    /// Whether anything changes.
    pub fn any(self) -> bool {
        self.0 != 0
    }
}

/// What was done about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Its attributes were set.
    Touched,
    /// Its content was received.
    Received,
    /// It was made here: a directory, symlink, device or special file.
    Made,
    /// It was linked to another name of the same file.
    Linked,
}

/// How the content of a file came.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// Bytes that the server sent.
    pub literal: u64,
    /// Bytes that were already here.
    pub matched: u64,
    /// Bytes of the stream that it took: what was sent, references to what was here, and sums.
    pub received: u64,
    /// The sum over the whole.
    pub sum: &'a StrongSum,
}

/// One entry that was dealt with, or with a dry run would be.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    /// The entry.
    pub entry: EntryRef<'a>,
    /// What was done.
    pub action: Action,
    /// What changed.
    pub changes: Changes,
    /// The name that it was linked to; the root if it was another name of the same file before.
    pub link_to: Option<&'a SafePath>,
    /// How its content came, if it did.
    pub content: Option<Content<'a>>,
}

impl Item<'_> {
    /// The eleven characters of rsync's `-i`. `times` tells whether modification times are kept.
    pub fn code(&self, times: bool) -> String {
        let changes = self.changes;
        let kind = match self.entry.kind() {
            Kind::File => 'f',
            Kind::Directory => 'd',
            Kind::Symlink => 'L',
            Kind::CharDevice | Kind::BlockDevice => 'D',
            Kind::Fifo | Kind::Socket => 'S',
        };
        let action = match self.action {
            Action::Touched => '.',
            Action::Received => '>',
            Action::Made => 'c',
            Action::Linked => 'h',
        };
        let mut code = String::from_iter([action, kind]);
        if changes.is_new() {
            code.push_str("+++++++++");
            return code;
        }
        let size = if kind == 'L' { 0 } else { item::REPORT_SIZE };
        let other_time = match (changes.has(item::REPORT_ACCESS_TIME), changes.has(item::REPORT_CRTIME)) {
            (true, true) => 'b',
            (false, true) => 'n',
            _ => 'u',
        };
        let columns = [
            (item::REPORT_CHANGE, 'c'),
            (size, 's'),
            (item::REPORT_TIME, if times { 't' } else { 'T' }),
            (item::REPORT_PERMS, 'p'),
            (item::REPORT_OWNER, 'o'),
            (item::REPORT_GROUP, 'g'),
            (item::REPORT_ACCESS_TIME | item::REPORT_CRTIME, other_time),
            (item::REPORT_ACL, 'a'),
            (item::REPORT_XATTR, 'x'),
        ];
        let blank = action != '>' && !columns.iter().any(|(bits, _)| changes.has(*bits));
        let unset = if blank { ' ' } else { '.' };
        code.extend(columns.map(|(bits, letter)| if changes.has(bits) { letter } else { unset }));
        code
    }

    /// The name as it is, with a slash behind that of a directory.
    pub fn raw_name(&self) -> Vec<u8> {
        let path = self.entry.path();
        let mut name = if path.is_root() { b".".to_vec() } else { path.as_bytes().to_vec() };
        if self.entry.kind() == Kind::Directory {
            name.push(b'/');
        }
        name
    }

    /// What a link leads to, as it is, and the arrow in front of that.
    pub fn leads_to(&self) -> Option<(&'static str, &[u8])> {
        match self.link_to {
            Some(path) if path.is_root() => Some((" => ", b".")),
            Some(path) => Some((" => ", path.as_bytes())),
            None if self.entry.kind() == Kind::Symlink => Some((" -> ", self.entry.link_target())),
            None => None,
        }
    }

    /// The name as rsync's `-v` shows it: directories with a slash, links with what they lead to. Control
    /// characters are escaped.
    pub fn name(&self) -> String {
        let mut name = self.raw_name();
        if let Some((arrow, target)) = self.leads_to() {
            name.extend_from_slice(arrow.as_bytes());
            name.extend_from_slice(target);
        }
        printable(&name)
    }
}
