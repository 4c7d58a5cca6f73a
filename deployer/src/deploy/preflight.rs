//! Before anything is touched: the tools are here, the servers answer, everything fits, and what is going to be
//! deployed can start.

use std::collections::BTreeMap;
use std::path::Path;

use super::{DeployDriver, DeployError, Job};
use crate::boot::configdrive::{self, ConfigDrive};
use crate::boot::grub;
use crate::command::find;
use crate::disk::tools;
use crate::machine::Firmware;
use crate::model::{MountPoint, human};
use crate::plan::need::{self, Need};
use crate::plan::step::{Phase, Step};
use crate::plan::{Problem, Problems};

/// What an image is, as far as it can be seen without copying it.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// What it puts on each mount of its tree, in their order.
    pub(crate) needs: Vec<Need>,
    /// What of it matters for starting.
    pub(crate) bootable: Bootable,
    /// Files that share their content with files on another mount: they become copies.
    pub(crate) split_links: u64,
}

/// What a tree has that matters for starting from it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bootable {
    pub(crate) kernel: bool,
    /// Programs that install a boot loader and write its configuration.
    pub(crate) installer: bool,
    pub(crate) configurator: bool,
    /// The boot loader's files for this machine's firmware.
    pub(crate) modules: bool,
}

impl Bootable {
    /// Takes an entry of the tree into account; an absolute path.
    pub(crate) fn see(&mut self, path: &Path, firmware: Firmware) {
        let Some(text) = path.to_str() else { return };
        let (target, _) = grub::target(firmware);
        // Where /sbin is a link to /usr/sbin, the programs are listed there.
        self.kernel |= text.starts_with("/boot/vmlinu") && !text[1..].contains("/boot/vmlinu/");
        self.installer |= grub::places("grub-install").iter().any(|place| place == text);
        self.configurator |= grub::places("grub-mkconfig").iter().any(|place| place == text);
        self.modules |= grub::modules(target).iter().any(|place| place == text);
    }

    fn add(&mut self, other: Self) {
        self.kernel |= other.kernel;
        self.installer |= other.installer;
        self.configurator |= other.configurator;
        self.modules |= other.modules;
    }

    fn has_tools(self) -> bool {
        self.installer && self.configurator && self.modules
    }
}

/// Finds out whether the plan can be carried to its end.
pub(super) fn check(driver: &dyn DeployDriver, job: &mut Job<'_>) -> Result<(), DeployError> {
    let mut problems = missing_tools(job);
    let writes_drive = job.plan.steps.iter().any(|step| matches!(step, Step::WriteConfigDrive { .. }));
    if let Some(source) = job.description.config_drive.as_ref().filter(|_| writes_drive) {
        match configdrive::load(source) {
            Ok(drive) => {
                problems.extend(too_large(job, &drive));
                job.config_drive = Some(drive);
            }
            Err(error) => problems.push(Problem::new("the config drive", error.to_string())),
        }
    }
    let bootable =
        if job.asked.phases.contains(&Phase::CopyImage) { Some(survey(driver, job)?) } else { None };
    problems.extend(need::too_small(&job.plan));
    if let Some(bootable) = &bootable {
        problems.extend(cannot_start(job, bootable));
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(DeployError::NotReady(Problems(problems))),
    }
}

/// The config drive, where its partition is smaller.
fn too_large(job: &Job<'_>, drive: &ConfigDrive) -> Option<Problem> {
    let node = job.plan.steps.iter().find_map(|step| match step {
        Step::WriteConfigDrive { node } => Some(node),
        _ => None,
    })?;
    let partition =
        job.plan.disks.iter().flat_map(|disk| &disk.after).find(|partition| partition.node == *node)?;
    let (needs, has) = (human(drive.size()), human(partition.length));
    let message = format!("the config drive ({}) needs {needs}, there are {has}", drive.kind());
    (drive.size() > partition.length).then(|| Problem::new(node.display(), message))
}

fn missing_tools(job: &Job<'_>) -> Vec<Problem> {
    let mut missing: BTreeMap<String, &'static str> = BTreeMap::new();
    for command in job.plan.steps.iter().flat_map(tools::commands) {
        if find(command.program()).is_none() {
            let name = command.program().to_string_lossy().into_owned();
            let package = tools::package(&name);
            missing.insert(name, package);
        }
    }
    let problem = |(name, package)| {
        Problem::new(name, format!("this program is missing; the package {package} has it"))
    };
    missing.into_iter().map(problem).collect()
}

/// Looks at all images. Returns what each tree has for starting.
fn survey(driver: &dyn DeployDriver, job: &mut Job<'_>) -> Result<Vec<Bootable>, DeployError> {
    let mut bootable = vec![Bootable::default(); job.description.trees.len()];
    for (tree, bootable) in bootable.iter_mut().enumerate() {
        for image in job.description.images_of(tree) {
            if job.stop.is_wanted() {
                return Err(DeployError::Stopped);
            }
            let mounts: Vec<MountPoint> =
                job.plan.mounts_of(tree).iter().filter_map(|plan| plan.spec.mount.clone()).collect();
            let survey = driver.survey(job, image, &mounts.iter().collect::<Vec<_>>())?;
            bootable.add(survey.bootable);
            if survey.split_links > 0 {
                let message = format!(
                    "{}: {} hard links cross mounts and become copies",
                    image.url, survey.split_links
                );
                job.reporter.note(&message);
            }
            for (mount, need) in mounts.iter().zip(survey.needs) {
                let here = |plan: &&mut crate::plan::FsPlan| {
                    plan.spec.trees.contains(&tree) && plan.spec.mount.as_ref() == Some(mount)
                };
                let file_system =
                    job.plan.file_systems.iter_mut().find(here).expect("the mounts are of the plan");
                let sum = file_system.need.get_or_insert_default();
                sum.bytes += need.bytes;
                sum.inodes += need.inodes;
            }
        }
    }
    Ok(bootable)
}

fn cannot_start(job: &Job<'_>, bootable: &[Bootable]) -> Vec<Problem> {
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
        let (tree, has) = (&job.description.trees[system], bootable[system]);
        if !has.kernel {
            let message = "the image has no kernel (/boot/vmlinuz-…), so nothing could start; \
                           --no-boot-loader deploys it nevertheless";
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
    if several && !machine && !bootable.iter().any(|has| has.has_tools()) {
        let message = format!(
            "neither an image nor this machine has GRUB for {target}: install grub2-common and {package}"
        );
        problems.push(Problem::new("the common boot loader", message));
    }
    problems
}
