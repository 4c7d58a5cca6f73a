//! What is on the disks, compared with what is described.

use std::path::Path;

use super::Problem;
use super::build::Draft;
use super::facts::DiskFacts;
use super::step::NewPartition;
use crate::machine::table::{Entry, Table};
use crate::machine::users::User;
use crate::model::layout::EXTENT;
use crate::model::{FileSystem, FsKind, MIB, Role, human};

/// How far a partition may begin or end from where it is described.
const TOLERANCE: u64 = MIB;
/// How many extents a logical volume may be larger or smaller than described.
const EXTENTS: u64 = 2;

/// Everything that differs. Without `compare`, only what stands against using the partitions as they are.
pub(super) fn differences(draft: &Draft<'_>, compare: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, there) in draft.facts.disks.iter().enumerate() {
        let expected = draft.partitions(index);
        let node = there.device.node();
        match &there.table {
            Table::Gpt { entries, damaged } => {
                if let Some(reason) = damaged
                    && compare
                {
                    problems.push(Problem::new(
                        node.display(),
                        format!("its partition table is damaged: {reason}"),
                    ));
                }
                problems.extend(table(&expected, entries, &node, compare));
            }
            Table::Mbr => {
                problems.push(Problem::new(node.display(), "expected GPT, found the table of a BIOS"));
            }
            Table::None => {
                problems.push(Problem::new(node.display(), "expected GPT, found no partition table"));
            }
        }
        problems.extend(contents(draft, index, there));
    }
    if compare {
        problems.extend(groups(draft));
    }
    problems
}

fn table(expected: &[NewPartition], found: &[Entry], disk: &Path, compare: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    for partition in expected {
        let place = partition.node.display();
        let Some(entry) = found.iter().find(|entry| entry.number == partition.number) else {
            let message = format!("expected a partition of {}, found none", human(partition.length));
            problems.push(Problem::new(place, message));
            continue;
        };
        if !compare {
            continue;
        }
        let off = |a: u64, b: u64| a.abs_diff(b) > TOLERANCE;
        if off(partition.start, entry.start)
            || off(partition.start + partition.length, entry.start + entry.length)
        {
            let shown = |start: u64, length: u64| format!("{} at {}", human(length), human(start));
            let (wanted, there) =
                (shown(partition.start, partition.length), shown(entry.start, entry.length));
            problems.push(Problem::new(place, format!("expected {wanted}, found {there}")));
        } else if partition.kind != entry.kind {
            let message = format!("expected a partition of type {}, found {}", partition.kind, entry.kind);
            problems.push(Problem::new(place, message));
        } else if partition.guid.is_some_and(|guid| guid != entry.guid) {
            let wanted = partition.guid.unwrap_or_default();
            problems.push(Problem::new(place, format!("expected the GUID {wanted}, found {}", entry.guid)));
        }
    }
    if compare {
        for entry in found {
            if !expected.iter().any(|partition| partition.number == entry.number) {
                let message =
                    format!("partition {} of {} is not described", entry.number, human(entry.length));
                problems.push(Problem::new(disk.display(), message));
            }
        }
    }
    problems
}

/// What is on the partitions whose data is kept.
fn contents(draft: &Draft<'_>, index: usize, there: &DiskFacts) -> Vec<Problem> {
    let disk = &draft.description.disks[index];
    let mut problems = Vec::new();
    for segment in &draft.segments[index] {
        let Some(number) = segment.number else { continue };
        let expected = match &disk.volumes[segment.volume].role {
            Role::FileSystem(file_system) if file_system.keep_data => kept(file_system),
            Role::BootMenu => "ext4",
            Role::Member(_) => "linux_raid_member",
            Role::Physical { .. } => "LVM2_member",
            _ => continue,
        };
        let place = there.device.partition_node(number);
        // A partition that is missing has been told already.
        let Some(partition) = there.partitions.iter().find(|partition| partition.number == number) else {
            let message = "the kernel does not know this partition; `partprobe` makes it known";
            if matches!(&there.table, Table::Gpt { entries, .. } if entries.iter().any(|entry| entry.number == number))
            {
                problems.push(Problem::new(place.display(), message));
            }
            continue;
        };
        let found = partition.content.kind.as_deref();
        if found != Some(expected) {
            let message =
                format!("expected {expected} on it, found {}", found.unwrap_or("nothing that is known"));
            problems.push(Problem::new(place.display(), message));
        }
    }
    problems
}

fn kept(file_system: &FileSystem) -> &'static str {
    match file_system.kind {
        FsKind::Swap => "swap",
        kind => kind.name(),
    }
}

fn groups(draft: &Draft<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let found = &draft.facts.groups;
    for ((group, members), extents) in draft.description.groups.iter().zip(&draft.members).zip(&draft.extents)
    {
        let place = format!("volume group {}", group.name);
        let mut there: Vec<&Path> = Vec::new();
        there.extend(
            found.physical.iter().filter(|(_, name)| *name == group.name).map(|(node, _)| node.as_path()),
        );
        if there.is_empty() {
            problems.push(Problem::new(place, "it is not there"));
            continue;
        }
        for (node, _) in members {
            if !there.contains(&node.as_path()) {
                problems.push(Problem::new(&place, format!("{} is no member of it", node.display())));
            }
        }
        for node in there.iter().filter(|node| !members.iter().any(|(member, _)| member == **node)) {
            problems.push(Problem::new(&place, format!("its member {} is not described", node.display())));
        }
        for (volume, extents) in group.volumes.iter().zip(extents) {
            let place = format!("logical volume {}/{}", group.name, volume.name);
            let same = |logical: &&crate::machine::lvm::Logical| {
                logical.group == group.name && logical.name == volume.name
            };
            match found.logical.iter().find(same) {
                None => problems.push(Problem::new(place, "it is not there")),
                Some(logical) if logical.bytes.abs_diff(extents * EXTENT) > EXTENTS * EXTENT => {
                    let (wanted, has) = (human(extents * EXTENT), human(logical.bytes));
                    problems.push(Problem::new(place, format!("expected {wanted}, found {has}")));
                }
                Some(_) => {}
            }
        }
        let named = |name: &str| group.volumes.iter().any(|volume| volume.name == name);
        for logical in
            found.logical.iter().filter(|logical| logical.group == group.name && !named(&logical.name))
        {
            let place = format!("logical volume {}/{}", logical.group, logical.name);
            problems.push(Problem::new(place, "it is not described"));
        }
    }
    for (array, members) in draft.description.arrays.iter().zip(&draft.mirrors) {
        let users = draft.facts.disks.iter().flat_map(|disk| &disk.users);
        let others = users.filter(|user| matches!(user, User::Array { name, .. } if *name != array.name));
        let named = |name: &str| draft.description.arrays.iter().any(|array| array.name == name);
        for user in others {
            if let User::Array { name, .. } = user
                && !named(name)
            {
                let message = format!("expected the array {}, found {name}", array.name);
                problems.push(Problem::new(members[0].0.display(), message));
            }
        }
    }
    problems
}
