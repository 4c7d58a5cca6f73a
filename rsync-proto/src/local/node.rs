//! One file, held by a handle: attributes are read and set through the handle, so that they cannot land on
//! something that took the file's place. Symlinks, devices and the like are held without being opened; where
//! the kernel wants a path for them, it gets the handle's own under `/proc/self/fd`.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags, chmodat, chownat,
    fchmod, fchown, fgetxattr, flistxattr, fremovexattr, fsetxattr, fstat, futimens, getxattr, linkat,
    listxattr, openat, removexattr, setxattr, utimensat,
};
use rustix::io::Errno;

use crate::flist::Kind;

/// A file and how it is held.
pub(super) struct Node<F> {
    fd: F,
    /// Held without being opened.
    path_only: bool,
}

impl Node<OwnedFd> {
    /// Holds the file `name` of the directory `dir`, which was seen to be of this kind.
    pub(super) fn open(dir: BorrowedFd<'_>, name: &[u8], kind: Kind) -> io::Result<Self> {
        if matches!(kind, Kind::File | Kind::Directory) {
            // Without blocking, in case a FIFO stands there by now.
            let flags =
                OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            match openat(dir, name, flags, Mode::empty()) {
                Ok(fd) => return Ok(Self { fd, path_only: false }),
                Err(Errno::ACCESS | Errno::PERM) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Self::hold(dir, name)
    }

    /// Holds the file `name` of the directory `dir` without opening it.
    pub(super) fn hold(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self { fd: openat(dir, name, flags, Mode::empty())?, path_only: true })
    }
}

impl<'fd> Node<BorrowedFd<'fd>> {
    /// A file that is open.
    pub(super) fn borrowed(fd: BorrowedFd<'fd>) -> Self {
        Self { fd, path_only: false }
    }
}

impl<F: AsFd> Node<F> {
    fn proc_path(&self) -> String {
        format!("/proc/self/fd/{}", self.fd.as_fd().as_raw_fd())
    }

    /// Gives the file one more name.
    pub(super) fn link(&self, dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
        match linkat(&self.fd, c"", dir, name, AtFlags::EMPTY_PATH) {
            // Not everybody may name a file by its handle alone.
            Err(Errno::NOENT | Errno::PERM) => {
                Ok(linkat(rustix::fs::CWD, self.proc_path(), dir, name, AtFlags::SYMLINK_FOLLOW)?)
            }
            linked => Ok(linked?),
        }
    }

    pub(super) fn stat(&self) -> io::Result<Stat> {
        Ok(fstat(&self.fd)?)
    }

    pub(super) fn set_owner(&self, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        let set = if self.path_only {
            chownat(&self.fd, c"", uid, gid, AtFlags::EMPTY_PATH)
        } else {
            fchown(&self.fd, uid, gid)
        };
        Ok(set?)
    }

    pub(super) fn set_mode(&self, permissions: u32) -> io::Result<()> {
        let mode = Mode::from_raw_mode(permissions);
        let set = if self.path_only {
            chmodat(rustix::fs::CWD, self.proc_path(), mode, AtFlags::empty())
        } else {
            fchmod(&self.fd, mode)
        };
        Ok(set?)
    }

    /// Sets the time of access, in whole seconds, and that of modification, as far as they are given.
    pub(super) fn set_times(&self, access: Option<i64>, modification: Option<(i64, u32)>) -> io::Result<()> {
        const LEFT_ALONE: Timespec = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let times = Timestamps {
            last_access: access.map_or(LEFT_ALONE, |tv_sec| Timespec { tv_sec, tv_nsec: 0 }),
            last_modification: modification
                .map_or(LEFT_ALONE, |(tv_sec, nanoseconds)| Timespec { tv_sec, tv_nsec: nanoseconds.into() }),
        };
        let set = if self.path_only {
            utimensat(&self.fd, c"", &times, AtFlags::EMPTY_PATH)
        } else {
            futimens(&self.fd, &times)
        };
        Ok(set?)
    }

    /// Lists the names of its extended attributes.
    pub(super) fn list_xattrs(&self, buffer: &mut [u8]) -> rustix::io::Result<usize> {
        if self.path_only { listxattr(self.proc_path(), buffer) } else { flistxattr(&self.fd, buffer) }
    }

    /// Reads the value of an extended attribute.
    pub(super) fn get_xattr(&self, name: &[u8], buffer: &mut [u8]) -> rustix::io::Result<usize> {
        if self.path_only {
            getxattr(self.proc_path(), name, buffer)
        } else {
            fgetxattr(&self.fd, name, buffer)
        }
    }

    pub(super) fn set_xattr(&self, name: &[u8], value: &[u8]) -> io::Result<()> {
        let set = if self.path_only {
            setxattr(self.proc_path(), name, value, XattrFlags::empty())
        } else {
            fsetxattr(&self.fd, name, value, XattrFlags::empty())
        };
        Ok(set?)
    }

    /// Removes an extended attribute, if it is there.
    pub(super) fn remove_xattr(&self, name: &[u8]) -> io::Result<()> {
        let removed =
            if self.path_only { removexattr(self.proc_path(), name) } else { fremovexattr(&self.fd, name) };
        match removed {
            Err(Errno::NODATA | Errno::OPNOTSUPP) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
