//! Machines, written down.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::super::draft::Draft;
use super::super::facts::{DiskFacts, Facts, KernelView, PartitionFacts, logical_node};
use super::PROVISION;
use crate::machine::blkid::Content;
use crate::machine::holders::Holder;
use crate::machine::lvm::{Groups, Logical};
use crate::machine::md::RunningArray;
use crate::machine::table::{Entry, Table};
use crate::machine::{BlockDevice, Firmware};
use crate::model::layout::EXTENT;
use crate::model::{Description, Disk, FileSystem, MIB, Role};

/// The described disks, as large as they are described, without anything on them.
pub(super) fn empty(description: &Description) -> Facts {
    let disk = |disk: &Disk| DiskFacts {
        device: BlockDevice { name: disk.id.to_string(), bytes: disk.size, sector: 512, model: None },
        table: Table::None,
        holders: Vec::new(),
        content: Content::default(),
        partitions: Vec::new(),
        stale: Vec::new(),
    };
    Facts {
        firmware: Firmware::Bios,
        disks: description.disks.iter().map(disk).collect(),
        groups: Groups::default(),
        has_lvm: true,
        arrays: Vec::new(),
        logical: Vec::new(),
    }
}

/// Everything as it is described; groups are not active, arrays not running.
pub(super) fn as_described(description: &Description) -> Facts {
    let mut facts = empty(description);
    let blank = empty(description);
    let draft = Draft::new(description, &blank, PROVISION, true).unwrap_or_else(|error| panic!("{error}"));
    for (index, there) in facts.disks.iter_mut().enumerate() {
        let mut entries = Vec::new();
        for new in draft.partitions(index) {
            let segment = draft.segments[index].iter().find(|segment| segment.number == Some(new.number));
            let role = &description.disks[index].volumes[segment.expect("it has a segment").volume].role;
            entries.push(Entry {
                number: new.number,
                start: new.start,
                length: new.length,
                kind: new.kind,
                guid: new.guid.unwrap_or_else(|| Uuid::from_u128(u128::from(new.number))),
                name: new.name,
            });
            there.partitions.push(PartitionFacts {
                number: new.number,
                node: new.node,
                start: new.start,
                length: new.length,
                content: on_partition(description, role),
                kernel: KernelView::Agrees,
            });
        }
        there.table = Table::Gpt { entries, damaged: None };
    }
    for ((group, members), extents) in description.groups.iter().zip(&draft.group_members).zip(&draft.extents)
    {
        let physical = members.iter().map(|(node, _)| (node.clone(), group.name.clone()));
        facts.groups.physical.extend(physical);
        for (volume, extents) in group.volumes.iter().zip(extents) {
            let (group, name) = (group.name.clone(), volume.name.clone());
            facts.groups.logical.push(Logical { group, name, bytes: extents * EXTENT });
        }
    }
    facts
}

fn on_partition(description: &Description, role: &Role) -> Content {
    match role {
        Role::FileSystem(file_system) => of(file_system),
        Role::BootMenu => content("ext4"),
        Role::Physical { .. } => content("LVM2_member"),
        Role::Member(array) => member(&description.arrays[*array].name),
        Role::BiosGrub | Role::ConfigDrive | Role::Reserved => Content::default(),
    }
}

fn of(file_system: &FileSystem) -> Content {
    Content { label: file_system.label.clone(), ..content(file_system.kind.name()) }
}

/// It is mounted there; the number tells mounts apart.
pub(super) fn mounted(at: &str, id: u64) -> Holder {
    Holder::Mount { at: at.into(), id }
}

/// Something of this kind, without a label.
pub(super) fn content(kind: &str) -> Content {
    Content { kind: Some(kind.to_owned()), ..Content::default() }
}

/// What a member of an array looks like.
pub(super) fn member(array: &str) -> Content {
    let (label, uuid) = (Some(format!("any:{array}")), Some(format!("uuid of {array}")));
    Content { label, uuid, ..content("linux_raid_member") }
}

/// An array that runs, as it should.
pub(super) fn array(name: &str, node: &str, members: &[&str]) -> RunningArray {
    RunningArray {
        name: name.to_owned(),
        node: node.into(),
        members: members.iter().map(PathBuf::from).collect(),
        level: Some("raid1".to_owned()),
        whole: true,
        bytes: 500 * MIB,
    }
}

/// Makes all volumes of the groups active, with what is described on them.
pub(super) fn activate(facts: &mut Facts, description: &Description) {
    for group in &description.groups {
        let volumes = group.volumes.iter();
        facts
            .logical
            .extend(volumes.map(|volume| (logical_node(&group.name, &volume.name), of(&volume.file_system))));
    }
}

impl Facts {
    /// The partition at a node.
    pub(super) fn partition(&mut self, node: &str) -> &mut PartitionFacts {
        let mut partitions = self.disks.iter_mut().flat_map(|disk| &mut disk.partitions);
        partitions.find(|partition| partition.node == Path::new(node)).expect("there is such a partition")
    }

    /// The entry of the first disk's table with this number.
    pub(super) fn entry(&mut self, number: u32) -> &mut Entry {
        let entries = self.entries();
        entries.iter_mut().find(|entry| entry.number == number).expect("there is such an entry")
    }

    /// The entries of the first disk's table.
    pub(super) fn entries(&mut self) -> &mut Vec<Entry> {
        match &mut self.disks[0].table {
            Table::Gpt { entries, .. } => entries,
            other => panic!("{other:?} has no entries"),
        }
    }
}
