//! Keeps others away from a disk: the device manager, which would look at it while it changes, and a second
//! deployment.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::DiskError;

/// A disk that is locked, for as long as this lives.
#[derive(Debug)]
pub(crate) struct DiskLock(#[allow(dead_code, reason = "closing it is what unlocks")] File);

impl DiskLock {
    /// Locks the disk.
    ///
    /// # Errors
    /// Someone else has locked it.
    pub(crate) fn take(disk: &Path) -> Result<Self, DiskError> {
        let file = File::open(disk).map_err(DiskError::new("open", disk))?;
        let busy = |error: rustix::io::Errno| match error {
            rustix::io::Errno::WOULDBLOCK => {
                std::io::Error::other("another program has locked it, perhaps a second deployment")
            }
            error => error.into(),
        };
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| DiskError::new("lock", disk)(busy(error)))?;
        Ok(Self(file))
    }
}
