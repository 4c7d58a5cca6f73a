//! Makes a plan.

use std::path::{Path, PathBuf};

use uuid::{Uuid, uuid};

use super::facts::{DiskFacts, Facts};
use super::need::capacity;
use super::step::{NewPartition, Span, Step};
use super::{DiskPlan, FsPlan, NoPlan, OldPartition, Plan, Problem, Problems, VERSION, refuse, verify};
use crate::machine::Firmware;
use crate::machine::table::Table;
use crate::machine::users::User;
use crate::model::layout::{self, Physical, Room, Segment};
use crate::model::{Description, FileSystem, FsKind, MIB, Policy, Role, Volume};

/// Types of partitions.
mod kinds {
    use super::{Uuid, uuid};

    pub(super) const LINUX: Uuid = uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4");
    pub(super) const BIOS_BOOT: Uuid = uuid!("21686148-6449-6e6f-744e-656564454649");
    pub(super) const EFI_SYSTEM: Uuid = uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    pub(super) const BASIC_DATA: Uuid = uuid!("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7");
    pub(super) const SWAP: Uuid = uuid!("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f");
    pub(super) const RAID: Uuid = uuid!("a19d880f-05fc-4d3b-a006-743f0f84911e");
    pub(super) const LVM: Uuid = uuid!("e6d6d379-f507-44c2-a23c-238f2a3df928");
}

/// What is erased at both ends of whatever is erased: every signature lies in it.
const SIGNATURES: u64 = MIB;

/// What was asked for beside the description.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wishes {
    /// Go on where it would be refused for the sake of what is on the disks.
    pub(crate) force: bool,
    /// Make the machine start from its disks.
    pub(crate) boot_loader: bool,
    /// Lay the disks out, if the policy says so; else they are taken as they are.
    pub(crate) partition: bool,
}

/// Makes the plan for a description on a machine.
///
/// # Errors
/// It would do harm, or what is on the disks is not what the policy takes.
pub(crate) fn build(description: &Description, facts: &Facts, wishes: Wishes) -> Result<Plan, NoPlan> {
    let mut draft = Draft::new(description, facts, wishes)?;
    let anew = match description.policy {
        _ if !wishes.partition => false,
        Policy::Clean => true,
        Policy::Verify => false,
        Policy::NailgunLegacy => !description.file_systems().any(|file_system| file_system.keep_data),
    };
    let mut problems = refuse::problems(description, facts, wishes, anew);
    problems.extend(draft.without_efi_partition());
    if !problems.is_empty() {
        return Err(NoPlan::Refused(Problems(problems)));
    }
    draft.release(anew);
    if anew {
        draft.lay_out();
    } else {
        // Disks that were laid out anew have been laid out as described.
        let compare = description.policy != Policy::NailgunLegacy;
        let differences = verify::differences(&draft, compare);
        if !differences.is_empty() {
            return Err(NoPlan::Differs(Problems(differences)));
        }
        draft.put_together();
    }
    draft.make_file_systems(anew);
    draft.deploy(anew);
    Ok(draft.finish(anew))
}

/// A plan in the making.
pub(super) struct Draft<'a> {
    pub(super) description: &'a Description,
    pub(super) facts: &'a Facts,
    wishes: Wishes,
    /// Of each disk.
    pub(super) segments: Vec<Vec<Segment>>,
    /// Of each group: nodes of its members, and how they are laid out.
    pub(super) members: Vec<Vec<(PathBuf, Physical)>>,
    /// Of each group: extents of its volumes.
    pub(super) extents: Vec<Vec<u64>>,
    /// Of each array: nodes of its members, with their sizes.
    pub(super) mirrors: Vec<Vec<(PathBuf, u64)>>,
    file_systems: Vec<FsPlan>,
    steps: Vec<Step>,
}

impl<'a> Draft<'a> {
    fn new(description: &'a Description, facts: &'a Facts, wishes: Wishes) -> Result<Self, NoPlan> {
        let mut problems = Vec::new();
        let mut segments = Vec::new();
        let mut members = vec![Vec::new(); description.groups.len()];
        let mut mirrors = vec![Vec::new(); description.arrays.len()];
        for (disk, there) in description.disks.iter().zip(&facts.disks) {
            let room = Room { bytes: there.device.bytes, sector: there.device.sector };
            let laid_out = layout::disk(disk, Some(room)).unwrap_or_else(|error| {
                problems.push(Problem::new(there.device.node().display(), error.to_string()));
                Vec::new()
            });
            for segment in &laid_out {
                let Some(number) = segment.number else { continue };
                let node = there.device.partition_node(number);
                match disk.volumes[segment.volume].role {
                    Role::Physical { group, reserved } => {
                        members[group].push((node, Physical { length: segment.length, reserved }));
                    }
                    Role::Member(array) => mirrors[array].push((node, segment.length)),
                    _ => {}
                }
            }
            segments.push(laid_out);
        }
        let mut extents = Vec::new();
        for (group, members) in description.groups.iter().zip(&members) {
            let members: Vec<Physical> = members.iter().map(|(_, member)| *member).collect();
            extents.push(layout::group(group, &members).unwrap_or_else(|error| {
                problems.push(Problem::new(format!("volume group {}", group.name), error.to_string()));
                Vec::new()
            }));
        }
        if !problems.is_empty() {
            return Err(NoPlan::Refused(Problems(problems)));
        }
        let (file_systems, steps) = (Vec::new(), Vec::new());
        Ok(Self { description, facts, wishes, segments, members, extents, mirrors, file_systems, steps })
    }

