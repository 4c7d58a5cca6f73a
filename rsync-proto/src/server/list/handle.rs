//! Extended attributes of a file that is not opened: the kernel wants a path for them, which leads through `/proc` to the
//! file, or to the directory that it lies in. Neither can be made to lead elsewhere.

use std::ffi::CStr;
use std::io::Write;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::buffer::spare_capacity;
use rustix::fs::{getxattr, lgetxattr, listxattr, llistxattr};
use rustix::io::Errno;

/// Room for a list of names or a value, at first; few need more.
const ROOM: usize = 1024;
/// How often an attribute may grow between asking for its length and reading it.
const TRIES: usize = 8;
/// More than the kernel keeps of one file's names, or of one value.
const MOST: usize = 128 * 1024;

/// How a file is reached.
#[derive(Clone, Copy)]
pub(super) enum Handle<'a> {
    /// By its name in a directory; a symlink is meant itself.
    Entry(BorrowedFd<'a>, &'a CStr),
    /// It is held itself.
    Held(BorrowedFd<'a>),
}

/// Reads attributes, with a buffer that is used again.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    path: Vec<u8>,
    /// The names of the file that was looked at last, each with a NUL behind it.
    pub names: Vec<u8>,
    /// The value that was read last.
    pub value: Vec<u8>,
}

impl Attributes {
    /// The path of a file, and whether its last step is to be followed: to what is held, which may be a symlink.
    fn reach(&mut self, handle: Handle<'_>) -> bool {
        self.path.clear();
        let (fd, name) = match handle {
            Handle::Entry(dir, name) => (dir, Some(name)),
            Handle::Held(fd) => (fd, None),
        };
        write!(self.path, "/proc/self/fd/{}", fd.as_raw_fd()).expect("memory takes it");
        if let Some(name) = name {
            self.path.push(b'/');
            self.path.extend_from_slice(name.to_bytes());
        }
        self.path.push(0);
        name.is_none()
    }

    /// Reads the names of a file's attributes. A file system without attributes has none.
    pub fn list(&mut self, handle: Handle<'_>) -> Result<(), Errno> {
        let follow = self.reach(handle);
        let path = CStr::from_bytes_with_nul(&self.path).expect("neither part has a NUL");
        let read = grown(&mut self.names, |names| match follow {
            true => listxattr(path, spare_capacity(names)),
            false => llistxattr(path, spare_capacity(names)),
        });
        match read {
            Err(Errno::NOTSUP) => Ok(()),
            read => read,
        }
    }

    /// Reads the value of an attribute. False if there is none of this name.
    pub fn get(&mut self, handle: Handle<'_>, name: &CStr) -> Result<bool, Errno> {
        let follow = self.reach(handle);
        let path = CStr::from_bytes_with_nul(&self.path).expect("neither part has a NUL");
        let read = grown(&mut self.value, |value| match follow {
            true => getxattr(path, name, spare_capacity(value)),
            false => lgetxattr(path, name, spare_capacity(value)),
        });
        match read {
            Ok(()) => Ok(true),
            Err(Errno::NODATA | Errno::NOTSUP) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Reads into a buffer that grows as long as it is too small.
fn grown(
    buffer: &mut Vec<u8>,
    mut read: impl FnMut(&mut Vec<u8>) -> Result<usize, Errno>,
) -> Result<(), Errno> {
    buffer.clear();
    buffer.reserve(ROOM);
    for _ in 0..TRIES {
        match read(buffer) {
            Err(Errno::RANGE) if buffer.capacity() < MOST => {
                let room = buffer.capacity() * 4;
                buffer.reserve(room);
            }
            read => return read.map(|_| ()),
        }
    }
    Err(Errno::RANGE)
}
