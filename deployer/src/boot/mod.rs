//! What makes a deployed system start: fstab, boot loader, config drive; and which of several systems starts.

pub(crate) mod choice;
pub(crate) mod configdrive;
pub(crate) mod disarm;
pub(crate) mod environment;
pub(crate) mod fstab;
pub(crate) mod grub;
pub(crate) mod held_back;
pub(crate) mod kernel;
pub(crate) mod menu;
mod settings;
