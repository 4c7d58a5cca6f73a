//! The tree of a system, mounted by depth under a private directory, and unmounted on every way out: by hand where
//! the work went well, so that errors of writing are seen, and by the end of the mount namespace otherwise.

mod devices;

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{Dir, Mode, OFlags, fstatvfs, open, openat, syncfs};
use rustix::io::Errno;
use rustix::mount::{FsOpenFlags, MountFlags, UnmountFlags, mount, unmount};
use thiserror::Error;

use crate::confined::{Root, path_of};
use crate::model::FsKind;
use crate::plan::need::Capacity;
use crate::plan::{FsPlan, Plan};
use crate::system;

pub(crate) use devices::Devices;

/// Where trees are mounted. Only the empty directory is seen by others.
pub(crate) const PLACE: &str = "/run/deployer/target";
/// How long a mount may stay busy, while something looks at it.
const BUSY: Duration = Duration::from_secs(5);

/// Something about a mount failed.
#[derive(Debug, Error)]
#[error("cannot {action} {what}: {source}")]
pub(crate) struct MountError {
    action: &'static str,
    what: String,
    pub(crate) source: io::Error,
}

impl MountError {
    fn new(action: &'static str, what: impl std::fmt::Display) -> impl FnOnce(io::Error) -> Self {
        let what = format!("{what}");
        move |source| Self { action, what, source }
    }
}

/// A tree that is mounted.
#[derive(Debug)]
pub(crate) struct MountedTree {
    root: Root,
    /// In the order of mounting.
    mounts: Vec<PathBuf>,
    /// Where something was in the directory that is mounted on.
    hides: Vec<PathBuf>,
}

impl MountedTree {
    /// Mounts the file systems of a tree.
    pub(crate) fn mount(plan: &Plan, tree: usize) -> Result<Self, MountError> {
        let mut mounted = Self::empty()?;
        for file_system in plan.mounts_of(tree) {
            mounted.add(file_system)?;
        }
        Ok(mounted)
    }

    /// Mounts a file system alone, at a directory of a tree that is empty otherwise.
    pub(crate) fn alone(file_system: &FsPlan, point: &str) -> Result<Self, MountError> {
        let mut mounted = Self::empty()?;
        mounted.add_at(file_system, point)?;
        if point == "/" {
            mounted.reopen()?;
        }
        Ok(mounted)
    }

