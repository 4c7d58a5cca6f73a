//! Erasing: spans of a disk, with tables and signatures, are overwritten with zeros.

use std::os::unix::fs::FileExt;
use std::path::Path;

use super::DiskError;
use crate::plan::step::Span;

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
