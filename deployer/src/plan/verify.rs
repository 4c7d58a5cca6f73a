//! What is on the disks, compared with what is described.

use std::path::Path;

use super::Problem;
use super::draft::Draft;
use super::facts::{DiskFacts, KernelView, logical_node};
use super::images;
use super::step::NewPartition;
use super::verify_volumes;
use crate::machine::blkid::Content;
use crate::machine::table::{Entry, Table};
use crate::model::{FileSystem, FsKind, MIB, Role, human};

/// How far a partition may begin or end from where it is described.
const TOLERANCE: u64 = MIB;
/// What is on a member of an array.
pub(super) const MEMBER: &str = "linux_raid_member";

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
    problems.extend(verify_volumes::groups(draft, compare));
    problems.extend(verify_volumes::arrays(draft, compare));
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
            || off(partition.start + partition.length, entry.start.saturating_add(entry.length))
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
            Role::FileSystem(file_system) if draft.keeps(file_system) => {
                problems.extend(content(place, file_system, &partition.content));
            }
            Role::FileSystem(file_system) => {
                let found = images::part_of_more(draft, &partition.content, file_system);
                let message = |found| format!("expected {} on it, found {found}", file_system.kind.name());
                problems.extend(found.map(|found| Problem::new(place.display(), message(found))));
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
        if let Some((running, found)) = found.filter(|_| draft.keeps(&array.file_system)) {
            problems.extend(content(&running.node, &array.file_system, found));
        }
    }
    for group in &draft.description.groups {
        for volume in &group.volumes {
            let node = logical_node(&group.name, &volume.name);
            let found = draft.facts.logical.iter().find(|(found, _)| *found == node);
            if let Some((_, found)) = found.filter(|_| draft.keeps(&volume.file_system)) {
                problems.extend(content(&node, &volume.file_system, found));
            }
        }
    }
    problems
}

/// A file system that is not as it is described.
fn content(place: &Path, expected: &FileSystem, found: &Content) -> Option<Problem> {
    differs(place, expected.kind, expected.label.as_deref(), found)
}

/// What is on a device, where it is not this kind of file system or has another label.
pub(crate) fn differs(
    place: &Path,
    expected: FsKind,
    label: Option<&str>,
    found: &Content,
) -> Option<Problem> {
    kind(place, expected.name(), found).or_else(|| {
        let label = label?;
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
