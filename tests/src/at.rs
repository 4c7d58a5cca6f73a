//! Names in a tree, whatever their bytes and however long the path: everything goes through a handle on the
//! directory that holds the name, opened component by component, and never through a symbolic link.
//!
//! Not for speed, and not for trees that somebody else changes meanwhile.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags, chmodat, chownat,
    linkat, mkdirat, mknodat, openat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;

/// A time of modification: seconds since 1970, which may be negative, and nanoseconds.
pub type Time = (i64, i64);

/// A handle on the root of a tree.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
}

/// A name in a directory that is held open. Nothing may exist under it yet.
#[derive(Debug)]
pub struct Place {
    directory: OwnedFd,
    name: Vec<u8>,
}

/// One entry of [`walk`].
#[derive(Debug)]
pub struct Walked {
    /// Relative to the root; empty for the root itself.
    pub path: Vec<u8>,
    /// Of the entry itself, never of what a link points to.
    pub metadata: Metadata,
    /// Where it is.
    pub place: Place,
}

impl Tree {
    /// Opens the directory `root`.
    ///
    /// # Errors
    /// As `open(2)`.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self { root: openat(CWD, root, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())? })
    }

    /// The place of `path`, relative to the root. Its parent has to exist.
    ///
    /// # Errors
    /// As `openat(2)`, for the directories on the way.
    pub fn place(&self, path: &[u8]) -> io::Result<Place> {
        let (parent, name) = split(path);
        let mut directory = self.root.try_clone()?;
        for component in parent.split(|&byte| byte == b'/').filter(|component| !component.is_empty()) {
            directory = open_directory(&directory, component)?;
        }
        Ok(Place { directory, name: if name.is_empty() { b".".to_vec() } else { name.to_vec() } })
    }

    /// Like [`Tree::place`], but says in a panic which path it was.
    ///
    /// # Panics
    /// If a directory on the way is missing.
    #[must_use]
    pub fn at(&self, path: &[u8]) -> Place {
        self.place(path).unwrap_or_else(|error| panic!("{}: {error}", path.escape_ascii()))
    }
}

/// A path's parent (empty for the root) and its last component.
#[must_use]
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    path.iter()
        .rposition(|&byte| byte == b'/')
        .map_or((&[], path), |slash| (&path[..slash], &path[slash + 1..]))
}

/// `parent/name`, where an empty parent is the root.
#[must_use]
pub fn join(parent: &[u8], name: &[u8]) -> Vec<u8> {
    if parent.is_empty() { name.to_vec() } else { [parent, name].join(&b'/') }
}

fn open_directory(parent: &OwnedFd, name: &[u8]) -> io::Result<OwnedFd> {
    Ok(openat(
        parent,
        name,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

/// Everything in the tree, the root first and each directory before what it holds, names in the order of
/// their bytes.
///
/// # Errors
/// The first one met, with its path.
pub fn walk(root: &Path, visit: &mut dyn FnMut(Walked) -> io::Result<()>) -> io::Result<()> {
    let tree = Tree::open(root)?;
    // A handle for each level: 4,095 bytes of path are at most 2,048 of them, fewer than a process may hold.
    walk_into(tree.place(b"")?, Vec::new(), visit)
}

fn walk_into(place: Place, path: Vec<u8>, visit: &mut dyn FnMut(Walked) -> io::Result<()>) -> io::Result<()> {
    let context =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.escape_ascii()));
    let metadata = place.metadata().map_err(context)?;
    if !metadata.is_dir() {
        return visit(Walked { path, metadata, place });
    }
    let directory = place.open_directory().map_err(context)?;
    let mut names = Vec::new();
    for entry in Dir::read_from(&directory).map_err(|error| context(error.into()))? {
        let name = entry.map_err(|error| context(error.into()))?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(name);
        }
    }
    names.sort_unstable();
    visit(Walked { path: path.clone(), metadata, place })?;
    for name in names {
        let child = join(&path, &name);
        walk_into(Place { directory: directory.try_clone()?, name }, child, visit)?;
    }
    Ok(())
}

