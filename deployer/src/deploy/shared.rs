//! The phases that deploy drivers share.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{DeployError, Job};
use crate::boot::fstab::{self, Line};
use crate::boot::grub::{self, Installation};
use crate::boot::kernel;
use crate::boot::menu::{self, BootElement, BootEntries, Entry};
use crate::command::{Command, find};
use crate::disk::{erase, nodes, table, tools};
use crate::inside::{Root, path_of};
use crate::machine::Firmware;
use crate::model::{FileSystem, Image, Policy};
use crate::mount::{Devices, MountedTree};
use crate::plan::need::shortage;
use crate::plan::step::{Phase, Step};
use crate::plan::{FsPlan, Problems, is_efi};

/// In the root of each system: what a deployment reached.
const MARKER: &str = "/.deployer-state.json";
/// Where the common boot loader's file system is seen while it is installed.
const MENU: &str = "/run/boot-menu";

/// How far a system got.
#[derive(Serialize)]
struct Marker<'a> {
    version: u32,
    deployer: &'a str,
    tree: &'a str,
    reached: Phase,
    complete: bool,
}

pub(super) fn partitioning(job: &mut Job<'_>) -> Result<(), DeployError> {
    if job.asked.wishes.partition && job.description.policy == Policy::Verify {
        job.reporter.note("the disks are as described");
    }
    job.each_step(Phase::Partitioning, |job, step| {
        match step {
            Step::Unmount { path } => {
                rustix::mount::unmount(path, rustix::mount::UnmountFlags::NOFOLLOW).map_err(|error| {
                    DeployError::Tree { action: "unmount", path: path.clone(), source: error.into() }
                })?;
            }
            Step::SwapOff { node } => drop(Command::new("swapoff").arg(node).run(&job.stop)?),
            Step::Erase { disk, spans } => {
                nodes::forget(&job.disk(disk)?)?;
                erase::spans(disk, spans)?;
            }
            Step::WriteTable { disk, partitions } => {
                let disk = job.disk(disk)?;
                table::write(&disk, partitions)?;
                nodes::announce(&disk, partitions)?;
            }
            _ => {
                for command in tools::commands(step) {
                    command.run(&job.stop)?;
                }
                if let Some(node) = step.makes_node() {
                    nodes::appear(&node)?;
                }
            }
        }
        Ok(())
    })
}

pub(super) fn config_drive(job: &mut Job<'_>) -> Result<(), DeployError> {
    job.each_step(Phase::ConfigDrive, |job, step| {
        if let (Step::WriteConfigDrive { node }, Some(drive)) = (step, &job.config_drive) {
            drive.write_to(node).map_err(|error| DeployError::ConfigDrive(error.to_string()))?;
        }
        Ok(())
    })
}

