//! Makes what is not there, or not as it has to be: directories, symlinks, devices, special files, hard links,
//! and the temporary files that content goes to.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, makedev, mkdirat, mknodat, renameat, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use super::acl;
use super::basis::{LocalBasis, open_regular};
use super::dir::{LocalDir, is_file, kind};
use super::fake;
use super::handle::{as_os, temporary_name};
use super::node::Node;
use super::offer::OpenBasis;
use super::same::LocalSink;
use super::seen::Attributes;
use super::selection::Place;
use super::sink::Opening;
use super::tree::LocalTree;
use crate::destination::{DirChanges, Incoming, Linking, Making};
use crate::flist::{EntryRef, Kind, SafePath};
use crate::options::Append;
use crate::report::{Changes, Skip};
use crate::wire::flags::item;

/// Longer files are always replaced, in bytes: what was passed over of one is copied in one go when something is different.
const LARGEST_KEPT: u64 = 256 * 1024 * 1024;

impl LocalTree {
    pub(super) fn make_at(&self, dir: &LocalDir, name: &[u8], entry: EntryRef<'_>) -> io::Result<()> {
        if self.policy.identity.fake {
            return fake::make(dir.fd(), name, entry.link_target());
        }
        let (major, minor) = entry.device();
        let make = |kind| mknodat(dir.fd(), name, kind, Mode::from_raw_mode(0o600), makedev(major, minor));
        let made = match entry.kind() {
            Kind::Symlink => symlinkat(entry.link_target(), dir.fd(), name),
            Kind::CharDevice => make(FileType::CharacterDevice),
            Kind::BlockDevice => make(FileType::BlockDevice),
            Kind::Fifo => make(FileType::Fifo),
            Kind::Socket => make(FileType::Socket),
            Kind::File | Kind::Directory => unreachable!("these are made elsewhere"),
        };
        Ok(made?)
    }

    /// Makes something under a temporary name and renames it to its own.
    pub(super) fn replace(
        &self,
        dir: &LocalDir,
        name: &[u8],
        make: impl FnOnce(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        dir.disturb();
        let temporary = temporary_name(name);
        let made = make(&temporary).and_then(|()| {
            if self.options.content.backs_up() {
                self.places().back_up(dir, name, dir.stat(name)?.as_ref())?;
            }
            Ok(renameat(dir.fd(), &temporary[..], dir.fd(), name)?)
        });
        // What stood there before is somebody else's.
        if made.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::AlreadyExists) {
            let _ = unlinkat(dir.fd(), &temporary[..], AtFlags::empty());
        }
        made
    }

    /// The outer result is that of making it, the inner one that of its attributes.
    pub(super) fn make_new(&self, dir: &LocalDir, entry: EntryRef<'_>) -> io::Result<io::Result<()>> {
        // Where permissions are not kept, they stay what they were, even if it was a file of another kind.
        let there = if self.options.perms { None } else { dir.stat(self.name(entry))? };
        let predecessor = there.filter(|stat| kind(stat) != Some(Kind::Directory));
        let mut attributes = Ok(());
        self.replace(dir, self.name(entry), |temporary| {
            self.make_at(dir, temporary, entry)?;
            let node = self.policy.open(dir.fd(), temporary, entry.kind())?;
            let wish = self.policy.wish_in(dir, entry, predecessor.as_ref());
            let mut changes = Changes::NEW;
            changes.set(dir.gives_list || wish.has_list(), item::REPORT_ACL);
            attributes = self.policy.apply(&wish, &node, &node.stat()?, changes);
            Ok(())
        })?;
        Ok(attributes)
    }

    pub(super) fn make_directory(&self, parent: &LocalDir, entry: EntryRef<'_>) -> io::Result<Making> {
        let name = entry.name();
        let on_the_way = self.is_on_the_way(entry);
        let selection = &self.options.selection;
        match self.place_of(parent, entry)? {
            Place::Nothing if selection.existing => return Ok(Making::Skip(Skip::NotThere)),
            Place::Nothing => {}
            Place::Directory(_) | Place::Link(_) if on_the_way => {
                return Ok(Making::Done(DirChanges::default()));
            }
            Place::Directory(stat) => {
                return Ok(Making::Done(self.differences(parent, name, entry, &stat)?.into()));
            }
            Place::Link(fd) => return Ok(Making::Done(self.differences_behind(&fd, entry)?.into())),
            // What only leads to something is not worth what stands there.
            Place::Other if on_the_way => return Err(Errno::NOTDIR.into()),
            Place::Other if selection.ignore_existing => return Ok(Making::Skip(Skip::Exists)),
            Place::Other if !self.options.dry_run => {
                if self.options.content.backs_up() {
                    self.places().back_up(parent, name, parent.stat(name)?.as_ref())?;
                }
                unlinkat(parent.fd(), name, AtFlags::empty())?;
            }
            Place::Other => {}
        }
        let told = self.told_of_directory(parent, entry)?;
        if !self.options.dry_run && on_the_way {
            self.make_on_the_way(parent, name)?;
        } else if !self.options.dry_run {
            parent.disturb();
            mkdirat(parent.fd(), name, Mode::from_raw_mode(0o700))?;
        }
        Ok(Making::Done(DirChanges { changes: Changes::NEW, told }))
    }

