//! A plan in the making: the description laid out on the disks as they are.

use std::path::PathBuf;

use super::facts::{DiskFacts, Facts, PartitionFacts};
use super::partition_types;
use super::step::{NewPartition, Phase};
use super::{NoPlan, PlanOptions, Problem, Problems};
use crate::machine::holders::same_device;
use crate::machine::md::RunningArray;
use crate::model::layout::{self, Physical, Room, Segment};
use crate::model::{BOOT_MENU_LABEL, Description, FileSystem, FsKind, MIB, Role, Volume};

/// What a plan is made of.
pub(super) struct Draft<'a> {
    pub(super) description: &'a Description,
    pub(super) facts: &'a Facts,
    pub(super) options: PlanOptions,
    /// Whether the disks are laid out anew; else they are taken as they are.
    pub(super) anew: bool,
    /// Of each disk.
    pub(super) segments: Vec<Vec<Segment>>,
    /// Of each group: nodes of its members, and how they are laid out.
    pub(super) group_members: Vec<Vec<(PathBuf, Physical)>>,
    /// Of each group: extents of its volumes.
    pub(super) extents: Vec<Vec<u64>>,
    /// Of each array: nodes of its members, with their sizes; those that stay have the sizes that they have.
    pub(super) array_members: Vec<Vec<(PathBuf, u64)>>,
}

/// A file system that is described, at its place.
pub(super) struct Placed {
    pub(super) node: PathBuf,
    /// Of what it is on, in bytes.
    pub(super) bytes: u64,
    pub(super) spec: FileSystem,
    pub(super) on: On,
}

/// What a file system is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    Partition,
    /// The partition of the common boot loader.
    BootMenu,
    Array,
    Logical,
}

impl<'a> Draft<'a> {
    /// # Errors
    /// The description does not fit on the disks.
    pub(super) fn new(
        description: &'a Description,
        facts: &'a Facts,
        options: PlanOptions,
        anew: bool,
    ) -> Result<Self, NoPlan> {
        let mut problems = Vec::new();
        let mut segments = Vec::new();
        let mut group_members = vec![Vec::new(); description.groups.len()];
        let mut array_members = vec![Vec::new(); description.arrays.len()];
        for (disk, there) in description.disks.iter().zip(&facts.disks) {
            let room = Room { bytes: there.device.bytes, sector: there.device.sector };
            let laid_out = layout::disk(disk, Some(room)).unwrap_or_else(|error| {
                problems.push(Problem::new(there.device.node().display(), error.to_string()));
                Vec::new()
            });
            for segment in &laid_out {
                let Some(number) = segment.number else { continue };
                let node = there.device.partition_node(number);
                match disk.volumes[segment.volume].role {
                    Role::Physical { group, reserved } => {
                        group_members[group].push((node, Physical { length: segment.length, reserved }));
                    }
                    Role::Member(array) => {
                        let mut there = there.partitions.iter().filter(|_| !anew);
                        let kept = there.find(|partition| partition.number == number);
                        array_members[array].push((node, kept.map_or(segment.length, |kept| kept.length)));
                    }
                    _ => {}
                }
            }
            segments.push(laid_out);
        }
        let mut extents = Vec::new();
        for (group, members) in description.groups.iter().zip(&group_members) {
            let members: Vec<Physical> = members.iter().map(|(_, member)| *member).collect();
            extents.push(layout::group(group, &members).unwrap_or_else(|error| {
                problems.push(Problem::new(format!("volume group {}", group.name), error.to_string()));
                Vec::new()
            }));
        }
        match problems.is_empty() {
            true => Ok(Self {
                description,
                facts,
                options,
                anew,
                segments,
                group_members,
                array_members,
                extents,
            }),
            false => Err(NoPlan::Refused(Problems(problems))),
        }
    }

    /// The array that is running from these members, or some of them.
    pub(super) fn running(&self, array: usize) -> Option<&RunningArray> {
        let ours = |array: &&RunningArray, members: &[(PathBuf, u64)]| {
            array.members.iter().any(|node| members.iter().any(|(member, _)| same_device(member, node)))
        };
        let mut arrays = self.facts.arrays.iter().map(|(array, _)| array);
        arrays.find(|found| ours(found, &self.array_members[array]))
    }

    /// The node of an array: one that stays may run under another one than it was made with.
    pub(super) fn array_node(&self, array: usize) -> PathBuf {
        let running = self.running(array).filter(|running| !self.anew && running.level.is_some());
        running
            .map_or_else(|| array_node(&self.description.arrays[array].name), |running| running.node.clone())
    }

