//! Makes the machine start from its disks: one system, or several with a common boot loader.

use std::io;
use std::path::{Path, PathBuf};

use crate::boot::grub::{self, Installation};
use crate::boot::held_back::HeldBack;
use crate::boot::menu::{self, BootElement, BootEntries, Entry};
use crate::boot::{disarm, kernel};
use crate::confined::Root;
use crate::deploy::{DeployError, Job, marker};
use crate::model::Image;
use crate::mount::{Devices, MountedTree};
use crate::plan::step::{Phase, Step};
use crate::plan::{FsPlan, is_efi};

/// Where the common boot loader's file system is seen while it is installed.
const MENU: &str = "/run/boot-menu";
/// Where an EFI system partition is seen while its boot loaders are put aside, or back.
pub(super) const EFI: &str = "/efi";

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
    let efi = efi_of(job, tree);
    let installation = installation(job, disks, efi.as_deref());
    installation.check(mounted.root(), entry.as_ref())?;
    mark_incomplete(job, tree, mounted.root())?;
    mounted.make_livable(&Devices::of(&job.plan, &job.uuids()?), job.options.efi_variables)?;
    let held = installation.system(mounted.root(), &parameters(job), entry.as_ref(), &job.stop)?;
    mounted.close()?;
    release(job, held)?;
    mark_complete(job, tree)
}

/// A system whose images are not in place does not get a boot loader.
fn has_images(job: &Job<'_>, tree: usize, root: &Root) -> Result<(), DeployError> {
    match marker::lacks_images(root, job.options.plan.images) {
        true => Err(DeployError::LacksImages(job.description.trees[tree].name.clone())),
        false => Ok(()),
    }
}

/// Until it has got its boot loader, a system is not complete, whatever it was.
fn mark_incomplete(job: &Job<'_>, tree: usize, root: &Root) -> Result<(), DeployError> {
    match marker::is_complete(root) {
        true => marker::write(job, tree, root, Phase::CopyImage, false),
        false => Ok(()),
    }
}

/// Puts what starts the machine into its place: everything that it reads is on the disks, and nothing is mounted.
fn release(job: &Job<'_>, held: HeldBack) -> Result<(), DeployError> {
    let put_back = |efi: &FsPlan| -> Result<(), DeployError> {
        let mounted = MountedTree::alone(efi, EFI)?;
        disarm::put_back(mounted.root(), EFI)?;
        Ok(mounted.close()?)
    };
    // What can start does, whatever becomes of the others.
    let codes = held.put().map_err(DeployError::from);
    let efi = job.plan.file_systems.iter().filter(|plan| is_efi(&plan.spec));
    efi.map(put_back).fold(codes, Result::and)
}

/// The machine may start already. Of what this changes a boot loader reads the directory of the root only, which is the old
/// or the new one on the disk, and not the marker.
fn mark_complete(job: &Job<'_>, tree: usize) -> Result<(), DeployError> {
    let mounted = root_of(job, tree)?;
    marker::write(job, tree, mounted.root(), Phase::BootLoader, true)?;
    Ok(mounted.close()?)
}

/// The root of a system, mounted alone.
fn root_of(job: &Job<'_>, tree: usize) -> Result<MountedTree, DeployError> {
    let root = job.file_system_at(tree, "/").expect("a system has a root");
    Ok(MountedTree::alone(root, "/")?)
}

fn several_systems(job: &Job<'_>, node: &Path, disks: &[PathBuf]) -> Result<(), DeployError> {
    let systems: Vec<usize> = job.description.systems().collect();
    let (entries, tools) = look_at(job, &systems)?;
    let boots = |tree: usize| {
        job.description.images_of(tree).iter().any(|image| image.boot && image.target.is_root())
    };
    let default = systems.iter().position(|tree| boots(*tree)).unwrap_or(0);
    let (target, package) = grub::target(job.plan.firmware);
    if tools.is_none() && !grub::machine_has_tools(target) {
        return Err(grub::GrubError::NoTools { target, package }.into());
    }
    let by = tools.map_or(By::Machine(systems[default]), By::Tree);
    for tree in &systems {
        let mounted = root_of(job, *tree)?;
        mark_incomplete(job, *tree, mounted.root())?;
        mounted.close()?;
    }
    let held = install_menu(job, node, disks, by, &menu::common(&entries, default))?;
    release(job, held)?;
    for tree in systems {
        mark_complete(job, tree)?;
    }
    let elements = entries.into_iter().map(|(_, element)| element).collect();
    list_entries(job, elements, default, job.uuid(node)?)
}

/// What the systems bring for the common menu: an entry each, and which of them has tools for it.
type Brought = (Vec<(Entry, BootElement)>, Option<usize>);

fn look_at(job: &Job<'_>, systems: &[usize]) -> Result<Brought, DeployError> {
    let (target, _) = grub::target(job.plan.firmware);
    let (mut entries, mut tools) = (Vec::new(), None);
    for tree in systems {
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
    Ok((entries, tools))
}

/// Whose tools install the common boot loader: those of a tree, or those of this machine, which work in that tree.
#[derive(Clone, Copy)]
enum By {
    Tree(usize),
    Machine(usize),
}

fn install_menu(
    job: &Job<'_>,
    node: &Path,
    disks: &[PathBuf],
    by: By,
    configuration: &str,
) -> Result<HeldBack, DeployError> {
    let (By::Tree(tree) | By::Machine(tree)) = by;
    let mut mounted = MountedTree::mount(&job.plan, tree)?;
    mounted.make_livable(&Devices::of(&job.plan, &job.uuids()?), job.options.efi_variables)?;
    mounted.add_at(job.file_system(node), MENU)?;
    let efi = efi_of(job, tree);
    let installation = installation(job, disks, efi.as_deref());
    let by_tree = matches!(by, By::Tree(_));
    let held = installation.common(by_tree, mounted.root(), Path::new(MENU), configuration, &job.stop)?;
    mounted.close()?;
    Ok(held)
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

/// Where the EFI system partition is mounted in a tree, unless boot loaders are left alone: by wish, or since there is no
/// system that wants one, so that nobody would put them back.
pub(super) fn efi_of(job: &Job<'_>, tree: usize) -> Option<String> {
    let loads = job.options.plan.boot_loader && job.description.has_system();
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
