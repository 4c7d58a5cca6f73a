//! The directory of a module. It is opened once; everything else is opened below its handle, and the kernel sees to it
//! that no `..`, no absolute name and no symlink leads out of it.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2};
use rustix::io::Errno;

use crate::wire::flags::mode;

/// How something is held without being opened: a device or a FIFO has no say in it.
pub(super) const HELD: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
/// How a directory is opened to be read.
pub(super) const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOATIME);

/// How often the kernel may give up because something was renamed while it looked.
const TRIES: usize = 16;

/// A place below the module: where a transfer has its root, and a path from there. Neither has a slash at an end; both
/// may be empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub base: &'a [u8],
    pub path: &'a [u8],
    /// Symlinks within the path may be followed, as far as they stay in the module; those within `base` always are.
    pub follow: bool,
}

impl Place<'_> {
    /// The path from the module's directory.
    pub fn whole(&self) -> Vec<u8> {
        match (self.base, self.path) {
            (b"", path) => path.to_vec(),
            (base, b"") => base.to_vec(),
            (base, path) => [base, b"/", path].concat(),
        }
    }
}

/// A module's directory.
#[derive(Debug)]
pub(in crate::server) struct Tree {
    root: OwnedFd,
    name: Vec<u8>,
}

impl Tree {
    /// Opens the directory of a module.
    ///
    /// # Errors
    /// It is no directory, cannot be read, or the kernel cannot confine what is opened below it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = DIRECTORY.difference(OFlags::NOATIME);
        let tree = Self { root: openat(CWD, path, flags, Mode::empty())?, name: Vec::new() };
        match tree.below(&tree.root, b".", HELD, false) {
            Err(Errno::NOSYS | Errno::PERM) => {
                let text = "this kernel has no openat2, which is needed to stay within a module";
                Err(io::Error::new(io::ErrorKind::Unsupported, text))
            }
            opened => opened.map(|_| tree).map_err(Into::into),
        }
    }

    /// Gives it the name of the module, for messages.
    pub fn named(self, name: &str) -> Self {
        Self { name: name.as_bytes().to_vec(), ..self }
    }

    /// The name of the module.
    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    fn below(&self, dir: &OwnedFd, path: &[u8], flags: OFlags, follow: bool) -> Result<OwnedFd, Errno> {
        let mut confined = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        // With `NOFOLLOW`, the kernel still lets a symlink itself be held.
        if !follow {
            confined |= ResolveFlags::NO_SYMLINKS;
        }
        let path = if path.is_empty() { b"." } else { path };
        let mut flags = flags;
        for _ in 0..TRIES {
            match openat2(dir, path, flags, Mode::empty(), confined) {
                Err(Errno::AGAIN) => {}
                // Only owners may leave no trace.
                Err(Errno::PERM) if flags.contains(OFlags::NOATIME) => flags -= OFlags::NOATIME,
                opened => return opened,
            }
        }
        Err(Errno::AGAIN)
    }

    /// Opens what lies at a place. A symlink there is followed only if `flags` do not say otherwise.
    pub(super) fn at(&self, place: Place<'_>, flags: OFlags) -> Result<OwnedFd, Errno> {
        if place.base.is_empty() || place.path.is_empty() {
            // What is empty takes nothing away from the other; the root of a transfer may be reached by symlinks.
            let (path, follow) = match place.base {
                b"" => (place.path, place.follow),
                base => (base, true),
            };
            return self.below(&self.root, path, flags, follow);
        }
        if place.follow {
            return self.below(&self.root, &place.whole(), flags, true);
        }
        let base = self.below(&self.root, place.base, HELD | OFlags::DIRECTORY, true)?;
        self.below(&base, place.path, flags, false)
    }

    /// Opens a regular file for reading, and tells its state. Nothing else is ever opened: it is held and looked at
    /// first.
    pub(super) fn open_file(&self, place: Place<'_>, last: OFlags) -> io::Result<(OwnedFd, Stat)> {
        let held = self.at(place, HELD | last)?;
        reopen(&held).or_else(|error| match error.kind() {
            // Without /proc, the name is looked up once more, and has to lead to the same file.
            io::ErrorKind::NotFound => {
                let before = regular(&held)?;
                let flags = READ | last;
                let opened = self.at(place, flags)?;
                let after = regular(&opened)?;
                if (before.st_dev, before.st_ino) != (after.st_dev, after.st_ino) {
                    return Err(Errno::STALE.into());
                }
                Ok((opened, after))
            }
            _ => Err(error),
        })
    }

    /// Reads a regular file whole, if it is not larger than `limit`; nothing if there is none.
    pub(super) fn read_file(&self, place: Place<'_>, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let (file, stat) = match self.open_file(place, OFlags::empty()) {
            Ok(opened) => opened,
            Err(error) if is_nothing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        File::from(file).take(limit + 1).read_to_end(&mut text)?;
        if stat.st_size as u64 > limit || text.len() as u64 > limit {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it has more than {limit} bytes"),
            ));
        }
        Ok(Some(text))
    }
}

/// Without waiting for whatever could have taken the file's place.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOATIME);

/// Whether there is no such file, or something that is none.
fn is_nothing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput
    )
}

fn regular(fd: impl AsFd) -> io::Result<Stat> {
    let stat = fstat(fd)?;
    if stat.st_mode & mode::TYPE == mode::REGULAR {
        Ok(stat)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
    }
}

/// Opens what is held for reading, if it is a regular file.
pub(super) fn reopen(held: impl AsFd) -> io::Result<(OwnedFd, Stat)> {
    regular(&held)?;
    let path = format!("/proc/self/fd/{}", held.as_fd().as_raw_fd());
    let opened = match openat(CWD, &path, READ, Mode::empty()) {
        Err(Errno::PERM) => openat(CWD, &path, READ.difference(OFlags::NOATIME), Mode::empty()),
        opened => opened,
    }?;
    let stat = regular(&opened)?;
    Ok((opened, stat))
}
