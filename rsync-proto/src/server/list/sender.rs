//! Sends one entry: what is told of the file, its lists and attributes, and what is remembered of it.

use std::os::fd::BorrowedFd;

use rustix::fs::{Mode, OFlags, Stat, major, minor, openat};
use rustix::io::{Errno, read};

use super::acl::{self, Acl, SentAcls};
use super::encode::{Encoder, Facts, Linked};
use super::handle::{Attributes, Handle};
use super::look::Look;
use super::owners::Owners;
use super::segment::{Entry, ROOT, Segment};
use super::shown;
use super::tree::{HELD, Place, Tree, reopen};
use super::xattr::{SentSets, Taken};
use super::{ListBounds, ListFigures};
use crate::checksum::{ChecksumKind, FileSummer};
use crate::flist::Kind;
use crate::server::failure::Failure;
use crate::server::terms::Terms;
use crate::server::voice::Voice;
use crate::wire::flags::{io_error, mode};
use crate::wire::frame::Tag;

/// Size of the pieces in which files are read to be summed.
const PIECE: usize = 128 * 1024;
/// How many bytes are summed between two signs of life.
const BREATH: usize = 1024 * 1024;
/// How many entries are sent between two signs of life.
const ENTRIES: u64 = 256;

/// An entry that is to be sent.
pub(super) struct Item<'a> {
    pub look: &'a Look,
    pub handle: Handle<'a>,
    pub place: Place<'a>,
    pub name: &'a [u8],
    /// The number of its directory in the segment.
    pub dir: u32,
    pub target: &'a [u8],
    /// Flags of a directory.
    pub flags: u32,
}

/// Sends entries, and keeps count of them.
#[derive(Debug)]
pub(super) struct Sender {
    pub encoder: Encoder,
    pub owners: Option<Owners>,
    pub sets: SentSets,
    pub figures: ListFigures,
    pub io_error: u32,
    access: SentAcls,
    inherited: SentAcls,
    attributes: Attributes,
    taken: Option<Taken>,
    set: Vec<u8>,
    sum: Vec<u8>,
    piece: Vec<u8>,
    summer: Option<ChecksumKind>,
    acls: bool,
    inline: bool,
    hard_links: bool,
    links: bool,
    devices: bool,
    specials: bool,
    entries: u64,
    most_entries: u64,
    /// Entries of one segment, or of a list in one piece.
    most_waiting: usize,
    work: u64,
}

impl Sender {
    pub fn new(terms: &Terms, bounds: &ListBounds) -> Self {
        let request = &terms.request;
        let named = !request.numeric_ids && (request.owner || request.group || request.acls);
        let hidden = request.xattrs > 1;
        Self {
            encoder: Encoder::new(terms),
            owners: named.then(Owners::of_this_machine),
            sets: SentSets::default(),
            figures: ListFigures::default(),
            io_error: 0,
            access: SentAcls::default(),
            inherited: SentAcls::default(),
            attributes: Attributes::default(),
            taken: (request.xattrs > 0).then(|| Taken { hidden, rules: terms.xattr_rules.clone() }),
            set: Vec::new(),
            sum: Vec::new(),
            piece: Vec::new(),
            summer: request.checksum.then_some(terms.file_checksum),
            acls: request.acls,
            inline: terms.inc_recurse,
            hard_links: request.hard_links,
            links: request.links,
            devices: request.devices,
            specials: request.specials,
            entries: 0,
            most_entries: bounds.entries,
            most_waiting: bounds.waiting,
            work: 0,
        }
    }

    /// A step of work that no entry comes of.
    pub fn step(&mut self, voice: &mut dyn Voice) -> Result<(), Failure> {
        self.work += 1;
        if self.work.is_multiple_of(ENTRIES) { voice.breathe() } else { Ok(()) }
    }