    /// On a UEFI machine the firmware starts from an EFI system partition only.
    fn without_efi_partition(&self) -> Vec<Problem> {
        if self.facts.firmware != Firmware::Uefi || !self.wishes.boot_loader {
            return Vec::new();
        }
        let lacks = |tree: &usize| {
            !self
                .description
                .file_systems()
                .any(|file_system| is_efi(file_system) && file_system.trees.contains(tree))
        };
        let message = "this machine starts by UEFI and needs an EFI system partition: describe one with the file \
                       system \"vfat\" and the mount \"/boot/efi\", or leave the boot loader out";
        let systems = self.description.systems().filter(lacks);
        systems.map(|tree| Problem::new(&self.description.trees[tree].name, message)).collect()
    }

    /// What uses the disks lets go of them, as far as that is in the way.
    fn release(&mut self, anew: bool) {
        let (mut groups, mut arrays) = (Vec::new(), Vec::new());
        for user in self.facts.disks.iter().flat_map(|disk| &disk.users) {
            match user {
                User::Mount(path) => self.steps.push(Step::Unmount { path: path.clone() }),
                User::Swap(node) => self.steps.push(Step::SwapOff { node: node.clone() }),
                User::Group(group) if anew && !groups.contains(group) => groups.push(group.clone()),
                User::Array { node, .. } if anew && !arrays.contains(node) => arrays.push(node.clone()),
                _ => {}
            }
        }
        // What is mounted deeper lies in what is mounted before.
        self.steps.sort_by_key(|step| match step {
            Step::Unmount { path } => std::cmp::Reverse(path.components().count()),
            _ => std::cmp::Reverse(0),
        });
        self.steps.extend(groups.into_iter().map(|group| Step::DeactivateGroup { group }));
        self.steps.extend(arrays.into_iter().map(|node| Step::StopArray { node }));
    }

    /// Tables, arrays and groups from nothing.
    fn lay_out(&mut self) {
        for index in 0..self.facts.disks.len() {
            let device = &self.facts.disks[index].device;
            let disk = device.node();
            self.steps.push(Step::Erase { disk: disk.clone(), spans: self.spans(index) });
            self.steps.push(Step::WriteTable { disk, partitions: self.partitions(index) });
        }
        for (array, members) in self.description.arrays.iter().zip(&self.mirrors) {
            let members = members.iter().map(|(node, _)| node.clone()).collect();
            self.steps.push(Step::CreateArray {
                node: array_node(&array.name),
                name: array.name.clone(),
                members,
            });
        }
        for ((group, members), extents) in
            self.description.groups.iter().zip(&self.members).zip(&self.extents)
        {
            for (node, physical) in members {
                self.steps
                    .push(Step::CreatePhysical { node: node.clone(), data_start: physical.data_start() });
            }
            let nodes = members.iter().map(|(node, _)| node.clone()).collect();
            self.steps.push(Step::CreateGroup { group: group.name.clone(), members: nodes });
            for (volume, extents) in group.volumes.iter().zip(extents) {
                let (group, name) = (group.name.clone(), volume.name.clone());
                self.steps.push(Step::CreateLogical { group, name, extents: *extents });
            }
        }
    }

    /// What is there already, made usable.
    fn put_together(&mut self) {
        for (array, members) in self.description.arrays.iter().zip(&self.mirrors) {
            if self.running(&array.name).is_none() {
                let members = members.iter().map(|(node, _)| node.clone()).collect();
                self.steps.push(Step::AssembleArray { node: array_node(&array.name), members });
            }
        }
        for group in &self.description.groups {
            self.steps.push(Step::ActivateGroup { group: group.name.clone() });
        }
    }

    /// The node of an array that is running, which may have got another one than it was made with.
    fn running(&self, array: &str) -> Option<PathBuf> {
        let mut users = self.facts.disks.iter().flat_map(|disk| &disk.users);
        users.find_map(|user| match user {
            User::Array { name, node } if name == array => Some(node.clone()),
            _ => None,
        })
    }

