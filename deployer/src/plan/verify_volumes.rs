//! Volume groups and arrays, compared with what is described.

use std::path::{Path, PathBuf};

use super::Problem;
use super::draft::Draft;
use super::verify::MEMBER;
use crate::machine::holders::same_device;
use crate::machine::md::RunningArray;
use crate::model::human;
use crate::model::layout::EXTENT;

/// How many extents a logical volume may be larger or smaller than described.
const EXTENTS: u64 = 2;

pub(super) fn groups(draft: &Draft<'_>, compare: bool) -> Vec<Problem> {
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
pub(super) fn arrays(draft: &Draft<'_>, compare: bool) -> Vec<Problem> {
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
        if let Some(running) = running.filter(|running| running.level.is_some()) {
            let nodes: Vec<PathBuf> = nodes.into_iter().cloned().collect();
            problems.extend(unusable(&place, &nodes, running));
        }
    }
    problems
}

/// Why a running array is not a whole mirror of these members.
pub(crate) fn unusable(place: &str, members: &[PathBuf], running: &RunningArray) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(level) = running.level.as_deref().filter(|level| *level != "raid1") {
        problems.push(Problem::new(place, format!("expected a mirror (raid1), found {level}")));
    }
    let known = |member: &&PathBuf| members.iter().any(|node| same_device(node, member));
    for member in running.members.iter().filter(|member| !known(member)) {
        problems.push(Problem::new(place, format!("its member {} is not described", member.display())));
    }
    let there = |node: &&PathBuf| running.members.iter().any(|member| same_device(member, node));
    for node in members.iter().filter(|node| !there(node)) {
        problems.push(Problem::new(place, format!("{} is no member of it", node.display())));
    }
    if problems.is_empty() && !running.whole {
        problems.push(Problem::new(place, "it is degraded; repair it, or deploy with the policy clean"));
    }
    problems
}
