//! Writing a partition table: GPT in both copies, with a protective table for a BIOS in front.

use std::collections::BTreeMap;
use std::io;

use gpt::GptConfig;
use gpt::mbr::ProtectiveMBR;
use gpt::partition::Partition;
use gpt::partition_types::Type;
use uuid::Uuid;

use super::{DiskError, boot_code};
use crate::machine::BlockDevice;
use crate::machine::table::sector_size;
use crate::plan::step::NewPartition;

/// The most letters of a partition's name.
const LONGEST_NAME: usize = 36;

/// Writes a new table with these partitions.
pub(crate) fn write(disk: &BlockDevice, partitions: &[NewPartition]) -> Result<(), DiskError> {
    let node = disk.node();
    let failed = |error: io::Error| DiskError::new("write the partition table of", &node)(error);
    let mut file = super::open(&node)?;
    let sectors = disk.bytes / disk.sector;
    let protected = u32::try_from(sectors - 1).unwrap_or(u32::MAX);
    let mbr = ProtectiveMBR::with_lb_size(protected);
    mbr.overwrite_lba0(&mut file).map_err(|error| failed(io::Error::other(error)))?;
    let config = GptConfig::new().writable(true).logical_block_size(sector_size(disk.sector));
    let table = config.create_from_device(file, None).map_err(|error| failed(io::Error::other(error)))?;
    let file = (|| {
        let mut table = table;
        table.update_partitions(
            partitions.iter().map(|partition| entry(disk, partition)).collect::<BTreeMap<_, _>>(),
        )?;
        table.write()
    })()
    .map_err(|error| failed(io::Error::other(error)))?;
    file.sync_all().map_err(failed)?;
    // A BIOS that comes here before there is a boot loader goes on to the next device.
    boot_code::take(&node).map(drop)
}

fn entry(disk: &BlockDevice, partition: &NewPartition) -> (u32, Partition) {
    let entry = Partition {
        part_type_guid: Type { guid: partition.kind, os: gpt::partition_types::OperatingSystem::None },
        part_guid: partition.guid.unwrap_or_else(Uuid::new_v4),
        first_lba: partition.start / disk.sector,
        last_lba: (partition.start + partition.length) / disk.sector - 1,
        flags: 0,
        name: partition.name.chars().take(LONGEST_NAME).collect(),
    };
    (partition.number, entry)
}
