//! A private place in memory for one test: its own tmpfs, gone with everything on it when dropped, however
//! deep or read-only the trees in it are.
//!
//! Not for tests that need a real file system: those put a [`crate::disk::LoopDisk`] into it.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat, statvfs};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

const PREFIX: &str = "deployer-e2e.";

/// How many places this process has made.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A tmpfs that lasts as long as this value.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// Locked while the test lives; the kernel lets go of the lock however the process ends.
    _alive: OwnedFd,
}

impl Scratch {
    /// A place as large as memory allows.
    ///
    /// # Panics
    /// Without root, and if the kernel refuses to mount.
    #[must_use]
    pub fn new() -> Self {
        Self::mount("mode=0755,size=75%")
    }

    /// A place that is full after `kibibytes`.
    ///
    /// # Panics
    /// As [`Scratch::new`].
    #[must_use]
    pub fn with_size(kibibytes: u32) -> Self {
        Self::mount(&format!("mode=0755,size={kibibytes}k"))
    }

    fn mount(options: &str) -> Self {
        require_root();
        let base = base();
        // Between its making and its locking a place looks abandoned; the gate keeps sweepers out meanwhile.
        let gate =
            File::create(base.join("deployer-e2e.lock")).expect("the lock file of all tests can be made");
        flock(&gate, FlockOperation::LockExclusive).expect("the lock of all tests can be taken");
        sweep(&base);
        let path = base.join(format!("{PREFIX}{}.{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{} cannot be made: {error}", path.display()));
        let options = std::ffi::CString::new(options).expect("mount options hold no NUL");
        mount("e2e", &path, "tmpfs", MountFlags::empty(), Some(options.as_c_str()))
            .unwrap_or_else(|error| panic!("no tmpfs can be mounted on {}: {error}", path.display()));
        let alive = open(&path).expect("a fresh mount can be opened");
        flock(&alive, FlockOperation::LockExclusive).expect("a fresh mount can be locked");
        Self { path, _alive: alive }
    }

    /// The directory that the test may use.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path in it; nothing is made.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A new empty directory in it.
    ///
    /// # Panics
    /// If it exists.
    #[must_use]
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.join(name);
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{} cannot be made: {error}", path.display()));
        path
    }

    /// A new file in it, with a mode.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    pub fn file(&self, name: &str, content: &str, mode: u32) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, content)
            .unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a new file's mode can be set");
        path
    }

    /// How many bytes are in use. Grows while somebody writes here, whatever the file is called.
    ///
    /// # Panics
    /// If the file system is gone.
    #[must_use]
    pub fn used(&self) -> u64 {
        let it = statvfs(&self.path).expect("a mounted tmpfs tells its use");
        (it.f_blocks - it.f_bfree) * it.f_frsize
    }

    /// From now on reading changes no access times here, so that who reads first makes no difference.
    ///
    /// # Panics
    /// If the kernel refuses it.
    pub fn keep_access_times(&self) {
        mount_remount(&self.path, MountFlags::NOATIME, "").expect("a tmpfs takes other flags");
    }

    /// Makes the place read-only.
    ///
    /// # Panics
    /// If something in it is open for writing.
    pub fn make_read_only(&self) {
        mount_remount(&self.path, MountFlags::RDONLY, "")
            .expect("a tmpfs that nobody writes to can be made read-only");
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        discard(&self.path);
    }
}

/// Fails the test unless it runs as root.
///
/// # Panics
/// Without root.
pub fn require_root() {
    assert!(
        rustix::process::geteuid().is_root(),
        "these tests mount file systems, make devices and set owners: run them as root"
    );
}

/// On a machine whose disk is slow only the mount points are on it.
fn base() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(CWD, path, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?)
}

/// Removes what tests left that were killed: no one holds its lock.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        let Ok(handle) = open(&entry.path()) else { continue };
        if flock(&handle, FlockOperation::NonBlockingLockExclusive).is_ok() {
            drop(handle);
            discard(&entry.path());
        }
    }
}

fn discard(path: &Path) {
    // Detached, not merely unmounted: a child that is still being reaped may have its working directory here.
    let _ = unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
    let _ = fs::remove_dir(path);
}
