//! Small systems to deploy.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use super::image;
use crate::daemon::Daemon;
use crate::random::Random;
use crate::scratch::Scratch;
use crate::server::Server;

/// A small system on a server.
#[derive(Debug)]
pub struct System {
    scratch: Scratch,
    daemon: Daemon,
}

impl System {
    /// With a few hundred files, and without a kernel.
    ///
    /// # Panics
    /// If the daemon does not start.
    #[must_use]
    pub fn new() -> Self {
        Self::with(plant)
    }

    /// With what `fill` puts there.
    ///
    /// # Panics
    /// If the daemon does not start.
    #[must_use]
    pub fn with(fill: impl FnOnce(&Path)) -> Self {
        let scratch = Scratch::new();
        let source = scratch.directory("source");
        fill(&source);
        backdate(&source, 3);
        Self { daemon: Daemon::serving(&source), scratch }
    }

    /// What the server holds.
    #[must_use]
    pub fn source(&self) -> PathBuf {
        self.scratch.join("source")
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        self.daemon.url("tree/")
    }

    /// The server.
    #[must_use]
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// The image of a description with one system.
    #[must_use]
    pub fn image(&self) -> Value {
        image("system", &self.url(), "/")
    }
}

impl Default for System {
    fn default() -> Self {
        Self::new()
    }
}

/// Gives directories near the root an older time: mount points are made while a deployment runs, and times that
/// differ in less than a second are not brought into line.
fn backdate(directory: &Path, depth: u32) {
    let older = |open: File| match open.metadata()?.modified()?.elapsed() {
        // The others have times of their own.
        Ok(age) if age < Duration::from_secs(3600) => {
            open.set_modified(UNIX_EPOCH + Duration::from_secs(1_600_000_000))
        }
        _ => Ok(()),
    };
    for entry in fs::read_dir(directory).expect("a directory can be read").flatten() {
        if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            backdate(&entry.path(), depth - 1);
        }
    }
    File::open(directory).and_then(older).expect("root can set times");
}

/// Writes a file, with the directories that lead to it.
///
/// # Panics
/// If it cannot be written.
pub fn write(root: &Path, path: &str, content: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a file is in a directory")).expect("memory is large enough");
    fs::write(&path, content).expect("memory is large enough");
}

/// Plants a small system in the directory `root`: the directories that every system has, with files in each.
///
/// # Panics
/// If the file system cannot keep something.
pub fn plant(root: &Path) {
    let mut random = Random::new(17);
    for directory in ["dev", "proc", "sys", "run", "tmp", "mnt"] {
        fs::create_dir(root.join(directory)).expect("memory is large enough");
    }
    fs::set_permissions(root.join("tmp"), PermissionsExt::from_mode(0o1777)).expect("modes can be set");
    write(root, "etc/hostname", b"small\n");
    write(root, "etc/os-release", b"PRETTY_NAME=\"Small System 1\"\n");
    write(root, "etc/fstab", b"# of the image\n");
    for directory in ["etc/conf.d", "usr/bin", "usr/share/doc", "var/lib/data", "var/log", "home/user/files"]
    {
        for number in 0..30 {
            let length = random.below(20_000);
            write(root, &format!("{directory}/file-{number}"), &random.bytes(length));
        }
    }
    write(root, "usr/lib/large", &random.bytes(3 << 20));
    symlink("usr/bin", root.join("bin")).expect("memory is large enough");
}
