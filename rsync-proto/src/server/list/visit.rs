//! Directories that are walked through: before they are visited, and while they are.

use std::sync::Arc;

use rustix::fs::Stat;

use crate::filter::Scope;

/// A directory that is to be read, or that leads to something that was asked for.
#[derive(Debug)]
pub(super) struct Visit {
    pub base: u32,
    pub path: Arc<[u8]>,
    /// What lies in it is to be listed.
    pub content: bool,
    /// Names below it that were asked for.
    pub later: Vec<Later>,
    /// The rules in effect above it.
    pub above: Arc<Scope>,
    pub depth: usize,
    pub up: Option<Arc<Ancestor>>,
    pub mode: u16,
    pub xattrs: u32,
    /// Its number in the list.
    pub number: u32,
    /// Another of the same name comes right before it.
    pub again: bool,
}

/// A name below a directory that was asked for.
#[derive(Debug)]
pub(super) struct Later {
    pub path: Vec<u8>,
    /// A symlink to a directory is followed.
    pub follow: bool,
}

/// A directory on the way, where symlinks are followed: so that none is walked through in itself.
#[derive(Debug)]
pub(super) struct Ancestor {
    device: u64,
    inode: u64,
    up: Option<Arc<Ancestor>>,
}

impl Ancestor {
    pub fn new(stat: &Stat, up: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self { device: stat.st_dev, inode: stat.st_ino, up })
    }
}

/// The directory that something is found in.
#[derive(Debug)]
pub(super) struct Within {
    pub base: u32,
    pub path: Arc<[u8]>,
    pub scope: Arc<Scope>,
    pub depth: usize,
    pub up: Option<Arc<Ancestor>>,
    /// The file system that is stayed on.
    pub device: Option<u64>,
}

impl Within {
    /// Whether it lies in a directory, or is it itself.
    pub fn lies_in(&self, stat: &Stat) -> bool {
        let mut up = self.up.as_ref();
        while let Some(ancestor) = up {
            if (ancestor.device, ancestor.inode) == (stat.st_dev, stat.st_ino) {
                return true;
            }
            up = ancestor.up.as_ref();
        }
        false
    }
}

/// How an entry comes to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Role {
    /// It was named itself.
    pub top: bool,
    /// If it is a directory, what lies in it is to be listed.
    pub content: bool,
    /// It only leads to something.
    pub implied: bool,
    /// Rules count.
    pub judged: bool,
}
