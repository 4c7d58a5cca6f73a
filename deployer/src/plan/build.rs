//! Makes a plan: decides what is done with the disks, and lists the steps in their order.

use std::path::PathBuf;

use super::draft::{Draft, On, Placed};
use super::facts::{DiskFacts, Facts, KernelView, PartitionFacts};
use super::images::{self, Images};
use super::need::capacity;
use super::partition_types::is_efi;
use super::step::{NewPartition, Phase, Step};
use super::{
    DiskPlan, FsPlan, NoPlan, OldPartition, Plan, Problem, Problems, VERSION, refuse, spans, verify,
};
use crate::http::shown;
use crate::machine::Firmware;
use crate::machine::holders::Holder;
use crate::model::{Description, Image, MountPoint, Policy, Role};

/// What was asked for beside the description.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlanOptions {
    /// Go on where it would be refused for the sake of what is on the disks.
    pub(crate) force: bool,
    /// Make the machine start from its disks, now or in a phase that comes later.
    pub(crate) boot_loader: bool,
    /// What the images are.
    pub(crate) images: Images,
    /// The phases that are carried out.
    pub(crate) phases: &'static [Phase],
}

impl PlanOptions {
    /// Whether a phase is carried out.
    pub(crate) fn wants(self, phase: Phase) -> bool {
        self.phases.contains(&phase)
    }
}

/// Makes the plan for a description on a machine.
///
/// # Errors
/// It would do harm, or what is on the disks is not what the policy takes.
pub(crate) fn build(description: &Description, facts: &Facts, options: PlanOptions) -> Result<Plan, NoPlan> {
    let anew = match description.policy {
        _ if !options.wants(Phase::Partitioning) => false,
        Policy::Clean => true,
        Policy::Verify => false,
        Policy::NailgunLegacy => !description.file_systems().any(|file_system| file_system.keep_data),
    };
    let draft = Draft::new(description, facts, options, anew)?;
    let mut problems = refuse::problems(&draft);
    problems.extend(without_efi_partition(&draft));
    problems.extend(images::problems(&draft));
    if !problems.is_empty() {
        return Err(NoPlan::Refused(Problems(problems)));
    }
    if !anew {
        // Disks that were laid out anew have been laid out as described.
        let compare = description.policy != Policy::NailgunLegacy;
        let differences = verify::differences(&draft, compare);
        if !differences.is_empty() {
            return Err(NoPlan::Differs(Problems(differences)));
        }
    }
    Ok(Builder::new(&draft).plan())
}

/// On a UEFI machine the firmware starts from an EFI system partition only.
fn without_efi_partition(draft: &Draft<'_>) -> Vec<Problem> {
    if draft.facts.firmware != Firmware::Uefi || !draft.options.boot_loader {
        return Vec::new();
    }
    let volumes = || draft.description.disks.iter().flat_map(|disk| &disk.volumes);
    let has = |tree: usize| {
        volumes().any(|volume| match &volume.role {
            Role::FileSystem(file_system) => is_efi(file_system) && file_system.trees.contains(&tree),
            _ => false,
        })
    };
    let message = "this machine starts by UEFI and needs an EFI system partition: describe a partition with the file \
                   system \"vfat\" and the mount \"/boot/efi\", or leave the boot loader out (--no-boot-loader)";
    let systems = draft.description.systems().filter(|tree| !has(*tree));
    systems.map(|tree| Problem::new(&draft.description.trees[tree].name, message)).collect()
}

struct Builder<'a> {
    draft: &'a Draft<'a>,
    placed: Vec<Placed>,
    steps: Vec<Step>,
}

impl<'a> Builder<'a> {
    fn new(draft: &'a Draft<'a>) -> Self {
        Self { draft, placed: draft.placed(), steps: Vec::new() }
    }

    fn plan(mut self) -> Plan {
        self.release();
        if self.draft.anew {
            // A disk that nobody gives away is found before another one is erased.
            self.steps.push(Step::TakeOver { disks: self.disks().map(|disk| disk.device.node()).collect() });
            // One that is erased later would start a system of which the first parts are gone.
            if self.draft.facts.disks.len() > 1 {
                self.steps.extend(self.disks().map(|disk| Step::Disarm { disk: disk.device.node() }));
            }
            self.lay_out();
        } else {
            self.put_together();
            self.disarm();
        }
        self.make_file_systems();
        self.deploy();
        self.finish()
    }

    fn disks(&self) -> impl Iterator<Item = &'a DiskFacts> + use<'a> {
        self.draft.facts.disks.iter()
    }

