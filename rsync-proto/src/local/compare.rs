//! Compares entries with what is there: what kind it is, whether the content can be right, and which
//! attributes differ.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, Stat, makedev, openat, readlinkat, unlinkat};
use rustix::io::Errno;

use super::basis::LocalBasis;
use super::dir::{LocalDir, is_empty, is_file, kind};
use super::fuzzy;
use super::node::Node;
use super::seen::Seen;
use super::tree::LocalTree;
use crate::destination::Verdict;
use crate::flist::{EntryRef, Kind};
use crate::limits;
use crate::options::{Fuzzy, Options};
use crate::report::{Changes, Skip};
use crate::wire::flags::item;

const OWNERSHIP: u16 = item::REPORT_OWNER | item::REPORT_GROUP;

impl LocalTree {
    /// What differs between an entry and a file of its kind, apart from the content.
    pub(super) fn differences(
        &self,
        dir: &LocalDir,
        name: &[u8],
        entry: EntryRef<'_>,
        stat: &Stat,
    ) -> io::Result<Changes> {
        self.differences_in(dir.fd(), name, entry, stat)
    }

    /// The same, for a file of any directory.
    pub(super) fn differences_in(
        &self,
        dir: BorrowedFd<'_>,
        name: &[u8],
        entry: EntryRef<'_>,
        stat: &Stat,
    ) -> io::Result<Changes> {
        let wish = self.policy.wish(entry, stat);
        self.policy.differences(&wish, stat, || {
            Seen::at(dir, name, self.policy.list_xattrs, || self.policy.open(dir, name, entry.kind()))
        })
    }

    /// Makes room for something of another kind than what is there. Only what holds no data goes now; a file
    /// or link stays until its successor replaces it.
    pub(super) fn make_way(&self, dir: &LocalDir, name: &[u8], existing: &Stat) -> io::Result<()> {
        if kind(existing) != Some(Kind::Directory) {
            return Ok(());
        }
        if self.options.dry_run {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let there = openat(dir.fd(), name, flags, Mode::empty())?;
            return if is_empty(&there) { Ok(()) } else { Err(Errno::NOTEMPTY.into()) };
        }
        dir.disturb();
        Ok(unlinkat(dir.fd(), name, AtFlags::REMOVEDIR)?)
    }

    /// Opens a file of which only the sum tells whether its content is right. Nothing for others, and for what cannot be
    /// opened, which is replaced.
    pub(super) fn open_to_sum(
        &self,
        dir: BorrowedFd<'_>,
        name: &[u8],
        entry: EntryRef<'_>,
        stat: &Stat,
    ) -> Option<OwnedFd> {
        let sums = self.options.checksum && stat.st_size as u64 == entry.size();
        sums.then(|| self.open_content(dir, name).ok()).flatten()
    }

    /// Whether the content has to come. `opened` is what [`Self::open_to_sum`] found.
    pub(super) fn content_differs(&self, entry: EntryRef<'_>, stat: &Stat, opened: Option<&OwnedFd>) -> bool {
        let options = &self.options;
        stat.st_size as u64 != entry.size()
            || if options.checksum {
                let sum = opened.and_then(|file| self.file_sum(file, entry.size()).ok());
                sum.is_none_or(|sum| sum.as_bytes() != entry.checksum())
            } else {
                !options.size_only && (options.ignore_times || !self.policy.same_time(stat, entry.mtime()))
            }
    }

    /// Looks at what is there under an entry's name.
    pub(super) fn look_at(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        existing: Option<Stat>,
    ) -> io::Result<Verdict<LocalBasis>> {
        if let Some(verdict) = self.passed_over(entry, existing.as_ref()) {
            return Ok(verdict);
        }
        let verdict = if entry.kind() == Kind::File {
            self.look_at_file(dir, entry, existing.as_ref())?
        } else {
            self.look_at_other(dir, entry, existing.as_ref())?
        };
        if let (Verdict::Same(changes), Some(stat), false) = (&verdict, &existing, self.options.dry_run) {
            let (name, summed) = (self.name(entry), self.options.checksum);
            self.policy.settle(dir.fd(), name, (entry, stat), *changes, summed)?;
        }
        Ok(verdict)
    }