/// Mounts one tree after the other; `pull` brings an image into it.
pub(super) fn copy_image(
    job: &mut Job<'_>,
    pull: impl Fn(&mut Job<'_>, &Image, &str, &MountedTree) -> Result<(), DeployError>,
) -> Result<(), DeployError> {
    let mut mounted: Option<(usize, MountedTree)> = None;
    let last = !job.plan.steps.iter().any(|step| step.phase() == Phase::BootLoader);
    job.each_step(Phase::CopyImage, |job, step| {
        match step {
            Step::Disarm { disk } => erase::boot_code(disk)?,
            Step::Pull { tree: name, url, target } => {
                let tree = enter(job, name, &mut mounted)?;
                let (_, root) = mounted.as_ref().expect("it was mounted");
                let images = job.description.images_of(tree);
                let image =
                    images.into_iter().find(|image| image.url == *url && image.target.as_path() == target);
                pull(job, image.expect("steps name images of the description"), name, root)?;
            }
            Step::Fstab { tree } => {
                let tree = enter(job, tree, &mut mounted)?;
                let (_, root) = mounted.as_ref().expect("it was mounted");
                write_fstab(job, tree, root.root())?;
                mark(job, tree, root.root(), Phase::CopyImage, last)?;
            }
            _ => {}
        }
        Ok(())
    })?;
    match mounted {
        Some((_, tree)) => Ok(tree.close()?),
        None => Ok(()),
    }
}

/// Mounts the tree unless it is mounted, and makes sure that what is mounted takes what comes.
fn enter(
    job: &Job<'_>,
    name: &str,
    mounted: &mut Option<(usize, MountedTree)>,
) -> Result<usize, DeployError> {
    let tree = job.tree(name);
    match mounted.take() {
        Some((current, root)) if current == tree => {
            *mounted = Some((current, root));
            return Ok(tree);
        }
        Some((_, other)) => other.close()?,
        None => {}
    }
    let root = MountedTree::mount(&job.plan, tree)?;
    let mut problems = Vec::new();
    for file_system in job.plan.mounts_of(tree) {
        let point = file_system.spec.mount.as_ref().expect("only what has a mount is mounted");
        let capacity = root.capacity(point.as_path());
        let path = point.as_path().to_owned();
        let capacity = capacity.map_err(|source| DeployError::Tree { action: "look at", path, source })?;
        problems.extend(shortage(file_system, Some(capacity)));
    }
    if !problems.is_empty() {
        return Err(DeployError::NoRoom(Problems(problems)));
    }
    if job.description.trees[tree].has_root {
        mark(job, tree, root.root(), Phase::CopyImage, false)?;
        if let Some(efi) = efi_of(job, tree) {
            grub::disarm_efi(root.root(), &efi)?;
        }
    }
    *mounted = Some((tree, root));
    Ok(tree)
}

/// The directory at `path` in a tree, as a path without links.
pub(super) fn directory(tree: &MountedTree, path: &Path) -> Result<PathBuf, DeployError> {
    let directory = tree.root().make_directory(path).and_then(path_of);
    directory.map_err(|source| DeployError::Tree { action: "make", path: path.to_owned(), source })
}

fn mark(job: &Job<'_>, tree: usize, root: &Root, reached: Phase, complete: bool) -> Result<(), DeployError> {
    let name = &job.description.trees[tree].name;
    let marker = Marker { version: 1, deployer: env!("CARGO_PKG_VERSION"), tree: name, reached, complete };
    let mut text = serde_json::to_string(&marker).expect("a marker is plain");
    text.push('\n');
    write(root, MARKER, &text)
}

fn write(root: &Root, path: &str, text: &str) -> Result<(), DeployError> {
    root.write(path, text).map_err(|source| DeployError::Tree { action: "write", path: path.into(), source })
}

fn write_fstab(job: &Job<'_>, tree: usize, root: &Root) -> Result<(), DeployError> {
    let belongs = |plan: &&FsPlan| plan.spec.trees.contains(&tree);
    let mut file_systems: Vec<&FsPlan> = job.plan.file_systems.iter().filter(belongs).collect();
    file_systems.sort_by_key(|plan| plan.spec.mount.as_ref().map_or(usize::MAX, |mount| mount.depth()));
    let mut lines: Vec<(String, &FileSystem)> = Vec::new();
    for plan in file_systems {
        lines.push((job.uuid(&plan.node)?, &plan.spec));
    }
    let lines: Vec<Line<'_>> = lines.iter().map(|(uuid, file_system)| Line { uuid, file_system }).collect();
    write(root, "/etc/fstab", &fstab::text(&lines))
}

pub(super) fn boot_loader(job: &mut Job<'_>) -> Result<(), DeployError> {
    job.each_step(Phase::BootLoader, |job, step| match step {
        Step::BootLoader { tree, disks } => one_system(job, job.tree(tree), disks),
        Step::BootMenu { node, disks } => several_systems(job, node, disks),
        _ => Ok(()),
    })
}

fn one_system(job: &Job<'_>, tree: usize, disks: &[PathBuf]) -> Result<(), DeployError> {
    let mut mounted = MountedTree::mount(&job.plan, tree)?;
    let entries: Vec<Entry> = entry(job, tree, mounted.root())?.into_iter().collect();
    mounted.make_livable(&Devices::of(&job.plan, &job.uuids()?))?;
    let efi = efi_of(job, tree);
    installation(job, disks, efi.as_deref()).system(mounted.root(), &parameters(job), &entries, &job.stop)?;
    mark(job, tree, mounted.root(), Phase::BootLoader, true)?;
    Ok(mounted.close()?)
}

fn several_systems(job: &Job<'_>, node: &Path, disks: &[PathBuf]) -> Result<(), DeployError> {
    let (target, _) = grub::target(job.plan.firmware);
    let systems: Vec<usize> = job.description.systems().collect();
    let mut entries = Vec::new();
    let mut tools = None;
    for tree in &systems {
        let mounted = MountedTree::mount(&job.plan, *tree)?;
        let entry = entry(job, *tree, mounted.root())?.ok_or(grub::GrubError::NoKernel)?;
        entries.push((*tree, entry));
        if tools.is_none() && grub::has_tools(mounted.root(), target) {
            tools = Some(*tree);
        }
        mounted.close()?;
    }
    let boots = |tree: usize| {
        job.description.images_of(tree).iter().any(|image| image.boot && image.target.is_root())
    };
    let default = entries.iter().position(|(tree, _)| boots(*tree)).unwrap_or(0);
    let menu =
        job.plan.file_systems.iter().find(|plan| plan.node == node).expect("steps name nodes of the plan");

    let tree = tools.unwrap_or(entries[default].0);
    let mut mounted = MountedTree::mount(&job.plan, tree)?;
    mounted.make_livable(&Devices::of(&job.plan, &job.uuids()?))?;
    mounted.add_at(menu, MENU)?;
    let efi = efi_of(job, tree);
    let installation = installation(job, disks, efi.as_deref());
    installation.common(tools.map(|_| mounted.root()), mounted.root(), Path::new(MENU), &job.stop)?;
    let plain: Vec<Entry> = entries.iter().map(|(_, entry)| entry.clone()).collect();
    write(mounted.root(), &format!("{MENU}/grub/grub.cfg"), &menu::configuration(&plain, default))?;
    mounted.close()?;

    for tree in systems {
        let mounted = MountedTree::mount(&job.plan, tree)?;
        mark(job, tree, mounted.root(), Phase::BootLoader, true)?;
        mounted.close()?;
    }
    list_entries(job, &entries, default, job.uuid(node)?)
}

/// Says which systems can be started, for whoever switches between them later.
fn list_entries(
    job: &Job<'_>,
    entries: &[(usize, Entry)],
    default: usize,
    menu: String,
) -> Result<(), DeployError> {
    let element = |(index, (tree, entry)): (usize, &(usize, Entry))| {
        let images = job.description.images_of(*tree);
        let text =
            |of: fn(&Image) -> &String| images.first().map(|image| of(image).clone()).unwrap_or_default();
        BootElement {
            boot_name: entry.title.clone(),
            root_uuid: entry.root_uuid.clone(),
            os_id: job.description.trees[*tree].name.clone(),
            image_name: text(|image| &image.image_name),
            image_uuid: text(|image| &image.image_uuid),
            grub_id: index,
        }
    };
    let elements = entries.iter().enumerate().map(element).collect();
    let list = BootEntries { elements, multiboot_partition: Some(menu), current_element: default };
    let text = serde_json::to_string_pretty(&list).expect("a list is plain") + "\n";
    let path = &job.asked.boot_entries;
    let (directory, name) = (path.parent().unwrap_or(Path::new("/")), path.file_name().unwrap_or_default());
    let written = Root::open(directory).and_then(|root| root.write(&name.to_string_lossy(), &text));
    written.map_err(|source| DeployError::Tree { action: "write", path: path.clone(), source })
}

fn installation<'a>(job: &Job<'_>, disks: &'a [PathBuf], efi: Option<&'a str>) -> Installation<'a> {
    Installation { firmware: job.plan.firmware, disks, efi, variables: job.asked.efi_variables }
}

