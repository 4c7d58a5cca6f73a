//! What stands against a plan: disks that someone uses, groups that reach beyond the described disks.

use std::path::Path;

use super::Problem;
use super::build::{Wishes, array_node};
use super::facts::Facts;
use crate::machine::users::User;
use crate::model::Description;

/// What ends each refusal that can be overruled.
const OVERRULE: &str = "--force does it nevertheless";

/// Everything that stands against it. `anew` tells that the disks are laid out anew.
pub(super) fn problems(description: &Description, facts: &Facts, wishes: Wishes, anew: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !wishes.force {
        for disk in &facts.disks {
            let node = disk.device.node();
            let reasons = disk.users.iter().filter_map(|user| in_use(user, description));
            problems
                .extend(reasons.map(|reason| Problem::new(node.display(), format!("{reason}; {OVERRULE}"))));
        }
    }
    for disk in &facts.disks {
        let other = disk.users.iter().filter_map(|user| match user {
            User::Other(name) => {
                Some(format!("{name} stands on it, which is neither LVM nor an array; stop it first"))
            }
            _ => None,
        });
        problems.extend(other.map(|message| Problem::new(disk.device.node().display(), message)));
    }
    if anew {
        problems.extend(groups_beyond(description, facts));
        problems.extend(arrays_elsewhere(description, facts));
        if !wishes.force {
            problems.extend(foreign_members(description, facts));
        }
    }
    problems
}

fn in_use(user: &User, description: &Description) -> Option<String> {
    match user {
        User::Mount(at) if stands_on(at) => {
            Some(format!("the running system stands on it ({})", at.display()))
        }
        User::Mount(at) => Some(format!("it is in use: mounted at {}", at.display())),
        User::Swap(node) => Some(format!("it is in use: {} is swapped to", node.display())),
        User::Group(name) if !description.groups.iter().any(|group| group.name == *name) => {
            Some(format!("the volume group {name}, which is not described, lies on it"))
        }
        User::Array { name, .. } if !description.arrays.iter().any(|array| array.name == *name) => {
            Some(format!("the array {name}, which is not described, lies on it"))
        }
        _ => None,
    }
}

/// Mounts without which the running system would not run.
fn stands_on(at: &Path) -> bool {
    ["/", "/usr", "/boot", "/var", "/etc", "/run", "/boot/efi"].iter().any(|part| at == Path::new(part))
}

/// Groups with members on disks that are not described, where they are never touched.
fn groups_beyond(description: &Description, facts: &Facts) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (node, group) in &facts.groups.physical {
        let here = facts.is_described(node);
        let concerned =
            facts.groups.physical.iter().any(|(other, name)| name == group && facts.is_described(other));
        let described = description.groups.iter().any(|described| described.name == *group);
        if !here && !group.is_empty() && (concerned || described) {
            let message =
                format!("it lies on {} too, which is not described and stays as it is", node.display());
            problems.push(Problem::new(format!("volume group {group}"), message));
        }
    }
    problems
}

/// Arrays of a described name that are made of something else.
fn arrays_elsewhere(description: &Description, facts: &Facts) -> Vec<Problem> {
    let ours = |wanted: &str| {
        let mut users = facts.disks.iter().flat_map(|disk| &disk.users);
        users.any(|user| matches!(user, User::Array { name, .. } if name == wanted))
    };
    let taken =
        description.arrays.iter().filter(|array| array_node(&array.name).exists() && !ours(&array.name));
    let message = "there is an array of this name already, on disks that are not described";
    taken.map(|array| Problem::new(array_node(&array.name).display(), message)).collect()
}

/// Members of groups that the description does not name and that are not active now.
fn foreign_members(description: &Description, facts: &Facts) -> Vec<Problem> {
    let active = |wanted: &str| {
        let mut users = facts.disks.iter().flat_map(|disk| &disk.users);
        users.any(|user| matches!(user, User::Group(name) if name == wanted))
    };
    let foreign = facts.groups.physical.iter().filter(|(node, group)| {
        facts.is_described(node)
            && !group.is_empty()
            && !active(group)
            && !description.groups.iter().any(|described| described.name == *group)
    });
    let problem = |(node, group): &(std::path::PathBuf, String)| {
        let message = format!("it belongs to the volume group {group}, which is not described; {OVERRULE}");
        Problem::new(node.display(), message)
    };
    foreign.map(problem).collect()
}
