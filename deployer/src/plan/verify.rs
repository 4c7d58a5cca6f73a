//! What is on the disks, compared with what is described.

use std::path::{Path, PathBuf};

use super::Problem;
use super::draft::Draft;
use super::facts::{DiskFacts, KernelView, logical_node};
use super::step::NewPartition;
use crate::machine::blkid::Content;
use crate::machine::holders::same_device;
use crate::machine::md::RunningArray;
use crate::machine::table::{Entry, Table};
use crate::model::layout::EXTENT;
use crate::model::{FileSystem, MIB, Role, human};

/// How far a partition may begin or end from where it is described.
const TOLERANCE: u64 = MIB;
/// What is on a member of an array.
const MEMBER: &str = "linux_raid_member";
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
                problems.push(Problem::new(node.display(), "expected a GPT, found an MBR partition table"));
            }
            Table::None => {
                problems.push(Problem::new(node.display(), "expected a GPT, found no partition table"));
            }
        }
        problems.extend(kernel(&expected, there));
        problems.extend(contents(draft, index, there));
    }
    problems.extend(volumes(draft));
    problems.extend(groups(draft, compare));
    problems.extend(arrays(draft, compare));
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

/// What the kernel has in other places than the table: whatever is done to its nodes is done there.
fn kernel(expected: &[NewPartition], there: &DiskFacts) -> Vec<Problem> {
    let mut problems = Vec::new();
    let hint = "`partprobe` or a restart makes it read the table again";
    for partition in &there.partitions {
        if partition.kernel == KernelView::HasAnother
            && expected.iter().any(|new| new.number == partition.number)
        {
            let message = format!("the kernel has this partition at another place than the table; {hint}");
            problems.push(Problem::new(partition.node.display(), message));
        }
    }
    for partition in &there.stale {
        let message = format!("the kernel has a partition that is not in the table; {hint}");
        problems.push(Problem::new(partition.node.display(), message));
    }
    problems
}

/// What is on the partitions that are not made anew.
fn contents(draft: &Draft<'_>, index: usize, there: &DiskFacts) -> Vec<Problem> {
    let disk = &draft.description.disks[index];
    let mut problems = Vec::new();
    for segment in &draft.segments[index] {
        let Some(number) = segment.number else { continue };
        // A partition that is missing has been told already.
        let Some(partition) = there.partitions.iter().find(|partition| partition.number == number) else {
            continue;
        };
        let place = &partition.node;
        match &disk.volumes[segment.volume].role {
            Role::FileSystem(file_system) if !draft.makes(file_system) => {
                problems.extend(content(place, file_system, &partition.content));
            }
            Role::BootMenu => problems.extend(kind(place, "ext4", &partition.content)),
            Role::Member(_) => problems.extend(kind(place, MEMBER, &partition.content)),
            Role::Physical { .. } => problems.extend(kind(place, "LVM2_member", &partition.content)),
            _ => {}
        }
    }
    problems
}

/// What is on arrays and volumes that are not made anew, as far as they are there to be looked at.
fn volumes(draft: &Draft<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, array) in draft.description.arrays.iter().enumerate() {
        let running = draft.running(index).filter(|running| running.level.is_some());
        let found = running
            .and_then(|running| draft.facts.arrays.iter().find(|(array, _)| array.node == running.node));
        if let Some((running, found)) = found.filter(|_| !draft.makes(&array.file_system)) {
            problems.extend(content(&running.node, &array.file_system, found));
        }
    }
    for group in &draft.description.groups {
        for volume in &group.volumes {
            let node = logical_node(&group.name, &volume.name);
            let found = draft.facts.logical.iter().find(|(found, _)| *found == node);
            if let Some((_, found)) = found.filter(|_| !draft.makes(&volume.file_system)) {
                problems.extend(content(&node, &volume.file_system, found));
            }
        }
    }
    problems
}

/// A file system that is not as it is described.
fn content(place: &Path, expected: &FileSystem, found: &Content) -> Option<Problem> {
    kind(place, expected.kind.name(), found).or_else(|| {
        let label = expected.label.as_deref()?;
        let there = found.label.as_deref().unwrap_or_default();
        let message = format!("expected the label {label:?}, found {there:?}");
        (there != label).then(|| Problem::new(place.display(), message))
    })
}

