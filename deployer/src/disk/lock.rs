//! Keeps others away from a disk: the device manager, which would look at it while it changes, and a second
//! deployment.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::DiskError;

/// How long a device manager may keep it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// A disk that is locked, for as long as this lives.
#[derive(Debug)]
pub(crate) struct DiskLock(#[allow(dead_code, reason = "closing it is what unlocks")] File);

impl DiskLock {
    /// Locks the disk. Waits for others for as long as `patience`.
    ///
    /// # Errors
    /// Someone else has locked it.
    pub(crate) fn take(disk: &Path, patience: Duration) -> Result<Self, DiskError> {
        let file = File::open(disk).map_err(DiskError::new("open", disk))?;
        let started = Instant::now();
        loop {
            let error = match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(file)),
                // A device manager holds it for moments.
                Err(Errno::WOULDBLOCK) if started.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(100));
                    continue;
                }
                Err(Errno::WOULDBLOCK) => {
                    std::io::Error::other("another program has locked it, perhaps a second deployment")
                }
                Err(error) => error.into(),
            };
            return Err(DiskError::new("lock", disk)(error));
        }
    }
}
