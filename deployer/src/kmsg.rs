//! The kernel's log: it outlasts a process, and some machines keep it over a crash.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::Mutex;

use crate::terminal;

/// Levels of messages: consoles usually show the first and not the second.
const INFO: u8 = 6;
const DEBUG: u8 = 7;

/// The log, open for writing.
pub(crate) struct KernelLog {
    file: Mutex<File>,
    level: u8,
}

impl KernelLog {
    /// Opens it; nothing if that cannot be.
    pub(crate) fn open() -> Option<Self> {
        let file = OpenOptions::new().write(true).open("/dev/kmsg").ok()?;
        // Whoever looks at the kernel's own console would see each line twice. Where it has several, this process reaches
        // one of them only.
        let level = if terminal::is_only_console() { DEBUG } else { INFO };
        Some(Self { file: Mutex::new(file), level })
    }

    /// Writes lines.
    pub(crate) fn write(&self, lines: &str) {
        let mut file = self.file.lock().expect("no thread panics with the lock");
        for line in lines.lines() {
            // Each write is a record. A log that is not taken is no reason to stop.
            let _ = file.write_all(format!("<{}>deployer: {line}\n", self.level).as_bytes());
        }
    }
}
