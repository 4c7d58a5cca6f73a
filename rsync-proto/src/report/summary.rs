//! What is counted: how far a transfer is, and what it came to.

#[cfg(all(feature = "fs", feature = "tokio"))]
use std::sync::atomic::Ordering;
use std::sync::atomic::{AtomicBool, AtomicU64};
#[cfg(feature = "tokio")]
use std::sync::{Arc, Mutex};

use crate::flist::Kind;
use crate::session::ServerStats;

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

#[cfg(all(feature = "fs", feature = "tokio"))]
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

    /// These and others.
    #[cfg(feature = "tokio")]
    fn and(&self, others: &Self) -> Self {
        Self {
            files: self.files + others.files,
            directories: self.directories + others.directories,
            symlinks: self.symlinks + others.symlinks,
            devices: self.devices + others.devices,
            specials: self.specials + others.specials,
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.files + self.directories + self.symlinks + self.devices + self.specials
    }
}

/// What a transfer came to, with what earlier tries did whose connections were lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Entries in the list.
    pub listed: KindCounts,
    /// Entries that were not there before.
    pub created: KindCounts,
    /// What was deleted here because the server does not have it.
    pub deleted: KindCounts,
    /// Entries that were not deleted because that would have been too many.
    pub deletions_skipped: u64,
    /// How often the connection was lost and made again.
    pub retries: u32,
    /// Files whose content was received.
    pub transferred: u64,
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

/// What earlier tries did, whose connections were lost.
#[cfg(feature = "tokio")]
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    deletions: Arc<AtomicU64>,
    done: Mutex<Summary>,
}

#[cfg(feature = "tokio")]
impl Earlier {
    /// How many entries were deleted so far, which count against the limit.
    pub(crate) fn deletions(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.deletions)
    }

    /// One more try.
    pub(crate) fn add(&self, lost: &Summary) {
        let mut done = self.done.lock().expect("no thread panics with the lock");
        *done = Self::sum(lost, &done);
    }

    /// What all came to; `last` was the last one.
    pub(crate) fn and(&self, last: Summary) -> Summary {
        Self::sum(&last, &self.done.lock().expect("no thread panics with the lock"))
    }

    /// What failed before was tried again, and is counted only if it failed again; so is what is left as it is.
    fn sum(last: &Summary, before: &Summary) -> Summary {
        Summary {
            created: last.created.and(&before.created),
            deleted: last.deleted.and(&before.deleted),
            transferred: last.transferred + before.transferred,
            transferred_size: last.transferred_size + before.transferred_size,
            literal: last.literal + before.literal,
            matched: last.matched + before.matched,
            list_bytes: last.list_bytes + before.list_bytes,
            bytes_sent: last.bytes_sent + before.bytes_sent,
            bytes_received: last.bytes_received + before.bytes_received,
            ..*last
        }
    }
}

impl Summary {
    /// Whether everything that was asked for is here.
    pub fn is_complete(&self) -> bool {
        self.failed == 0 && self.not_sent == 0 && self.server_errors == 0 && !self.server_failed
    }
}