    /// Mounts one file system by itself, as the tree. Nothing is changed on it if it is only to be read, but that the
    /// kernel completes what its journal has.
    pub(crate) fn device(node: &Path, kind: FsKind, only_read: bool) -> Result<Self, MountError> {
        let mut mounted = Self::empty()?;
        let failed = || MountError::new("mount", format!("{} ({})", node.display(), kind.name()));
        let directory = mounted.root.make_directory(Path::new("/")).map_err(failed())?;
        let flags = MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC;
        let attempt = |mounted: &mut Self, flags| {
            mounted.place(&directory, |at| mount(node, at, kind.name(), flags, c""))
        };
        let mut result = attempt(&mut mounted, if only_read { flags | MountFlags::RDONLY } else { flags });
        // Where it is mounted to be written, all mounts of it are of that kind.
        if only_read && result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ResourceBusy) {
            result = attempt(&mut mounted, flags);
        }
        result.map_err(failed())?;
        mounted.reopen()?;
        Ok(mounted)
    }

    /// A place for a tree whose root is in memory, until a file system is mounted on it.
    fn empty() -> Result<Self, MountError> {
        private()?;
        let place = Path::new(PLACE);
        let failed = || MountError::new("make", PLACE);
        fs::create_dir_all(place).map_err(failed())?;
        // Mount points of trees without a root of their own are not to be left behind.
        mount("deployer", place, "tmpfs", MountFlags::empty(), c"size=1m,mode=0755")
            .map_err(|error| MountError::new("mount a place for the tree on", PLACE)(error.into()))?;
        let root = Root::open(place).map_err(MountError::new("open", PLACE))?;
        Ok(Self { root, mounts: vec![place.to_owned()], hides: Vec::new() })
    }

    fn reopen(&mut self) -> Result<(), MountError> {
        self.root = Root::open(Path::new(PLACE)).map_err(MountError::new("open", PLACE))?;
        Ok(())
    }

    fn add(&mut self, file_system: &FsPlan) -> Result<(), MountError> {
        let point = file_system.spec.mount.as_ref().expect("only what has a mount is mounted");
        self.mount_at(&file_system.node, file_system, point.as_path())?;
        if point.is_root() {
            self.reopen()?;
        }
        Ok(())
    }

    fn mount_at(&mut self, node: &Path, file_system: &FsPlan, point: &Path) -> Result<(), MountError> {
        let kind = file_system.spec.kind;
        let failed = || {
            MountError::new("mount", format!("{} ({}) on {}", node.display(), kind.name(), point.display()))
        };
        let directory = self.root.make_directory(point).map_err(failed())?;
        if point != Path::new("/") && !is_bare(&directory).map_err(failed())? {
            self.hides.push(point.to_owned());
        }
        let data = std::ffi::CString::new(options(kind, &file_system.spec.fstab_options)).unwrap_or_default();
        // Devices of an image are made, but nobody opens them here.
        let flags = MountFlags::NODEV | MountFlags::NOSUID;
        self.place(&directory, |at| mount(node, at, kind.name(), flags, data.as_c_str())).map_err(failed())
    }

    /// Mounts on a directory that is held open, so that nobody puts another into its place.
    fn place(
        &mut self,
        directory: &OwnedFd,
        mount: impl FnOnce(&Path) -> rustix::io::Result<()>,
    ) -> io::Result<()> {
        let path = path_of(directory)?;
        // The first is the place of trees, on which the root is mounted.
        if self.mounts.iter().skip(1).any(|mounted| *mounted == path) {
            return Err(io::Error::other(
                "the tree has a link there, and where it leads another file system is mounted already",
            ));
        }
        let at = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
        mount(&at)?;
        self.mounts.push(path);
        Ok(())
    }

    /// The mount points whose own directories are not empty: what is in those cannot be seen.
    pub(crate) fn hides(&self) -> &[PathBuf] {
        &self.hides
    }

    /// The tree.
    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    /// What the file system at `point` can hold: one that was just made, further; one that was kept, in all.
    pub(crate) fn capacity(&self, point: &Path, made: bool) -> io::Result<Capacity> {
        let stat = fstatvfs(self.root.make_directory(point)?)?;
        let (blocks, inodes) =
            if made { (stat.f_bavail, stat.f_ffree) } else { (stat.f_blocks, stat.f_files) };
        let inodes = (stat.f_files > 0).then_some(inodes);
        Ok(Capacity { bytes: blocks * stat.f_frsize, inodes })
    }

    /// Gives programs of the tree what they expect of a running system: processes, devices, a place for what lasts
    /// until the next start. They see the described disks only, and the firmware's variables only with `variables`.
    pub(crate) fn make_livable(&mut self, devices: &Devices, variables: bool) -> Result<(), MountError> {
        for (point, kind, data) in [
            ("/proc", "proc", c""),
            ("/sys", "sysfs", c""),
            ("/dev", "tmpfs", c"mode=0755,size=1m"),
            ("/run", "tmpfs", c"mode=0755,size=8m"),
        ] {
            let failed = || MountError::new("mount", format!("{kind} on {point} of the tree"));
            let directory = self.root.make_directory(Path::new(point)).map_err(failed())?;
            let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
            self.place(&directory, |at| mount(kind, at, kind, flags, data)).map_err(failed())?;
        }
        if variables && Path::new("/sys/firmware/efi/efivars").is_dir() {
            let directory = self.root.make_directory(Path::new("/sys/firmware/efi/efivars"));
            // Without firmware variables a boot loader in the usual place still starts.
            let _ = directory.and_then(|directory| {
                self.place(&directory, |at| mount("efivarfs", at, "efivarfs", MountFlags::empty(), c""))
            });
        }
        devices.make(&self.root).map_err(MountError::new("make devices in", "/dev of the tree"))
    }

    /// Mounts a file system at a further place, for as long as the tree is mounted.
    pub(crate) fn add_at(&mut self, file_system: &FsPlan, point: &str) -> Result<(), MountError> {
        self.mount_at(&file_system.node, file_system, Path::new(point))
    }

    /// Writes everything to the disks and unmounts it.
    ///
    /// # Errors
    /// Something could not be written.
    pub(crate) fn close(mut self) -> Result<(), MountError> {
        let mounts = std::mem::take(&mut self.mounts);
        // The handle of the root would keep it busy.
        self.root = Root::open(Path::new("/")).map_err(MountError::new("open", "/"))?;
        let mut result = Ok(());
        for path in mounts.iter().rev() {
            let closed = sync(path).and_then(|()| unmount_patiently(path));
            let closed = closed.map_err(MountError::new("write back and unmount", path.display()));
            // The others are unmounted all the same.
            result = result.and(closed);
        }
        result
    }
}