    fn look_at_file(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        existing: Option<&Stat>,
    ) -> io::Result<Verdict<LocalBasis>> {
        let name = self.name(entry);
        let own = existing.filter(|stat| is_file(stat));
        if let (None, Some(stat)) = (own, existing) {
            self.make_way(dir, name, stat)?;
        }
        if let Some(verdict) = self.look_for_alternate(dir, entry, own)? {
            return Ok(match verdict {
                Verdict::Content { changes, basis } if self.places().has_partial(dir, name) => {
                    Verdict::Content { changes, basis: Some(after_partial(basis)) }
                }
                Verdict::Content { .. } => verdict,
                _ => {
                    self.forget_partial(dir, name);
                    verdict
                }
            });
        }
        let Some(stat) = own else {
            let basis = self.other_basis(dir, entry)?;
            return Ok(Verdict::Content { changes: Changes::NEW, basis });
        };
        let opened = self.open_to_sum(dir.fd(), name, entry, stat);
        let mut changes = match &opened {
            Some(file) => {
                let wish = self.policy.wish(entry, stat);
                self.policy.differences(&wish, stat, || Ok(Node::borrowed(file.as_fd())))?
            }
            None => self.differences(dir, name, entry, stat)?,
        };
        changes.set(stat.st_size as u64 != entry.size(), item::REPORT_SIZE);
        if !self.content_differs(entry, stat, opened.as_ref()) {
            self.forget_partial(dir, name);
            return Ok(Verdict::Same(self.without_implied_mode(changes, entry, stat)));
        }
        if self.options.content.append.is_some() && stat.st_size as u64 >= entry.size() {
            return Ok(Verdict::Left);
        }
        changes.set(!self.options.times, item::REPORT_TIME);
        changes.set(self.options.checksum, item::REPORT_CHANGE);
        let partial = self.places().has_partial(dir, name);
        let basis = if partial { after_partial(Some(LocalBasis::Own)) } else { LocalBasis::Own };
        Ok(Verdict::Content { changes, basis: Some(basis) })
    }

    /// The file is complete without what an interrupted transfer left of it.
    fn forget_partial(&self, dir: &LocalDir, name: &[u8]) {
        if !self.options.dry_run {
            self.places().remove_partial(dir, name);
        }
    }

    /// What can serve as a basis for a file of which nothing is there.
    fn other_basis(&self, dir: &LocalDir, entry: EntryRef<'_>) -> io::Result<Option<LocalBasis>> {
        let similar = self.similar_basis(dir, entry)?;
        Ok(match self.places().has_partial(dir, self.name(entry)) {
            true => Some(after_partial(similar)),
            false => similar,
        })
    }

    fn similar_basis(&self, dir: &LocalDir, entry: EntryRef<'_>) -> io::Result<Option<LocalBasis>> {
        let (name, size, mtime) = (self.name(entry), entry.size(), entry.mtime().0);
        let Options { content, dry_run, whole_file, hard_links, .. } = &self.options;
        let fuzzy = content.fuzzy;
        if fuzzy == Fuzzy::Nowhere || size == 0 || *dry_run || *whole_file || content.append.is_some() {
            return Ok(None);
        }
        if fuzzy == Fuzzy::Tree {
            // Another name of its own group would be found, which it is to be linked to.
            if *hard_links && entry.hard_link().is_some() {
                return Ok(None);
            }
            if let Some(found) = self.old_tree().find(&dir.path, name, size, mtime) {
                return Ok(Some(found));
            }
        }
        if dir.fd.is_none() || dir.fresh && fuzzy < Fuzzy::Alternates {
            return Ok(None);
        }
        if dir.similar.get().is_none() {
            let _ = dir.similar.set(fuzzy::candidates(dir, fuzzy >= Fuzzy::Alternates)?);
        }
        let candidates = dir.similar.get().expect("just set");
        Ok(fuzzy::find(candidates, name, size, mtime))
    }