    /// Sends an entry. Returns whether it went out.
    pub fn send(
        &mut self,
        tree: &Tree,
        item: &Item<'_>,
        segment: &mut Segment,
        out: &mut Vec<u8>,
        voice: &mut dyn Voice,
    ) -> Result<bool, Failure> {
        let stat = &item.look.stat;
        let Some(kind) = Kind::from_mode(stat.st_mode) else {
            shown::about(voice, Tag::ErrorTransfer, tree, "skipping file of an unknown kind:", item.place);
            self.io_error |= io_error::GENERAL;
            return Ok(false);
        };
        if kind == Kind::Symlink && self.links && item.target.is_empty() {
            shown::about(
                voice,
                Tag::ErrorTransfer,
                tree,
                "skipping symlink with 0-length value:",
                item.place,
            );
            self.io_error |= io_error::GENERAL;
            return Ok(false);
        }
        let lists = match self.attributes_of(item, kind) {
            Ok(lists) => lists,
            Err((call, error)) => {
                shown::failed(voice, tree, call, item.place, error);
                self.io_error |= io_error::GENERAL;
                return Ok(false);
            }
        };
        self.entries += 1;
        if self.entries > self.most_entries || segment.next_index() >= i32::MAX as u32 {
            return Err(Failure::Limit { what: "the file list", limit: self.most_entries });
        }
        if segment.entries.len() >= self.most_waiting {
            let limit = self.most_waiting as u64;
            return Err(Failure::Limit { what: "the entries in one part of the file list", limit });
        }
        self.step(voice)?;

        let size = match kind {
            Kind::File | Kind::Symlink => stat.st_size as u64,
            Kind::Directory => u64::from(stat.st_size as u32),
            _ => 0,
        };
        let link = (self.hard_links && kind != Kind::Directory && stat.st_nlink > 1)
            .then_some((stat.st_dev, stat.st_ino));
        let linked = self.encoder.linked(link, stat.st_mode, segment.next_index(), segment.first_index);
        self.sum.clear();
        if let Some(summer) = self.summer.filter(|_| kind == Kind::File && !matches!(linked, Linked::Copy(_)))
        {
            self.sum_file(summer, item.handle, size, voice)?;
        }
        let facts = facts(stat, size, item, &self.sum);
        let path = if item.name == ROOT { ROOT } else { item.place.path };
        self.encoder.entry(out, &mut self.owners, path, &facts, linked);
        if let Some((access, inherited)) = lists {
            self.access.put(out, access, &mut self.owners, self.inline)?;
            if kind == Kind::Directory {
                self.inherited.put(out, inherited, &mut self.owners, self.inline)?;
            }
        }
        let xattrs = if self.taken.is_some() { self.sets.put(out, &self.set)? } else { 0 };
        self.figures.count(kind, size);
        if segment.arena.len() + item.name.len() > u32::MAX as usize {
            return Err(Failure::Limit { what: "names, in bytes,", limit: u32::MAX.into() });
        }
        segment.add(
            item.name,
            Entry {
                size: if kind == Kind::File { size } else { 0 },
                name_at: 0,
                dir: item.dir,
                xattrs,
                mode: stat.st_mode as u16,
                name_len: 0,
                followed: item.look.followed,
            },
        );
        Ok(true)
    }

    /// Reads lists and attributes, before anything of the entry goes out. Names the call that failed.
    fn attributes_of(
        &mut self,
        item: &Item<'_>,
        kind: Kind,
    ) -> Result<Option<(Acl, Acl)>, (&'static str, Errno)> {
        let in_use = match kind {
            Kind::File | Kind::Directory => true,
            Kind::Symlink => self.links,
            kind if kind.is_special() => self.specials,
            _ => self.devices,
        };
        let mut lists = None;
        if self.acls && kind != Kind::Symlink {
            let (mut access, mut inherited) = (Acl::default(), Acl::default());
            let mut there =
                |name| self.attributes.get(item.handle, name).map_err(|error| ("sys_acl_get_file", error));
            if in_use && there(acl::ACCESS)? {
                access = Acl::access(&self.attributes.value, item.look.stat.st_mode);
            }
            let mut there =
                |name| self.attributes.get(item.handle, name).map_err(|error| ("sys_acl_get_file", error));
            if kind == Kind::Directory && there(acl::DEFAULT)? {
                inherited = Acl::inherited(&self.attributes.value);
            }
            lists = Some((access, inherited));
        }
        if let Some(taken) = &self.taken {
            self.set.clear();
            if in_use {
                SentSets::read(&mut self.attributes, taken, item.handle, &mut self.set)
                    .map_err(|error| ("reading extended attributes of", error))?;
            } else {
                self.set.push(0);
            }
        }
        Ok(lists)
    }

    /// Sums a file as far as it was seen to reach. The sum of one that cannot be read is all zeros.
    fn sum_file(
        &mut self,
        kind: ChecksumKind,
        handle: Handle<'_>,
        size: u64,
        voice: &mut dyn Voice,
    ) -> Result<(), Failure> {
        self.sum.clear();
        let opened = match handle {
            Handle::Held(held) => reopen(held),
            Handle::Entry(dir, name) => hold(dir, name).map_err(Into::into).and_then(reopen),
        };
        let Ok((file, _)) = opened else {
            self.sum.resize(kind.sum_len(), 0);
            return Ok(());
        };
        self.piece.resize(PIECE, 0);
        let mut summer = FileSummer::new(kind);
        let (mut left, mut since) = (size, 0);
        while left > 0 {
            let room = PIECE.min(usize::try_from(left).unwrap_or(PIECE));
            let len = match read(&file, &mut self.piece[..room]) {
                Ok(0) => break,
                Ok(len) => len,
                Err(Errno::INTR) => continue,
                Err(_) => {
                    self.sum.resize(kind.sum_len(), 0);
                    return Ok(());
                }
            };
            summer.update(&self.piece[..len]);
            left -= len as u64;
            since += len;
            if since >= BREATH {
                voice.breathe()?;
                since = 0;
            }
        }
        self.sum.extend_from_slice(summer.finish().as_bytes());
        Ok(())
    }
}

fn hold(dir: BorrowedFd<'_>, name: &std::ffi::CStr) -> Result<std::os::fd::OwnedFd, Errno> {
    openat(dir, name, HELD | OFlags::NOFOLLOW, Mode::empty())
}

fn facts<'a>(stat: &Stat, size: u64, item: &'a Item<'_>, sum: &'a [u8]) -> Facts<'a> {
    Facts {
        mode: stat.st_mode & (mode::TYPE | mode::PERMISSIONS),
        size,
        mtime: stat.st_mtime,
        nanoseconds: stat.st_mtime_nsec as u32,
        atime: stat.st_atime,
        uid: stat.st_uid,
        gid: stat.st_gid,
        device: (major(stat.st_rdev), minor(stat.st_rdev)),
        target: item.target,
        sum,
        flags: item.flags,
    }
}
