//! One deployment: its description, its plan, and what has come of it so far.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::receipt::Receipt;
use super::{DeployDriver, DeployError, preflight};
use crate::boot::configdrive::ConfigDrive;
use crate::disk::lock::{self, DiskLock};
use crate::http::Web;
use crate::machine::BlockDevice;
use crate::machine::blkid;
use crate::model::Description;
use crate::plan::facts::Facts;
use crate::plan::step::{Phase, Step};
use crate::plan::{self, FsPlan, NoPlan, Plan, PlanOptions};
use crate::report::Reporter;
use crate::stop::Stop;

/// What was asked for on the command line.
#[derive(Debug, Clone)]
pub(crate) struct DeployOptions {
    pub(crate) plan: PlanOptions,
    /// Write the firmware's variables.
    pub(crate) efi_variables: bool,
    /// How web servers are asked.
    pub(crate) web: Web,
    /// Where the list of boot entries goes.
    pub(crate) boot_entries: PathBuf,
}

/// A deployment.
pub(crate) struct Job<'a> {
    pub(crate) description: &'a Description,
    pub(crate) options: &'a DeployOptions,
    pub(crate) plan: Plan,
    pub(crate) receipt: &'a mut Receipt,
    /// Whether anything has been changed.
    pub(crate) changed: bool,
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) stop: Stop,
    /// Systems that stay, and whose last deployment came to its end.
    pub(crate) was_complete: BTreeSet<usize>,
    /// The config drive's content, which is fetched before anything is touched.
    pub(crate) config_drive: Option<ConfigDrive>,
    _locks: Vec<DiskLock>,
}

impl<'a> Job<'a> {
    /// Makes the plan, and finds out whether all that it needs is there. Changes nothing. Others are kept away from the
    /// disks from before the first look at them for as long as the job lasts; with `lock`, it is refused where somebody
    /// else does that.
    pub(crate) fn prepare(
        driver: &dyn DeployDriver,
        description: &'a Description,
        options: &'a DeployOptions,
        lock: bool,
        reporter: Arc<Reporter>,
        receipt: &'a mut Receipt,
        stop: Stop,
    ) -> Result<Self, DeployError> {
        let unfit = super::unfit(driver, description);
        if !unfit.is_empty() {
            return Err(NoPlan::Refused(plan::Problems(unfit)).into());
        }
        if !rustix::process::geteuid().is_root() {
            let message = "only root can look at disks and change them";
            return Err(
                NoPlan::Refused(plan::Problems(vec![plan::Problem::new("this user", message)])).into()
            );
        }
        let (locks, locked) = locks(description, lock)?;
        let facts = Facts::look(description, locked, &stop).map_err(|problems| match stop.is_wanted() {
            true => DeployError::Stopped,
            false => NoPlan::Refused(problems).into(),
        })?;
        // Who only wants to see a plan is in nobody's way while servers are asked.
        let locks = if lock { locks } else { Vec::new() };
        let plan = plan::build(description, &facts, options.plan)?;
        receipt.plan(&plan);
        let mut job = Self {
            description,
            options,
            plan,
            receipt,
            changed: false,
            reporter,
            stop,
            was_complete: BTreeSet::new(),
            config_drive: None,
            _locks: locks,
        };
        preflight::check(driver, &mut job)?;
        Ok(job)
    }

    /// Carries out the steps of a phase, each with `work`.
    pub(crate) fn each_step(
        &mut self,
        phase: Phase,
        mut work: impl FnMut(&mut Self, &Step) -> Result<(), DeployError>,
    ) -> Result<(), DeployError> {
        let steps = self.plan.steps.clone();
        let started = Instant::now();
        let own: Vec<(usize, &Step)> =
            steps.iter().enumerate().filter(|(_, step)| step.phase() == phase).collect();
        if own.is_empty() {
            return Ok(());
        }
        self.reporter.phase(phase);
        for (index, step) in own {
            if self.stop.is_wanted() {
                return Err(DeployError::Stopped);
            }
            self.reporter.step(index + 1, steps.len(), step);
            let begun = Instant::now();
            let result = work(self, step);
            self.changed |= step.changes() && !result.as_ref().is_err_and(DeployError::is_before_any_change);
            if let Err(error) = result {
                self.receipt.failed_step(step);
                self.receipt.phase(phase, started.elapsed());
                return Err(error);
            }
            self.receipt.step(step);
            self.reporter.done(index + 1, begun.elapsed().as_secs_f64());
        }
        self.receipt.phase(phase, started.elapsed());
        Ok(())
    }

    /// The tree of that name.
    pub(crate) fn tree(&self, name: &str) -> usize {
        let found = self.description.trees.iter().position(|tree| tree.name == name);
        found.expect("steps name trees of the description")
    }

    /// The file system at `mount` in a tree.
    pub(crate) fn file_system_at(&self, tree: usize, mount: &str) -> Option<&FsPlan> {
        let at = |plan: &&FsPlan| {
            plan.spec.mount.as_ref().is_some_and(|point| point.as_path() == Path::new(mount))
        };
        self.plan.mounts_of(tree).into_iter().find(at)
    }

    /// The file system on a node.
    pub(crate) fn file_system(&self, node: &Path) -> &FsPlan {
        let found = self.plan.file_systems.iter().find(|plan| plan.node == node);
        found.expect("steps name nodes of the plan")
    }

    /// The UUID of a file system.
    pub(crate) fn uuid(&self, node: &Path) -> Result<String, DeployError> {
        blkid::probe(node, &self.stop)?.uuid.ok_or_else(|| DeployError::NoUuid(node.to_owned()))
    }

    /// UUIDs of all file systems, by node.
    pub(crate) fn uuids(&self) -> Result<Vec<(PathBuf, String)>, DeployError> {
        let nodes = self.plan.file_systems.iter().map(|plan| plan.node.clone());
        nodes.map(|node| Ok((node.clone(), self.uuid(&node)?))).collect()
    }

    /// The disk with this node.
    pub(crate) fn disk(&self, node: &Path) -> Result<BlockDevice, DeployError> {
        let id = crate::model::DiskId::Path(node.to_owned());
        BlockDevice::find(&id).map_err(|error| {
            let source = std::io::Error::other(error.to_string());
            crate::disk::DiskError { action: "find", path: node.to_owned(), source }.into()
        })
    }
}

/// Locks the described disks; says whether all are locked. Those that are not there are told by whoever looks at them.
///
/// # Errors
/// One is locked by somebody else, and it `must` be.
fn locks(description: &Description, must: bool) -> Result<(Vec<DiskLock>, bool), DeployError> {
    let disks = description.disks.iter().filter_map(|disk| BlockDevice::find(&disk.id).ok());
    let mut nodes: Vec<PathBuf> = disks.map(|disk| disk.node()).collect();
    nodes.sort();
    nodes.dedup();
    let mut problems = Vec::new();
    let mut locks = Vec::new();
    for node in nodes {
        let patience = if must { lock::PATIENCE } else { Duration::ZERO };
        match DiskLock::take(&node, patience) {
            Ok(lock) => locks.push(lock),
            Err(error) => problems.push(plan::Problem::new(node.display(), error.to_string())),
        }
    }
    match problems.is_empty() || !must {
        true => Ok((locks, problems.is_empty())),
        false => Err(NoPlan::Refused(plan::Problems(problems)).into()),
    }
}
