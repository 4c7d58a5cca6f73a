//! Deployments: descriptions, runs of the program under test with what they leave for programs to read, and small
//! systems to deploy.
//!
//! Not for looking at disks: see [`crate::bare`].

mod deployed;
mod description;
mod desk;
mod system;

pub use deployed::{assert_deployed, assert_deployed_except, assert_nothing_mounted};
pub use description::{description, disk, disk_named, image, volume, with};
pub use desk::{Desk, Ended, find};
pub use system::{System, plant, write};

/// The exit codes of a deployment.
pub mod exit {
    /// Everything is in place.
    pub const DONE: i32 = 0;
    /// An option or argument that makes no sense.
    pub const USAGE: i32 = 1;
    /// Stopped by a signal.
    pub const STOPPED: i32 = 20;
    /// The description is wrong.
    pub const DESCRIPTION: i32 = 40;
    /// Refused before the first change.
    pub const REFUSED: i32 = 41;
    /// What is on the disks is not what is described.
    pub const DIFFERS: i32 = 42;
    /// A disk or file system failed.
    pub const DISK: i32 = 44;
    /// No connection, or it broke.
    pub const NETWORK: i32 = 45;
    /// Wrong password, or none.
    pub const AUTHENTICATION: i32 = 46;
    /// An image is incomplete, or its server refused.
    pub const IMAGE: i32 = 47;
    /// The boot loader was not installed.
    pub const BOOT_LOADER: i32 = 48;
    /// An image is damaged.
    pub const DAMAGED: i32 = 50;
}
