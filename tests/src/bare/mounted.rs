//! Partitions that are mounted together, to look at what is on them.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::BareDisk;
use crate::scratch::Scratch;

/// How long others may hold a disk. It is there to end a hang.
const LIMIT: Duration = Duration::from_secs(60);

/// Partitions mounted together, as long as this value lasts.
#[derive(Debug)]
pub struct Mounted {
    scratch: Scratch,
    /// In the order of mounting: what is mounted, and where.
    points: Vec<(PathBuf, PathBuf)>,
}

impl Mounted {
    /// Mounts partitions read-only, each at its place; those nearer to the root come first.
    ///
    /// # Panics
    /// If one cannot be mounted.
    #[must_use]
    pub fn new(parts: &[(&BareDisk, u32, &str)]) -> Self {
        Self::with_flags(parts, MountFlags::RDONLY)
    }

    /// The same, writable.
    ///
    /// # Panics
    /// If one cannot be mounted.
    #[must_use]
    pub fn writable(parts: &[(&BareDisk, u32, &str)]) -> Self {
        Self::with_flags(parts, MountFlags::empty())
    }

    fn with_flags(parts: &[(&BareDisk, u32, &str)], flags: MountFlags) -> Self {
        let scratch = Scratch::with_size(64);
        let root = scratch.directory("root");
        let mut mounted = Self { scratch, points: Vec::new() };
        for (disk, number, place) in parts {
            let node = disk.partition(*number);
            let kind = disk.content(*number).remove("TYPE").expect("a file system has a type");
            let point = root.join(place.trim_start_matches('/'));
            mount(&node, &point, kind.as_str(), flags, None)
                .unwrap_or_else(|error| panic!("{} cannot be mounted: {error}", node.display()));
            mounted.points.push((node, point));
        }
        mounted
    }

    /// Where the first of them is mounted.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.scratch.join("root")
    }

    /// A path in the tree; nothing is made.
    #[must_use]
    pub fn join(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    /// The text of a file in the tree.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn text(&self, path: &str) -> String {
        let read = fs::read(self.join(path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        read.unwrap_or_else(|error: io::Error| panic!("{path} cannot be read: {error}"))
    }

    /// Names in a directory of the tree, in order.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        for (_, point) in self.points.iter().rev() {
            // Not detached: the disk is looked at next, and everything has to be on it.
            let closed = unmount(point, UnmountFlags::NOFOLLOW);
            if closed.is_err() {
                let _ = unmount(point, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
            }
        }
        // What a failing test still has elsewhere stays there until its end.
        if !thread::panicking() {
            // Unless the same test has it mounted once more.
            let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the kernel tells mounts");
            let here = |node: &Path| mounts.split_whitespace().any(|word| Path::new(word) == node);
            for (node, _) in self.points.iter().filter(|(node, _)| !here(node)) {
                let _ = wait_until_free(node);
            }
        }
    }
}

/// Waits until nobody has a device for himself. Whoever made a mount namespace while it was mounted, as deployments of
/// other tests do, has it mounted there until he ends. Returns whether it is free.
#[must_use]
pub fn wait_until_free(node: &Path) -> bool {
    let deadline = Instant::now() + LIMIT;
    let alone = OFlags::EXCL.bits().cast_signed();
    let busy = || {
        let opened = OpenOptions::new().read(true).custom_flags(alone).open(node);
        opened.is_err_and(|error| error.kind() == io::ErrorKind::ResourceBusy)
    };
    while busy() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    true
}
