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
    let mut checker = Checker {
        log,
        names: Vec::new(),
        all_named: true,
        all_groups: true,
        all_volumes: true,
        all_placed: true,
        arrays: Vec::new(),
        members: Vec::new(),
        all_clear: Vec::new(),
        unsure: HashSet::new(),
    };
    let images = checker.images(written.images);
    let (mut disks, mut groups) = (Vec::new(), Vec::new());
    for top in written.partitions {
        match top {
            Some(Top::Disk(disk)) => disks.push(disk),
            Some(Top::Group(group)) => groups.push(group),
            None => {
                checker.all_volumes = false;
                checker.all_groups = false;
            }
        }
    }
    if disks.is_empty() {
        if checker.all_volumes {
            log.complain("$.partitions", "expected at least one disk, found none");
        }
        checker.all_volumes = false;
    }
    let names: Vec<Option<String>> = groups.iter().map(|group| group.id.clone()).collect();
    checker.all_groups &= names.iter().all(Option::is_some);
    let disks: Vec<Disk> = disks.into_iter().map(|disk| checker.disk(disk, &names)).collect();
    let groups: Vec<Group> = groups.into_iter().map(|group| checker.group(group)).collect();
    checker.name_arrays();
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
    // What could not be read may have been what is missed elsewhere. Only when all of a kind is known is it a
    // mistake that something is not there.
    /// Whether the names of all images are known.
    all_named: bool,
    /// Whether the names of all groups are known.
    all_groups: bool,
    /// Whether all volumes are known.
    all_volumes: bool,
    /// Whether of all file systems it is known where they are mounted, and for which images.
    all_placed: bool,
    /// Those without a name have an empty one until all are known.
    arrays: Vec<Array>,
    /// Members of each array: paths of their volumes.
    members: Vec<Vec<String>>,
    /// Whether all that the members of each array say about its file system could be read.
    all_clear: Vec<bool>,
    /// Groups of which nobody can say how large they are.
    unsure: HashSet<usize>,
}