    fn make_file_systems(&mut self, anew: bool) {
        let mut found: Vec<(PathBuf, u64, FileSystem)> = Vec::new();
        for (index, disk) in self.description.disks.iter().enumerate() {
            for segment in &self.segments[index] {
                let file_system = match &disk.volumes[segment.volume].role {
                    Role::FileSystem(file_system) => file_system.clone(),
                    Role::BootMenu => boot_menu(),
                    _ => continue,
                };
                let number = segment.number.expect("only reserved space has no number");
                found.push((
                    self.facts.disks[index].device.partition_node(number),
                    segment.length,
                    file_system,
                ));
            }
        }
        for (array, members) in self.description.arrays.iter().zip(&self.mirrors) {
            let least = members.iter().map(|(_, bytes)| *bytes).min().unwrap_or(0);
            // The superblock and the log of the array.
            let bytes = least.saturating_sub(least / 100 + MIB);
            let running = if anew { None } else { self.running(&array.name) };
            let node = running.unwrap_or_else(|| array_node(&array.name));
            found.push((node, bytes, array.file_system.clone()));
        }
        for (group, extents) in self.description.groups.iter().zip(&self.extents) {
            for (volume, extents) in group.volumes.iter().zip(extents) {
                let node = PathBuf::from(format!("/dev/{}/{}", group.name, volume.name));
                found.push((node, extents * layout::EXTENT, volume.file_system.clone()));
            }
        }
        for (node, bytes, spec) in found {
            let made = self.wishes.partition && (anew || !spec.keep_data);
            if made {
                let (kind, label) = (spec.kind, spec.label.clone());
                // The boot loader reads its files from them.
                let system = spec.mount.as_ref().is_none_or(|mount| mount.holds(Path::new("/boot")));
                self.steps.push(Step::MakeFileSystem { node: node.clone(), kind, label, system });
            }
            let trees = spec.trees.iter().map(|tree| self.description.trees[*tree].name.clone()).collect();
            let offer = capacity(spec.kind, bytes);
            self.file_systems.push(FsPlan { node, bytes, made, spec, trees, offer, need: None });
        }
    }

    /// What comes after partitioning.
    fn deploy(&mut self, anew: bool) {
        let description = self.description;
        let volumes = |index: usize| {
            let disk = &self.facts.disks[index].device;
            let node = |segment: &Segment| segment.number.map(|number| disk.partition_node(number));
            self.segments[index].iter().map(move |segment| (segment.volume, node(segment)))
        };
        for (index, disk) in description.disks.iter().enumerate() {
            let drive =
                volumes(index).find(|(volume, _)| matches!(disk.volumes[*volume].role, Role::ConfigDrive));
            if let Some((_, Some(node))) = drive {
                self.steps.push(Step::WriteConfigDrive { node });
            }
        }
        let disks: Vec<PathBuf> = self.facts.disks.iter().map(|disk| disk.device.node()).collect();
        if !anew && self.wishes.boot_loader {
            self.steps.extend(disks.iter().map(|disk| Step::Disarm { disk: disk.clone() }));
        }
        for (index, tree) in description.trees.iter().enumerate() {
            for image in description.images_of(index) {
                let target = image.target.as_path().to_owned();
                self.steps.push(Step::Pull { tree: tree.name.clone(), url: image.url.clone(), target });
            }
            if tree.has_root {
                self.steps.push(Step::Fstab { tree: tree.name.clone() });
            }
        }
        if !self.wishes.boot_loader {
            return;
        }
        if description.has_boot_menu() {
            let menu =
                self.file_systems.iter().find(|plan| plan.spec.trees.is_empty() && plan.spec.mount.is_none());
            if let Some(menu) = menu {
                self.steps.push(Step::BootMenu { node: menu.node.clone(), disks });
            }
        } else if let Some(system) = description.systems().next() {
            self.steps.push(Step::BootLoader { tree: description.trees[system].name.clone(), disks });
        }
    }

    fn finish(self, anew: bool) -> Plan {
        let disks = self.facts.disks.iter().enumerate().map(|(index, there)| DiskPlan {
            node: there.device.node(),
            model: there.device.model.clone(),
            bytes: there.device.bytes,
            content: there.content.kind.clone(),
            laid_out: anew,
            before: before(there),
            after: self.partitions(index),
        });
        Plan {
            version: VERSION,
            policy: self.description.policy.name(),
            firmware: self.facts.firmware,
            disks: disks.collect(),
            file_systems: self.file_systems,
            steps: self.steps,
        }
    }

