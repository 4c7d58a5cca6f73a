//! Opening directories below the root, confined to it.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use crate::flist::SafePath;

/// How directories are opened: for reading, so that attributes can be set through the handle.
const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The root of a destination.
#[derive(Debug)]
pub(super) struct Root {
    fd: OwnedFd,
    /// The kernel, or a filter on system calls, knows no `openat2`.
    by_component: AtomicBool,
    /// Symlinks to directories that stand for those directories.
    links: RwLock<HashSet<SafePath>>,
}

impl Root {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self { fd, by_component: AtomicBool::new(false), links: RwLock::default() }
    }

    /// Opens a directory below the root. A symlink anywhere in its path is an error, but for those that are trusted.
    pub(super) fn open(&self, path: &SafePath) -> io::Result<OwnedFd> {
        if path.is_root() {
            return Ok(openat(&self.fd, c".", DIRECTORY, Mode::empty())?);
        }
        if !self.by_component.load(Ordering::Relaxed) {
            let confined = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            match openat2(&self.fd, path.as_bytes(), DIRECTORY, Mode::empty(), confined) {
                Err(Errno::NOSYS | Errno::PERM) => self.by_component.store(true, Ordering::Relaxed),
                // Something was renamed while the kernel looked; the walk below cannot be fooled by it.
                Err(Errno::AGAIN) => {}
                Err(Errno::LOOP | Errno::NOTDIR) if self.is_through_link(path) => {
                    return Ok(self.follow(path)?);
                }
                other => return Ok(other?),
            }
        }
        let mut at: Option<OwnedFd> = None;
        for name in path.components() {
            let parent = at.as_ref().map_or(self.fd.as_fd(), AsFd::as_fd);
            at = Some(openat(parent, name, DIRECTORY, Mode::empty())?);
        }
        Ok(at.expect("a path below the root has components"))
    }
}

impl Root {
    /// Opens a directory, through symlinks as long as all of their way lies beneath the root. Only the kernel can
    /// see to that: where it knows no `openat2`, no symlink is followed.
    pub(super) fn follow(&self, path: &SafePath) -> Result<OwnedFd, Errno> {
        let confined = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let flags = DIRECTORY.difference(OFlags::NOFOLLOW);
        // The kernel gives up when something was renamed while it looked.
        for _ in 0..16 {
            match openat2(&self.fd, path.as_bytes(), flags, Mode::empty(), confined) {
                Err(Errno::AGAIN) => {}
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    }

    /// From now on the symlink at this path stands for the directory that it leads to.
    pub(super) fn trust(&self, link: SafePath) {
        self.links.write().expect("no thread panics with the lock").insert(link);
    }

    fn is_through_link(&self, path: &SafePath) -> bool {
        let links = self.links.read().expect("no thread panics with the lock");
        let mut at = path.clone();
        while !at.is_root() && !links.is_empty() {
            if links.contains(&at) {
                return true;
            }
            at = at.split_last().0;
        }
        false
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Opens the directory that a caller named, following symlinks: the path is the caller's own.
pub(super) fn open_root(path: &std::path::Path) -> io::Result<OwnedFd> {
    let flags = DIRECTORY.difference(OFlags::NOFOLLOW);
    Ok(openat(rustix::fs::CWD, path, flags, Mode::empty())?)
}

/// What stands in temporary names, before letters that nobody can foresee.
const TEMPORARY: &[u8] = b".rsp-";
/// How many letters follow it.
const LETTERS: usize = 8;

/// A name for something that will be renamed to `name`: beside it, hidden, and unlikely to be there.
pub(super) fn temporary_name(name: &[u8]) -> Vec<u8> {
    let kept = &name[..name.len().min(crate::limits::MAX_NAME - 1 - TEMPORARY.len() - LETTERS)];
    [b".", kept, TEMPORARY, &random_letters::<LETTERS>()].concat()
}

/// Whether a name is one of these.
pub(super) fn is_temporary_name(name: &[u8]) -> bool {
    let Some((rest, letters)) = name.split_last_chunk::<LETTERS>() else { return false };
    let kept = rest.strip_suffix(TEMPORARY).and_then(|kept| kept.strip_prefix(b"."));
    kept.is_some_and(|kept| !kept.is_empty()) && letters.iter().all(|letter| ALPHABET.contains(letter))
}

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

fn random_letters<const N: usize>() -> [u8; N] {
    use std::hash::{BuildHasher, RandomState};
    use std::sync::LazyLock;
    use std::sync::atomic::AtomicU64;
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut bits = KEYS.hash_one(COUNT.fetch_add(1, Ordering::Relaxed));
    std::array::from_fn(|_| {
        let letter = ALPHABET[(bits & 31) as usize];
        bits >>= 5;
        letter
    })
}

/// A component as the standard library wants it.
pub(super) fn as_os(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
}