/// Where the EFI system partition is mounted in a tree, on a machine that starts from it.
fn efi_of(job: &Job<'_>, tree: usize) -> Option<String> {
    let loads = job.plan.firmware == Firmware::Uefi && job.asked.wishes.boot_loader;
    let mounts = job.plan.mounts_of(tree);
    let efi = mounts.iter().find(|plan| loads && is_efi(&plan.spec))?;
    efi.spec.mount.as_ref().map(ToString::to_string)
}

fn parameters(job: &Job<'_>) -> String {
    let own = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
    kernel::parameters(&job.description.kernel_params, &own)
}

/// How the newest kernel of a tree is started.
fn entry(job: &Job<'_>, tree: usize, root: &Root) -> Result<Option<Entry>, DeployError> {
    let failed = |source: io::Error| DeployError::Tree { action: "look at", path: "/boot".into(), source };
    let Some(kernel) = kernel::kernels(root).map_err(failed)?.into_iter().next() else { return Ok(None) };
    let own = job.file_system_at(tree, "/boot");
    let system = job.file_system_at(tree, "/").expect("only systems start");
    // Paths of the boot loader begin at the file system, not at the tree.
    let directory = if own.is_some() { "" } else { "/boot" };
    let name = kernel::system_name(root).unwrap_or_else(|| job.description.trees[tree].name.clone());
    Ok(Some(Entry {
        title: format!("{name} ({})", kernel.version),
        boot_uuid: job.uuid(&own.unwrap_or(system).node)?,
        root_uuid: job.uuid(&system.node)?,
        kernel: format!("{directory}/{}", kernel.file),
        initrd: kernel.initrd.map(|initrd| format!("{directory}/{initrd}")),
        parameters: parameters(job),
    }))
}

/// Restarts the machine: in order where there is something that can, else at once.
pub(super) fn reboot() -> Result<(), DeployError> {
    rustix::fs::sync();
    if find("reboot".as_ref()).is_some() && Command::new("reboot").run(&crate::stop::Stop::default()).is_ok()
    {
        return Ok(());
    }
    rustix::system::reboot(rustix::system::RebootCommand::Restart)
        .map_err(|error| DeployError::Reboot(error.into()))
}
