//! Looking at the extended attributes of files: of one that is held, and of one that only has a name.

use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::fs::{Access, access, lgetxattr, llistxattr};
use rustix::io::Errno;

use super::node::Node;

/// The longest name that a file has, in bytes.
const LONGEST: usize = 255;
/// Room for the path of a handle, in bytes.
const HANDLE: usize = 32;

/// Extended attributes, as they are read.
pub(super) trait Attributes {
    /// Their names, each with a NUL behind it.
    fn xattr_names(&self) -> io::Result<Vec<u8>>;

    /// The value of one, if there is one of this name.
    fn xattr(&self, name: &[u8]) -> io::Result<Option<Vec<u8>>>;
}

impl<F: AsFd> Attributes for Node<F> {
    fn xattr_names(&self) -> io::Result<Vec<u8>> {
        names(grow(|buffer| self.list_xattrs(buffer)))
    }

    fn xattr(&self, name: &[u8]) -> io::Result<Option<Vec<u8>>> {
        value(grow(|buffer| self.get_xattr(name, buffer)))
    }
}

/// A file that is only looked at, by its name in a directory: to hold it takes three calls more, and most files have no
/// attributes. Who looks twice may see two files.
pub(super) struct Named<'a> {
    dir: BorrowedFd<'a>,
    name: &'a [u8],
}

impl<'a> Named<'a> {
    /// The file `name` of the directory `dir`. Nothing without `/proc`, or where the name is too long.
    fn of(dir: BorrowedFd<'a>, name: &'a [u8]) -> Option<Self> {
        static HAS_PROC: OnceLock<bool> = OnceLock::new();
        let has_proc = HAS_PROC.get_or_init(|| access("/proc/self/fd", Access::EXISTS).is_ok());
        (*has_proc && name.len() <= LONGEST).then_some(Self { dir, name })
    }

    /// Lets `work` use a path through the handle of the directory, so that nobody can put another one into its place.
    fn by_path<T>(&self, work: impl FnOnce(&[u8]) -> T) -> T {
        let mut path = [0; HANDLE + LONGEST];
        let mut rest = &mut path[..];
        let written = write!(rest, "/proc/self/fd/{}/", self.dir.as_raw_fd());
        written.and_then(|()| rest.write_all(self.name)).expect("there is room for every number");
        let len = HANDLE + LONGEST - rest.len();
        work(&path[..len])
    }
}

/// A file whose attributes are looked at.
pub(super) enum Seen<'a> {
    Named(Named<'a>),
    Held(Node<OwnedFd>),
}

impl<'a> Seen<'a> {
    /// The file `name` of the directory `dir`; where it cannot be seen by that, `hold` is called.
    pub(super) fn at(
        dir: BorrowedFd<'a>,
        name: &'a [u8],
        hold: impl FnOnce() -> io::Result<Node<OwnedFd>>,
    ) -> io::Result<Self> {
        Named::of(dir, name).map_or_else(|| hold().map(Self::Held), |named| Ok(Self::Named(named)))
    }
}

impl Attributes for Seen<'_> {
    fn xattr_names(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Named(named) => named.by_path(|path| names(grow(|buffer| llistxattr(path, buffer)))),
            Self::Held(node) => node.xattr_names(),
        }
    }

    fn xattr(&self, name: &[u8]) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Named(named) => named.by_path(|path| value(grow(|buffer| lgetxattr(path, name, buffer)))),
            Self::Held(node) => node.xattr(name),
        }
    }
}

fn names(found: rustix::io::Result<Vec<u8>>) -> io::Result<Vec<u8>> {
    match found {
        // File systems without extended attributes have none to list.
        Err(Errno::OPNOTSUPP) => Ok(Vec::new()),
        other => Ok(other?),
    }
}

fn value(found: rustix::io::Result<Vec<u8>>) -> io::Result<Option<Vec<u8>>> {
    match found {
        Ok(value) => Ok(Some(value)),
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads something of unknown length: most often it is short.
fn grow(read: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    let mut small = [0u8; 512];
    match read(&mut small) {
        Ok(len) => return Ok(small[..len].to_vec()),
        Err(Errno::RANGE) => {}
        Err(error) => return Err(error),
    }
    // The kernel's own limit for lists and values.
    let mut large = vec![0; 64 * 1024];
    let len = read(&mut large)?;
    large.truncate(len);
    Ok(large)
}
