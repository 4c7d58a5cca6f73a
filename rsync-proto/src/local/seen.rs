//! Looking at the extended attributes of files: of one that is held, and of one that only has a name.

use std::ffi::CStr;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Access, access, lgetxattr, llistxattr};
use rustix::io::Errno;

use super::machine::ListXattrs;
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
    list: Option<ListXattrs>,
}

impl<'a> Named<'a> {
    /// The file `name` of the directory `dir`. Nothing without `/proc`, or where the name is too long.
    fn of(dir: BorrowedFd<'a>, name: &'a [u8], list: Option<ListXattrs>) -> Option<Self> {
        static HAS_PROC: OnceLock<bool> = OnceLock::new();
        let has_proc = HAS_PROC.get_or_init(|| access("/proc/self/fd", Access::EXISTS).is_ok());
        (*has_proc && name.len() <= LONGEST).then_some(Self { dir, name, list })
    }

    /// The names by the kernel's own call; nothing where it has none.
    fn list(&self) -> Option<rustix::io::Result<Vec<u8>>> {
        static IS_MISSING: AtomicBool = AtomicBool::new(false);
        let list = self.list.filter(|_| !IS_MISSING.load(Ordering::Relaxed))?;
        let mut name = [0; LONGEST + 1];
        name[..self.name.len()].copy_from_slice(self.name);
        let name = CStr::from_bytes_until_nul(&name).ok()?;
        let by_errno = |error: io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
        match grow(|buffer| list(self.dir, name, buffer).map_err(by_errno)) {
            // Filters around a container answer what they do not know in one of these ways.
            Err(Errno::NOSYS | Errno::PERM) => {
                IS_MISSING.store(true, Ordering::Relaxed);
                None
            }
            listed => Some(listed),
        }
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
        list: Option<ListXattrs>,
        hold: impl FnOnce() -> io::Result<Node<OwnedFd>>,
    ) -> io::Result<Self> {
        Named::of(dir, name, list).map_or_else(|| hold().map(Self::Held), |named| Ok(Self::Named(named)))
    }
}

impl Attributes for Seen<'_> {
    fn xattr_names(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Named(named) => {
                let listed = named.list();
                names(listed.unwrap_or_else(|| named.by_path(|path| grow(|buffer| llistxattr(path, buffer)))))
            }
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

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::fs::{XattrFlags, setxattr};

    use super::*;

    /// Stands for the kernel's call.
    fn by_call(_: BorrowedFd<'_>, name: &CStr, into: &mut [u8]) -> io::Result<usize> {
        assert_eq!(name, c"file");
        let listed = b"user.by-call\0";
        into[..listed.len()].copy_from_slice(listed);
        Ok(listed.len())
    }

    fn missing(_: BorrowedFd<'_>, _: &CStr, _: &mut [u8]) -> io::Result<usize> {
        Err(Errno::NOSYS.into())
    }

    fn held() -> io::Result<Node<OwnedFd>> {
        panic!("its name is enough")
    }

    #[test]
    fn attributes_are_listed_by_the_call_or_without() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        std::fs::write(&path, "").unwrap();
        // Not every file system has them.
        let has_them = setxattr(&path, "user.own", b"value", XattrFlags::empty()).is_ok();
        let expected = if has_them { &b"user.own\0"[..] } else { b"" };
        let directory = std::fs::File::open(scratch.path()).unwrap();
        let seen = |list| Seen::at(directory.as_fd(), b"file", list, held).unwrap();
        assert_eq!(seen(None).xattr_names().unwrap(), expected);
        assert_eq!(seen(Some(by_call as ListXattrs)).xattr_names().unwrap(), b"user.by-call\0");
        assert_eq!(seen(Some(missing as ListXattrs)).xattr_names().unwrap(), expected);
        assert_eq!(seen(None).xattr(b"user.own").unwrap(), has_them.then(|| b"value".to_vec()));
        assert_eq!(seen(None).xattr(b"user.none").unwrap(), None);
        let gone = Seen::at(directory.as_fd(), b"gone", None, held).unwrap();
        assert_eq!(gone.xattr_names().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
