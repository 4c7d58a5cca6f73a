//! A disk that a machine was deployed onto, by the ramdisk from an rsync daemon. It is made once for all tests, which start
//! from copies of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FlockOperation, flock};
use twox_hash::XxHash3_128;

use super::{MEBIBYTES, Server, divided};
use crate::bare::{BareDisk, Mounted, output};
use crate::os_tree;
use crate::ramdisk::Ramdisk;
use crate::witness;

/// What the witness of the image says, apart from how it started.
pub const FIRST: &str = "first";
/// The names of all of them begin so.
const PREFIX: &str = "deployed-";

/// A disk with what [`super::volumes`] describes, and a Debian that starts from it.
#[derive(Debug)]
pub struct Base {
    path: PathBuf,
}

impl Base {
    /// Deploys it, unless it was deployed from the same parts already.
    ///
    /// # Panics
    /// If the deployment fails, or if the server's image does not say [`FIRST`].
    #[must_use]
    pub fn new(server: &Server) -> Self {
        assert_eq!(server.words, FIRST, "all tests share the disk, and it says this");
        let place = Ramdisk::place();
        // Tests run in several processes; the first makes it and the others wait.
        let lock = File::create(place.join("deployed.lock")).expect("a file can be made in its directory");
        flock(&lock, FlockOperation::LockExclusive).expect("it can be locked");
        let description = server.describe("clean", &[divided()]);
        let parts = [
            description.to_string(),
            server.ramdisk().stamp(),
            os_tree::stamp_of_least(),
            witness::stamp(),
            FIRST.to_owned(),
        ];
        let path = place.join(format!("{PREFIX}{:032x}", XxHash3_128::oneshot(parts.concat().as_bytes())));
        if !path.exists() {
            remove_others(&place);
            let disk = server.disk("base", MEBIBYTES);
            let ran = server.deploying(&description, &[&disk], "").run();
            ran.says(&["eth0 has 10.0.2.15/24", "== boot loader", "reboot: Restarting system"]);
            let partial = path.with_extension("partial");
            copy(&disk, &partial);
            fs::rename(&partial, &path).expect("a file can be renamed in its directory");
            fs::remove_file(disk).expect("it is there");
        }
        Self { path }
    }

    /// A copy of it.
    ///
    /// # Panics
    /// If memory is short.
    #[must_use]
    pub fn copy(&self, server: &Server) -> PathBuf {
        let disk = server.join("disk");
        copy(&self.path, &disk);
        disk
    }
}

/// The tree on such a disk.
///
/// # Panics
/// If something on it cannot be mounted.
#[must_use]
pub fn tree(disk: &BareDisk) -> Mounted {
    Mounted::new(&[(disk, 2, "/"), (disk, 3, "/usr"), (disk, 4, "/var"), (disk, 6, "/home")])
}

/// Fails the test unless the file systems of the tree are sound.
///
/// # Panics
/// With what a check says.
#[track_caller]
pub fn assert_sound(disk: &BareDisk) {
    let ext4 = ["fsck.ext4", "-f", "-n"].as_slice();
    for (number, check) in [(2, ext4), (3, &["xfs_repair", "-n"]), (4, ext4), (6, ext4)] {
        println!("{}", output(Command::new(check[0]).args(&check[1..]).arg(disk.partition(number))));
    }
}

/// A copy has holes where there is nothing.
pub(super) fn copy(disk: &Path, to: &Path) {
    output(Command::new("cp").arg("--sparse=always").arg(disk).arg(to));
}

/// Those that were made of other parts.
fn remove_others(place: &Path) {
    for entry in fs::read_dir(place).expect("it was made").flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
