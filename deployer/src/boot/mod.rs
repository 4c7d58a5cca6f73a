//! What makes a deployed system start: fstab, boot loader, config drive.

pub(crate) mod configdrive;
pub(crate) mod disarm;
pub(crate) mod fstab;
pub(crate) mod grub;
pub(crate) mod kernel;
pub(crate) mod menu;
mod settings;
