//! Making the files that content is written to before it is complete: without a name where that can be, otherwise under
//! a temporary one.
//!
//! A file without a name leaves nothing behind, however the program ends. Nobody else can open it, so that it may have
//! its permissions from the beginning; and to give it its name takes less than a renaming, which looks for two.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;

use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;

use super::copy::create;
use super::dir::LocalDir;
use super::handle::temporary_name;
use super::node::Node;
use super::place::Places;

/// A file that waits for its content.
pub(super) struct Stage {
    pub(super) file: OwnedFd,
    /// Nothing if it has no name.
    pub(super) name: Option<Vec<u8>>,
}

impl Places {
    /// A new file for what will be `name`. Without a name, it has these permissions, as far as the process's mask lets
    /// them through. What `replaces` something has to be renamed anyway.
    pub(super) fn stage_for(
        &self,
        dir: &LocalDir,
        name: &[u8],
        permissions: u32,
        replaces: bool,
    ) -> io::Result<Stage> {
        dir.disturb();
        let renames = replaces || self.temporary.is_some() || self.delayed.is_some() || self.keeps_partial;
        if !renames && !dir.takes_names_only.load(Ordering::Relaxed) {
            match self.nameless(dir, permissions) {
                Ok(Some(file)) => return Ok(Stage { file, name: None }),
                // Not every file system has such files.
                Ok(None) | Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                    dir.takes_names_only.store(true, Ordering::Relaxed);
                }
                // With a name, it succeeds or says what is wrong.
                Err(_) => {}
            }
        }
        let temporary = temporary_name(name);
        Ok(Stage { file: create(self.staging(dir), &temporary)?, name: Some(temporary) })
    }

    /// Nothing where such a file could not get a name later.
    fn nameless(&self, dir: &LocalDir, permissions: u32) -> Result<Option<OwnedFd>, Errno> {
        let open = |permissions: u32| {
            let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
            openat(dir.fd(), c".", flags, Mode::from_raw_mode(permissions & 0o777))
        };
        if self.names_later.get() == Some(&false) {
            return Ok(None);
        }
        // Without these its owner could not give it extended attributes.
        let file = open(permissions | 0o600)?;
        let can_be_named = || {
            let Ok(trial) = open(0o600) else { return false };
            let name = temporary_name(b"trial");
            let named = Node::borrowed(trial.as_fd()).link(dir.fd(), &name).is_ok();
            named && unlinkat(dir.fd(), &name[..], AtFlags::empty()).is_ok()
        };
        Ok(self.names_later.get_or_init(can_be_named).then_some(file))
    }
}
