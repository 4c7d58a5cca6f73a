//! The log file of a transfer (`--log-file`): lines with date and process id in front, as rsync's.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::format::Format;
use crate::listing;

/// A log file that is open.
pub(crate) struct LogFile {
    file: Mutex<File>,
    zone: TimeZone,
    format: Option<Format>,
}

impl LogFile {
    /// Opens the file, or makes it; lines go behind those that are there. `format` is that of lines about files;
    /// nothing if there are to be none.
    pub(crate) fn open(path: &Path, format: Option<Format>, zone: TimeZone) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o644).open(path)?;
        Ok(Self { file: Mutex::new(file), zone, format })
    }

    /// The format of lines about files.
    pub(crate) fn format(&self) -> Option<&Format> {
        self.format.as_ref()
    }

    /// Writes lines, each with its date. They come escaped.
    pub(crate) fn write(&self, lines: &[u8]) {
        let now = listing::time(Timestamp::now().as_second(), &self.zone);
        let head = format!("{now} [{}] ", std::process::id());
        let mut text = Vec::with_capacity(lines.len() + head.len() + 1);
        for line in lines.split(|byte| *byte == b'\n') {
            text.extend_from_slice(head.as_bytes());
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        // A log that cannot be written does not end a transfer.
        let _ = self.file.lock().expect("no thread panics with the lock").write_all(&text);
    }
}
