//! What has to be on disks after a deployment, and what must not be left of it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::bare::{BareDisk, Mounted};
use crate::snapshot::Snapshot;

/// Fails the test if something is left of a run: a mount of the disk, or something where trees are mounted.
///
/// # Panics
/// If so.
#[track_caller]
pub fn assert_nothing_mounted(disks: &[&BareDisk]) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the kernel tells mounts");
    for disk in disks {
        let (node, left) = (disk.node().display(), disk.mounts());
        assert!(left.is_empty(), "nothing of {node} was expected to be mounted: {left:?}");
    }
    assert!(!mounts.contains("/run/deployer"), "no tree was expected to be mounted\n{mounts}");
    let place = fs::read_dir("/run/deployer/target").map_or(0, Iterator::count);
    assert_eq!(place, 0, "the place of trees was expected to be empty");
}

/// Fails the test unless a deployed tree is its source, but for what a deployment writes.
///
/// # Panics
/// With the first differences.
#[track_caller]
pub fn assert_deployed(source: &Path, found: &Mounted) {
    assert_deployed_except(&[], source, found);
}

/// The same, without what lies below some directories, and without the times of these.
///
/// # Panics
/// With the first differences.
#[track_caller]
pub fn assert_deployed_except(below: &[&str], source: &Path, found: &Mounted) {
    let [source, found] = [source, &found.root()].map(|root| {
        let mut picture = Snapshot::take(root);
        let own = |path: &[u8]| {
            let path = Path::new(std::ffi::OsStr::from_bytes(path));
            path.file_name().is_some_and(|name| name == "lost+found")
                || [Path::new("etc/fstab"), Path::new(".deployer-state.json")].contains(&path)
                || below.iter().any(|directory| path.starts_with(directory) && path != Path::new(directory))
        };
        picture.entries.retain(|path, _| !own(path));
        // What a deployment writes there gives them other times.
        for path in [&b""[..], b"etc"].into_iter().chain(below.iter().map(|path| path.as_bytes())) {
            if let Some(directory) = picture.entries.get_mut(path) {
                directory.time = (0, 0);
            }
        }
        // Names of one file on several file systems are several files.
        picture.without_groups()
    });
    crate::diff::assert_same("the deployed tree", &source, &found);
}
