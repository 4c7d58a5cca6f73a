//! An entry of the list, for those who answer requests: what it is, and what lies behind it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::OFlags;

use super::List;
use super::handle::{Attributes, Handle};
use super::segment::{Entry, Own, ROOT, Segment};
use super::shown;
use super::source::join;
use super::tree::{HELD, Place};
use crate::flist::Kind;

/// An entry of the list.
#[derive(Clone, Copy)]
pub(in crate::server) struct Listed<'a> {
    list: &'a List,
    base: u32,
    dir: &'a [u8],
    /// Nothing for a directory that is named by its segment.
    name: &'a [u8],
    size: u64,
    mode: u16,
    xattrs: u32,
    followed: bool,
}

impl<'a> Listed<'a> {
    pub(super) fn entry(list: &'a List, segment: &'a Segment, entry: &'a Entry) -> Self {
        let dir = &segment.dirs[entry.dir as usize];
        let name = entry.name(&segment.arena);
        let &Entry { size, mode, xattrs, followed, .. } = entry;
        let name = if name == ROOT { b"" } else { name };
        Self { list, base: dir.base, dir: &dir.path, name, size, mode, xattrs, followed }
    }

    pub(super) fn own(list: &'a List, own: &'a Own) -> Self {
        let &Own { ref dir, mode, xattrs } = own;
        Self { list, base: dir.base, dir: &dir.path, name: b"", size: 0, mode, xattrs, followed: true }
    }

    /// The kind of the file.
    pub fn kind(&self) -> Kind {
        Kind::from_mode(self.mode.into()).expect("only entries of a kind are listed")
    }

    /// The size that the list tells of a regular file; 0 for all others.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The path as the client names it.
    pub fn path(&self) -> Vec<u8> {
        let path = self.below();
        if path.is_empty() { ROOT.to_vec() } else { path }
    }

    fn below(&self) -> Vec<u8> {
        join(self.dir, self.name)
    }

    fn place<'p>(&'p self, path: &'p [u8]) -> Place<'p> {
        self.list.walk.place(self.base, path)
    }

    fn last_step(&self) -> OFlags {
        if self.followed { OFlags::empty() } else { OFlags::NOFOLLOW }
    }

    /// Opens a regular file for reading, and tells its size.
    ///
    /// # Errors
    /// It cannot be opened, or is no regular file any more.
    pub fn open(&self) -> io::Result<(OwnedFd, u64)> {
        let path = self.below();
        let (file, stat) = self.list.walk.tree.open_file(self.place(&path), self.last_step())?;
        Ok((file, stat.st_size as u64))
    }

    /// The name as messages show it: `"/path" (in module)`.
    pub fn shown(&self) -> Vec<u8> {
        let path = self.below();
        shown::full_name(&self.list.walk.tree, self.place(&path))
    }

    /// The number of its set of extended attributes, which equal sets share.
    pub fn xattr_set(&self) -> Option<u32> {
        (self.xattrs > 0).then_some(self.xattrs)
    }

    /// How many extended attributes it has.
    pub fn xattr_names(&self) -> usize {
        self.list.walk.sender.sets.len(self.xattrs)
    }

    /// The value of the attribute at this position, counted from 1, as it is now: it may be another than the one that the
    /// list told of. Nothing if there is no such position, or if the value cannot be read.
    pub fn xattr_value(&self, number: u32) -> Option<Vec<u8>> {
        let name = self.list.walk.sender.sets.name(self.xattrs, number)?;
        let path = self.below();
        let held = self.list.walk.tree.at(self.place(&path), HELD | self.last_step()).ok()?;
        let mut attributes = Attributes::default();
        let there = attributes.get(Handle::Held(held.as_fd()), name).unwrap_or(false);
        there.then_some(attributes.value)
    }
}