    /// What uses the disks lets go of them, as far as that is in the way.
    fn release(&mut self) {
        let (mut mounts, mut swaps, mut groups, mut arrays) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for holder in self.disks().flat_map(|disk| &disk.holders) {
            match holder {
                // What lies on several disks is used once; what is mounted twice at one place is unmounted twice.
                Holder::Mount { at, id } if !mounts.contains(&(at, id)) => mounts.push((at, id)),
                Holder::Swap(node) if !swaps.contains(node) => swaps.push(node.clone()),
                Holder::VolumeGroup(group) if self.draft.anew && !groups.contains(group) => {
                    groups.push(group.clone());
                }
                Holder::Array { node, .. } if self.draft.anew && !arrays.contains(node) => {
                    arrays.push(node.clone());
                }
                _ => {}
            }
        }
        // What is mounted deeper lies in what is mounted before.
        mounts.sort_by_key(|(at, _)| std::cmp::Reverse(at.components().count()));
        self.steps.extend(mounts.into_iter().map(|(at, _)| Step::Unmount { path: at.clone() }));
        self.steps.extend(swaps.into_iter().map(|node| Step::SwapOff { node }));
        self.steps.extend(groups.into_iter().map(|group| Step::DeactivateVolumeGroup { group }));
        self.steps.extend(arrays.into_iter().map(|node| Step::StopArray { node }));
    }

    /// Tables, arrays and groups from nothing.
    fn lay_out(&mut self) {
        let Draft { description, segments, array_members, group_members, extents, .. } = self.draft;
        for (index, there) in self.disks().enumerate() {
            let disk = there.device.node();
            self.steps.push(Step::Erase { disk: disk.clone(), spans: spans::of(there, &segments[index]) });
            self.steps.push(Step::WriteTable { disk, partitions: self.draft.partitions(index) });
        }
        for (index, (array, members)) in description.arrays.iter().zip(array_members).enumerate() {
            let members = members.iter().map(|(node, _)| node.clone()).collect();
            let (node, name) = (self.draft.array_node(index), array.name.clone());
            self.steps.push(Step::CreateArray { node, name, members });
        }
        for ((group, members), extents) in description.groups.iter().zip(group_members).zip(extents) {
            for (node, physical) in members {
                let (node, data_start) = (node.clone(), physical.data_start());
                self.steps.push(Step::CreatePhysicalVolume { node, data_start });
            }
            let nodes = members.iter().map(|(node, _)| node.clone()).collect();
            self.steps.push(Step::CreateVolumeGroup { group: group.name.clone(), members: nodes });
            for (volume, extents) in group.volumes.iter().zip(extents) {
                let (group, name) = (group.name.clone(), volume.name.clone());
                self.steps.push(Step::CreateLogicalVolume { group, name, extents: *extents });
            }
        }
    }

    /// What is there already, made usable. Changes nothing on the disks.
    fn put_together(&mut self) {
        for (index, there) in self.disks().enumerate() {
            let unknown = |partition: &NewPartition| {
                let found = self.draft.kept(there, partition.number);
                found.is_some_and(|found| found.kernel == KernelView::LacksIt)
            };
            let partitions: Vec<NewPartition> = self.as_they_are(index).into_iter().filter(unknown).collect();
            if !partitions.is_empty() {
                self.steps.push(Step::Announce { disk: there.device.node(), partitions });
            }
        }
        for (index, members) in self.draft.array_members.iter().enumerate() {
            if self.draft.running(index).is_none() {
                let members = members.iter().map(|(node, _)| node.clone()).collect();
                self.steps.push(Step::AssembleArray { node: self.draft.array_node(index), members });
            }
        }
        for group in &self.draft.description.groups {
            self.steps.push(Step::ActivateVolumeGroup { group: group.name.clone() });
        }
        // Only now can be seen what is on them.
        let kept = self.placed.iter().filter(|placed| matches!(placed.on, On::Array | On::Logical));
        let kept = kept.filter(|placed| self.draft.keeps(&placed.spec));
        let check = kept.map(|placed| Step::Check {
            node: placed.node.clone(),
            kind: placed.spec.kind,
            label: placed.spec.label.clone(),
        });
        self.steps.extend(check.collect::<Vec<_>>());
    }

    /// While the systems on the disks are changed, nothing starts from them.
    fn disarm(&mut self) {
        let changes = self.draft.options.wants(Phase::CopyImage)
            || self.placed.iter().any(|placed| self.is_made(placed));
        if !changes {
            return;
        }
        // Where none is installed, what is kept is started by somebody else's.
        let loads = self.draft.options.boot_loader && self.draft.description.has_system();
        if loads {
            // What may fail comes first. Whatever firmware this machine was started by now, the other one may start it the
            // next time.
            let partitions =
                self.placed.iter().filter(|placed| is_efi(&placed.spec) && !self.is_made(placed));
            let disarm = partitions.map(|placed| Step::DisarmEfi { node: placed.node.clone() });
            self.steps.extend(disarm.collect::<Vec<_>>());
            self.steps.extend(self.disks().map(|disk| Step::Disarm { disk: disk.device.node() }));
        }
        for tree in self.draft.description.systems() {
            let root = self.placed.iter().find(|placed| {
                placed.spec.trees.contains(&tree)
                    && placed.spec.mount.as_ref().is_some_and(MountPoint::is_root)
            });
            if root.is_some_and(|root| self.draft.keeps(&root.spec)) {
                let tree = self.draft.description.trees[tree].name.clone();
                self.steps.push(Step::MarkIncomplete { tree });
            }
        }
    }

