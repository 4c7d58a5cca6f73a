//! Deploy drivers: how a machine is deployed, in five phases. What drivers share is in `phases`; a further driver is
//! a file here and a line in [`DRIVERS`].

mod bootable;
mod error;
mod job;
mod kept;
mod marker;
mod phases;
mod preflight;
mod receipt;
mod requirements;
mod rsync;
mod swift;

pub(crate) use error::DeployError;
pub(crate) use job::{DeployOptions, Job};
pub(crate) use receipt::Receipt;

use std::sync::Arc;

use rsync_proto::report::Progress;

use crate::confined::Root;
use crate::model::{Description, Image, MountPoint};
use crate::plan::{Images, Problem};
use crate::report::Reporter;
use preflight::Survey;

/// A way to deploy. The phases are those of the old agent; a driver says how images are looked at and copied.
pub(crate) trait DeployDriver: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// What it does, in one line.
    fn about(&self) -> &'static str;

    /// What its images are.
    fn images(&self) -> Images;

    /// Whether an image is one that it can copy; else why not.
    fn takes(&self, image: &Image) -> Result<(), String>;

    /// Looks at an image without touching anything: whether it is there, and what it would put on each of `mounts`.
    fn survey(&self, job: &Job<'_>, image: &Image, mounts: &[&MountPoint]) -> Result<Survey, DeployError>;

    /// Brings the images into their trees, and what belongs there beside them.
    fn copy_image(&self, job: &mut Job<'_>) -> Result<(), DeployError>;

    /// Lays the disks out, or verifies them.
    fn partitioning(&self, job: &mut Job<'_>) -> Result<(), DeployError> {
        phases::partitioning(job)
    }

    /// Writes the config drive.
    fn config_drive(&self, job: &mut Job<'_>) -> Result<(), DeployError> {
        phases::config_drive(job)
    }

    /// Makes the machine start from its disks.
    fn boot_loader(&self, job: &mut Job<'_>) -> Result<(), DeployError> {
        phases::boot_loader(job)
    }

    /// Starts the machine again.
    fn reboot(&self) -> Result<(), DeployError> {
        phases::reboot()
    }

    /// Everything, in order; it does not reboot.
    fn provisioning(&self, job: &mut Job<'_>) -> Result<(), DeployError> {
        self.partitioning(job)?;
        self.config_drive(job)?;
        self.copy_image(job)?;
        self.boot_loader(job)
    }
}

/// All of them.
pub(crate) const DRIVERS: &[&dyn DeployDriver] = &[&rsync::Rsync, &swift::Swift];

/// The driver of that name.
pub(crate) fn driver(name: &str) -> Option<&'static dyn DeployDriver> {
    DRIVERS.iter().find(|driver| driver.name() == name).copied()
}

/// Images that a driver cannot copy.
pub(crate) fn unfit(driver: &dyn DeployDriver, description: &Description) -> Vec<Problem> {
    let unfit = |image: &Image| Some(Problem::new(&image.path, driver.takes(image).err()?));
    description.images.iter().filter_map(unfit).collect()
}

/// Tells how far a copy is, if somebody wants events, until it is dropped.
async fn tell(reporter: &Reporter, progress: Arc<Progress>) {
    match reporter.events() {
        Some(events) => events.follow(progress).await,
        None => std::future::pending().await,
    }
}

/// Puts a file into a tree.
fn write(root: &Root, path: &str, text: &str) -> Result<(), DeployError> {
    root.write(path, text).map_err(|source| DeployError::Tree { action: "write", path: path.into(), source })
}
