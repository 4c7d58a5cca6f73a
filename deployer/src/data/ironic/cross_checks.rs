//! What several places of a description say together: mirrors that lack members, mounts that collide, names that stand
//! there twice, sizes that do not fit.

use std::collections::HashSet;

use super::check::Checker;
use super::implied;
use crate::model::layout::{self, LayoutError, Physical};
use crate::model::{Description, FileSystem, Image, MountPoint, Role};

/// Entries of a partition table.
const MOST_PARTITIONS: usize = 128;

impl Checker<'_> {
    pub(super) fn mirrors(&self, description: &Description) {
        if !(self.all_volumes && self.all_placed) {
            return;
        }
        for (array, members) in description.arrays.iter().zip(&self.members) {
            if members.len() < 2 {
                let needs = "a mirror needs two members; no other \"raid\" volume";
                let message = match &array.file_system.mount {
                    Some(mount) => format!("{needs} has the mount \"{mount}\""),
                    None => format!("{needs} is swap"),
                };
                self.log.complain(&members[0], message);
            }
        }
    }

    /// Mounts of each tree, and where its images go.
    pub(super) fn mounts(&self, description: &mut Description) {
        let mut seen: HashSet<(usize, MountPoint)> = HashSet::new();
        for (file_system, path) in with_paths(description, &self.members) {
            let Some(mount) = &file_system.mount else { continue };
            for tree in &file_system.trees {
                if !seen.insert((*tree, mount.clone())) {
                    let name = description.trees.get(*tree).map_or("", |tree| tree.name.as_str());
                    let message =
                        format!("\"{mount}\" is the mount of another file system of the image {name:?}");
                    self.log.complain(&format!("{path}.mount"), message);
                }
            }
        }
        for (index, tree) in description.trees.iter_mut().enumerate() {
            let makes_it = |image: &Image| image.trees.contains(&index) && image.target.is_root();
            tree.has_root =
                seen.contains(&(index, MountPoint::root())) && description.images.iter().any(makes_it);
        }
        for image in &description.images {
            let holds = |(tree, mount): &(usize, MountPoint)| {
                image.trees.contains(tree) && mount.holds(image.target.as_path())
            };
            if self.all_volumes && self.all_placed && !seen.iter().any(holds) {
                let message = format!(
                    "no file system of the image {:?} is mounted at or above \"{}\"",
                    image.name, image.target
                );
                self.log.complain(&format!("{}.target", image.path), message);
            }
        }
        let chosen: HashSet<&usize> =
            description.images.iter().filter(|image| image.boot).flat_map(|image| &image.trees).collect();
        if chosen.len() > 1 {
            self.log.warn("$.images", "several are to boot when nobody chooses; the first of them does");
        }
    }

    /// Names and GUIDs that may stand there only once.
    pub(super) fn twice(&self, description: &Description) {
        for (index, disk) in description.disks.iter().enumerate() {
            if description.disks[..index].iter().any(|other| other.id == disk.id) && disk.id.to_string() != ""
            {
                self.log.complain(&format!("{}.id", disk.path), format!("{} is described twice", disk.id));
            }
        }
        let mut images: HashSet<(&str, &MountPoint)> = HashSet::new();
        for image in &description.images {
            if !images.insert((&image.name, &image.target)) {
                let message = format!("another image {:?} goes to \"{}\" too", image.name, image.target);
                self.log.complain(&format!("{}.target", image.path), message);
            }
        }
        let mut guids = HashSet::new();
        for volume in description.disks.iter().flat_map(|disk| &disk.volumes) {
            if let Some(guid) = volume.guid
                && !guids.insert(guid)
            {
                self.log
                    .complain(&format!("{}.partition_guid", volume.path), "is the GUID of another partition");
            }
        }
        for (index, group) in description.groups.iter().enumerate() {
            if description.groups[..index].iter().any(|other| other.name == group.name)
                && !group.name.is_empty()
            {
                self.log
                    .complain(&format!("{}.id", group.path), format!("{:?} is described twice", group.name));
            }
        }
    }

    /// Sizes, as far as they can be seen without the disks.
    pub(super) fn layouts(&mut self, description: &Description) {
        let mut members: Vec<Vec<Physical>> = vec![Vec::new(); description.groups.len()];
        for (index, disk) in description.disks.iter().enumerate() {
            let path = format!("{}.volumes", disk.path);
            let partitions =
                disk.volumes.iter().filter(|volume| !matches!(volume.role, Role::Reserved)).count();
            if partitions > MOST_PARTITIONS {
                let message = format!(
                    "expected at most {MOST_PARTITIONS} partitions, with those that nobody names; found {partitions}"
                );
                self.log.complain(&path, message);
            }
            if self.unsure_disks.contains(&index) {
                continue;
            }
            match layout::disk(disk, None) {
                Ok(segments) => {
                    for segment in segments {
                        if let Role::Physical { group, reserved } = disk.volumes[segment.volume].role {
                            members[group].push(Physical { length: segment.length, reserved });
                        }
                    }
                }
                Err(error) => {
                    let message = match error {
                        LayoutError::TooMuch { .. } => format!("{error}{}", implied::spelled_out(disk)),
                        error => error.to_string(),
                    };
                    self.log.complain(&path, message);
                    self.unsure.extend(disk.volumes.iter().filter_map(|volume| match volume.role {
                        Role::Physical { group, .. } => Some(group),
                        _ => None,
                    }));
                }
            }
        }
        if !self.all_volumes {
            return;
        }
        for (index, (group, members)) in description.groups.iter().zip(&members).enumerate() {
            // Of several with one name, the first has the volumes.
            let again = description.groups[..index].iter().any(|other| other.name == group.name);
            if again || group.name.is_empty() || self.unsure.contains(&index) {
                continue;
            }
            if members.is_empty() {
                let message = format!("the volume group {:?} has no physical volume (\"pv\")", group.name);
                self.log.complain(&group.path, message);
            } else if let Err(error) = layout::group(group, members) {
                self.log.complain(&format!("{}.volumes", group.path), error.to_string());
            }
        }
    }
}

/// Every file system with the path of what says so.
fn with_paths<'a>(
    description: &'a Description,
    members: &'a [Vec<String>],
) -> impl Iterator<Item = (&'a FileSystem, &'a str)> {
    let partitions =
        description.disks.iter().flat_map(|disk| &disk.volumes).filter_map(|volume| match &volume.role {
            Role::FileSystem(file_system) => Some((file_system, volume.path.as_str())),
            _ => None,
        });
    let arrays =
        description.arrays.iter().zip(members).map(|(array, paths)| (&array.file_system, paths[0].as_str()));
    let logical = description.groups.iter().flat_map(|group| &group.volumes);
    partitions.chain(arrays).chain(logical.map(|volume| (&volume.file_system, volume.path.as_str())))
}
