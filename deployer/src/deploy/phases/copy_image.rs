//! Mounts the trees and brings the images into them, and what belongs there beside them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::boot_loader::efi_of;
use crate::boot::disarm;
use crate::boot::fstab::{self, Line};
use crate::confined::{Root, path_of};
use crate::deploy::{DeployError, Job, marker, write};
use crate::model::Image;
use crate::mount::MountedTree;
use crate::plan::need::shortage;
use crate::plan::step::{Phase, Step};
use crate::plan::{FsPlan, Problems};

/// Mounts one tree after the other; `pull` brings an image into it.
pub(in crate::deploy) fn copy_image(
    job: &mut Job<'_>,
    pull: impl Fn(&mut Job<'_>, &Image, &str, &MountedTree) -> Result<(), DeployError>,
) -> Result<(), DeployError> {
    let mut mounted: Option<(usize, MountedTree)> = None;
    let mut measured = BTreeSet::new();
    job.each_step(Phase::CopyImage, |job, step| {
        match step {
            Step::Pull { tree: name, url, target } => {
                let tree = enter(job, name, &mut mounted, &mut measured)?;
                let (_, root) = mounted.as_ref().expect("it was mounted");
                let images = job.description.images_of(tree);
                let image =
                    images.into_iter().find(|image| image.url == *url && image.target.as_path() == target);
                pull(job, image.expect("steps name images of the description"), name, root)?;
                keep_from_starting(job, tree, root.root())?;
            }
            Step::Fstab { tree } => {
                let tree = enter(job, tree, &mut mounted, &mut measured)?;
                let (_, root) = mounted.as_ref().expect("it was mounted");
                complete_images(job, tree, root.root())?;
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
///
/// `measured` has the nodes of the file systems that were found large enough: for what all trees bring there, so
/// that a later tree must not hold what an earlier one has brought against them.
fn enter(
    job: &Job<'_>,
    name: &str,
    mounted: &mut Option<(usize, MountedTree)>,
    measured: &mut BTreeSet<PathBuf>,
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
    if job.description.trees[tree].has_root {
        marker::write(job, tree, root.root(), Phase::Partitioning, false)?;
    }
    let mut problems = Vec::new();
    for file_system in job.plan.mounts_of(tree) {
        if !measured.insert(file_system.node.clone()) {
            continue;
        }
        let point = file_system.spec.mount.as_ref().expect("only what has a mount is mounted");
        let capacity = root.capacity(point.as_path(), file_system.made);
        let path = point.as_path().to_owned();
        let capacity = capacity.map_err(|source| DeployError::Tree { action: "look at", path, source })?;
        problems.extend(shortage(file_system, Some(capacity)));
    }
    if !problems.is_empty() {
        return Err(DeployError::NoRoom(Problems(problems)));
    }
    // Where anything was kept, a deployment that was cut off may have left something.
    let kept = job.plan.mounts_of(tree).iter().any(|file_system| !file_system.made);
    if kept && !job.was_complete.contains(&tree) {
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

/// What an image itself brings does not start the machine, nor say that it is complete.
pub(in crate::deploy) fn keep_from_starting(
    job: &Job<'_>,
    tree: usize,
    root: &Root,
) -> Result<(), DeployError> {
    if job.description.trees[tree].has_root {
        marker::write(job, tree, root, Phase::Partitioning, false)?;
    }
    if let Some(efi) = efi_of(job, tree) {
        disarm::put_aside(root, &efi)?;
    }
    Ok(())
}

/// The images of a system are in place: what belongs there beside them.
pub(in crate::deploy) fn complete_images(
    job: &mut Job<'_>,
    tree: usize,
    root: &Root,
) -> Result<(), DeployError> {
    write_fstab(job, tree, root)?;
    // Not by the steps of this run: the boot loader may be left to a later one.
    let last = !job.options.plan.boot_loader;
    marker::write(job, tree, root, Phase::CopyImage, last)
}

/// The directory at `path` in a tree, as a path without links.
pub(in crate::deploy) fn directory(tree: &MountedTree, path: &Path) -> Result<PathBuf, DeployError> {
    let directory = tree.root().make_directory(path).and_then(path_of);
    directory.map_err(|source| DeployError::Tree { action: "make", path: path.to_owned(), source })
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
