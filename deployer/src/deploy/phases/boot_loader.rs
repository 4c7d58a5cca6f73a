//! Makes the machine start from its disks: one system, or several with a common boot loader.

use std::io;
use std::path::{Path, PathBuf};

use super::held_back::HeldBack;
use crate::boot::grub::{self, Installation};
use crate::boot::kernel;
use crate::boot::menu::{self, BootElement, BootEntries, Entry};
use crate::confined::Root;
use crate::deploy::{DeployError, Job, marker};
use crate::machine::Firmware;
use crate::model::Image;
use crate::mount::{Devices, MountedTree};
use crate::plan::is_efi;
use crate::plan::step::{Phase, Step};

/// Where the common boot loader's file system is seen while it is installed.
const MENU: &str = "/run/boot-menu";

/// Carries out the steps of this phase.
pub(in crate::deploy) fn boot_loader(job: &mut Job<'_>) -> Result<(), DeployError> {
    job.each_step(Phase::BootLoader, |job, step| match step {
        Step::BootLoader { tree, disks } => one_system(job, job.tree(tree), disks),
        Step::BootMenu { node, disks } => several_systems(job, node, disks),
        _ => Ok(()),
    })
}

fn one_system(job: &Job<'_>, tree: usize, disks: &[PathBuf]) -> Result<(), DeployError> {
    let mut mounted = MountedTree::mount(&job.plan, tree)?;
    has_images(job, tree, mounted.root())?;
    let entry = entry(job, tree, mounted.root())?;
    mounted.make_livable(&Devices::of(&job.plan, &job.uuids()?), job.options.efi_variables)?;
    let efi = efi_of(job, tree);
    let installation = installation(job, disks, efi.as_deref());
    installation.system(mounted.root(), &parameters(job), entry.as_ref(), &job.stop)?;
    let held = HeldBack::new(job, tree, mounted.root(), disks)?;
    marker::write(job, tree, mounted.root(), Phase::BootLoader, true)?;
    mounted.close()?;
    held.release()
}

/// A system whose images are not in place does not get a boot loader.
fn has_images(job: &Job<'_>, tree: usize, root: &Root) -> Result<(), DeployError> {
    match marker::lacks_images(root, job.options.plan.images) {
        true => Err(DeployError::LacksImages(job.description.trees[tree].name.clone())),
        false => Ok(()),
    }
}

fn several_systems(job: &Job<'_>, node: &Path, disks: &[PathBuf]) -> Result<(), DeployError> {
    let (target, _) = grub::target(job.plan.firmware);
    let systems: Vec<usize> = job.description.systems().collect();
    let mut entries = Vec::new();
    let mut tools = None;
    for tree in &systems {
        let mounted = MountedTree::mount(&job.plan, *tree)?;
        has_images(job, *tree, mounted.root())?;
        let entry = entry(job, *tree, mounted.root())?.ok_or(grub::GrubError::NoKernel)?;
        let element = element(job, *tree, &entry, entries.len());
        entries.push((entry, element));
        if tools.is_none() && grub::has_tools(mounted.root(), target) {
            tools = Some(*tree);
        }
        mounted.close()?;
    }
    let boots = |tree: usize| {
        job.description.images_of(tree).iter().any(|image| image.boot && image.target.is_root())
    };
    let default = systems.iter().position(|tree| boots(*tree)).unwrap_or(0);
    let menu =
        job.plan.file_systems.iter().find(|plan| plan.node == node).expect("steps name nodes of the plan");

    let tree = tools.unwrap_or(systems[default]);
    let mut mounted = MountedTree::mount(&job.plan, tree)?;
    mounted.make_livable(&Devices::of(&job.plan, &job.uuids()?), job.options.efi_variables)?;
    mounted.add_at(menu, MENU)?;
    let efi = efi_of(job, tree);
    let installation = installation(job, disks, efi.as_deref());
    let configuration = menu::common(&entries, default);
    installation.common(tools.is_some(), mounted.root(), Path::new(MENU), &configuration, &job.stop)?;
    let held = HeldBack::new(job, tree, mounted.root(), disks)?;
    mounted.close()?;

    for tree in systems {
        let mounted = MountedTree::mount(&job.plan, tree)?;
        marker::write(job, tree, mounted.root(), Phase::BootLoader, true)?;
        mounted.close()?;
    }
    held.release()?;
    let elements = entries.into_iter().map(|(_, element)| element).collect();
    list_entries(job, elements, default, job.uuid(node)?)
}

/// What is told about an entry of the menu.
fn element(job: &Job<'_>, tree: usize, entry: &Entry, grub_id: usize) -> BootElement {
    let images = job.description.images_of(tree);
    let text = |of: fn(&Image) -> &String| images.first().map(|image| of(image).clone()).unwrap_or_default();
    BootElement {
        boot_name: entry.title.clone(),
        root_uuid: entry.root_uuid.clone(),
        os_id: job.description.trees[tree].name.clone(),
        image_name: text(|image| &image.image_name),
        image_uuid: text(|image| &image.image_uuid),
        grub_id,
    }
}

/// Says which systems can be started, for whoever switches between them later.
fn list_entries(
    job: &Job<'_>,
    elements: Vec<BootElement>,
    default: usize,
    menu: String,
) -> Result<(), DeployError> {
    let list = BootEntries { elements, multiboot_partition: Some(menu), current_element: default };
    let text = serde_json::to_string_pretty(&list).expect("a list is plain") + "\n";
    let path = &job.options.boot_entries;
    let (directory, name) = (directory_of(path), path.file_name().unwrap_or_default());
    let written = Root::open(directory).and_then(|root| root.write(&name.to_string_lossy(), &text));
    written.map_err(|source| DeployError::Tree { action: "write", path: path.clone(), source })
}

/// The directory that a file is in.
pub(in crate::deploy) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    }
}

fn installation<'a>(job: &Job<'_>, disks: &'a [PathBuf], efi: Option<&'a str>) -> Installation<'a> {
    Installation { firmware: job.plan.firmware, disks, efi, variables: job.options.efi_variables }
}

/// Where the EFI system partition is mounted in a tree, on a machine that starts from it.
pub(super) fn efi_of(job: &Job<'_>, tree: usize) -> Option<String> {
    let loads = job.plan.firmware == Firmware::Uefi && job.options.plan.boot_loader;
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
