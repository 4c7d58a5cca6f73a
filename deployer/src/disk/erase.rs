//! Erasing: boot code, tables and signatures are overwritten with zeros.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::DiskError;
use crate::plan::step::Span;

/// Bytes of the code that a BIOS starts, in front of the table in the first sector.
const BOOT_CODE: usize = 440;
/// Code that asks the BIOS for the next device: `int 18h`, and `hlt` for ever if that returns. A BIOS would run zeros.
const NEXT_DEVICE: [u8; 5] = [0xcd, 0x18, 0xf4, 0xeb, 0xfd];
/// Bytes that are written at once.
const PIECE: usize = 1 << 20;

/// Overwrites spans of a device.
pub(crate) fn spans(device: &Path, spans: &[Span]) -> Result<(), DiskError> {
    let file = super::open(device)?;
    let zeros = vec![0; PIECE];
    let overwrite = || {
        for span in spans {
            let mut at = span.start;
            let end = span.start + span.length;
            while at < end {
                let piece = zeros.len().min(usize::try_from(end - at).unwrap_or(zeros.len()));
                file.write_all_at(&zeros[..piece], at)?;
                at += piece as u64;
            }
        }
        file.sync_all()
    };
    overwrite().map_err(DiskError::new("erase", device))
}

/// Takes the code away that a BIOS would start, and leaves the table that follows it.
pub(crate) fn boot_code(device: &Path) -> Result<(), DiskError> {
    let file = super::open(device)?;
    let mut code = [0; BOOT_CODE];
    code[..NEXT_DEVICE.len()].copy_from_slice(&NEXT_DEVICE);
    let overwrite = || -> io::Result<()> {
        file.write_all_at(&code, 0)?;
        file.sync_all()
    };
    overwrite().map_err(DiskError::new("erase the boot code of", device))
}
