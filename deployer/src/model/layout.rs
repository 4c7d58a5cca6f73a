//! Where everything lies: sizes, shares and what remains, turned into places on a disk and extents of a group.

use thiserror::Error;

use super::size::{MIB, Size, human};
use super::{Disk, Group, Role};

/// Everything begins at a multiple of this, and the first partition at its first one.
const ALIGNMENT: u64 = MIB;
/// What volumes may miss of their size to make room for the partition table: the old layouts left none for it.
const TABLE: u64 = 2 * MIB;
/// What the backup of the partition table takes at the end, in sectors.
const BACKUP_SECTORS: u64 = 33;
/// Bytes of an extent of a volume group.
pub const EXTENT: u64 = 4 * MIB;
/// The least that is left to LVM in front of the first extent.
const LEAST_RESERVED: u64 = 2 * MIB;

/// A device, as far as a layout needs it.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// All of it, in bytes.
    pub bytes: u64,
    /// Bytes of a logical sector.
    pub sector: u64,
}

/// A part of a disk at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The volume: index into [`Disk::volumes`].
    pub volume: usize,
    /// The number of its partition; nothing for space that is kept free.
    pub number: Option<u32>,
    /// Where it begins, in bytes.
    pub start: u64,
    /// How long it is, in bytes.
    pub length: u64,
}

/// A layout that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// The sizes come to more than there is.
    #[error("the volumes need {}, there are {}", human(*needed), human(*there))]
    TooMuch {
        /// What they come to.
        needed: u64,
        /// What there is.
        there: u64,
    },
    /// Nothing remains.
    #[error("nothing is left for the volume with the size \"remaining\"")]
    NothingRemains,
    /// Several want what remains.
    #[error("\"remaining\" may stand there once, found it {0} times")]
    Several(usize),
    /// The disk is smaller than the description says.
    #[error("the description wants to use {} of it, it has {}", human(*wanted), human(*there))]
    SmallDisk {
        /// What the description wants to use.
        wanted: u64,
        /// What it has.
        there: u64,
    },
}

/// Lays a disk out on a device; without one, on a disk that is as large as the description needs it.
///
/// # Errors
/// The volumes do not fit.
pub fn disk(disk: &Disk, room: Option<Room>) -> Result<Vec<Segment>, LayoutError> {
    let mut end = ALIGNMENT + disk.size / ALIGNMENT * ALIGNMENT;
    if let Some(room) = room {
        if disk.size > room.bytes {
            return Err(LayoutError::SmallDisk { wanted: disk.size, there: room.bytes });
        }
        let last = room.bytes.saturating_sub(BACKUP_SECTORS * room.sector + 1);
        end = end.min(last / ALIGNMENT * ALIGNMENT);
    }
    let space = end.saturating_sub(ALIGNMENT);
    let sizes: Vec<Size> = disk.volumes.iter().map(|volume| volume.size).collect();
    let lengths = divide(&sizes, disk.size, space, ALIGNMENT, TABLE)?;
    // What stands after the volume that takes the rest lies at the end, with a gap where nothing takes it.
    let mut start = ALIGNMENT;
    let mut number = 0;
    let place = |(index, length): (usize, u64)| {
        let numbered = !matches!(disk.volumes[index].role, Role::Reserved);
        number += u32::from(numbered);
        let segment = Segment { volume: index, number: numbered.then_some(number), start, length };
        start += length;
        segment
    };
    Ok(lengths.into_iter().enumerate().map(place).collect())
}

/// A physical volume, as far as a layout needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Physical {
    /// Its partition, in bytes.
    pub length: u64,
    /// What the description leaves to LVM, in bytes.
    pub reserved: u64,
}

impl Physical {
    /// Extents that it holds. A partition that had to make room for the partition table takes that from what is
    /// left to LVM.
    pub fn extents(self) -> u64 {
        let most = self.length.saturating_sub(LEAST_RESERVED) / EXTENT;
        most.min((self.length + TABLE).saturating_sub(self.reserved) / EXTENT)
    }

    /// Where its first extent begins, in bytes.
    pub fn data_start(self) -> u64 {
        self.reserved.min(self.length.saturating_sub(self.extents() * EXTENT)) / MIB * MIB
    }
}

/// Extents of each volume of a group.
///
/// # Errors
/// The volumes do not fit.
pub fn group(group: &Group, members: &[Physical]) -> Result<Vec<u64>, LayoutError> {
    let extents = members.iter().fold(0u64, |sum, member| sum.saturating_add(member.extents()));
    let space = extents.saturating_mul(EXTENT);
    let sizes: Vec<Size> = group.volumes.iter().map(|volume| volume.size).collect();
    Ok(divide(&sizes, space, space, EXTENT, 0)?.into_iter().map(|bytes| bytes / EXTENT).collect())
}

