//! Disks: tables, the kernel's partitions, arrays, groups and file systems. Each room carries out steps of a plan.

pub(crate) mod adopt;
pub(crate) mod boot_code;
pub(crate) mod erase;
pub(crate) mod lock;
pub(crate) mod mkfs;
pub(crate) mod nodes;
pub(crate) mod table;
pub(crate) mod tools;

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Something about a disk failed.
#[derive(Debug, Error)]
#[error("cannot {action} {}: {source}", .path.display())]
pub(crate) struct DiskError {
    pub(crate) action: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

impl DiskError {
    pub(crate) fn new(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self { action, path, source }
    }
}

/// Opens a device for writing.
fn open(device: &Path) -> Result<File, DiskError> {
    OpenOptions::new().read(true).write(true).open(device).map_err(DiskError::new("open", device))
}
