//! The phases of a deployment, as far as deploy drivers share them.

mod boot_loader;
mod copy_image;
mod partitioning;

pub(super) use boot_loader::{boot_loader, directory_of};
pub(super) use copy_image::{complete_images, copy_image, directory, keep_from_starting};
pub(super) use partitioning::partitioning;

use std::path::Path;

use super::{DeployError, Job};
use crate::command::Command;
use crate::plan::step::{Phase, Step};

/// Writes the config drive.
pub(super) fn config_drive(job: &mut Job<'_>) -> Result<(), DeployError> {
    job.each_step(Phase::ConfigDrive, |job, step| {
        if let (Step::WriteConfigDrive { node }, Some(drive)) = (step, &job.config_drive) {
            drive.write_to(node)?;
        }
        Ok(())
    })
}

/// Restarts the machine: in order where the first process knows how to, else at once.
pub(super) fn reboot() -> Result<(), DeployError> {
    rustix::fs::sync();
    // In a ramdisk the first process is often a script, which nobody can ask.
    let by_init =
        ["/run/systemd/system", "/run/initctl", "/dev/initctl"].iter().any(|path| Path::new(path).exists());
    if by_init && Command::new("reboot").run(&crate::stop::Stop::default()).is_ok() {
        return Ok(());
    }
    rustix::system::reboot(rustix::system::RebootCommand::Restart)
        .map_err(|error| DeployError::Reboot(error.into()))
}
