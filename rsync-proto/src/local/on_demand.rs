//! A directory that the caller named, which is made when something goes there for the first time.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::handle;

#[derive(Debug)]
pub(super) struct OnDemand {
    path: PathBuf,
    opened: OnceLock<Arc<OwnedFd>>,
}

impl OnDemand {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, opened: OnceLock::new() }
    }

    /// The directory, if it is there.
    pub(super) fn existing(&self) -> io::Result<Option<Arc<OwnedFd>>> {
        if let Some(opened) = self.opened.get() {
            return Ok(Some(Arc::clone(opened)));
        }
        match handle::open_root(&self.path) {
            Ok(fd) => Ok(Some(Arc::clone(self.opened.get_or_init(|| Arc::new(fd))))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The directory, with those on the way to it.
    pub(super) fn made(&self) -> io::Result<Arc<OwnedFd>> {
        if let Some(there) = self.existing()? {
            return Ok(there);
        }
        std::fs::create_dir_all(&self.path)?;
        self.existing()?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