impl Drop for MountedTree {
    fn drop(&mut self) {
        for path in self.mounts.iter().rev() {
            let _ = sync(path);
            let _ = unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
        }
    }
}

/// Whether nothing is in a directory but what every file system has.
fn is_bare(directory: &OwnedFd) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let entries = Dir::new(openat(directory, ".", flags, Mode::empty())?)?;
    for entry in entries {
        if ![&b"."[..], b"..", b"lost+found"].contains(&entry?.file_name().to_bytes()) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn sync(path: &Path) -> io::Result<()> {
    let directory = open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(syncfs(&directory)?)
}

fn unmount_patiently(path: &Path) -> io::Result<()> {
    let started = Instant::now();
    loop {
        match unmount(path, UnmountFlags::NOFOLLOW) {
            Err(Errno::BUSY) if started.elapsed() < BUSY => std::thread::sleep(Duration::from_millis(50)),
            result => return Ok(result?),
        }
    }
}

/// From the first mount on, this process has a mount namespace of its own.
fn private() -> Result<(), MountError> {
    static DONE: AtomicBool = AtomicBool::new(false);
    if !DONE.swap(true, Ordering::SeqCst) {
        system::private_mounts().map_err(MountError::new("make", "a mount namespace"))?;
    }
    Ok(())
}

/// Tries, in a thread whose mounts end with it, whether trees can be mounted here at all.
///
/// # Errors
/// They cannot.
pub(crate) fn rehearse() -> Result<(), MountError> {
    let rehearsal = || {
        system::private_mounts().map_err(MountError::new("make", "a mount namespace"))?;
        let place = Path::new(PLACE);
        fs::create_dir_all(place).map_err(MountError::new("make", PLACE))?;
        mount("deployer", place, "tmpfs", MountFlags::empty(), c"size=1m,mode=0755")
            .map_err(|error| MountError::new("mount a place for the tree on", PLACE)(error.into()))
    };
    std::thread::spawn(rehearsal).join().expect("a rehearsal does not panic")
}

/// Whether the kernel knows a kind of file system, after it has looked for a module; nothing where it does not say.
pub(crate) fn kernel_knows(kind: FsKind) -> Option<bool> {
    match rustix::mount::fsopen(kind.name(), FsOpenFlags::FSOPEN_CLOEXEC) {
        Ok(_) => Some(true),
        Err(Errno::NODEV) => Some(false),
        Err(_) => None,
    }
}

/// Of the options in fstab, those that say how files are stored. The others are for the running system. FAT has no
/// owners and hardly any permissions; that they are not kept there is no failure.
fn options(kind: FsKind, fstab: &str) -> String {
    if kind == FsKind::Vfat {
        return "quiet".to_owned();
    }
    // An image of it may be mounted elsewhere, with the same UUID.
    if kind == FsKind::Xfs {
        return "nouuid".to_owned();
    }
    let stores = |option: &&str| kind == FsKind::Btrfs && option.starts_with("compress");
    fstab.split(',').filter(stores).collect::<Vec<_>>().join(",")
}
