//! The machine as it is: which disks there are, what is on them, and who uses them. Looks only, changes nothing.

pub(crate) mod blkid;
pub(crate) mod holders;
pub(crate) mod lvm;
pub(crate) mod md;
pub(crate) mod modules;
pub(crate) mod table;

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, major, makedev, minor};
use rustix::io::Errno;
use thiserror::Error;

use crate::command::CommandError;
use crate::model::DiskId;
use crate::stop::Stop;
use blkid::Content;

/// Where the kernel describes block devices.
const SYS_BLOCK: &str = "/sys/class/block";

/// How the machine starts its systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Firmware {
    Bios,
    Uefi,
}

impl Firmware {
    /// The one of this machine.
    pub(crate) fn of_this_machine() -> Self {
        if Path::new("/sys/firmware/efi").is_dir() { Firmware::Uefi } else { Firmware::Bios }
    }
}

/// A block device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockDevice {
    /// The kernel's name, with slashes as in `/dev`.
    pub(crate) name: String,
    /// All of it, in bytes.
    pub(crate) bytes: u64,
    /// Bytes of a logical sector.
    pub(crate) sector: u64,
    /// What it calls itself, if anything.
    pub(crate) model: Option<String>,
}

/// A device that is not as it has to be.
#[derive(Debug, Error)]
pub(crate) enum DeviceError {
    #[error("there is no disk {id}; there are: {}", if others.is_empty() { "none" } else { others.as_str() })]
    Missing { id: String, others: String },
    #[error("{path} is no block device")]
    NoBlockDevice { path: String },
    #[error("{name} is a partition; a whole disk is needed")]
    Partition { name: String },
    #[error("{name} is read-only")]
    ReadOnly { name: String },
    #[error("{name} has no medium: it has no size")]
    Empty { name: String },
    #[error("{name} cannot have partitions: the kernel takes none on this kind of device")]
    Undivided { name: String },
    #[error("cannot {action} {path}: {source}")]
    Look { action: &'static str, path: String, source: io::Error },
}

impl DeviceError {
    fn look(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.display().to_string();
        move |source| DeviceError::Look { action, path, source }
    }
}

impl BlockDevice {
    /// The disk that a description means.
    pub(crate) fn find(id: &DiskId) -> Result<Self, DeviceError> {
        let missing = || DeviceError::Missing { id: id.to_string(), others: disks().join(", ") };
        let path = match id {
            DiskId::Name(name) => Path::new("/dev").join(name),
            DiskId::Path(path) => path.clone(),
            DiskId::Scsi(address) => {
                let blocks = fs::read_dir(format!("/sys/class/scsi_device/{address}/device/block"));
                let first = blocks.ok().and_then(|mut blocks| blocks.next()?.ok()).ok_or_else(missing)?;
                Path::new("/dev").join(from_sys(&first.file_name().to_string_lossy()))
            }
        };
        let meta = fs::metadata(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => missing(),
            _ => DeviceError::look("look at", &path)(error),
        })?;
        if !meta.file_type().is_block_device() {
            return Err(DeviceError::NoBlockDevice { path: path.display().to_string() });
        }
        let disk = Self::by_number(meta.rdev())?;
        let name = disk.name.clone();
        if disk.attribute("partition").is_some() {
            return Err(DeviceError::Partition { name });
        }
        if disk.attribute("ro").as_deref() == Some("1") {
            return Err(DeviceError::ReadOnly { name });
        }
        if disk.bytes == 0 {
            return Err(DeviceError::Empty { name });
        }
        if disk.attribute("ext_range").as_deref() == Some("1") {
            return Err(DeviceError::Undivided { name });
        }
        Ok(disk)
    }

    /// The device with this number.
    pub(crate) fn by_number(number: u64) -> Result<Self, DeviceError> {
        let link = PathBuf::from(format!("/sys/dev/block/{}:{}", major(number), minor(number)));
        let target = fs::read_link(&link).map_err(DeviceError::look("look at", &link))?;
        Ok(Self::by_sys_name(&target.file_name().unwrap_or_default().to_string_lossy()))
    }

    /// The device with this name under `/sys/class/block`.
    pub(crate) fn by_sys_name(name: &str) -> Self {
        let mut device = Self { name: from_sys(name), bytes: 0, sector: 512, model: None };
        let number = |text: Option<String>| text.and_then(|text| text.parse::<u64>().ok());
        device.bytes = number(device.attribute("size")).unwrap_or(0) * 512;
        device.sector = number(device.attribute("queue/logical_block_size")).unwrap_or(512);
        device.model = device.attribute("device/model").filter(|model| !model.is_empty());
        device
    }

    /// Its node.
    pub(crate) fn node(&self) -> PathBuf {
        Path::new("/dev").join(&self.name)
    }