/// Divides `space`. Shares are of `whole`. The last fixed size may be short by up to `slack`.
fn divide(sizes: &[Size], whole: u64, space: u64, unit: u64, slack: u64) -> Result<Vec<u64>, LayoutError> {
    let several = sizes.iter().filter(|size| **size == Size::Remaining).count();
    if several > 1 {
        return Err(LayoutError::Several(several));
    }
    let length = |size: &Size| match size {
        Size::Bytes(bytes) => bytes.div_ceil(unit).saturating_mul(unit),
        Size::Share(share) => {
            let bytes = u128::from(whole) * u128::from(*share) / 100;
            // No share is more than the whole.
            (u64::try_from(bytes).unwrap_or(whole) / unit).max(1) * unit
        }
        Size::Remaining => 0,
    };
    let mut lengths: Vec<u64> = sizes.iter().map(length).collect();
    let needed = lengths.iter().fold(0u64, |sum, length| sum.saturating_add(*length));
    match sizes.iter().position(|size| *size == Size::Remaining) {
        Some(_) if needed > space => return Err(LayoutError::TooMuch { needed, there: space }),
        Some(_) if needed == space => return Err(LayoutError::NothingRemains),
        Some(rest) => lengths[rest] = space - needed,
        None if needed > space => {
            let excess = needed - space;
            let last = lengths.last_mut().filter(|last| excess <= slack && **last > excess + slack);
            match last {
                Some(last) => *last -= excess,
                None => return Err(LayoutError::TooMuch { needed, there: space }),
            }
        }
        None => {}
    }
    Ok(lengths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DiskId, Volume};

    fn a_disk(size: u64, sizes: &[Size]) -> Disk {
        let volume = |size: &Size| Volume {
            size: *size,
            role: Role::Physical { group: 0, reserved: 64 * MIB },
            guid: None,
            path: String::new(),
        };
        let volumes = sizes.iter().map(volume).collect();
        Disk { id: DiskId::Name("sda".into()), size: size * MIB, volumes, path: String::new() }
    }

    fn places(disk: &Disk, room: Option<u64>) -> Result<Vec<(u64, u64)>, LayoutError> {
        let room = room.map(|mib| Room { bytes: mib * MIB, sector: 512 });
        let segments = super::disk(disk, room)?;
        Ok(segments.iter().map(|segment| (segment.start / MIB, segment.length / MIB)).collect())
    }

    fn mib(size: u64) -> Size {
        Size::Bytes(size * MIB)
    }

    #[test]
    fn the_rest_is_taken_between_the_others() {
        let disk = a_disk(1000, &[mib(24), Size::Remaining, mib(100)]);
        assert_eq!(places(&disk, None).unwrap(), [(1, 24), (25, 876), (901, 100)]);
        assert_eq!(places(&disk, Some(1000)).unwrap(), [(1, 24), (25, 874), (899, 100)]);
        assert_eq!(places(&disk, Some(5000)).unwrap(), [(1, 24), (25, 876), (901, 100)]);
    }

    #[test]
    fn a_description_that_fills_its_disk_makes_room_for_the_table() {
        let disk = a_disk(10000, &[mib(24), mib(4976), mib(2000), mib(3000)]);
        assert_eq!(places(&disk, Some(10000)).unwrap()[3], (7001, 2998));
        assert_eq!(places(&disk, Some(10002)).unwrap()[3], (7001, 3000));
        let full = Physical { length: 3000 * MIB, reserved: 64 * MIB };
        let short = Physical { length: 2998 * MIB, ..full };
        assert_eq!((full.extents(), short.extents()), (734, 734));
        assert_eq!((full.data_start() / MIB, short.data_start() / MIB), (64, 62));
    }

    #[test]
    fn shares_are_of_the_whole() {
        let disk = a_disk(1000, &[Size::Share(40), mib(100), Size::Remaining]);
        assert_eq!(places(&disk, None).unwrap(), [(1, 400), (401, 100), (501, 500)]);
        let disk = a_disk(1024, &[Size::Share(75), Size::Share(25)]);
        assert_eq!(places(&disk, None).unwrap(), [(1, 768), (769, 256)]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let there = |mib: u64| mib * MIB;
        let too_much = Err(LayoutError::TooMuch { needed: there(1010), there: there(1000) });
        assert_eq!(places(&a_disk(1000, &[mib(10), mib(1000)]), None), too_much);
        assert_eq!(
            places(&a_disk(100, &[mib(100), Size::Remaining]), None),
            Err(LayoutError::NothingRemains)
        );
        let two = a_disk(100, &[Size::Remaining, Size::Remaining]);
        assert_eq!(places(&two, None), Err(LayoutError::Several(2)));
        let small = Err(LayoutError::SmallDisk { wanted: there(100), there: there(99) });
        assert_eq!(places(&a_disk(100, &[mib(1)]), Some(99)), small);
    }

    #[test]
    fn huge_sizes_do_not_overflow() {
        let most = Size::Bytes(i64::MAX.unsigned_abs());
        assert!(matches!(places(&a_disk(100, &[most, most, most]), None), Err(LayoutError::TooMuch { .. })));
        let member = Physical { length: i64::MAX.unsigned_abs(), reserved: 64 * MIB };
        let empty = Group { name: "vg".into(), volumes: Vec::new(), path: String::new() };
        assert_eq!(group(&empty, &[member; 3]), Ok(Vec::new()));
    }
}