impl Checker<'_> {
    fn images(&mut self, written: Vec<Option<written::Image>>) -> Vec<Image> {
        let mut images = Vec::new();
        for image in written {
            let Some((image, name)) = image.and_then(|mut image| image.name.take().map(|name| (image, name)))
            else {
                self.all_named = false;
                // It keeps its place: by default, what nobody names belongs to the first one.
                self.names.push(String::new());
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

    fn file_system(&mut self, written: written::FileSystem, path: &str) -> FileSystem {
        self.all_placed &= written.placed;
        let trees = match written.images {
            None if !written.placed => Vec::new(),
            None => vec![0],
            Some(names) => {
                let mut trees = Vec::new();
                for (index, name) in names.iter().enumerate() {
                    let Some(name) = name else {
                        self.all_placed = false;
                        continue;
                    };
                    match self.names.iter().position(|known| known == name) {
                        Some(tree) if !trees.contains(&tree) => trees.push(tree),
                        Some(_) => {}
                        None if self.all_named => {
                            let known = self.names.join(", ");
                            let message = format!("there is no image {name:?}; there are: {known}");
                            self.log.complain(&format!("{path}.images[{index}]"), message);
                            self.all_placed = false;
                        }
                        None => self.all_placed = false,
                    }
                }
                trees
            }
        };
        let mut mount = written.mount;
        if written.kind == FsKind::Swap
            && let Some(mount) = mount.take()
        {
            let message = format!("swap is not mounted; expected no mount or \"none\", found \"{mount}\"");
            self.log.complain(&format!("{path}.mount"), message);
        }
        FileSystem {
            kind: written.kind,
            mount,
            label: written.label,
            keep_data: written.keep_data,
            fstab_enabled: written.fstab_enabled,
            fstab_options: written.fstab_options,
            trees,
        }
    }

    fn disk(&mut self, written: written::Disk, groups: &[Option<String>]) -> Disk {
        let mut volumes = Vec::new();
        let mut sizes_known = written.size.is_some();
        let mut filled = Vec::new();
        for volume in written.volumes {
            let Some(volume) = volume else {
                sizes_known = false;
                self.all_volumes = false;
                continue;
            };
            if volume.size == Some(Size::Bytes(0)) {
                continue;
            }
            sizes_known &= volume.size.is_some();
            let path = volume.path;
            let (role, guid) = match volume.role {
                written::Role::Partition { file_system, guid } => {
                    (Role::FileSystem(self.file_system(file_system, &path)), guid)
                }
                written::Role::Raid { file_system, name } => match self.member(file_system, name, &path) {
                    Some(array) => (Role::Member(array), None),
                    None => (Role::Reserved, None),
                },
                written::Role::Physical { group, reserved, clear } => {
                    let found = groups.iter().position(|known| *known == group && group.is_some());
                    match (found, group) {
                        (Some(group), _) => {
                            filled.push(group);
                            if !clear {
                                self.unsure.insert(group);
                            }
                            (Role::Physical { group, reserved }, None)
                        }
                        (None, Some(group)) => {
                            if self.all_groups {
                                let message =
                                    format!("there is no volume group {group:?} in the description");
                                self.log.complain(&format!("{path}.vg"), message);
                            }
                            // It may have been meant for any of them.
                            self.unsure.extend(0..groups.len());
                            (Role::Reserved, None)
                        }
                        (None, None) => {
                            self.unsure.extend(0..groups.len());
                            (Role::Reserved, None)
                        }
                    }
                }
                written::Role::Reserved => (Role::Reserved, None),
            };
            // A size that is wrong has been complained about; nothing is said about what follows from it.
            volumes.push(Volume { size: volume.size.unwrap_or(Size::Bytes(MIB)), role, guid, path });
        }
        let id = written.id.unwrap_or(crate::model::DiskId::Name(String::new()));
        if !sizes_known {
            self.unsure.extend(filled);
        }
        // Without a size there is nothing to compare with.
        Disk { id, size: written.size.unwrap_or(u64::MAX / 4), volumes, path: written.path }
    }

    /// The array of a member: found by its mount.
    fn member(&mut self, written: written::FileSystem, name: Option<String>, path: &str) -> Option<usize> {
        let clear = written.clear;
        let file_system = self.file_system(written, path);
        if file_system.mount.is_none() && file_system.kind != FsKind::Swap {
            if clear {
                let message =
                    "expected the key \"mount\", by which the members of an array are found; found none";
                self.log.complain(path, message);
            }
            self.all_placed = false;
            return None;
        }
        let same = |array: &Array| array.file_system.mount == file_system.mount;
        let index = self.arrays.iter().position(same).unwrap_or_else(|| {
            self.arrays.push(Array { name: String::new(), file_system: file_system.clone() });
            self.members.push(Vec::new());
            self.all_clear.push(true);
            self.arrays.len() - 1
        });
        self.members[index].push(path.to_owned());
        let first = &self.members[index][0];
        self.all_clear[index] &= clear;
        if self.arrays[index].file_system != file_system && self.all_clear[index] {
            self.log.complain(
                path,
                format!("says something else about the file system than {first}, the first member"),
            );
        }
        if let Some(name) = name
            && name != self.arrays[index].name
        {
            let complain = |message| self.log.complain(&format!("{path}.name"), message);
            if !self.arrays[index].name.is_empty() {
                let other = &self.arrays[index].name;
                complain(format!("expected {other:?}, as another member has it, found {name:?}"));
            } else if self.arrays.iter().any(|other| other.name == name) {
                complain(format!("{name:?} is the name of another array"));
            } else {
                self.arrays[index].name = name;
            }
        }
        Some(index)
    }

    /// Names the arrays that have no name.
    fn name_arrays(&mut self) {
        for index in 0..self.arrays.len() {
            if self.arrays[index].name.is_empty() {
                let free = |name: &String| self.arrays.iter().all(|array| array.name != *name);
                let mut names = (0..).map(|number| format!("md{number}"));
                self.arrays[index].name = names.find(free).expect("there are more names than arrays");
            }
        }
    }

    fn group(&mut self, written: written::Group) -> Group {
        let mut volumes: Vec<LogicalVolume> = Vec::new();
        for volume in written.volumes {
            let Some(volume) = volume else {
                self.all_placed = false;
                continue;
            };
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
            if self.all_volumes && self.all_placed && !seen.iter().any(holds) {
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
    }

    /// Sizes, as far as they can be seen without the disks.
    fn layouts(&mut self, description: &Description) {
        let mut members: Vec<Vec<Physical>> = vec![Vec::new(); description.groups.len()];
        for disk in &description.disks {
            let path = format!("{}.volumes", disk.path);
            let partitions =
                disk.volumes.iter().filter(|volume| !matches!(volume.role, Role::Reserved)).count();
            if partitions > MOST_PARTITIONS {
                let message = format!(
                    "expected at most {MOST_PARTITIONS} partitions, with those that nobody names; found {partitions}"
                );
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
                    self.log.complain(&path, error.to_string());
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
