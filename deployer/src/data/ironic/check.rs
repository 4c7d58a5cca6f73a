//! What several places of a description say together: names that lead somewhere, sizes that fit, mounts that do
//! not collide. Adds the parts that nobody names.

use std::collections::HashSet;

use super::written::{self, Top};
use crate::data::shape::Log;
use crate::model::layout::{self, Physical};
use crate::model::{
    Array, Description, Disk, FileSystem, FsKind, Group, Image, LogicalVolume, MIB, MountPoint, Role, Size,
    Tree, Volume,
};

/// At the head of every disk, for the boot loader of a BIOS.
const BIOS_GRUB: u64 = 24 * MIB;
/// On the first disk, for the common boot loader.
const BOOT_MENU: u64 = 100 * MIB;
/// At the end of the first disk, for the config drive.
const CONFIG_DRIVE: u64 = 64 * MIB;
/// What the label of a config drive has to be.
const CONFIG_LABEL: &str = "config-2";
/// Entries of a partition table.
const MOST_PARTITIONS: usize = 128;

pub(super) fn check(written: written::Description, log: &Log) -> Option<Description> {
    let mut checker =
        Checker { log, names: Vec::new(), all_named: true, arrays: Vec::new(), members: Vec::new() };
    let images = checker.images(written.images);
    let (mut disks, mut groups) = (Vec::new(), Vec::new());
    for top in written.partitions {
        match top {
            Top::Disk(disk) => disks.push(disk),
            Top::Group(group) => groups.push(group),
        }
    }
    if disks.is_empty() {
        log.complain("$.partitions", "expected at least one disk, found none");
    }
    let names: Vec<Option<String>> = groups.iter().map(|group| group.id.clone()).collect();
    let disks: Vec<Disk> = disks.into_iter().map(|disk| checker.disk(disk, &names)).collect();
    let groups: Vec<Group> = groups.into_iter().map(|group| checker.group(group)).collect();
    let trees = checker.trees();
    let mut description = Description {
        policy: written.policy,
        disks,
        groups,
        arrays: std::mem::take(&mut checker.arrays),
        trees,
        images,
        kernel_params: written.kernel_params,
        pull: written.pull,
        config_drive: written.config_drive,
    };
    checker.mirrors(&description);
    checker.mounts(&mut description);
    checker.twice(&description);
    unnamed_parts(&mut description);
    checker.layouts(&description);
    Some(description)
}

struct Checker<'a> {
    log: &'a Log,
    /// Names of the trees.
    names: Vec<String>,
    /// Whether all of them are known, so that others can be complained about.
    all_named: bool,
    arrays: Vec<Array>,
    /// Members of each array: paths of their volumes.
    members: Vec<Vec<String>>,
}