impl Place {
    /// A path that leads here in this process, and stays short however deep the place is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.directory.as_raw_fd()))
            .join(OsStr::from_bytes(&self.name))
    }

    /// What stands here, without following a link.
    ///
    /// # Errors
    /// As `lstat(2)`.
    pub fn metadata(&self) -> io::Result<Metadata> {
        fs::symlink_metadata(self.path())
    }

    /// The directory that stands here.
    ///
    /// # Errors
    /// As `openat(2)`.
    pub fn open_directory(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.directory, self.name.as_slice(), flags, Mode::empty())?)
    }

    /// Writes a regular file with this content, truncating one that stands here already.
    ///
    /// # Errors
    /// As `open(2)` and `write(2)`.
    pub fn write(&self, content: &[u8]) -> io::Result<()> {
        fs::write(self.path(), content)
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// As `mkdir(2)`.
    pub fn make_directory(&self) -> io::Result<()> {
        Ok(mkdirat(&self.directory, self.name.as_slice(), Mode::from_raw_mode(0o755))?)
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// As `symlink(2)`.
    pub fn make_symlink(&self, target: &[u8]) -> io::Result<()> {
        Ok(symlinkat(target, &self.directory, self.name.as_slice())?)
    }

    /// Makes a device, FIFO or socket; `major` and `minor` matter for devices only.
    ///
    /// # Errors
    /// As `mknod(2)`.
    pub fn make_node(&self, kind: FileType, major: u32, minor: u32) -> io::Result<()> {
        let device = rustix::fs::makedev(major, minor);
        Ok(mknodat(&self.directory, self.name.as_slice(), kind, Mode::from_raw_mode(0o600), device)?)
    }

    /// Makes this another name of `existing`, which may be a symbolic link itself.
    ///
    /// # Errors
    /// As `link(2)`.
    pub fn make_link_to(&self, existing: &Self) -> io::Result<()> {
        let (old, new) = (existing.name.as_slice(), self.name.as_slice());
        Ok(linkat(&existing.directory, old, &self.directory, new, AtFlags::empty())?)
    }

    /// Moves what stands here to `target`.
    ///
    /// # Errors
    /// As `rename(2)`.
    pub fn rename_to(&self, target: &Self) -> io::Result<()> {
        let (old, new) = (self.name.as_slice(), target.name.as_slice());
        Ok(rustix::fs::renameat(&self.directory, old, &target.directory, new)?)
    }

    /// Removes what stands here, with everything beneath if it is a directory.
    ///
    /// # Errors
    /// As `unlinkat(2)`.
    pub fn remove(&self) -> io::Result<()> {
        let name = self.name.as_slice();
        match unlinkat(&self.directory, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => {}
            done => return Ok(done?),
        }
        fs::remove_dir_all(self.path())
    }

    /// Sets all twelve bits of the mode.
    ///
    /// # Errors
    /// As `chmod(2)`; a symbolic link has no mode of its own.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        Ok(chmodat(&self.directory, self.name.as_slice(), Mode::from_raw_mode(mode), AtFlags::empty())?)
    }

    /// Sets owner and group, of a link itself. The kernel then clears set-id bits and capabilities: mode and
    /// attributes come after this.
    ///
    /// # Errors
    /// As `lchown(2)`.
    pub fn set_owner(&self, user: u32, group: u32) -> io::Result<()> {
        let (user, group) = (Some(Uid::from_raw(user)), Some(Gid::from_raw(group)));
        Ok(chownat(&self.directory, self.name.as_slice(), user, group, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Sets the time of modification (and of access), of a link itself.
    ///
    /// # Errors
    /// As `utimensat(2)`.
    pub fn set_time(&self, time: Time) -> io::Result<()> {
        let time = Timespec { tv_sec: time.0, tv_nsec: time.1 };
        let times = Timestamps { last_access: time, last_modification: time };
        Ok(utimensat(&self.directory, self.name.as_slice(), &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// The time of modification.
    ///
    /// # Errors
    /// As `lstat(2)`.
    pub fn time(&self) -> io::Result<Time> {
        let metadata = self.metadata()?;
        Ok((metadata.mtime(), metadata.mtime_nsec()))
    }

    /// Sets an extended attribute, of a link itself.
    ///
    /// # Errors
    /// As `lsetxattr(2)`.
    pub fn set_xattr(&self, name: &[u8], value: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::lsetxattr(self.path(), name, value, XattrFlags::empty())?)
    }

    /// Removes an extended attribute, of a link itself.
    ///
    /// # Errors
    /// As `lremovexattr(2)`.
    pub fn remove_xattr(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::lremovexattr(self.path(), name)?)
    }

    /// All extended attributes with their values, of a link itself.
    ///
    /// # Errors
    /// As `llistxattr(2)` and `lgetxattr(2)`.
    pub fn xattrs(&self) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        // 64 KiB are the kernel's own bound for a list of names and for a value.
        let mut buffer = vec![0; 65536];
        let length = match rustix::fs::llistxattr(self.path(), buffer.as_mut_slice()) {
            Err(Errno::NOTSUP) => 0,
            length => length?,
        };
        let names: Vec<Vec<u8>> = buffer[..length]
            .split(|&byte| byte == 0)
            .filter(|name| !name.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        let mut xattrs = Vec::with_capacity(names.len());
        for name in names {
            let length = rustix::fs::lgetxattr(self.path(), name.as_slice(), buffer.as_mut_slice())?;
            xattrs.push((name, buffer[..length].to_vec()));
        }
        Ok(xattrs)
    }
}
