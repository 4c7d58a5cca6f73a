//! Names: bytes from the wire become a [`SafePath`] only after every rule about them was checked, so that
//! the rest of the code cannot see a name that leads out of the destination.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, printable};
use crate::limits;

/// A relative path below the root of a transfer; empty for the root itself. Components are not empty, not
/// `.` or `..`, hold no NUL and have at most 255 bytes; the whole has at most 4,095 bytes in 256 components.
/// Names are bytes: not necessarily UTF-8.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SafePath(Arc<[u8]>);

impl SafePath {
    /// The root of the transfer.
    pub fn root() -> Self {
        Self(Arc::from(&[][..]))
    }

    /// Checks all of `path`.
    ///
    /// # Errors
    /// [`Error::Name`] for an absolute path, a component that cannot be, or too long or deep a path.
    pub fn new(path: &[u8]) -> Result<Self, Error> {
        if !path.is_empty() {
            check_extent(path)?;
            path.split(|byte| *byte == b'/').try_for_each(|name| check_component(name, path))?;
        }
        Ok(Self(Arc::from(path)))
    }

    /// The path of `name` inside this directory. `name` has been checked as a component.
    pub(crate) fn join(&self, name: &[u8]) -> Self {
        let mut path = Vec::with_capacity(self.0.len() + 1 + name.len());
        self.join_into(name, &mut path);
        Self(Arc::from(path))
    }

    pub(crate) fn join_into(&self, name: &[u8], path: &mut Vec<u8>) {
        path.extend_from_slice(&self.0);
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
    }

    /// The directory that it lies in, and its last component; of the root, the root and nothing.
    pub fn split_last(&self) -> (SafePath, &[u8]) {
        match self.0.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (Self(Arc::from(&self.0[..slash])), &self.0[slash + 1..]),
            None => (Self::root(), &self.0),
        }
    }

    /// The bytes, without a slash at either end.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the root of the transfer.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The components, from the top.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
    }
}

impl fmt::Display for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&if self.is_root() { ".".to_owned() } else { printable(&self.0) })
    }
}

impl fmt::Debug for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Splits a path into its directory part (empty at the top) and its last component, and checks the latter.
/// The directory part is checked by looking it up among the directories seen before.
pub(super) fn split(path: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    check_extent(path)?;
    let (dir, name) = match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => return Err(fault(path, "it is absolute")),
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&path[..0], path),
    };
    check_component(name, path)?;
    Ok((dir, name))
}

fn check_extent(path: &[u8]) -> Result<(), Error> {
    if path.len() > limits::MAX_PATH {
        return Err(fault(path, "it is longer than 4,095 bytes"));
    }
    // Counting is only worth its time for paths that could be too deep.
    if path.len() >= 2 * limits::MAX_DEPTH
        && path.iter().filter(|byte| **byte == b'/').count() >= limits::MAX_DEPTH
    {
        return Err(fault(path, "it is deeper than 256 components"));
    }
    Ok(())
}

fn check_component(name: &[u8], path: &[u8]) -> Result<(), Error> {
    match name {
        b"" => Err(fault(path, "it has an empty component")),
        b"." | b".." => Err(fault(path, "it has a component \".\" or \"..\"")),
        _ if name.len() > limits::MAX_NAME => Err(fault(path, "a component is longer than 255 bytes")),
        _ if name.contains(&0) => Err(fault(path, "it contains a NUL")),
        _ => Ok(()),
    }
}

fn fault(path: &[u8], reason: &'static str) -> Error {
    let shown = &path[..path.len().min(300)];
    Error::Name { name: printable(shown), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_names_are_refused() {
        let long = vec![b'a'; 256];
        let deep = b"a/".repeat(256);
        for name in [&b"/etc"[..], b"a//b", b"a/", b".", b"..", b"a/../b", b"a\0b", &long, b"a/."] {
            assert!(split(name).is_err() || SafePath::new(name).is_err(), "{}", printable(name));
            assert!(SafePath::new(name).is_err(), "{}", printable(name));
        }
        assert!(split(&[&deep[..], b"a"].concat()).is_err());
        assert!(split(&b"a".repeat(4096)).is_err());
        assert!(split(b"").is_err());
    }

    #[test]
    fn possible_names_are_split() {
        assert_eq!(split(b"a/b/c").unwrap(), (&b"a/b"[..], &b"c"[..]));
        assert_eq!(split(b"\xff\n ").unwrap(), (&b""[..], &b"\xff\n "[..]));
        assert_eq!(split(b"...").unwrap().1, b"...");
        assert!(split(&vec![b'a'; 255]).is_ok());
        let path = SafePath::new(b"a/b").unwrap();
        assert_eq!(path.join(b"c").as_bytes(), b"a/b/c");
        assert_eq!(path.split_last(), (SafePath::new(b"a").unwrap(), &b"b"[..]));
        assert_eq!(SafePath::root().join(b"c").as_bytes(), b"c");
        assert_eq!(path.components().collect::<Vec<_>>(), [b"a", b"b"]);
    }
}
