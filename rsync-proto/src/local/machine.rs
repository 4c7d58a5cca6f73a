//! What of this machine counts for a pull besides its destination. It is read once: by the time of another try, the files
//! may be others, or out of reach behind walls that were put around the pull.

use std::collections::HashMap;
use std::ffi::CStr;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, io};

use super::umask::umask;
use crate::error::{Error, Result};
use crate::options::Options;

/// Users by name.
pub(super) const USERS: &str = "/etc/passwd";
/// Groups by name.
pub(super) const GROUPS: &str = "/etc/group";

/// Numbers by name.
pub(super) type Ids = HashMap<Box<[u8]>, u32>;

/// Lists the names of the extended attributes of a file, which is named in a directory, into a buffer, each with a NUL
/// behind it; a symlink is not followed. Returns how many bytes they are.
///
/// It is the kernel's `listxattrat` (Linux 6.13), which cannot be called without `unsafe` yet. Errors are the kernel's; with
/// `ENOSYS`, a slower way is taken from then on.
pub type ListXattrs = fn(dir: BorrowedFd<'_>, name: &CStr, into: &mut [u8]) -> io::Result<usize>;

/// The users and groups of this machine, the permissions that its files do not get, and what its kernel can do.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(super) users: Arc<Ids>,
    pub(super) groups: Arc<Ids>,
    pub(super) umask: u32,
    pub(super) list_xattrs: Option<ListXattrs>,
}

impl Machine {
    #[cfg(test)]
    pub(super) fn of_nobody() -> Self {
        Self { users: Arc::default(), groups: Arc::default(), umask: 0o022, list_xattrs: None }
    }

    /// Reads what counts for a pull with these options. A ramdisk may have no users.
    ///
    /// # Errors
    /// [`Error::Local`]: names count, and their file is there but cannot be read. Taken for none, files would come to
    /// belong to somebody else than was asked for.
    pub fn read(options: &Options) -> Result<Self> {
        let ids = |needed: bool, path: &'static str| match needed.then(|| fs::read(path)) {
            Some(Ok(text)) => Ok(Arc::new(parse(&text))),
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::Local { action: "read", path: PathBuf::from(path), source: error })
            }
            _ => Ok(Arc::default()),
        };
        let users = ids(options.looks_up_users(), USERS)?;
        let groups = ids(options.looks_up_groups(), GROUPS)?;
        Ok(Self { users, groups, umask: umask(), list_xattrs: None })
    }

    /// Has extended attributes listed by this.
    #[must_use]
    pub fn list_xattrs(self, by: Option<ListXattrs>) -> Self {
        Self { list_xattrs: by, ..self }
    }
}

/// Names and numbers of a file whose lines are `name:x:number:…`.
pub(super) fn parse(bytes: &[u8]) -> Ids {
    let mut found = HashMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let mut fields = line.split(|byte| *byte == b':');
        if let (Some(name), Some(_), Some(id)) = (fields.next(), fields.next(), fields.next())
            && let Some(id) = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok())
        {
            found.entry(name.into()).or_insert(id);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::IdRules;

    #[test]
    fn lines_give_names_and_numbers() {
        let found = parse(b"root:x:0:0:root:/root:/bin/sh\n# comment\nbob:x:1000:\nbob:x:2:\nbad:x:y:\n");
        assert_eq!(found.len(), 2);
        assert_eq!((found[&b"root"[..]], found[&b"bob"[..]]), (0, 1000));
    }

    #[test]
    fn names_are_read_where_they_count() {
        let mut options = Options::archive();
        assert!(options.looks_up_users() && options.looks_up_groups());
        options.numeric_ids = true;
        assert!(!options.looks_up_users() && !options.looks_up_groups());
        options.attributes.users = IdRules::parse("--usermap", "*:root").unwrap();
        assert!(options.looks_up_users() && !options.looks_up_groups());
        options.attributes.users = IdRules::parse("--usermap", "*:0").unwrap();
        assert!(!options.looks_up_users(), "numbers need no names");
        let mut options = Options::default();
        assert!(!options.looks_up_users(), "owners are not kept");
        options.acls = true;
        assert!(options.looks_up_users() && options.looks_up_groups());
    }
}