fn kind(place: &Path, expected: &str, found: &Content) -> Option<Problem> {
    let there = found.kind.as_deref();
    let message = format!("expected {expected} on it, found {}", there.unwrap_or("nothing that is known"));
    (there != Some(expected)).then(|| Problem::new(place.display(), message))
}

fn groups(draft: &Draft<'_>, compare: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    // Without LVM nobody can tell. That its programs are missing is told because of the steps that need them.
    if !draft.facts.has_lvm {
        return problems;
    }
    let found = &draft.facts.groups;
    for ((group, members), extents) in
        draft.description.groups.iter().zip(&draft.group_members).zip(&draft.extents)
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
        for (node, _) in members.iter().filter(|_| compare) {
            if !there.contains(&node.as_path()) {
                problems.push(Problem::new(&place, format!("{} is no member of it", node.display())));
            }
        }
        let described = |node: &Path| members.iter().any(|(member, _)| member == node);
        for node in there.iter().filter(|node| compare && !described(node)) {
            problems.push(Problem::new(&place, format!("its member {} is not described", node.display())));
        }
        for (volume, extents) in group.volumes.iter().zip(extents) {
            let place = format!("logical volume {}/{}", group.name, volume.name);
            let same = |logical: &&crate::machine::lvm::Logical| {
                logical.group == group.name && logical.name == volume.name
            };
            match found.logical.iter().find(same) {
                None => problems.push(Problem::new(place, "it is not there")),
                Some(logical) if compare && logical.bytes.abs_diff(extents * EXTENT) > EXTENTS * EXTENT => {
                    let (wanted, has) = (human(extents * EXTENT), human(logical.bytes));
                    problems.push(Problem::new(place, format!("expected {wanted}, found {has}")));
                }
                Some(_) => {}
            }
        }
        let named = |name: &str| group.volumes.iter().any(|volume| volume.name == name);
        let of_group = found.logical.iter().filter(|logical| compare && logical.group == group.name);
        for logical in of_group.filter(|logical| !named(&logical.name)) {
            let place = format!("logical volume {}/{}", logical.group, logical.name);
            problems.push(Problem::new(place, "it is not described"));
        }
    }
    problems
}

/// Mirrors, running or not.
fn arrays(draft: &Draft<'_>, compare: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, (array, members)) in draft.description.arrays.iter().zip(&draft.array_members).enumerate() {
        let place = format!("array {}", array.name);
        let running = draft.running(index);
        if let Some(held) = running.filter(|running| running.level.is_none()) {
            let node = held.node.display();
            let message = format!("{node} holds its members without running; `mdadm --stop` ends that");
            problems.push(Problem::new(&place, message));
        }
        if !compare {
            continue;
        }
        let nodes: Vec<&PathBuf> = members.iter().map(|(node, _)| node).collect();
        let parts = draft.facts.disks.iter().flat_map(|disk| &disk.partitions);
        let parts = parts.filter(|partition| nodes.contains(&&partition.node));
        // What is no member at all has been told already.
        let parts = parts.filter(|partition| partition.content.kind.as_deref() == Some(MEMBER));
        let mut ids: Vec<Option<&str>> = parts.map(|partition| partition.content.uuid.as_deref()).collect();
        ids.dedup();
        if ids.len() > 1 {
            problems.push(Problem::new(&place, "its members belong to several arrays"));
        }
        if let Some((running, level)) = running.and_then(|running| Some((running, running.level.as_deref()?)))
        {
            problems.extend(running_array(&place, &nodes, running, level));
        }
    }
    problems
}

fn running_array(place: &str, nodes: &[&PathBuf], running: &RunningArray, level: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if level != "raid1" {
        problems.push(Problem::new(place, format!("expected a mirror (raid1), found {level}")));
    }
    let known = |member: &&PathBuf| nodes.iter().any(|node| same_device(node, member));
    for member in running.members.iter().filter(|member| !known(member)) {
        problems.push(Problem::new(place, format!("its member {} is not described", member.display())));
    }
    let there = |node: &&&PathBuf| running.members.iter().any(|member| same_device(member, node));
    for node in nodes.iter().filter(|node| !there(node)) {
        problems.push(Problem::new(place, format!("{} is no member of it", node.display())));
    }
    if problems.is_empty() && !running.whole {
        problems.push(Problem::new(place, "it is degraded; repair it, or deploy with the policy clean"));
    }
    problems
}