    fn look_at_other(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        existing: Option<&Stat>,
    ) -> io::Result<Verdict<LocalBasis>> {
        let name = self.name(entry);
        if entry.kind().is_device() && !self.policy.identity.root {
            return Ok(Verdict::Skip(Skip::Privileged));
        }
        let Some(stat) = existing else {
            let alternate = self.look_for_other_alternate(dir, entry)?;
            return Ok(alternate.unwrap_or(Verdict::Make(Changes::NEW)));
        };
        if !self.same_class(entry, stat) {
            self.make_way(dir, name, stat)?;
            return Ok(Verdict::Make(Changes::NEW));
        }
        let mut changes = self.differences(dir, name, entry, stat)?;
        if self.same_other(dir.fd(), name, entry, stat)? {
            return Ok(Verdict::Same(self.without_implied_mode(changes, entry, stat)));
        }
        changes.set(true, item::REPORT_CHANGE);
        changes.set(!self.policy.keeps_time_of(entry.kind()), item::REPORT_TIME);
        Ok(Verdict::Make(changes))
    }

    /// Whether a symlink, device or special file is what the entry says.
    pub(super) fn same_other(
        &self,
        dir: BorrowedFd<'_>,
        name: &[u8],
        entry: EntryRef<'_>,
        stat: &Stat,
    ) -> io::Result<bool> {
        Ok(match entry.kind() {
            Kind::Symlink => self.link_target(dir, name)? == entry.link_target(),
            wanted if wanted.is_device() => {
                let (major, minor) = entry.device();
                kind(stat) == Some(wanted) && stat.st_rdev == makedev(major, minor)
            }
            wanted => kind(stat) == Some(wanted),
        })
    }

    /// What a symlink leads to. A real one where fakes are made is none of them, and leads nowhere.
    fn link_target(&self, dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<Vec<u8>> {
        if !self.policy.identity.fake {
            return Ok(readlinkat(dir, name, Vec::new())?.into_bytes());
        }
        let mut target = Vec::new();
        if let Ok(file) = self.open_content(dir, name) {
            std::fs::File::from(file).take(limits::MAX_LINK_TARGET as u64 + 1).read_to_end(&mut target)?;
        }
        Ok(target)
    }

    /// What is told of an entry that needs no new content. A change of the access control list carries that of the
    /// permissions with it, which then is no change of its own; a change of owner that takes set-id bits away is
    /// told as one of the permissions, to what is left of them.
    pub(super) fn without_implied_mode(
        &self,
        mut changes: Changes,
        entry: EntryRef<'_>,
        stat: &Stat,
    ) -> Changes {
        if self.options.dry_run || self.policy.identity.fake || entry.kind() == Kind::Symlink {
            return changes;
        }
        let special = 0o7000;
        let mut left = stat.st_mode;
        if changes.has(OWNERSHIP) && stat.st_mode & 0o6000 != 0 {
            let group_executes = stat.st_mode & 0o010 != 0;
            left &= if group_executes { !0o6000 } else { !0o4000 };
            changes.0 &= !OWNERSHIP;
            changes.set(self.policy.permissions_differ(entry, left), item::REPORT_PERMS);
        }
        if changes.has(item::REPORT_ACL) && left & special == entry.permissions() & special {
            changes.0 &= !item::REPORT_PERMS;
        }
        changes
    }
}

/// What an interrupted transfer left, and what serves without that: most of a file may have come, or next to nothing.
fn after_partial(other: Option<LocalBasis>) -> LocalBasis {
    match other {
        Some(other) => LocalBasis::Several([LocalBasis::Partial, other].into()),
        None => LocalBasis::Partial,
    }
}
