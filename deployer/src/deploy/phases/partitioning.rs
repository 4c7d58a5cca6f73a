//! Lays the disks out, or makes usable what is there.

use std::path::{Path, PathBuf};

use super::boot_loader::EFI;
use crate::boot::disarm;
use crate::deploy::{DeployError, Job, marker};
use crate::disk::{boot_code, erase, mkfs, nodes, table, tools};
use crate::machine::holders::same_device;
use crate::machine::{BlockDevice, blkid, md};
use crate::model::{FsKind, Policy};
use crate::mount::MountedTree;
use crate::plan::step::{Phase, Step};
use crate::plan::{NoPlan, Problem, Problems, differs, unusable};

/// Carries out the steps of this phase.
pub(in crate::deploy) fn partitioning(job: &mut Job<'_>) -> Result<(), DeployError> {
    if job.options.plan.wants(Phase::Partitioning) && job.description.policy == Policy::Verify {
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
            Step::Check { node, kind, label } => check(job, node, *kind, label.as_deref())?,
            Step::Disarm { disk } => {
                boot_code::take(disk)?;
            }
            Step::DisarmEfi { node } => {
                let mounted = MountedTree::alone(job.file_system(node), EFI)?;
                disarm::put_aside(mounted.root(), EFI)?;
                mounted.close()?;
            }
            Step::MarkIncomplete { tree } => {
                let tree = job.tree(tree);
                let root = job.file_system_at(tree, "/").expect("a system has a root");
                let mounted = MountedTree::alone(root, "/")?;
                if marker::is_complete(mounted.root()) {
                    job.was_complete.insert(tree);
                }
                marker::write(job, tree, mounted.root(), Phase::Partitioning, false)?;
                mounted.close()?;
            }
            Step::TakeOver { disks } => {
                let disks: Vec<BlockDevice> =
                    disks.iter().map(|disk| job.disk(disk)).collect::<Result<_, _>>()?;
                nodes::take_over(&disks)?;
            }
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
                if let Step::AssembleArray { node, members } = step {
                    check_array(node, members)?;
                }
            }
        }
        Ok(())
    })
}

/// Sees whether what stays is what is described. Until now it could not be looked at.
fn check(job: &Job<'_>, node: &Path, kind: FsKind, label: Option<&str>) -> Result<(), DeployError> {
    let found = blkid::probe(node, &job.stop)?;
    match differs(node, kind, label, &found) {
        Some(problem) => Err(NoPlan::Differs(Problems(vec![problem])).into()),
        None => Ok(()),
    }
}

/// Sees whether an array that was put together is one that can be used.
fn check_array(node: &Path, members: &[PathBuf]) -> Result<(), DeployError> {
    let running = md::arrays().into_iter().find(|array| same_device(&array.node, node));
    let place = format!("array {}", node.display());
    let problems = match running {
        Some(running) => unusable(&place, members, &running),
        None => vec![Problem::new(place, "it does not run")],
    };
    match problems.is_empty() {
        true => Ok(()),
        false => Err(NoPlan::Differs(Problems(problems)).into()),
    }
}
