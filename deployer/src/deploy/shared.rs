//! The phases that deploy drivers share.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{DeployError, Job};
use crate::boot::fstab::{self, Line};
use crate::boot::grub::{self, Installation};
use crate::boot::menu::{self, BootElement, BootEntries, Entry};
use crate::boot::{disarm, kernel};
use crate::command::Command;
use crate::disk::{erase, mkfs, nodes, table, tools};
use crate::inside::{Root, path_of};
use crate::machine::{Firmware, blkid};
use crate::model::{FsKind, Image, Policy};
use crate::mount::{Devices, MountedTree};
use crate::plan::need::shortage;
use crate::plan::step::{Phase, Step};
use crate::plan::{FsPlan, NoPlan, Problem, Problems, is_efi};

/// In the root of each system: what a deployment reached.
const MARKER: &str = "/.deployer-state.json";
/// Where an EFI system partition is seen while its boot loaders are put aside.
const EFI: &str = "/efi";
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
    if job.asked.wishes.wants(Phase::Partitioning) && job.description.policy == Policy::Verify {
        job.reporter.note("the disks are as described");
    }
    job.each_step(Phase::Partitioning, |job, step| {
        match step {
            Step::Unmount { path } => {
                rustix::mount::unmount(path, rustix::mount::UnmountFlags::NOFOLLOW).map_err(|error| {
                    DeployError::Tree { action: "unmount", path: path.clone(), source: error.into() }
                })?;
            }
            Step::Announce { disk, partitions } => nodes::announce(&job.disk(disk)?, partitions)?,
            Step::Check { node, kind } => check(job, node, *kind)?,
            Step::Disarm { disk } => erase::boot_code(disk)?,
            Step::DisarmEfi { node } => {
                let mounted = MountedTree::alone(job.file_system(node), EFI)?;
                disarm::put_aside(mounted.root(), EFI)?;
                mounted.close()?;
            }
            Step::MarkIncomplete { tree } => {
                let tree = job.tree(tree);
                let root = job.file_system_at(tree, "/").expect("a system has a root");
                let mounted = MountedTree::alone(root, "/")?;
                if was_cut_off(mounted.root()) {
                    job.cut_off.insert(tree);
                }
                mark(job, tree, mounted.root(), Phase::Partitioning, false)?;
                mounted.close()?;
            }
            Step::TakeOver { disk } => nodes::take_over(&job.disk(disk)?)?,
            Step::Erase { disk, spans } => erase::spans(disk, spans)?,
            Step::WriteTable { disk, partitions } => {
                let disk = job.disk(disk)?;
                table::write(&disk, partitions)?;
                nodes::announce(&disk, partitions)?;
            }
            Step::MakeFileSystem { node, kind, label } => {
                mkfs::make(node, *kind, label.as_deref(), &job.stop)?;
                let uuid = job.uuid(node)?;
                job.receipt.uuid(node, &uuid);
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

/// Sees whether what stays is what is described. Until now it could not be looked at.
fn check(job: &Job<'_>, node: &Path, kind: FsKind) -> Result<(), DeployError> {
    let found = blkid::probe(node, &job.stop)?.kind;
    if found.as_deref() == Some(kind.name()) {
        return Ok(());
    }
    let found = found.unwrap_or_else(|| "nothing that is known".to_owned());
    let message = format!("expected {} on it, found {found}", kind.name());
    Err(NoPlan::Differs(Problems(vec![Problem::new(node.display(), message)])).into())
}

pub(super) fn config_drive(job: &mut Job<'_>) -> Result<(), DeployError> {
    job.each_step(Phase::ConfigDrive, |job, step| {
        if let (Step::WriteConfigDrive { node }, Some(drive)) = (step, &job.config_drive) {
            drive.write_to(node)?;
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
    // Not by the steps of this run: the boot loader may be left to a later one.
    let last = !job.asked.wishes.boot_loader;
    job.each_step(Phase::CopyImage, |job, step| {
        match step {
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
        let capacity = root.capacity(point.as_path(), file_system.made);
        let path = point.as_path().to_owned();
        let capacity = capacity.map_err(|source| DeployError::Tree { action: "look at", path, source })?;
        problems.extend(shortage(file_system, Some(capacity)));
    }
    if !problems.is_empty() {
        return Err(DeployError::NoRoom(Problems(problems)));
    }
    if job.description.trees[tree].has_root {
        mark(job, tree, root.root(), Phase::CopyImage, false)?;
    }
    if job.cut_off.contains(&tree) {
        let path = root.root().path();
        rsync_proto::local::remove_leftovers(path).map_err(|source| DeployError::Tree {
            action: "remove what a deployment that was cut off left in",
            path: path.to_owned(),
            source,
        })?;
    }
    *mounted = Some((tree, root));
    Ok(tree)
}

/// The directory at `path` in a tree, as a path without links.
pub(super) fn directory(tree: &MountedTree, path: &Path) -> Result<PathBuf, DeployError> {
    let directory = tree.root().make_directory(path).and_then(path_of);
    directory.map_err(|source| DeployError::Tree { action: "make", path: path.to_owned(), source })
}

/// Whether the last deployment of a system did not come to its end.
fn was_cut_off(root: &Root) -> bool {
    #[derive(Deserialize)]
    struct Marked {
        complete: bool,
    }
    let text = root.read(MARKER).ok().flatten();
    let marked = text.and_then(|text| serde_json::from_str::<Marked>(&text).ok());
    marked.is_some_and(|marked| !marked.complete)
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

fn write_fstab(job: &mut Job<'_>, tree: usize, root: &Root) -> Result<(), DeployError> {
    let belongs = |plan: &&FsPlan| plan.spec.trees.contains(&tree);
    let mut file_systems: Vec<&FsPlan> = job.plan.file_systems.iter().filter(belongs).collect();
    file_systems.sort_by_key(|plan| plan.spec.mount.as_ref().map_or(usize::MAX, |mount| mount.depth()));
    let mut found: Vec<(String, &FsPlan)> = Vec::new();
    for plan in file_systems {
        found.push((job.uuid(&plan.node)?, plan));
    }
    let lines: Vec<Line<'_>> =
        found.iter().map(|(uuid, plan)| Line { uuid, file_system: &plan.spec }).collect();
    for (uuid, plan) in &found {
        job.receipt.uuid(&plan.node, uuid);
    }
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
    mounted.make_livable(&Devices::of(&job.plan, &job.uuids()?), job.asked.efi_variables)?;
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
    mounted.make_livable(&Devices::of(&job.plan, &job.uuids()?), job.asked.efi_variables)?;
    mounted.add_at(menu, MENU)?;
    let efi = efi_of(job, tree);
    let installation = installation(job, disks, efi.as_deref());
    let plain: Vec<Entry> = entries.iter().map(|(_, entry)| entry.clone()).collect();
    let configuration = menu::configuration(&plain, default);
    installation.common(tools.is_some(), mounted.root(), Path::new(MENU), &configuration, &job.stop)?;
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
    let (directory, name) = (directory_of(path), path.file_name().unwrap_or_default());
    let written = Root::open(directory).and_then(|root| root.write(&name.to_string_lossy(), &text));
    written.map_err(|source| DeployError::Tree { action: "write", path: path.clone(), source })
}

/// The directory that a file is in.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    }
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

/// Restarts the machine: in order where the first process knows how to, else at once.
pub(super) fn reboot() -> Result<(), DeployError> {
    rustix::fs::sync();
    // In a ramdisk the first process is often a script, which nobody can ask.
    let asked =
        ["/run/systemd/system", "/run/initctl", "/dev/initctl"].iter().any(|path| Path::new(path).exists());
    if asked && Command::new("reboot").run(&crate::stop::Stop::default()).is_ok() {
        return Ok(());
    }
    rustix::system::reboot(rustix::system::RebootCommand::Restart)
        .map_err(|error| DeployError::Reboot(error.into()))
}
