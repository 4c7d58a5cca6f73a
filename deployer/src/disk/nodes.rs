//! The kernel's partitions and their nodes. They are told to the kernel one by one, so that it works on loop
//! devices and on kernels that read no tables; nodes are made here where nobody else makes them.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::Errno;

use super::DiskError;
use crate::machine::BlockDevice;
use crate::plan::step::NewPartition;
use crate::system;

/// How long a device manager may take to make a node.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a disk may stay busy, while others look at it.
const BUSY: Duration = Duration::from_secs(10);

/// Makes the kernel forget all partitions of the disks. Fails if anyone uses one of them, before anything has changed.
pub(crate) fn take_over(disks: &[BlockDevice]) -> Result<(), DiskError> {
    // The kernel gives a disk to one user only: whoever mounted it since the plan was made is seen here.
    let alone = |disk: &BlockDevice| {
        let node = disk.node();
        while_busy(|| open_alone(&node)).map_err(DiskError::new("get hold of", &node))
    };
    disks.iter().try_for_each(alone)?;
    for disk in disks {
        let file = super::open(&disk.node())?;
        for (number, partition) in disk.partitions() {
            let failed = DiskError::new("take out of use", &partition.node());
            while_busy(|| match system::delete_partition(&file, number) {
                // Someone was faster.
                Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => Ok(()),
                result => result,
            })
            .map_err(failed)?;
        }
    }
    disks.iter().try_for_each(alone)
}

fn open_alone(node: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let alone = rustix::fs::OFlags::EXCL.bits() as i32;
    fs::OpenOptions::new().read(true).write(true).custom_flags(alone).open(node).map(drop)
}

/// Makes partitions known to the kernel, and waits until their nodes are there.
pub(crate) fn announce(disk: &BlockDevice, partitions: &[NewPartition]) -> Result<(), DiskError> {
    let node = disk.node();
    let file = super::open(&node)?;
    for partition in partitions {
        let (number, start, length) = (partition.number, partition.start, partition.length);
        let known = disk.partitions().into_iter().any(|(known, device)| {
            let begins = device.attribute("start").and_then(|start| start.parse::<u64>().ok());
            known == number && device.bytes == length && begins == Some(start / 512)
        });
        if !known {
            let failed = DiskError::new("make known to the kernel", &partition.node);
            while_busy(|| system::add_partition(&file, number, start, length)).map_err(failed)?;
        }
    }
    partitions.iter().try_for_each(|partition| wait(&partition.node))
}

fn while_busy(mut attempt: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let started = Instant::now();
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && started.elapsed() < BUSY => {
                std::thread::sleep(Duration::from_millis(100));
            }
            result => return result,
        }
    }
}

/// Waits until a node leads to the device that the kernel has under its name. Makes it if nobody does.
pub(crate) fn wait(node: &Path) -> Result<(), DiskError> {
    let failed = |error| DiskError::new("wait for the node", node)(error);
    let name = node.strip_prefix("/dev").unwrap_or(node).to_string_lossy().into_owned();
    let device = BlockDevice::by_sys_name(&name);
    let started = Instant::now();
    loop {
        let number = device.number();
        let found = fs::metadata(node).ok().filter(|meta| meta.file_type().is_block_device());
        match (number, found.map(|meta| meta.rdev())) {
            (Some(number), Some(found)) if number == found => return Ok(()),
            (Some(number), found) if started.elapsed() >= PATIENCE => {
                if found.is_some() {
                    fs::remove_file(node).map_err(failed)?;
                }
                let mode = Mode::from_raw_mode(0o660);
                match mknodat(CWD, node, FileType::BlockDevice, mode, number) {
                    // Someone was faster; the node is looked at again.
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(failed(error.into())),
                }
            }
            (None, _) if started.elapsed() >= BUSY => return Err(failed(io::ErrorKind::NotFound.into())),
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Waits until a name leads to a device: of an array or a volume, which a tool or a device manager makes.
pub(crate) fn appear(node: &Path) -> Result<(), DiskError> {
    let started = Instant::now();
    while !fs::metadata(node).is_ok_and(|meta| meta.file_type().is_block_device()) {
        if started.elapsed() >= BUSY {
            return Err(DiskError::new("wait for the node", node)(io::ErrorKind::NotFound.into()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
