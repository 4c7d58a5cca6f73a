//! What a transfer reports while it runs and when it is over. Nothing in this crate prints.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::printable;
use crate::flist::{EntryRef, Kind, SafePath};
use crate::session::{ServerStats, Severity};
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

/// One entry that was changed, or with a dry run would be.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    /// The entry.
    pub entry: EntryRef<'a>,
    /// What was done.
    pub action: Action,
    /// What changed.
    pub changes: Changes,
    /// The name that it was linked to.
    pub link_to: Option<&'a SafePath>,
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
        let columns = [
            (item::REPORT_CHANGE, 'c'),
            (size, 's'),
            (item::REPORT_TIME, if times { 't' } else { 'T' }),
            (item::REPORT_PERMS, 'p'),
            (item::REPORT_OWNER, 'o'),
            (item::REPORT_GROUP, 'g'),
            (item::REPORT_ACCESS_TIME, 'u'),
            (item::REPORT_ACL, 'a'),
            (item::REPORT_XATTR, 'x'),
        ];
        let blank = action != '>' && !columns.iter().any(|(bits, _)| changes.has(*bits));
        let unset = if blank { ' ' } else { '.' };
        code.extend(columns.map(|(bits, letter)| if changes.has(bits) { letter } else { unset }));
        code
    }

    /// The name as rsync's `-v` shows it: directories with a slash, links with what they lead to. Control
    /// characters are escaped.
    pub fn name(&self) -> String {
        let mut name = self.entry.path().to_string();
        match (self.entry.kind(), self.link_to) {
            (Kind::Directory, _) => name.push('/'),
            (_, Some(target)) => name.push_str(&format!(" => {target}")),
            (Kind::Symlink, None) => {
                name.push_str(&format!(" -> {}", printable(self.entry.link_target())));
            }
            _ => {}
        }
        name
    }
}

/// Something to tell.
#[non_exhaustive]
pub enum Report<'a> {
    /// A line of the server's message of the day.
    Motd(&'a str),
    /// A message of the server; control characters are escaped.
    Server(Severity, &'a str),
    /// An entry was changed, or with a dry run would be.
    Item(Item<'a>),
    /// Something that the server does not have was deleted, or with a dry run would be.
    Deleted(&'a SafePath, Kind),
    /// An entry of a listing.
    Listed(EntryRef<'a>),
    /// An entry takes no part, and why.
    Skipped(EntryRef<'a>, &'static str),
    /// Something about one entry failed; the transfer goes on and will be incomplete.
    Failed(&'a str),
    /// Something is odd, but nothing is lost by it.
    Warning(&'a str),
}

/// Takes reports. They come from several threads.
pub trait Monitor: Send + Sync + 'static {
    /// Something happened.
    fn report(&self, report: &Report<'_>);
}

/// Takes reports and drops them.
pub struct Silent;

impl Monitor for Silent {
    fn report(&self, _: &Report<'_>) {}
}

/// How far a transfer is, to be looked at while it runs. All counts only grow, and begin again with each try.
#[derive(Debug, Default)]
pub struct Progress {
    /// Entries in the list so far.
    pub entries_listed: AtomicU64,
    /// Entries that are finished.
    pub entries_done: AtomicU64,
    /// Sizes of the files in the list so far, in bytes.
    pub bytes_listed: AtomicU64,
    /// Bytes of files that are in place, wherever they came from.
    pub bytes_done: AtomicU64,
    /// Whether the list is complete, so that the totals are final.
    pub list_complete: AtomicBool,
}

impl Progress {
    /// A new try begins.
    pub(crate) fn begin(&self) {
        for count in [&self.entries_listed, &self.entries_done, &self.bytes_listed, &self.bytes_done] {
            count.store(0, Ordering::Relaxed);
        }
        self.list_complete.store(false, Ordering::Relaxed);
    }
}

/// How many files of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KindCounts {
    /// Regular files.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// Symlinks.
    pub symlinks: u64,
    /// Devices.
    pub devices: u64,
    /// FIFOs and sockets.
    pub specials: u64,
}

impl KindCounts {
    /// Counts one more.
    pub fn add(&mut self, kind: Kind) {
        match kind {
            Kind::File => self.files += 1,
            Kind::Directory => self.directories += 1,
            Kind::Symlink => self.symlinks += 1,
            Kind::CharDevice | Kind::BlockDevice => self.devices += 1,
            Kind::Fifo | Kind::Socket => self.specials += 1,
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.files + self.directories + self.symlinks + self.devices + self.specials
    }
}

/// What a transfer came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Entries in the list.
    pub listed: KindCounts,
    /// Entries that were not there before.
    pub created: KindCounts,
    /// Entries that were deleted.
    pub deleted: KindCounts,
    /// Entries that were not deleted because that would have been too many.
    pub deletions_skipped: u64,
    /// Files whose content was received.
    pub transferred: u64,
    /// How often the connection was lost and made again.
    pub retries: u32,
    /// Sizes of all files in the list, in bytes.
    pub total_size: u64,
    /// Sizes of the files whose content was received, in bytes.
    pub transferred_size: u64,
    /// Bytes of content that the server sent.
    pub literal: u64,
    /// Bytes of content that were already here.
    pub matched: u64,
    /// Bytes of the file list.
    pub list_bytes: u64,
    /// Bytes sent over the connection.
    pub bytes_sent: u64,
    /// Bytes received over the connection.
    pub bytes_received: u64,
    /// The server's own figures, unless the list was empty.
    pub server: Option<ServerStats>,
    /// Entries that failed here.
    pub failed: u64,
    /// Files that the server was asked for and could not send.
    pub not_sent: u64,
    /// I/O errors of the server: bits of [`crate::wire::flags::io_error`].
    pub server_errors: u32,
    /// The server said that something of the transfer failed.
    pub server_failed: bool,
}

impl Summary {
    /// Whether everything that was asked for is here.
    pub fn is_complete(&self) -> bool {
        self.failed == 0 && self.not_sent == 0 && self.server_errors == 0 && !self.server_failed
    }
}
