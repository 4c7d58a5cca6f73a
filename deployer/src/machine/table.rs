//! The partition table that is on a disk.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use gpt::disk::LogicalBlockSize;
use gpt::{GptConfig, GptError};
use uuid::Uuid;

use super::{BlockDevice, DeviceError};

/// What divides a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Table {
    /// Nothing that is known.
    None,
    /// The table of a BIOS, which is not looked into.
    Mbr,
    /// GPT; with the reason if one of its two copies is damaged.
    Gpt { entries: Vec<Entry>, damaged: Option<String> },
}

/// A partition in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) number: u32,
    /// In bytes.
    pub(crate) start: u64,
    /// In bytes.
    pub(crate) length: u64,
    pub(crate) kind: Uuid,
    pub(crate) guid: Uuid,
    pub(crate) name: String,
}

/// The library's word for the sector size of a disk.
pub(crate) fn sector_size(bytes: u64) -> LogicalBlockSize {
    if bytes == 4096 { LogicalBlockSize::Lb4096 } else { LogicalBlockSize::Lb512 }
}

/// Reads the partition table of a disk.
pub(crate) fn read(disk: &BlockDevice) -> Result<Table, DeviceError> {
    let node = disk.node();
    let file = File::open(&node).map_err(DeviceError::look("open", &node))?;
    read_from(file, disk.sector, &node)
}

fn read_from(mut file: File, sector: u64, node: &Path) -> Result<Table, DeviceError> {
    let mut head = [0; 512];
    let looked = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_exact(&mut head));
    looked.map_err(DeviceError::look("read", node))?;
    let config =
        GptConfig::new().writable(false).logical_block_size(sector_size(sector)).only_valid_headers(false);
    let disk = match config.open_from_device(file) {
        Ok(disk) => disk,
        Err(GptError::Io(source)) if source.raw_os_error().is_some() => {
            return Err(DeviceError::look("read the partition table of", node)(source));
        }
        Err(_)
            if head[510..] == [0x55, 0xaa]
                && head[450] != 0xee
                && head[446..510].iter().any(|byte| *byte != 0) =>
        {
            return Ok(Table::Mbr);
        }
        Err(_) => return Ok(Table::None),
    };
    let damaged = match (disk.primary_header(), disk.backup_header()) {
        (Err(error), _) => Some(format!("its first copy: {error}")),
        (_, Err(error)) => Some(format!("its second copy: {error}")),
        _ => None,
    };
    let entry = |(number, partition): (&u32, &gpt::partition::Partition)| {
        let sectors = (partition.last_lba + 1).saturating_sub(partition.first_lba);
        Entry {
            number: *number,
            start: partition.first_lba.saturating_mul(sector),
            length: sectors.saturating_mul(sector),
            kind: partition.part_type_guid.guid,
            guid: partition.part_guid,
            name: partition.name.clone(),
        }
    };
    let used = disk.partitions().iter().filter(|(_, partition)| partition.is_used());
    Ok(Table::Gpt { entries: used.map(entry).collect(), damaged })
}