    pub(super) fn leave_directory(&self, dir: &LocalDir, entry: EntryRef<'_>) -> io::Result<()> {
        if self.options.dry_run || self.is_on_the_way(entry) {
            return Ok(());
        }
        let node = Node::borrowed(dir.fd());
        let stat = self.policy.stat(&node)?;
        // Where permissions are not kept, they become again what they were.
        let mut there = stat;
        if !self.policy.identity.fake {
            there.st_mode = dir.mode_before.unwrap_or(stat.st_mode);
        }
        // A new one allows what its parent does, whose default list it got with its making.
        let wish = self.policy.wish_in(dir, entry, (!dir.changes.is_new()).then_some(&there));
        let mut changes = dir.changes;
        changes.set(dir.is_disturbed(), item::TRANSFER);
        // A new directory may have inherited lists from its parent, its own default list among them.
        changes.set(dir.changes.is_new() && (dir.gives_list || wish.has_list()), item::REPORT_ACL);
        self.policy.apply(&wish, &node, &stat, changes)
    }

    pub(super) fn open_sink(
        &self,
        dir: &Arc<LocalDir>,
        entry: EntryRef<'_>,
        incoming: &Incoming<'_, LocalBasis>,
    ) -> io::Result<LocalSink> {
        let name = self.name(entry);
        let content = &self.options.content;
        let basis = match incoming.basis.map(|basis| self.open_basis(dir, name, basis)) {
            // It went meanwhile: with an alternate, a file that is the same there is removed here. The sum will not
            // agree, and the file is asked for again.
            Some(Err(_)) if incoming.kept == 0 => None,
            basis => basis.transpose()?,
        };
        let opening = Opening {
            places: Arc::clone(self.places()),
            dir: Arc::clone(dir),
            name: name.into(),
            checksum: self.summer.file_sum(),
            permissions: if self.policy.identity.fake { 0o600 } else { entry.permissions() },
            replaces: incoming.replaces,
            sparse: content.sparse,
            len: entry.size(),
            preallocate: content.preallocate,
            from_partial: incoming.basis.is_some_and(|basis| *basis.first() == LocalBasis::Partial),
        };
        if !content.writes_in_place() {
            return match basis {
                Some(basis) => match self.may_be_same(dir, entry, incoming, &basis) {
                    Some(before) => Ok(LocalSink::same(opening, basis, before)),
                    None => Ok(opening.beside(Some(basis))?.into()),
                },
                None => Ok(opening.beside(None)?.into()),
            };
        }
        let there = dir.stat(name)?;
        let existing = there.filter(is_file);
        if !incoming.again {
            self.places().back_up_copy(dir, name, existing.as_ref())?;
        }
        if existing.is_none() {
            dir.disturb();
            if there.is_some() {
                self.places().back_up(dir, name, there.as_ref())?;
                let _ = unlinkat(dir.fd(), name, AtFlags::empty());
            }
        }
        let new = if existing.is_none() { OFlags::CREATE | OFlags::EXCL } else { OFlags::empty() };
        let file = open_regular(dir.fd(), name, OFlags::RDWR | new)?;
        let mut sink = opening.in_place(file, existing, basis, incoming.basis == Some(&LocalBasis::Own))?;
        if incoming.kept > 0 {
            sink.keep(incoming.kept, content.append == Some(Append::Verifying))?;
        }
        Ok(sink.into())
    }

