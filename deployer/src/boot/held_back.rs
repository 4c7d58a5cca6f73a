//! What starts a machine is put into its place last. Boot loaders read file systems as they lie on the disk, and know
//! nothing of what a journal has still to complete: after a power cut, one that is in place and whose files are in the
//! journal only would not start the system, and would keep the firmware from asking the next device.
//!
//! This is for the code that a BIOS starts; see [`super::disarm`] for UEFI.

use std::path::{Path, PathBuf};

use crate::disk::DiskError;
use crate::disk::boot_code::{self, BootCode};

/// Boot code that was installed on disks and is not in its place. Where something else fails before it is, it stays away:
/// the machine is not to start what may not be there.
#[derive(Default)]
#[must_use = "the machine does not start without it"]
pub(crate) struct HeldBack(Vec<(PathBuf, BootCode)>);

impl HeldBack {
    /// Takes away what has just been installed on a disk.
    pub(super) fn take(&mut self, disk: &Path) -> Result<(), DiskError> {
        self.0.push((disk.to_owned(), boot_code::take(disk)?));
        Ok(())
    }

    /// Puts all of it into its place. Everything that it reads is on the disks, and nothing is mounted.
    ///
    /// # Errors
    /// The first; what other disks get starts as well.
    pub(crate) fn put(self) -> Result<(), DiskError> {
        self.0.iter().map(|(disk, code)| boot_code::put(disk, code)).fold(Ok(()), Result::and)
    }
}
