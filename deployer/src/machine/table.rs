//! The partition table that is on a disk.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use gpt::GptError;
use gpt::disk::LogicalBlockSize;
use gpt::header::read_header_from_arbitrary_device;
use gpt::partition::file_read_partitions;
use uuid::Uuid;

use super::{BlockDevice, DeviceError};

/// Bytes of an entry of GPT.
const ENTRY: u32 = 128;
/// The most entries of a table that is read.
const MOST_ENTRIES: u32 = 4096;

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
    let bytes = file.seek(SeekFrom::End(0)).map_err(DeviceError::look("read", node))?;
    // Each copy tells where its list is; its head is in the second or in the last sector.
    let [first, second] = [sector, bytes.saturating_sub(sector)].map(|at| copy(&mut file, at, sector));
    let (entries, damaged) = match (first, second) {
        (Ok(first), Ok(second)) => {
            let damaged = (first != second).then(|| "its two copies differ".to_owned());
            (first, damaged)
        }
        (Ok(first), Err(error)) => (first, Some(format!("its second copy: {error}"))),
        (Err(error), Ok(second)) => (second, Some(format!("its first copy: {error}"))),
        (Err(GptError::Io(source)), Err(_)) if source.raw_os_error().is_some() => {
            return Err(DeviceError::look("read the partition table of", node)(source));
        }
        (Err(_), Err(_))
            if head[510..] == [0x55, 0xaa]
                && head[450] != 0xee
                && head[446..510].iter().any(|byte| *byte != 0) =>
        {
            return Ok(Table::Mbr);
        }
        (Err(_), Err(_)) => return Ok(Table::None),
    };
    Ok(Table::Gpt { entries, damaged })
}

/// A device, seen from a later place on.
struct Later<'a> {
    file: &'a mut File,
    start: u64,
}

impl Read for Later<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.file.read(into)
    }
}

impl Seek for Later<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Start(at) => self.file.seek(SeekFrom::Start(self.start.saturating_add(at))),
            other => self.file.seek(other),
        }
    }
}

/// Reads one copy of GPT, whose head is at `at`.
fn copy(file: &mut File, at: u64, sector: u64) -> Result<Vec<Entry>, GptError> {
    let size = sector_size(sector);
    // The library looks in the second sector only.
    let start = at.checked_sub(sector).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    let header = read_header_from_arbitrary_device(&mut Later { file, start }, size)?;
    if header.part_size != ENTRY || header.num_parts > MOST_ENTRIES {
        return Err(io::Error::other("its list has an unusual form").into());
    }
    let partitions = file_read_partitions(file, &header, size)?;
    let entry = |(number, partition): (&u32, &gpt::partition::Partition)| {
        let sectors = partition.last_lba.saturating_add(1).saturating_sub(partition.first_lba);
        Entry {
            number: *number,
            start: partition.first_lba.saturating_mul(sector),
            length: sectors.saturating_mul(sector),
            kind: partition.part_type_guid.guid,
            guid: partition.part_guid,
            name: partition.name.clone(),
        }
    };
    let used = partitions.iter().filter(|(_, partition)| partition.is_used());
    Ok(used.map(entry).collect())
}