    /// The node of its partition `number`.
    pub(crate) fn partition_node(&self, number: u32) -> PathBuf {
        let separator = if self.name.ends_with(|last: char| last.is_ascii_digit()) { "p" } else { "" };
        PathBuf::from(format!("/dev/{}{separator}{number}", self.name))
    }

    /// Where the kernel describes it.
    pub(crate) fn sys(&self) -> PathBuf {
        Path::new(SYS_BLOCK).join(self.name.replace('/', "!"))
    }

    /// Something that the kernel says about it.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        Some(fs::read_to_string(self.sys().join(name)).ok()?.trim().to_owned())
    }

    /// Its device number.
    pub(crate) fn number(&self) -> Option<u64> {
        let text = self.attribute("dev")?;
        let (major, minor) = text.split_once(':')?;
        Some(makedev(major.parse().ok()?, minor.parse().ok()?))
    }

    /// Whether the kernel has given it, or a partition of it, to somebody: as it does with what is mounted, in whatever
    /// namespace, or is part of something larger. To ask is in the way of others for a moment.
    pub(crate) fn is_taken(&self) -> bool {
        let alone = OFlags::RDONLY | OFlags::EXCL | OFlags::CLOEXEC;
        rustix::fs::open(self.node(), alone, Mode::empty()).is_err_and(|error| error == Errno::BUSY)
    }

    /// The disk that it is a partition of, or itself.
    pub(crate) fn disk(&self) -> Self {
        let above = || {
            self.attribute("partition")?;
            let place = fs::canonicalize(self.sys()).ok()?;
            Some(Self::by_sys_name(&place.parent()?.file_name()?.to_string_lossy()))
        };
        above().unwrap_or_else(|| self.clone())
    }

    /// Its partitions that the kernel knows: their numbers, and they themselves.
    pub(crate) fn partitions(&self) -> Vec<(u32, BlockDevice)> {
        let mut partitions = Vec::new();
        for entry in fs::read_dir(self.sys()).into_iter().flatten().flatten() {
            let device = Self::by_sys_name(&entry.file_name().to_string_lossy());
            if let Ok(number) = fs::read_to_string(entry.path().join("partition"))
                && let Ok(number) = number.trim().parse()
            {
                partitions.push((number, device));
            }
        }
        partitions.sort_by_key(|(number, _)| *number);
        partitions
    }
}

/// The kernel writes slashes in names as exclamation marks.
fn from_sys(name: &str) -> String {
    name.replace('!', "/")
}

/// All that the kernel has.
fn block_devices() -> impl Iterator<Item = BlockDevice> {
    let entries = fs::read_dir(SYS_BLOCK).into_iter().flatten().flatten();
    entries.map(|entry| BlockDevice::by_sys_name(&entry.file_name().to_string_lossy()))
}

/// What is on each device of the machine that has a size, by `blkid`. Those that cannot be read are left out.
pub(crate) fn contents(stop: &Stop) -> Result<Vec<(BlockDevice, Content)>, CommandError> {
    let mut contents = Vec::new();
    // A drive for floppies takes its time.
    let has_content = |device: &BlockDevice| {
        device.bytes > 0 && !["ram", "fd"].iter().any(|it| device.name.starts_with(it))
    };
    for device in block_devices().filter(has_content) {
        match blkid::probe(&device.node(), stop) {
            Ok(content) => contents.push((device, content)),
            // It may be gone by now.
            Err(CommandError::Failed { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    contents.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
    Ok(contents)
}

/// Names of the disks of the machine that have a size, for messages.
fn disks() -> Vec<String> {
    let mut names = Vec::new();
    for device in block_devices() {
        let hidden = ["ram", "zram", "dm-", "sr", "fd"].iter().any(|prefix| device.name.starts_with(prefix));
        if device.bytes > 0 && !hidden && device.attribute("partition").is_none() {
            names.push(device.name);
        }
    }
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str) -> BlockDevice {
        BlockDevice { name: name.to_owned(), bytes: 1, sector: 512, model: None }
    }

    #[test]
    fn partitions_have_the_kernels_names() {
        for (disk, node) in [
            ("sda", "/dev/sda3"),
            ("nvme0n1", "/dev/nvme0n1p3"),
            ("loop7", "/dev/loop7p3"),
            ("cciss/c0d0", "/dev/cciss/c0d0p3"),
        ] {
            assert_eq!(device(disk).partition_node(3), Path::new(node));
        }
        assert_eq!(device("cciss/c0d0").sys(), Path::new("/sys/class/block/cciss!c0d0"));
    }

    #[test]
    fn what_is_no_disk_is_refused() {
        let find = |path: &str| BlockDevice::find(&DiskId::Path(path.into())).unwrap_err().to_string();
        assert_eq!(find("/dev/null"), "/dev/null is no block device");
        assert!(find("/dev/no-such-disk").starts_with("there is no disk /dev/no-such-disk; there are: "));
    }
}
