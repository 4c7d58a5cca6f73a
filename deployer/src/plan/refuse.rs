//! What stands against a plan: disks that someone uses, groups and arrays that reach beyond the described disks.

use std::path::{Path, PathBuf};

use super::Problem;
use super::draft::{Draft, array_node};
use super::facts::{DiskFacts, Facts};
use crate::machine::holders::{Holder, same_device};
use crate::machine::md::without_host;
use crate::model::Description;

/// What ends each refusal that can be overruled.
const OVERRULE: &str = "--force does it nevertheless";

/// Everything that stands against it.
pub(super) fn problems(draft: &Draft<'_>) -> Vec<Problem> {
    let (description, facts) = (draft.description, draft.facts);
    let mut problems = Vec::new();
    for disk in &facts.disks {
        let node = disk.device.node();
        problems
            .extend(disk.holders.iter().filter_map(never).map(|reason| Problem::new(node.display(), reason)));
        if !draft.options.force {
            let reasons = disk.holders.iter().filter_map(|holder| in_use(holder, description));
            problems
                .extend(reasons.map(|reason| Problem::new(node.display(), format!("{reason}; {OVERRULE}"))));
        }
    }
    if draft.anew {
        problems.extend(groups_beyond(description, facts));
        problems.extend(arrays_beyond(facts));
        problems.extend(names_taken(draft));
        if !draft.options.force {
            problems.extend(foreign_groups(description, facts));
            problems.extend(foreign_arrays(description, facts));
        }
    }
    problems
}

/// Uses that not even force ends.
fn never(holder: &Holder) -> Option<String> {
    match holder {
        Holder::Mount { at, .. } if at == Path::new("/") => {
            Some("the running system stands on it (/)".to_owned())
        }
        Holder::Other(name) => {
            Some(format!("{name} stands on it, which is neither LVM nor an array; stop it first"))
        }
        Holder::Unseen => {
            let message = "it is in use by something that is not seen from here, perhaps mounted in another mount \
                           namespace; end that first";
            Some(message.to_owned())
        }
        _ => None,
    }
}

fn in_use(holder: &Holder, description: &Description) -> Option<String> {
    match holder {
        Holder::Mount { at, .. } if at == Path::new("/") => None,
        Holder::Mount { at, .. } if stands_on(at) => {
            Some(format!("the running system stands on it ({})", at.display()))
        }
        Holder::Mount { at, .. } => Some(format!("it is in use: mounted at {}", at.display())),
        Holder::Swap(node) => Some(format!("it is in use: {} is swap", node.display())),
        Holder::VolumeGroup(name) if !description.groups.iter().any(|group| group.name == *name) => {
            Some(format!("the volume group {name}, which is not described, lies on it"))
        }
        Holder::Array { name, .. } if !description.arrays.iter().any(|array| array.name == *name) => {
            Some(format!("the array {name}, which is not described, lies on it"))
        }
        _ => None,
    }
}

/// Mounts without which the running system would not run.
fn stands_on(at: &Path) -> bool {
    ["/usr", "/boot", "/var", "/etc", "/run", "/boot/efi"].iter().any(|part| at == Path::new(part))
}

/// Groups with members on disks that are not described, where they are never touched.
fn groups_beyond(description: &Description, facts: &Facts) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (node, group) in &facts.groups.physical {
        let here = facts.is_described(node);
        let concerned =
            facts.groups.physical.iter().any(|(other, name)| name == group && facts.is_described(other));
        let described = description.groups.iter().any(|described| described.name == *group);
        // A group on an array stands on the disks of that.
        let on_array = facts.arrays.iter().any(|(array, _)| {
            same_device(&array.node, node) && array.members.iter().all(|member| facts.is_described(member))
        });
        if !here && !on_array && !group.is_empty() && (concerned || described) {
            let message =
                format!("it lies on {} too, which is not described and stays as it is", node.display());
            problems.push(Problem::new(format!("volume group {group}"), message));
        }
    }
    problems
}

/// Arrays with members on disks that are not described: to erase the others destroys them.
fn arrays_beyond(facts: &Facts) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (array, _) in &facts.arrays {
        let (ours, others): (Vec<&PathBuf>, Vec<&PathBuf>) =
            array.members.iter().partition(|member| facts.is_described(member));
        if let Some(other) = others.first().filter(|_| !ours.is_empty()) {
            let message =
                format!("it lies on {} too, which is not described and stays as it is", other.display());
            problems.push(Problem::new(format!("array {} ({})", array.name, array.node.display()), message));
        }
    }
    problems
}

