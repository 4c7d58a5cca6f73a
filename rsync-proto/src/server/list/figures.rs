//! What a list came to.

use crate::flist::Kind;

/// What a list came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::server) struct ListFigures {
    /// Bytes of the list.
    pub bytes: u64,
    /// Milliseconds that it took to make the first segment, or the whole list; and the segments behind it.
    pub build_ms: u64,
    pub transfer_ms: u64,
    /// Sizes of all files together.
    pub total_size: u64,
    pub files: u64,
    pub directories: u64,
    pub symlinks: u64,
    pub devices: u64,
    pub specials: u64,
}

impl ListFigures {
    pub(super) fn count(&mut self, kind: Kind, size: u64) {
        match kind {
            Kind::File => self.files += 1,
            Kind::Directory => self.directories += 1,
            Kind::Symlink => self.symlinks += 1,
            kind if kind.is_device() => self.devices += 1,
            _ => self.specials += 1,
        }
        if matches!(kind, Kind::File | Kind::Symlink) {
            self.total_size = self.total_size.saturating_add(size);
        }
    }

    /// All entries.
    pub fn entries(&self) -> u64 {
        self.files + self.directories + self.symlinks + self.devices + self.specials
    }
}
