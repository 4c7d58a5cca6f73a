//! A real file system of a chosen kind for one test, on a loop device over a file in memory.
//!
//! Not for partitions and not for tests of speed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::bare::wait_until_free;
use crate::scratch::Scratch;

/// A mounted file system that lasts as long as this value.
#[derive(Debug)]
pub struct LoopDisk {
    path: PathBuf,
    device: String,
    /// Holds the backing file, and is dropped after the device has let go of it.
    _scratch: Scratch,
}

/// The kinds of file system that tests use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// ext4 with its usual settings.
    Ext4,
    /// XFS with its usual settings.
    Xfs,
    /// Btrfs with its usual settings.
    Btrfs,
}

impl LoopDisk {
    /// Makes the file system and mounts it. The backing file is sparse: memory is used for what is written.
    ///
    /// # Panics
    /// Without root, without the kind's `mkfs`, and without a free loop device.
    #[must_use]
    pub fn new(kind: Kind, mebibytes: u64) -> Self {
        let scratch = Scratch::new();
        let image = scratch.join("image");
        let file = File::create(&image).expect("a backing file can be made in memory");
        file.set_len(mebibytes << 20).expect("a backing file can be sparse");
        drop(file);
        let (name, force) = match kind {
            Kind::Ext4 => ("ext4", "-F"),
            Kind::Xfs => ("xfs", "-f"),
            Kind::Btrfs => ("btrfs", "-f"),
        };
        output(Command::new(format!("mkfs.{name}")).args([force, "-q"]).arg(&image));
        let device = output(Command::new("losetup").args(["--find", "--show"]).arg(&image));
        let path = scratch.directory("mounted");
        let disk = Self { path, device, _scratch: scratch };
        mount(disk.device.as_str(), &disk.path, name, MountFlags::empty(), None)
            .unwrap_or_else(|error| panic!("{name} on {} cannot be mounted: {error}", disk.device));
        disk
    }

    /// Unmounts it, and leaves its content in a file, with holes where it has zeros.
    ///
    /// # Panics
    /// If it is busy, or the file cannot be written.
    pub fn into_image(self, path: &Path) {
        unmount(&self.path, UnmountFlags::NOFOLLOW).expect("nobody uses it");
        // What is in memory only comes to the device with the last mount of it, which may be in a namespace of others.
        assert!(wait_until_free(Path::new(&self.device)), "{} is mounted elsewhere", self.device);
        output(Command::new("cp").arg("--sparse=always").arg(&self.device).arg(path));
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let _ = unmount(&self.path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
        // If the mount is still busy, the kernel detaches the device when the last user is gone.
        let _ = Command::new("losetup").arg("--detach").arg(&self.device).status();
    }
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} was expected to succeed: {}: {said}", output.status);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