impl Checker<'_> {
    fn images(&mut self, written: Vec<written::Image>) -> Vec<Image> {
        let mut images = Vec::new();
        for image in written {
            let Some(name) = image.name else {
                self.all_named = false;
                continue;
            };
            let tree = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
                self.names.push(name);
                self.names.len() - 1
            });
            let (Some(url), Some(target)) = (image.url, image.target) else { continue };
            let written::Image { boot, image_name, image_uuid, path, .. } = image;
            images.push(Image { tree, boot, image_name, image_uuid, url, target, path });
        }
        images
    }

    fn trees(&self) -> Vec<Tree> {
        self.names.iter().map(|name| Tree { name: name.clone(), has_root: false }).collect()
    }

    fn file_system(&self, written: written::FileSystem, path: &str) -> FileSystem {
        let trees = match written.images {
            None => vec![0],
            Some(names) => {
                let mut trees = Vec::new();
                for (index, name) in names.iter().enumerate() {
                    match self.names.iter().position(|known| known == name) {
                        Some(tree) if !trees.contains(&tree) => trees.push(tree),
                        Some(_) => {}
                        None if self.all_named => {
                            let known = self.names.join(", ");
                            let message = format!("there is no image {name:?}; there are: {known}");
                            self.log.complain(&format!("{path}.images[{index}]"), message);
                        }
                        None => {}
                    }
                }
                trees
            }
        };
        if written.kind == FsKind::Swap
            && let Some(mount) = &written.mount
        {
            let message = format!("swap is not mounted; expected no mount or \"none\", found \"{mount}\"");
            self.log.complain(&format!("{path}.mount"), message);
        }
        FileSystem {
            kind: written.kind,
            mount: written.mount,
            label: written.label,
            keep_data: written.keep_data,
            fstab_enabled: written.fstab_enabled,
            fstab_options: written.fstab_options,
            trees,
        }
    }

    fn disk(&mut self, written: written::Disk, groups: &[Option<String>]) -> Disk {
        let mut volumes = Vec::new();
        for volume in written.volumes {
            let path = volume.path;
            let (role, guid) = match volume.role {
                written::Role::Partition { file_system, guid } => {
                    (Role::FileSystem(self.file_system(file_system, &path)), guid)
                }
                written::Role::Raid { file_system, name } => match self.member(file_system, name, &path) {
                    Some(array) => (Role::Member(array), None),
                    None => (Role::Reserved, None),
                },
                written::Role::Physical { group, reserved } => {
                    let found = groups.iter().position(|known| *known == group && group.is_some());
                    match (found, group) {
                        (Some(group), _) => (Role::Physical { group, reserved }, None),
                        (None, Some(group)) => {
                            let message = format!("there is no volume group {group:?} in the description");
                            self.log.complain(&format!("{path}.vg"), message);
                            (Role::Reserved, None)
                        }
                        (None, None) => (Role::Reserved, None),
                    }
                }
                written::Role::Reserved => (Role::Reserved, None),
            };
            // A size that is wrong has been complained about; nothing is said about what follows from it.
            volumes.push(Volume { size: volume.size.unwrap_or(Size::Bytes(MIB)), role, guid, path });
        }
        let id = written.id.unwrap_or(crate::model::DiskId::Name(String::new()));
        // Without a size there is nothing to compare with.
        Disk { id, size: written.size.unwrap_or(u64::MAX / 4), volumes, path: written.path }
    }

    /// The array of a member: found by its mount.
    fn member(&mut self, written: written::FileSystem, name: Option<String>, path: &str) -> Option<usize> {
        let file_system = self.file_system(written, path);
        if file_system.mount.is_none() {
            let message =
                "expected the key \"mount\", by which the members of an array are found; found none";
            self.log.complain(path, message);
            return None;
        }
        let same = |array: &Array| array.file_system.mount == file_system.mount;
        let Some(index) = self.arrays.iter().position(same) else {
            let name = name.unwrap_or_else(|| format!("md{}", self.arrays.len()));
            self.arrays.push(Array { name, file_system });
            self.members.push(vec![path.to_owned()]);
            return Some(self.arrays.len() - 1);
        };
        let first = &self.members[index][0];
        if self.arrays[index].file_system != file_system {
            self.log.complain(
                path,
                format!("says something else about the file system than {first}, the first member"),
            );
        }
        if name.as_ref().is_some_and(|name| *name != self.arrays[index].name) {
            self.log
                .complain(&format!("{path}.name"), format!("is not the name at {first}, the first member"));
        }
        self.members[index].push(path.to_owned());
        Some(index)
    }

    fn group(&mut self, written: written::Group) -> Group {
        let mut volumes: Vec<LogicalVolume> = Vec::new();
        for volume in written.volumes {
            let path = volume.path;
            let file_system = self.file_system(volume.file_system, &path);
            let name = volume.name.unwrap_or_default();
            if !name.is_empty() && volumes.iter().any(|other| other.name == name) {
                self.log.complain(&format!("{path}.name"), format!("{name:?} is the name of another volume"));
            }
            let size = volume.size.unwrap_or(Size::Bytes(MIB));
            volumes.push(LogicalVolume { name, size, file_system, path });
        }
        Group { name: written.id.unwrap_or_default(), volumes, path: written.path }
    }

    fn mirrors(&self, description: &Description) {
        for (array, members) in description.arrays.iter().zip(&self.members) {
            if members.len() < 2 {
                let mount = array.file_system.mount.as_ref().expect("arrays are found by their mount");
                let message =
                    format!("a mirror needs two members; no other \"raid\" volume has the mount \"{mount}\"");
                self.log.complain(&members[0], message);
            }
        }
    }

    /// Mounts of each tree, and where its images go.
    fn mounts(&self, description: &mut Description) {
        let mut seen: HashSet<(usize, MountPoint)> = HashSet::new();
        for (file_system, path) in with_paths(description, &self.members) {
            let Some(mount) = &file_system.mount else { continue };
            for tree in &file_system.trees {
                if !seen.insert((*tree, mount.clone())) {
                    let name = self.names.get(*tree).map_or("", String::as_str);
                    let message =
                        format!("\"{mount}\" is the mount of another file system of the image {name:?}");
                    self.log.complain(&format!("{path}.mount"), message);
                }
            }
        }
        for (index, tree) in description.trees.iter_mut().enumerate() {
            tree.has_root = seen.contains(&(index, MountPoint::root()));
        }
        for image in &description.images {
            let holds = |(tree, mount): &(usize, MountPoint)| {
                *tree == image.tree && mount.holds(image.target.as_path())
            };
            if !seen.iter().any(holds) {
                let name = &self.names[image.tree];
                let message = format!(
                    "no file system of the image {name:?} is mounted at or above \"{}\"",
                    image.target
                );
                self.log.complain(&format!("{}.target", image.path), message);
            }
        }
        let chosen: HashSet<usize> =
            description.images.iter().filter(|image| image.boot).map(|image| image.tree).collect();
        if chosen.len() > 1 {
            self.log.warn("$.images", "several are to boot when nobody chooses; the first of them does");
        }
    }

    /// Names and GUIDs that may stand there only once.
    fn twice(&self, description: &Description) {
        for (index, disk) in description.disks.iter().enumerate() {
            if description.disks[..index].iter().any(|other| other.id == disk.id) && disk.id.to_string() != ""
            {
                self.log.complain(&format!("{}.id", disk.path), format!("{} is described twice", disk.id));
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
        for (index, array) in description.arrays.iter().enumerate() {
            if description.arrays[..index].iter().any(|other| other.name == array.name) {
                let message = format!("{:?} is the name of another array", array.name);
                self.log.complain(&format!("{}.name", self.members[index][0]), message);
            }
        }
    }

    /// Sizes, as far as they can be seen without the disks.
    fn layouts(&self, description: &Description) {
        let mut members: Vec<Vec<Physical>> = vec![Vec::new(); description.groups.len()];
        let mut all_laid_out = true;
        for disk in &description.disks {
            let path = format!("{}.volumes", disk.path);
            if disk.volumes.len() > MOST_PARTITIONS {
                let message = format!("expected at most {MOST_PARTITIONS}, found {}", disk.volumes.len());
                self.log.complain(&path, message);
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
                    all_laid_out = false;
                    self.log.complain(&path, error.to_string());
                }
            }
        }
        for (group, members) in description.groups.iter().zip(&members) {
            if members.is_empty() && all_laid_out {
                let message = format!("the volume group {:?} has no physical volume (\"pv\")", group.name);
                self.log.complain(&group.path, message);
            } else if all_laid_out && let Err(error) = layout::group(group, members) {
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

/// Adds what is taken without being named.
fn unnamed_parts(description: &mut Description) {
    let fixed = |bytes, role, path: &str| Volume {
        size: Size::Bytes(bytes),
        role,
        guid: None,
        path: path.to_owned(),
    };
    let labelled = |volume: &Volume| match &volume.role {
        Role::FileSystem(file_system) => file_system.label.as_deref() == Some(CONFIG_LABEL),
        _ => false,
    };
    if description.config_drive.is_some() {
        let described =
            description.disks.iter_mut().flat_map(|disk| &mut disk.volumes).find(|volume| labelled(volume));
        match described {
            Some(volume) => volume.role = Role::ConfigDrive,
            None => {
                if let Some(disk) = description.disks.first_mut() {
                    disk.volumes.push(fixed(CONFIG_DRIVE, Role::ConfigDrive, &disk.path));
                }
            }
        }
    }
    let menu = description.has_boot_menu();
    for (index, disk) in description.disks.iter_mut().enumerate() {
        if menu && index == 0 {
            disk.volumes.insert(0, fixed(BOOT_MENU, Role::BootMenu, &disk.path));
        }
        disk.volumes.insert(0, fixed(BIOS_GRUB, Role::BiosGrub, &disk.path));
    }
}
