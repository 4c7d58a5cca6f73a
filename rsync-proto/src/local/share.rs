//! Blocks that two files share: where a file system can, a run of a basis becomes part of the new file without being
//! copied. XFS, Btrfs and bcachefs can.

use std::os::fd::OwnedFd;

use rustix::fs::{copy_file_range, fstatfs};

/// Shorter runs are copied, in bytes: each that is shared is a piece of its own on the disk.
const SHORTEST: u64 = 128 * 1024;
/// Whole blocks of this length are shared, in bytes. Where a file system has longer ones, the kernel copies.
const BLOCK: u64 = 4096;

const XFS: u64 = 0x5846_5342;
const BTRFS: u64 = 0x9123_683e;
const BCACHEFS: u64 = 0xca45_1a4e;

/// Whether a file can share blocks with its basis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Nobody has asked the file system yet.
    Unknown,
    Possible,
    /// It cannot, or shall not.
    Impossible,
}

impl Sharing {
    /// How much of a run of `len` bytes, which lies at `from` in the basis and goes to `to` in the new file, has to be
    /// copied before whole blocks come. Nothing if none of it can be shared.
    pub(super) fn copied_before(&mut self, file: &OwnedFd, from: u64, to: u64, len: u64) -> Option<u64> {
        let before = (BLOCK - to % BLOCK) % BLOCK;
        if *self == Self::Impossible || from % BLOCK != to % BLOCK || len < before + SHORTEST {
            return None;
        }
        self.is_possible(file).then_some(before)
    }

    /// Whether the file system can share blocks at all.
    pub(super) fn is_possible(&mut self, file: &OwnedFd) -> bool {
        if *self == Self::Unknown {
            let kind = fstatfs(file).map_or(0, |found| found.f_type as u64 & 0xffff_ffff);
            *self = if [XFS, BTRFS, BCACHEFS].contains(&kind) { Self::Possible } else { Self::Impossible };
        }
        *self == Self::Possible
    }

    /// Makes the whole blocks at the beginning of a run part of a file. Returns how many bytes were shared: less than
    /// there are, or none, where that failed, and then the rest has to be copied.
    pub(super) fn share(&mut self, basis: &OwnedFd, from: u64, file: &OwnedFd, to: u64, len: u64) -> u64 {
        let wanted = len - len % BLOCK;
        let mut shared = 0;
        while shared < wanted {
            let (mut at, mut goes) = (from + shared, to + shared);
            let left = usize::try_from(wanted - shared).unwrap_or(usize::MAX);
            match copy_file_range(basis, Some(&mut at), file, Some(&mut goes), left) {
                Ok(len) if len > 0 => shared += len as u64,
                _ => {
                    *self = Self::Impossible;
                    break;
                }
            }
        }
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_blocks_of_long_runs_are_shared() {
        let file = tempfile::tempfile().unwrap().into();
        let mut sharing = Sharing::Possible;
        let long = SHORTEST + BLOCK;
        assert_eq!(sharing.copied_before(&file, 8192, 4096, long), Some(0));
        assert_eq!(sharing.copied_before(&file, 8292, 100, long), Some(3996));
        assert_eq!(
            sharing.copied_before(&file, 8292, 101, long),
            None,
            "no block of one is one of the other"
        );
        assert_eq!(sharing.copied_before(&file, 100, 100, SHORTEST), None);
        assert_eq!(Sharing::Impossible.copied_before(&file, 0, 0, long), None);
    }

    #[test]
    fn a_file_system_without_shared_blocks_is_not_asked_twice() {
        // A memory's own files are on no file system that shares.
        let memory = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::empty()).unwrap();
        let mut sharing = Sharing::Unknown;
        assert_eq!(sharing.copied_before(&memory, 0, 0, SHORTEST - 1), None);
        assert_eq!(sharing, Sharing::Unknown, "no run was long enough to ask");
        assert_eq!(sharing.copied_before(&memory, 0, 0, SHORTEST), None);
        assert_eq!(sharing, Sharing::Impossible);
    }
}