/// Nodes that described arrays and groups would have, and that something else has.
fn names_taken(draft: &Draft<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for array in &draft.description.arrays {
        let node = array_node(&array.name);
        let ours = draft.facts.arrays.iter().any(|(found, _)| {
            same_device(&found.node, &node)
                && found.members.iter().all(|member| draft.facts.is_described(member))
        });
        if node.exists() && !ours {
            let message = "there is an array of this name already, on disks that are not described";
            problems.push(Problem::new(node.display(), message));
        }
    }
    for group in &draft.description.groups {
        let node = Path::new("/dev").join(&group.name);
        let known = draft.facts.groups.physical.iter().any(|(_, name)| *name == group.name);
        if node.exists() && !known {
            let message =
                "a volume group of this name cannot be: there is something else; give it another name";
            problems.push(Problem::new(node.display(), message));
        }
    }
    problems
}

/// Contents of a disk and of its partitions that are of this kind, with where they are.
fn contents<'a>(
    disk: &'a DiskFacts,
    kind: &'a str,
) -> impl Iterator<Item = (PathBuf, Option<&'a str>)> + use<'a> {
    let whole = (disk.device.node(), &disk.content);
    let parts = disk.partitions.iter().chain(&disk.stale);
    let all = std::iter::once(whole).chain(parts.map(|part| (part.node.clone(), &part.content)));
    all.filter(move |(_, content)| content.kind.as_deref() == Some(kind))
        .map(|(node, content)| (node, content.label.as_deref()))
}

/// Members of groups that the description does not name and that are not active now.
fn foreign_groups(description: &Description, facts: &Facts) -> Vec<Problem> {
    if !facts.has_lvm {
        let members = facts.disks.iter().flat_map(|disk| contents(disk, "LVM2_member"));
        let message = format!(
            "it belongs to a volume group, and without lvm2 nobody can tell which: install that, or {OVERRULE}"
        );
        return members.map(|(node, _)| Problem::new(node.display(), &message)).collect();
    }
    let active = |wanted: &str| {
        let mut holders = facts.disks.iter().flat_map(|disk| &disk.holders);
        holders.any(|holder| matches!(holder, Holder::VolumeGroup(name) if name == wanted))
    };
    let foreign = facts.groups.physical.iter().filter(|(node, group)| {
        facts.is_described(node)
            && !group.is_empty()
            && !active(group)
            && !description.groups.iter().any(|described| described.name == *group)
    });
    let problem = |(node, group): &(PathBuf, String)| {
        let message = format!("it belongs to the volume group {group}, which is not described; {OVERRULE}");
        Problem::new(node.display(), message)
    };
    let mut problems: Vec<Problem> = foreign.map(problem).collect();
    // LVM passes over what the kernel does not know, and what its settings leave out.
    let listed = |node: &Path| facts.groups.physical.iter().any(|(listed, _)| same_device(listed, node));
    let members = facts.disks.iter().flat_map(|disk| contents(disk, "LVM2_member"));
    for (node, _) in members.filter(|(node, _)| !listed(node)) {
        let message = format!("it belongs to a volume group that LVM does not show; {OVERRULE}");
        problems.push(Problem::new(node.display(), message));
    }
    problems
}

/// Members of arrays that the description does not name and that are not running now.
fn foreign_arrays(description: &Description, facts: &Facts) -> Vec<Problem> {
    let running = |node: &Path| {
        facts.arrays.iter().any(|(array, _)| array.members.iter().any(|member| same_device(member, node)))
    };
    let mut problems = Vec::new();
    for (node, label) in facts.disks.iter().flat_map(|disk| contents(disk, "linux_raid_member")) {
        let name = label.map(without_host);
        let described = description.arrays.iter().any(|array| Some(array.name.as_str()) == name);
        if !described && !running(&node) {
            let name = name.unwrap_or("without a name");
            let message = format!("it belongs to the array {name}, which is not described; {OVERRULE}");
            problems.push(Problem::new(node.display(), message));
        }
    }
    problems
}