    /// The partitions that a disk is to have.
    pub(super) fn partitions(&self, disk: usize) -> Vec<NewPartition> {
        let (description, device) = (&self.description.disks[disk], &self.facts.disks[disk].device);
        let partition = |segment: &Segment| {
            let volume = &description.volumes[segment.volume];
            let number = segment.number?;
            Some(NewPartition {
                number,
                node: device.partition_node(number),
                start: segment.start,
                length: segment.length,
                kind: kind(volume),
                guid: volume.guid,
                name: self.name(volume),
            })
        };
        self.segments[disk].iter().filter_map(partition).collect()
    }

    fn name(&self, volume: &Volume) -> String {
        match &volume.role {
            Role::BiosGrub => "BIOS boot".to_owned(),
            Role::BootMenu => "boot menu".to_owned(),
            Role::ConfigDrive => "config-2".to_owned(),
            Role::Member(array) => self.description.arrays[*array].name.clone(),
            Role::Physical { group, .. } => self.description.groups[*group].name.clone(),
            Role::Reserved => String::new(),
            Role::FileSystem(file_system) => match (&file_system.label, &file_system.mount) {
                (Some(label), _) => label.clone(),
                (None, Some(mount)) => mount.to_string(),
                (None, None) => file_system.kind.name().to_owned(),
            },
        }
    }

    /// What has to be erased of a disk so that nothing of what was there is taken for something.
    fn spans(&self, disk: usize) -> Vec<Span> {
        let there = &self.facts.disks[disk];
        let bytes = there.device.bytes;
        let mut parts = vec![(0, bytes)];
        if let Table::Gpt { entries, .. } = &there.table {
            parts.extend(entries.iter().map(|entry| (entry.start, entry.length)));
        }
        parts.extend(there.partitions.iter().map(|partition| (partition.start, partition.length)));
        parts.extend(self.segments[disk].iter().map(|segment| (segment.start, segment.length)));
        let mut spans: Vec<Span> = Vec::new();
        for (start, length) in parts {
            // A damaged table may name what is not on the disk.
            let end = start.saturating_add(length).min(bytes);
            let Some(length) = end.checked_sub(start) else { continue };
            let piece = length.min(SIGNATURES);
            for start in [start, end - piece] {
                let span = Span { start, length: piece };
                if piece > 0 && !spans.contains(&span) {
                    spans.push(span);
                }
            }
        }
        spans.sort_by_key(|span| span.start);
        spans
    }
}

fn before(there: &DiskFacts) -> Vec<OldPartition> {
    let known = |number: u32| there.partitions.iter().find(|partition| partition.number == number);
    match &there.table {
        Table::Gpt { entries, .. } => {
            let nothing = Default::default();
            let old = |entry: &crate::machine::table::Entry| {
                let content = known(entry.number).map_or(&nothing, |partition| &partition.content);
                OldPartition::new(entry.number, entry.start, entry.length, content)
            };
            entries.iter().map(old).collect()
        }
        _ => {
            let old = |partition: &super::facts::PartitionFacts| {
                OldPartition::new(partition.number, partition.start, partition.length, &partition.content)
            };
            there.partitions.iter().map(old).collect()
        }
    }
}

/// The file system of the common boot loader.
fn boot_menu() -> FileSystem {
    FileSystem {
        kind: FsKind::Ext4,
        mount: None,
        label: Some("boot-menu".to_owned()),
        keep_data: true,
        fstab_enabled: false,
        fstab_options: "defaults".to_owned(),
        trees: Vec::new(),
    }
}

/// Whether it is an EFI system partition.
pub(crate) fn is_efi(file_system: &FileSystem) -> bool {
    let place = file_system.mount.as_ref().map(ToString::to_string);
    file_system.kind == FsKind::Vfat && matches!(place.as_deref(), Some("/boot/efi" | "/efi"))
}

/// The type of a partition in the table.
fn kind(volume: &Volume) -> Uuid {
    match &volume.role {
        Role::BiosGrub => kinds::BIOS_BOOT,
        Role::ConfigDrive => kinds::BASIC_DATA,
        Role::Member(_) => kinds::RAID,
        Role::Physical { .. } => kinds::LVM,
        Role::BootMenu | Role::Reserved => kinds::LINUX,
        Role::FileSystem(file_system) if is_efi(file_system) => kinds::EFI_SYSTEM,
        Role::FileSystem(file_system) => match file_system.kind {
            FsKind::Swap => kinds::SWAP,
            FsKind::Vfat => kinds::BASIC_DATA,
            _ => kinds::LINUX,
        },
    }
}

/// The node of an array.
pub(super) fn array_node(name: &str) -> PathBuf {
    // The kernel's own names are nodes of their own.
    let own = name
        .strip_prefix("md")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    PathBuf::from(if own { format!("/dev/{name}") } else { format!("/dev/md/{name}") })
}