    /// Whether a file may turn out to have the content of what it replaces, which then need not be replaced: nothing is
    /// left of it that a new file would not have, it goes by no other name, and nobody can have opened it to write who
    /// could not do that with the new one. Returns its status.
    fn may_be_same(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        incoming: &Incoming<'_, LocalBasis>,
        basis: &OpenBasis,
    ) -> Option<Stat> {
        let content = &self.options.content;
        let plainly = !content.sparse && !content.preallocate && !content.backs_up();
        if !plainly
            || self.places().delayed.is_some()
            || incoming.again
            || incoming.basis != Some(&LocalBasis::Own)
            || basis.len() != entry.size()
            || basis.len() > LARGEST_KEPT
            || !dir.is_listed
            || !self.policy.sets_status()
        {
            return None;
        }
        let node = Node::borrowed(basis.first().as_fd());
        let (stat, names) = (node.stat().ok()?, node.xattr_names().ok()?);
        let has_list = names.split(|byte| *byte == 0).any(|name| name == acl::ACCESS);
        let gives_list = || Node::borrowed(dir.fd()).xattr(acl::DEFAULT).map_or(true, |list| list.is_some());
        let bare = || names.is_empty() && !gives_list();
        let wish = self.policy.wish(entry, &stat);
        let its_owner = stat.st_uid == 0 || wish.uid == Some(stat.st_uid);
        let written_by_others = stat.st_mode & 0o022;
        let its_group = written_by_others & 0o020 == 0 || wish.gid == Some(stat.st_gid);
        (stat.st_nlink == 1
            && its_owner
            && its_group
            && written_by_others & !wish.permissions == 0
            && !has_list
            && (self.policy.sets_all_attributes() || bare()))
        .then_some(stat)
    }

    pub(super) fn link_to(
        &self,
        leader: &SafePath,
        dir: &LocalDir,
        entry: EntryRef<'_>,
    ) -> io::Result<Linking> {
        let name = self.name(entry);
        let existing = dir.stat(name)?;
        if let Some(reason) = self.passed_over_by_presence(existing.as_ref()) {
            return Ok(Linking::Skip(reason));
        }
        if self.options.dry_run {
            return self.link_dry(leader, dir, entry, existing.as_ref());
        }
        let (leader_dir, leader_name) = leader.split_last();
        if let Some(stat) = existing.as_ref().filter(|stat| !is_file(stat)) {
            self.make_way(dir, name, stat)?;
        }
        let told = |target: Option<&Stat>| match &existing {
            None => self.link_as_elsewhere(leader, dir, entry, target),
            Some(stat) => Ok(Linking::Made(self.link_changes(dir, entry, stat)?)),
        };
        if self.options.content.delay_updates
            && let Some(leader_dir) = self.reopen_directory(&leader_dir)?
            && self.places().waits(&leader_dir, leader_name)
        {
            let linking = told(None)?;
            if self.places().link_delayed((&leader_dir, leader_name), (dir, name), entry.path())? {
                return Ok(linking);
            }
        }
        let leader_dir = self.root().open(&leader_dir)?;
        // Held: whoever owns its directory may put another file there, such as one that only root can link to.
        let leader = Node::hold(leader_dir.as_fd(), leader_name)?;
        let target = leader.stat()?;
        let is_target = |stat: &Stat| (stat.st_dev, stat.st_ino) == (target.st_dev, target.st_ino);
        if existing.as_ref().is_some_and(is_target) {
            return Ok(Linking::There);
        }
        let linking = told(Some(&target))?;
        self.replace(dir, name, |temporary| leader.link(dir.fd(), temporary))?;
        Ok(linking)
    }

    /// What a link would change. The leader may not be there yet; then nothing can be the same file.
    pub(super) fn link_dry(
        &self,
        leader: &SafePath,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        existing: Option<&Stat>,
    ) -> io::Result<Linking> {
        let Some(stat) = existing else { return self.link_as_elsewhere(leader, dir, entry, None) };
        let (leader_dir, leader_name) = leader.split_last();
        let target = self.root.get().and_then(|root| {
            statat(root.open(&leader_dir).ok()?, as_os(leader_name), AtFlags::SYMLINK_NOFOLLOW).ok()
        });
        if target.is_some_and(|target| (target.st_dev, target.st_ino) == (stat.st_dev, stat.st_ino)) {
            return Ok(Linking::There);
        }
        Ok(Linking::Made(self.link_changes(dir, entry, stat)?))
    }

    /// How what stands in the place of a link differs from it.
    fn link_changes(&self, dir: &LocalDir, entry: EntryRef<'_>, stat: &Stat) -> io::Result<Changes> {
        if kind(stat) != Some(entry.kind()) {
            return Ok(Changes::NEW);
        }
        let mut changes = self.differences(dir, self.name(entry), entry, stat)?;
        changes.set(is_file(stat) && stat.st_size as u64 != entry.size(), item::REPORT_SIZE);
        changes.set(!self.options.times, item::REPORT_TIME);
        Ok(changes)
    }
}