    /// Every file system: of partitions, then of arrays, then of logical volumes.
    pub(super) fn placed(&self) -> Vec<Placed> {
        let mut placed = Vec::new();
        for (index, disk) in self.description.disks.iter().enumerate() {
            let there = &self.facts.disks[index];
            for segment in &self.segments[index] {
                let (spec, on) = match &disk.volumes[segment.volume].role {
                    Role::FileSystem(file_system) => (file_system.clone(), On::Partition),
                    Role::BootMenu => (boot_menu(), On::BootMenu),
                    _ => continue,
                };
                let number = segment.number.expect("only reserved space has no number");
                let kept = self.kept(there, number).map(|partition| partition.length);
                let (node, bytes) = (there.device.partition_node(number), kept.unwrap_or(segment.length));
                placed.push(Placed { node, bytes, spec, on });
            }
        }
        for (index, (array, members)) in self.description.arrays.iter().zip(&self.array_members).enumerate() {
            let least = members.iter().map(|(_, bytes)| *bytes).min().unwrap_or(0);
            // The superblock and the bitmap of the array.
            let reckoned = least.saturating_sub(least / 100 + MIB);
            let running = self.running(index).filter(|running| !self.anew && running.level.is_some());
            let bytes = running.map_or(reckoned, |running| running.bytes);
            placed.push(Placed {
                node: self.array_node(index),
                bytes,
                spec: array.file_system.clone(),
                on: On::Array,
            });
        }
        for (group, extents) in self.description.groups.iter().zip(&self.extents) {
            for (volume, extents) in group.volumes.iter().zip(extents) {
                let found = self.facts.groups.logical.iter().filter(|_| !self.anew);
                let mut found = found.filter(|found| found.group == group.name && found.name == volume.name);
                let bytes = found.next().map_or(extents * layout::EXTENT, |found| found.bytes);
                let node = super::facts::logical_node(&group.name, &volume.name);
                placed.push(Placed { node, bytes, spec: volume.file_system.clone(), on: On::Logical });
            }
        }
        placed
    }

    /// A partition that is there and stays.
    pub(super) fn kept<'b>(&self, there: &'b DiskFacts, number: u32) -> Option<&'b PartitionFacts> {
        there.partitions.iter().find(|partition| !self.anew && partition.number == number)
    }

    /// Whether a file system is made; else what is on it stays.
    pub(super) fn makes(&self, file_system: &FileSystem) -> bool {
        self.options.wants(Phase::Partitioning) && (self.anew || !file_system.keep_data)
    }

    /// The partitions that a disk is to have.
    pub(super) fn partitions(&self, disk: usize) -> Vec<NewPartition> {
        let (description, device) = (&self.description.disks[disk], &self.facts.disks[disk].device);
        let partition = |segment: &Segment| {
            let volume = &description.volumes[segment.volume];
            let number = segment.number?;
            Some(NewPartition {
                number,
                node: device.partition_node(number),
                start: segment.start,
                length: segment.length,
                kind: partition_types::kind(volume),
                guid: volume.guid,
                name: self.name(volume),
            })
        };
        self.segments[disk].iter().filter_map(partition).collect()
    }

    /// The name of a partition in the table.
    fn name(&self, volume: &Volume) -> String {
        match &volume.role {
            Role::BiosGrub => "BIOS boot".to_owned(),
            Role::BootMenu => "boot menu".to_owned(),
            Role::ConfigDrive => "config-2".to_owned(),
            Role::Member(array) => self.description.arrays[*array].name.clone(),
            Role::Physical { group, .. } => self.description.groups[*group].name.clone(),
            Role::Reserved => String::new(),
            Role::FileSystem(file_system) => match (&file_system.label, &file_system.mount) {
                (Some(label), _) => label.clone(),
                (None, Some(mount)) => mount.to_string(),
                (None, None) => file_system.kind.name().to_owned(),
            },
        }
    }
}

/// The file system of the common boot loader.
fn boot_menu() -> FileSystem {
    FileSystem {
        kind: FsKind::Ext4,
        mount: None,
        label: Some(BOOT_MENU_LABEL.to_owned()),
        keep_data: true,
        fstab_enabled: false,
        fstab_options: "defaults".to_owned(),
        trees: Vec::new(),
    }
}

/// The node of an array.
pub(super) fn array_node(name: &str) -> PathBuf {
    // The kernel's own names are nodes of their own.
    let own = name
        .strip_prefix("md")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    PathBuf::from(if own { format!("/dev/{name}") } else { format!("/dev/md/{name}") })
}
