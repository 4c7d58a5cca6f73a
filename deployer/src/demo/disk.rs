//! A disk in a file.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::DemoError;
use crate::command::{Command, CommandError};
use crate::stop::Stop;

/// Its size in bytes. The file has holes: it takes what is written.
const SIZE: u64 = 2 << 30;

/// A loop device, which goes when it is dropped.
pub(super) struct LoopDisk {
    node: PathBuf,
}

impl LoopDisk {
    /// Makes the file, and a disk of it.
    pub(super) fn make(file: &Path, stop: &Stop) -> Result<Self, DemoError> {
        let made = File::create_new(file).and_then(|file| file.set_len(SIZE));
        made.map_err(DemoError::system("make", file))?;
        if stop.is_wanted() {
            return Err(CommandError::Stopped.into());
        }
        // Not ended by a signal: what it attaches would be nobody's.
        let attach = Command::new("losetup").args(["--find", "--show", "--partscan"]).arg(file);
        let node = attach.run(&Stop::default())?;
        Ok(Self { node: PathBuf::from(node.trim_end()) })
    }

    /// Its device.
    pub(super) fn node(&self) -> &Path {
        &self.node
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        // Also when the demonstration is being stopped.
        let detached = Command::new("losetup").arg("--detach").arg(&self.node).run(&Stop::default());
        if let Err(error) = detached {
            crate::console::complain(&format!("{} stays: {error}", self.node.display()));
        }
    }
}
