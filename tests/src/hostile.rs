//! What lies beyond a deployment and must not be reached by it, whatever the image holds: another disk, and a directory
//! of the machine that deploys.
//!
//! Not for servers that break the protocol: these images come from one that keeps to it.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;

use crate::bare::BareDisk;
use crate::deploy::{Desk, Ended, System, assert_nothing_mounted, description, disk, volume};
use crate::scratch::Scratch;

/// Whoever opens a FIFO of an image waits for ever.
const LIMIT: Duration = Duration::from_secs(60);

/// What the file holds that must stay.
const CONTENT: &str = "stays\n";

/// It lasts as long as this value.
#[derive(Debug)]
pub struct Beyond {
    disk: BareDisk,
    sum: u128,
    scratch: Scratch,
}

impl Beyond {
    /// A disk that is not described, and a directory with a file.
    ///
    /// # Panics
    /// As its parts.
    #[must_use]
    pub fn new() -> Self {
        let (disk, scratch) = (BareDisk::new(8), Scratch::with_size(1024));
        // Whoever erases it is seen, too.
        disk.overwrite(0, &[0x5a; 1 << 20]);
        fs::write(scratch.join("file"), CONTENT).expect("memory is large enough");
        Self { sum: disk.sum(), disk, scratch }
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }

    /// The file in it.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.scratch.join("file")
    }

    /// The node of the disk.
    #[must_use]
    pub fn node(&self) -> &Path {
        self.disk.node()
    }

    /// Makes a node of the disk in an image.
    ///
    /// # Panics
    /// If there is something.
    pub fn plant_node(&self, place: &Path) {
        let number = fs::metadata(self.disk.node()).expect("the disk has a node").rdev();
        node(place, FileType::BlockDevice, number);
    }

    /// Fails the test if any of it has changed.
    ///
    /// # Panics
    /// If so.
    #[track_caller]
    pub fn assert_untouched(&self) {
        assert_eq!(self.disk.sum(), self.sum, "the other disk was expected to stay as it is");
        assert!(self.disk.mounts().is_empty(), "the other disk was expected not to be mounted");
        let names: Vec<_> = fs::read_dir(self.directory())
            .expect("the directory is there")
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert_eq!(names, ["file"], "nothing was expected to come into the directory");
        assert_eq!(fs::read_to_string(self.file()).expect("the file is there"), CONTENT);
    }
}

impl Default for Beyond {
    fn default() -> Self {
        Self::new()
    }
}

/// A machine onto which hostile images are deployed.
#[derive(Debug)]
pub struct Target {
    /// What must not be reached.
    pub beyond: Beyond,
    /// What is described, of 300 MiB.
    pub bare: BareDisk,
    /// Where programs leave what they tell.
    pub desk: Desk,
}

impl Target {
    /// With an empty disk.
    ///
    /// # Panics
    /// As its parts.
    #[must_use]
    pub fn new() -> Self {
        Self { beyond: Beyond::new(), bare: BareDisk::new(300), desk: Desk::new() }
    }

    /// The disk, divided into volumes.
    #[must_use]
    pub fn describe(&self, policy: &str, images: &[Value], volumes: &[Value]) -> Value {
        description(policy, images, &[disk(&self.bare, volumes)])
    }

    /// One system on one file system.
    #[must_use]
    pub fn plain(&self, policy: &str, system: &System) -> Value {
        self.describe(policy, &[system.image()], &[volume("/", "ext4", "remaining")])
    }

    /// It ends in time with this code, nothing stays mounted, and what is beyond is as before.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn provision(&self, description: &Value, options: &[&str], code: i32) -> Ended {
        let ended = self.desk.provision_within(LIMIT, description, options).expect(code);
        assert_nothing_mounted(&[&self.bare]);
        self.beyond.assert_untouched();
        ended
    }
}

impl Default for Target {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes a node.
///
/// # Panics
/// If there is something.
pub fn node(place: &Path, kind: FileType, number: u64) {
    mknodat(CWD, place, kind, Mode::from_raw_mode(0o666), number)
        .unwrap_or_else(|error| panic!("{} cannot be made: {error}", place.display()));
}

/// Makes a FIFO that nobody else opens: whoever does waits for ever.
///
/// # Panics
/// If there is something.
pub fn fifo(place: &Path) {
    node(place, FileType::Fifo, 0);
}

/// Puts a link into the place of what is there.
///
/// # Panics
/// If it cannot be made.
pub fn link(target: impl AsRef<Path>, place: &Path) {
    match fs::symlink_metadata(place) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(place).expect("it can be removed"),
        Ok(_) => fs::remove_file(place).expect("it can be removed"),
        Err(_) => {}
    }
    symlink(target, place).unwrap_or_else(|error| panic!("{} cannot be made: {error}", place.display()));
}