    fn is_made(&self, placed: &Placed) -> bool {
        self.draft.makes(&placed.spec)
    }

    fn make_file_systems(&mut self) {
        let made = self.placed.iter().filter(|placed| self.is_made(placed)).map(|placed| {
            let (kind, label) = (placed.spec.kind, placed.spec.label.clone());
            Step::MakeFileSystem { node: placed.node.clone(), kind, label }
        });
        let made: Vec<Step> = made.collect();
        self.steps.extend(made);
    }

    /// What comes after partitioning.
    fn deploy(&mut self) {
        let (description, options) = (self.draft.description, self.draft.options);
        if options.wants(Phase::ConfigDrive) {
            for (index, disk) in description.disks.iter().enumerate() {
                let segments = self.draft.segments[index].iter();
                let mut drives =
                    segments.filter(|segment| matches!(disk.volumes[segment.volume].role, Role::ConfigDrive));
                if let Some(number) = drives.next().and_then(|segment| segment.number) {
                    let node = self.draft.facts.disks[index].device.partition_node(number);
                    self.steps.push(Step::WriteConfigDrive { node });
                }
            }
        }
        if options.wants(Phase::CopyImage) {
            let mut written = Vec::new();
            for (index, tree) in description.trees.iter().enumerate() {
                for image in description.images_of(index) {
                    match options.images {
                        Images::Trees => {
                            let target = image.target.as_path().to_owned();
                            let url = image.url.clone();
                            self.steps.push(Step::Pull { tree: tree.name.clone(), url, target });
                        }
                        Images::FileSystems => self.write_image(index, image, &mut written),
                    }
                }
                if tree.has_root {
                    self.steps.push(Step::Fstab { tree: tree.name.clone() });
                }
            }
        }
        if !options.wants(Phase::BootLoader) || !options.boot_loader {
            return;
        }
        let disks: Vec<PathBuf> = self.disks().map(|disk| disk.device.node()).collect();
        let menu = self.placed.iter().find(|placed| placed.on == On::BootMenu);
        if let Some(menu) = menu {
            self.steps.push(Step::BootMenu { node: menu.node.clone(), disks });
        } else if let Some(system) = description.systems().next() {
            self.steps.push(Step::BootLoader { tree: description.trees[system].name.clone(), disks });
        }
    }

    /// Writes an image, once to each device.
    fn write_image(&mut self, tree: usize, image: &Image, written: &mut Vec<PathBuf>) {
        let belongs =
            |placed: &&Placed| placed.spec.trees.contains(&tree) && images::goes_onto(image, &placed.spec);
        let placed = self.placed.iter().find(belongs).expect("images without a place were refused");
        let (node, spec) = (placed.node.clone(), &placed.spec);
        if written.contains(&node) {
            return;
        }
        let (kind, label) = (spec.kind, spec.label.clone());
        let (tree, url) = (self.draft.description.trees[tree].name.clone(), shown(&image.url));
        let target = image.target.as_path().to_owned();
        self.steps.push(Step::WriteImage { tree: tree.clone(), url, target, node: node.clone() });
        self.steps.push(Step::Adopt { tree, node: node.clone(), kind, label });
        written.push(node);
    }

    fn finish(self) -> Plan {
        let description = self.draft.description;
        let disks = self.disks().enumerate().map(|(index, there)| DiskPlan {
            node: there.device.node(),
            model: there.device.model.clone(),
            bytes: there.device.bytes,
            sector: there.device.sector,
            content: there.content.kind.clone(),
            laid_out: self.draft.anew,
            before: there.partitions.iter().chain(&there.stale).map(before).collect(),
            after: self.as_they_are(index),
        });
        let disks = disks.collect();
        let file_systems = self.placed.iter().map(|placed| FsPlan {
            node: placed.node.clone(),
            bytes: placed.bytes,
            made: self.is_made(placed),
            replaced: self.draft.is_replaced(&placed.spec),
            trees: placed.spec.trees.iter().map(|tree| description.trees[*tree].name.clone()).collect(),
            capacity: capacity(placed.spec.kind, placed.bytes),
            spec: placed.spec.clone(),
            need: None,
        });
        Plan {
            version: VERSION,
            policy: description.policy.name(),
            firmware: self.draft.facts.firmware,
            disks,
            file_systems: file_systems.collect(),
            split_links: 0,
            steps: self.steps,
        }
    }

    /// The partitions of a disk, those that stay at their places.
    fn as_they_are(&self, disk: usize) -> Vec<NewPartition> {
        let there = &self.draft.facts.disks[disk];
        let mut partitions = self.draft.partitions(disk);
        for partition in &mut partitions {
            if let Some(kept) = self.draft.kept(there, partition.number) {
                (partition.start, partition.length) = (kept.start, kept.length);
            }
        }
        partitions
    }
}

fn before(partition: &PartitionFacts) -> OldPartition {
    OldPartition::new(partition.number, partition.start, partition.length, &partition.content)
}
