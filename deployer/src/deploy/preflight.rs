//! Before anything is touched: everything is here, the servers answer, everything fits, and what is going to be deployed
//! can start.

use super::bootable::{self, Bootable};
use super::phases::directory_of;
use super::{DeployDriver, DeployError, Job, requirements};
use crate::boot::configdrive::{self, ConfigDrive, ConfigDriveError, LABEL};
use crate::http::Web;
use crate::model::{ConfigSource, MountPoint, human};
use crate::plan::need::{self, Need};
use crate::plan::step::{Phase, Step};
use crate::plan::{Problem, Problems};
use crate::stop::Stop;

/// What an image is, as far as it can be seen without copying it.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// What it puts on each mount of its tree, in their order.
    pub(crate) needs: Vec<Need>,
    /// What of it matters for starting; nothing where that is not seen.
    pub(crate) bootable: Option<Bootable>,
    /// Files that share their content with files on another mount: they become copies.
    pub(crate) split_links: u64,
}

/// Finds out whether the plan can be carried to its end. Whatever stands against it is told at once.
pub(super) fn check(driver: &dyn DeployDriver, job: &mut Job<'_>) -> Result<(), DeployError> {
    let mut problems = requirements::missing_tools(job);
    problems.extend(requirements::missing_in_kernel(job));
    problems.extend(no_place_for_entries(job));
    let mut errors = Vec::new();
    let writes_drive = job.plan.steps.iter().any(|step| matches!(step, Step::WriteConfigDrive { .. }));
    if let Some(source) = job.description.config_drive.as_ref().filter(|_| writes_drive) {
        match load(source, &job.options.web, &job.stop)? {
            Ok(drive) => {
                problems.extend(unfit_drive(job, &drive));
                job.config_drive = Some(drive);
            }
            Err(error) if error.is_worth_a_retry() => errors.push(error.into()),
            Err(error) => problems.push(Problem::new("$.configdrive", error.to_string())),
        }
    }
    let bootable = match job.options.plan.wants(Phase::CopyImage) {
        true => Some(survey(driver, job, &mut errors)?),
        false => None,
    };
    bootable::reserve_room(job);
    problems.extend(need::too_small(&job.plan));
    if let Some(bootable) = bootable.filter(|_| errors.is_empty()) {
        problems.extend(bootable::cannot_start(job, &bootable));
    }
    if problems.is_empty() {
        return match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(DeployError::Images(errors)),
        };
    }
    problems.extend(errors.iter().map(|error| Problem::new("the servers", error.to_string())));
    Err(DeployError::NotReady(Problems(problems)))
}

/// Loads the config drive. A server may be silent for longer than a signal may wait.
fn load(
    source: &ConfigSource,
    web: &Web,
    stop: &Stop,
) -> Result<Result<ConfigDrive, ConfigDriveError>, DeployError> {
    let (source, web) = (source.clone(), web.clone());
    let loading = async {
        let loaded = tokio::task::spawn_blocking(move || configdrive::load(&source, &web)).await;
        Ok(loaded.expect("loading does not panic"))
    };
    stop.or_until(loading).map_err(|_| DeployError::Stopped)
}

/// The list of boot entries is written at the very end; where it cannot be, that is told now.
fn no_place_for_entries(job: &Job<'_>) -> Option<Problem> {
    let listed = job.plan.steps.iter().any(|step| matches!(step, Step::BootMenu { .. }));
    let directory = directory_of(&job.options.boot_entries);
    let message = "there is no such directory for the list of boot entries; make it, or use --boot-entries";
    (listed && !directory.is_dir()).then(|| Problem::new(directory.display(), message))
}

/// The config drive, where its partition is smaller or could not be mounted.
fn unfit_drive(job: &Job<'_>, drive: &ConfigDrive) -> Option<Problem> {
    let node = job.plan.steps.iter().find_map(|step| match step {
        Step::WriteConfigDrive { node } => Some(node),
        _ => None,
    })?;
    let disk = job.plan.disks.iter().find(|disk| disk.after.iter().any(|it| it.node == *node))?;
    if disk.sector > configdrive::SECTOR {
        let message = format!(
            "no config drive can be mounted from a disk with sectors of {} bytes yet; describe the partition {LABEL:?} \
             on another disk",
            disk.sector
        );
        return Some(Problem::new(node.display(), message));
    }
    let partition = disk.after.iter().find(|partition| partition.node == *node)?;
    let (needs, has) = (human(drive.size()), human(partition.length));
    let message = format!("the config drive ({}) needs {needs}, there are {has}", drive.kind());
    (drive.size() > partition.length).then(|| Problem::new(node.display(), message))
}

/// Looks at all images. Returns what each tree has for starting, where that can be seen; what went wrong goes to `errors`.
fn survey(
    driver: &dyn DeployDriver,
    job: &mut Job<'_>,
    errors: &mut Vec<DeployError>,
) -> Result<Vec<Option<Bootable>>, DeployError> {
    let mut bootable = vec![Some(Bootable::default()); job.description.trees.len()];
    for (tree, bootable) in bootable.iter_mut().enumerate() {
        for image in job.description.images_of(tree) {
            if job.stop.is_wanted() {
                return Err(DeployError::Stopped);
            }
            let mounts: Vec<MountPoint> =
                job.plan.mounts_of(tree).iter().filter_map(|plan| plan.spec.mount.clone()).collect();
            let survey = match driver.survey(job, image, &mounts.iter().collect::<Vec<_>>()) {
                Ok(survey) => survey,
                Err(DeployError::Stopped) => return Err(DeployError::Stopped),
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            match (bootable.as_mut(), survey.bootable) {
                (Some(all), Some(own)) => all.add(own),
                _ => *bootable = None,
            }
            job.plan.split_links += survey.split_links;
            if survey.split_links > 0 {
                let message = format!(
                    "{}: hard links that cross mounts and become copies: {}",
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
