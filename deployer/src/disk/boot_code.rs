//! The code that a BIOS starts, in front of the table in the first sector of a disk.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::DiskError;

/// Its bytes.
const LENGTH: usize = 440;
/// Code that asks the BIOS for the next device: `int 18h`, and `hlt` for ever if that returns. A BIOS would run zeros.
const NEXT_DEVICE: [u8; 5] = [0xcd, 0x18, 0xf4, 0xeb, 0xfd];

/// What a disk had there.
pub(crate) struct BootCode([u8; LENGTH]);

/// Takes the code away, and leaves the table that follows it. Returns what was there.
pub(crate) fn take(device: &Path) -> Result<BootCode, DiskError> {
    let file = super::open(device)?;
    let mut found = [0; LENGTH];
    let mut code = [0; LENGTH];
    code[..NEXT_DEVICE.len()].copy_from_slice(&NEXT_DEVICE);
    let mut overwrite = || -> io::Result<()> {
        file.read_exact_at(&mut found, 0)?;
        file.write_all_at(&code, 0)?;
        file.sync_all()
    };
    overwrite().map_err(DiskError::new("erase the boot code of", device))?;
    Ok(BootCode(found))
}

/// Puts back what was taken.
pub(crate) fn put(device: &Path, code: &BootCode) -> Result<(), DiskError> {
    let file = super::open(device)?;
    let written = file.write_all_at(&code.0, 0).and_then(|()| file.sync_all());
    written.map_err(DiskError::new("write the boot code of", device))
}
