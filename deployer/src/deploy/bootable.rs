//! Whether what is going to be deployed can start: seen in the lists of the images, before anything is touched.

use std::path::Path;

use super::Job;
use crate::boot::{grub, kernel};
use crate::command::find;
use crate::machine::Firmware;
use crate::model::{FileSystem, MIB};
use crate::plan::step::Step;
use crate::plan::{FsPlan, Problem, is_efi};

/// What a tree has that matters for starting from it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bootable {
    pub(crate) kernel: bool,
    /// Programs that install a boot loader and write its configuration.
    pub(crate) installer: bool,
    pub(crate) configurator: bool,
    /// The boot loader's files for this machine's firmware.
    pub(crate) modules: bool,
    /// What makes the system's own volume groups and arrays usable.
    pub(crate) lvm: bool,
    /// What writes the firmware's variables.
    pub(crate) efibootmgr: bool,
    pub(crate) mdadm: bool,
}

impl Bootable {
    /// Takes an entry of the tree into account; an absolute path.
    pub(crate) fn see(&mut self, path: &Path, firmware: Firmware) {
        let Some(text) = path.to_str() else { return };
        let (target, _) = grub::target(firmware);
        // Where /sbin is a link to /usr/sbin, the programs are listed there.
        self.kernel |= text.strip_prefix("/boot/").is_some_and(|name| kernel::version(name).is_some());
        self.lvm |= ["/usr/sbin/lvm", "/sbin/lvm", "/usr/bin/lvm"].contains(&text);
        self.efibootmgr |= text.ends_with("bin/efibootmgr");
        self.mdadm |= ["/usr/sbin/mdadm", "/sbin/mdadm", "/usr/bin/mdadm"].contains(&text);
        self.installer |= grub::places("grub-install").iter().any(|place| place == text);
        self.configurator |= grub::places("grub-mkconfig").iter().any(|place| place == text);
        self.modules |= grub::modules(target).iter().any(|place| place == text);
    }

    pub(super) fn add(&mut self, other: Self) {
        self.kernel |= other.kernel;
        self.installer |= other.installer;
        self.configurator |= other.configurator;
        self.modules |= other.modules;
        self.lvm |= other.lvm;
        self.efibootmgr |= other.efibootmgr;
        self.mdadm |= other.mdadm;
    }

    fn has_tools(self) -> bool {
        self.installer && self.configurator && self.modules
    }
}

/// The boot loader needs room beside the images: modules, fonts, translations and its configuration.
pub(super) fn reserve_room(job: &mut Job<'_>) {
    const MODULES: u64 = 16 * MIB;
    const LOADERS: u64 = 8 * MIB;
    let steps = job.plan.steps.iter();
    let trees: Vec<String> = steps
        .filter_map(|step| match step {
            Step::BootLoader { tree, .. } => Some(tree.clone()),
            _ => None,
        })
        .collect();
    for tree in trees {
        let tree = job.tree(&tree);
        let holds = |plan: &&FsPlan| {
            plan.spec.mount.as_ref().is_some_and(|mount| mount.holds(Path::new("/boot/grub")))
        };
        let mounts = job.plan.mounts_of(tree);
        let boot = mounts.iter().rfind(|plan| holds(plan)).map(|plan| plan.node.clone());
        let efi = mounts.iter().find(|plan| is_efi(&plan.spec)).map(|plan| plan.node.clone());
        for (node, bytes) in [(boot, MODULES), (efi, LOADERS)] {
            let plan = job.plan.file_systems.iter_mut().find(|plan| Some(&plan.node) == node.as_ref());
            if let Some(need) = plan.and_then(|plan| plan.need.as_mut()) {
                need.bytes += bytes;
            }
        }
    }
}

/// What a system lacks to make its own root usable.
fn cannot_mount(job: &Job<'_>, system: usize, has: Bootable) -> Vec<Problem> {
    let mut problems = Vec::new();
    let tree = &job.description.trees[system].name;
    let needed = |file_system: &FileSystem| {
        let mount = file_system.mount.as_ref().map(ToString::to_string);
        file_system.trees.contains(&system) && matches!(mount.as_deref(), Some("/" | "/usr" | "/boot"))
    };
    let description = job.description;
    let mut volumes = description.groups.iter().flat_map(|group| &group.volumes);
    let on_lvm = volumes.any(|volume| needed(&volume.file_system));
    let on_array = description.arrays.iter().any(|array| needed(&array.file_system));
    for (needs, there, program) in [(on_lvm, has.lvm, "lvm2"), (on_array, has.mdadm, "mdadm")] {
        if needs && !there {
            let message = format!(
                "it starts from what needs {program}, which the image does not have; install it there"
            );
            problems.push(Problem::new(tree, message));
        }
    }
    problems
}

/// What the systems lack to start.
pub(super) fn cannot_start(job: &Job<'_>, bootable: &[Option<Bootable>]) -> Vec<Problem> {
    let (target, package) = grub::target(job.plan.firmware);
    let machine = grub::machine_has_tools(target);
    let mut problems = Vec::new();
    let several = job.description.has_boot_menu();
    let loaders =
        job.plan.steps.iter().any(|step| matches!(step, Step::BootLoader { .. } | Step::BootMenu { .. }));
    if !loaders {
        return problems;
    }
    for system in job.description.systems() {
        let tree = &job.description.trees[system];
        // What nobody sees is found out when it is needed.
        let Some(has) = bootable[system] else { continue };
        if !has.kernel {
            let message = "the image has no kernel (/boot/vmlinuz-…), so nothing could start; \
                           --no-boot-loader deploys it nevertheless";
            problems.push(Problem::new(&tree.name, message));
        }
        problems.extend(cannot_mount(job, system, has));
        let variables = job.options.efi_variables && job.plan.firmware == Firmware::Uefi;
        let by = if has.has_tools() { has.efibootmgr } else { find("efibootmgr".as_ref()).is_some() };
        if variables && !by {
            let message =
                "--efi-variables needs efibootmgr, which is missing; install it, or leave the option out";
            problems.push(Problem::new(&tree.name, message));
        }
        if !has.has_tools() && !machine && !several {
            let message = format!(
                "neither the image nor this machine has GRUB for {target}: install grub2-common and {package} in one \
                 of them, or use --no-boot-loader"
            );
            problems.push(Problem::new(&tree.name, message));
        }
    }
    if several && !machine && bootable.iter().all(|has| has.is_some_and(|has| !has.has_tools())) {
        let message = format!(
            "neither an image nor this machine has GRUB for {target}: install grub2-common and {package}"
        );
        problems.push(Problem::new("the common boot loader", message));
    }
    problems
}
