//! From what is written to the model: names become what they lead to. Remembers what could not be read, so that
//! nothing is missed that may have been there.

use std::collections::HashSet;

use super::implied::{self, CONFIG_LABEL};
use super::raw::{self, Mount, Top};
use super::trees;
use crate::data::shape::Log;
use crate::model::{
    Array, BOOT_MENU_LABEL, Description, Disk, FileSystem, FsKind, Group, Image, LogicalVolume, MIB, Role,
    Size, Tree, Volume,
};

pub(super) fn check(written: raw::Description, log: &Log) -> Option<Description> {
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
        unsure_disks: HashSet::new(),
        has_config_drive: written.config_drive.is_some(),
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
    let disks: Vec<Disk> =
        disks.into_iter().enumerate().map(|(index, disk)| checker.disk(index, disk, &names)).collect();
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
    trees::settle(&mut description);
    checker.mounts(&mut description);
    checker.twice(&description);
    implied::add(&mut description);
    checker.layouts(&description);
    Some(description)
}

pub(super) struct Checker<'a> {
    pub(super) log: &'a Log,
    /// Names of the trees.
    names: Vec<String>,
    // What could not be read may have been what is missed elsewhere. Only when all of a kind is known is it a
    // mistake that something is not there.
    /// Whether the names of all images are known.
    pub(super) all_named: bool,
    /// Whether the names of all groups are known.
    pub(super) all_groups: bool,
    /// Whether all volumes are known.
    pub(super) all_volumes: bool,
    /// Whether of all file systems it is known where they are mounted, and for which images.
    pub(super) all_placed: bool,
    /// Those without a name have an empty one until all are known.
    arrays: Vec<Array>,
    /// Members of each array: paths of their volumes.
    pub(super) members: Vec<Vec<String>>,
    /// Whether all that the members of each array say about its file system could be read.
    all_clear: Vec<bool>,
    /// Groups of which nobody can say how large they are.
    pub(super) unsure: HashSet<usize>,
    /// Disks of which nobody can say how large their volumes are.
    pub(super) unsure_disks: HashSet<usize>,
    has_config_drive: bool,
}

impl Checker<'_> {
    fn images(&mut self, written: Vec<Option<raw::Image>>) -> Vec<Image> {
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
                self.names.push(name.clone());
                self.names.len() - 1
            });
            let (Some(url), Some(target)) = (image.url, image.target) else { continue };
            let raw::Image { boot, image_name, image_uuid, path, checks, .. } = image;
            let trees = vec![tree];
            images.push(Image { name, trees, boot, image_name, image_uuid, url, target, checks, path });
        }
        images
    }

    fn trees(&self) -> Vec<Tree> {
        self.names.iter().map(|name| Tree { name: name.clone(), has_root: false }).collect()
    }

    fn file_system(&mut self, written: raw::FileSystem, path: &str) -> FileSystem {
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
        let complain = |message: String| self.log.complain(&format!("{path}.mount"), message);
        let mount = match written.mount {
            Mount::At(mount) if written.kind == FsKind::Swap => {
                complain(format!("swap is not mounted; expected no mount or \"none\", found \"{mount}\""));
                None
            }
            Mount::At(mount) => Some(mount),
            Mount::Swap if written.kind != FsKind::Swap && written.kind_known => {
                let kind = written.kind.name();
                complain(format!("expected an absolute path or \"none\" for {kind}, found \"swap\""));
                None
            }
            Mount::Swap | Mount::None => None,
        };
        if self.has_config_drive && written.label.as_deref() == Some(CONFIG_LABEL) && mount.is_some() {
            complain(format!(
                "the label {CONFIG_LABEL:?} makes it the config drive, which is not mounted; expected no mount or \"none\""
            ));
        }
        if written.label.as_deref() == Some(BOOT_MENU_LABEL) {
            complain(format!(
                "the label {BOOT_MENU_LABEL:?} is that of common boot menus; choose another one"
            ));
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

    fn disk(&mut self, index: usize, written: raw::Disk, groups: &[Option<String>]) -> Disk {
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
                raw::Role::Partition { file_system, guid } => {
                    (Role::FileSystem(self.file_system(file_system, &path)), guid)
                }
                raw::Role::Raid { file_system, name } => match self.member(file_system, name, &path) {
                    Some(array) => (Role::Member(array), None),
                    None => (Role::Reserved, None),
                },
                raw::Role::Physical { group, reserved, clear } => {
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
                raw::Role::Reserved => (Role::Reserved, None),
            };
            // A size that is wrong has been complained about; nothing is said about what follows from it.
            volumes.push(Volume { size: volume.size.unwrap_or(Size::Bytes(MIB)), role, guid, path });
        }
        let id = written.id.unwrap_or(crate::model::DiskId::Name(String::new()));
        if !sizes_known {
            self.unsure.extend(filled);
            self.unsure_disks.insert(index);
        }
        // Without a size there is nothing to compare with.
        Disk { id, size: written.size.unwrap_or(u64::MAX / 4), volumes, path: written.path }
    }

    /// The array of a member: found by its mount.
    fn member(&mut self, written: raw::FileSystem, name: Option<String>, path: &str) -> Option<usize> {
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
            let keys = differing(&self.arrays[index].file_system, &file_system).join(", ");
            self.log.complain(
                path,
                format!(
                    "expected the same {keys} as in {first}, the first member of the array; found another"
                ),
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

    fn group(&mut self, written: raw::Group) -> Group {
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
}

/// Keys in which two file systems differ.
fn differing(one: &FileSystem, other: &FileSystem) -> Vec<&'static str> {
    let keys = [
        ("file_system", one.kind != other.kind),
        ("disk_label", one.label != other.label),
        ("keep_data", one.keep_data != other.keep_data),
        ("fstab_enabled", one.fstab_enabled != other.fstab_enabled),
        ("fstab_options", one.fstab_options != other.fstab_options),
        ("images", one.trees != other.trees),
    ];
    keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}
