//! Puts an image onto a device.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Advice, OFlags, fadvise};

use super::{ConfigDriveError, LIMIT};
use crate::model::MIB;

/// How much is written at once.
const PIECE: usize = MIB as usize;
/// How much is cleared from the start of the device: all that an older config drive may have filled.
const HEAD: u64 = LIMIT;
/// How much is cleared at its end, where RAID and some file systems have their signatures.
const TAIL: u64 = 4 * MIB;

pub(super) fn write(image: &[u8], device: &Path) -> Result<(), ConfigDriveError> {
    let failed =
        |action| move |source| ConfigDriveError::Device { action, device: device.to_owned(), source };
    // A device that is mounted or part of something is busy with this flag; a file does not know it.
    let exclusive = OFlags::EXCL.bits().cast_signed();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(exclusive)
        .open(device)
        .map_err(failed("open"))?;
    let size = file.seek(SeekFrom::End(0)).map_err(failed("find the size of"))?;
    let needed = image.len() as u64;
    if size < needed {
        return Err(ConfigDriveError::TooSmall { device: device.to_owned(), size, needed });
    }
    let cleared = cleared(needed, size);
    put(&file, image, &cleared).map_err(failed("write to"))?;
    file.sync_all().map_err(failed("complete the writing to"))?;
    // Else the comparison sees the memory of this machine, not the device. Where this does nothing, as on a
    // file system in memory, there is no device either.
    let _ = fadvise(&file, 0, None, Advice::DontNeed);
    match compare(&file, image, &cleared).map_err(failed("read back from"))? {
        Some(offset) => Err(ConfigDriveError::Differs { device: device.to_owned(), offset }),
        None => Ok(()),
    }
}

/// What is cleared around an image: behind it, and at the end of the device.
pub(super) fn cleared(image: u64, size: u64) -> [Range<u64>; 2] {
    let head = image..size.min(HEAD).max(image);
    let tail = size.saturating_sub(TAIL).max(head.end)..size;
    [head, tail]
}

fn put(file: &File, image: &[u8], cleared: &[Range<u64>]) -> io::Result<()> {
    let mut offset = 0;
    for piece in image.chunks(PIECE) {
        file.write_all_at(piece, offset)?;
        offset += piece.len() as u64;
    }
    let zeros = vec![0; PIECE];
    for (offset, length) in cleared.iter().flat_map(pieces) {
        file.write_all_at(&zeros[..length], offset)?;
    }
    Ok(())
}

/// Where the device differs first.
pub(super) fn compare(file: &File, image: &[u8], cleared: &[Range<u64>]) -> io::Result<Option<u64>> {
    let zeros = vec![0; PIECE];
    let mut read = vec![0; PIECE];
    let whole = 0..image.len() as u64;
    let written = pieces(&whole).zip(image.chunks(PIECE));
    let zeroed = cleared.iter().flat_map(pieces).map(|(offset, length)| ((offset, length), &zeros[..length]));
    for ((offset, length), wanted) in written.chain(zeroed) {
        let found = &mut read[..length];
        file.read_exact_at(found, offset)?;
        if let Some(index) = found.iter().zip(wanted).position(|(found, wanted)| found != wanted) {
            return Ok(Some(offset + index as u64));
        }
    }
    Ok(None)
}

/// Offsets and lengths of the pieces of a range.
fn pieces(range: &Range<u64>) -> impl Iterator<Item = (u64, usize)> + use<> {
    let end = range.end;
    range.clone().step_by(PIECE).map(move |offset| (offset, PIECE.min((end - offset) as usize)))
}
