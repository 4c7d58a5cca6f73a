//! Compares entries with what is there: what kind it is, whether the content can be right, and which
//! attributes differ.

use std::io;

use rustix::fs::{AtFlags, Mode, OFlags, Stat, makedev, openat, readlinkat, unlinkat};
use rustix::io::Errno;

use super::dir::{LocalDir, is_empty, is_file, kind};
use super::node::Node;
use super::tree::LocalTree;
use crate::destination::Verdict;
use crate::flist::{EntryRef, Kind};
use crate::report::{Changes, Skip};
use crate::wire::flags::item;

impl LocalTree {
    /// What differs between an entry and a file of its kind, apart from the content.
    pub(super) fn differences(
        &self,
        dir: &LocalDir,
        name: &[u8],
        entry: EntryRef<'_>,
        stat: &Stat,
    ) -> io::Result<Changes> {
        let wish = self.policy.wish(entry, Some(stat));
        self.policy.differences(&wish, stat, || Node::open(dir.fd(), name, entry.kind()))
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

    pub(super) fn content_differs(
        &self,
        dir: &LocalDir,
        name: &[u8],
        entry: EntryRef<'_>,
        stat: &Stat,
    ) -> io::Result<bool> {
        if stat.st_size as u64 != entry.size() {
            return Ok(true);
        }
        if self.options.checksum {
            // What cannot be read is replaced.
            let sum = self.file_sum(dir, name);
            return Ok(sum.map_or(true, |sum| sum.as_bytes() != entry.checksum()));
        }
        if self.options.size_only {
            return Ok(false);
        }
        Ok(self.options.ignore_times || stat.st_mtime != entry.mtime().0)
    }

    pub(super) fn look_at_file(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        existing: Option<&Stat>,
    ) -> io::Result<Verdict> {
        let name = self.name(entry);
        let Some(stat) = existing.filter(|stat| is_file(stat)) else {
            if let Some(stat) = existing {
                self.make_way(dir, name, stat)?;
            }
            return Ok(Verdict::Content { changes: Changes::NEW, basis: None });
        };
        let mut changes = self.differences(dir, name, entry, stat)?;
        changes.set(stat.st_size as u64 != entry.size(), item::REPORT_SIZE);
        if !self.content_differs(dir, name, entry, stat)? {
            return Ok(Verdict::Same(self.without_implied_mode(changes, entry, stat)));
        }
        changes.set(!self.options.times, item::REPORT_TIME);
        changes.set(self.options.checksum, item::REPORT_CHANGE);
        Ok(Verdict::Content { changes, basis: Some(stat.st_size as u64) })
    }

    pub(super) fn look_at_other(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        existing: Option<&Stat>,
    ) -> io::Result<Verdict> {
        let name = self.name(entry);
        if entry.kind().is_device() && !self.policy.identity.root {
            return Ok(Verdict::Skip(Skip::Privileged));
        }
        let Some(stat) = existing else { return Ok(Verdict::Make(Changes::NEW)) };
        let same_class = match (kind(stat), entry.kind()) {
            (Some(Kind::Symlink), Kind::Symlink) => true,
            (Some(there), wanted) if there.is_device() => wanted.is_device(),
            (Some(there), wanted) if there.is_special() => wanted.is_special(),
            _ => false,
        };
        if !same_class {
            self.make_way(dir, name, stat)?;
            return Ok(Verdict::Make(Changes::NEW));
        }
        let mut changes = self.differences(dir, name, entry, stat)?;
        let same = match entry.kind() {
            Kind::Symlink => readlinkat(dir.fd(), name, Vec::new())?.as_bytes() == entry.link_target(),
            wanted if wanted.is_device() => {
                let (major, minor) = entry.device();
                kind(stat) == Some(wanted) && stat.st_rdev == makedev(major, minor)
            }
            wanted => kind(stat) == Some(wanted),
        };
        if same {
            return Ok(Verdict::Same(self.without_implied_mode(changes, entry, stat)));
        }
        changes.set(true, item::REPORT_CHANGE);
        changes.set(!self.options.times, item::REPORT_TIME);
        Ok(Verdict::Make(changes))
    }

    /// A change of the access control list carries that of the permissions with it, which then is no change
    /// of its own.
    pub(super) fn without_implied_mode(
        &self,
        mut changes: Changes,
        entry: EntryRef<'_>,
        stat: &Stat,
    ) -> Changes {
        let special = 0o7000;
        if changes.has(item::REPORT_ACL)
            && !self.options.dry_run
            && stat.st_mode & special == entry.permissions() & special
        {
            changes.0 &= !item::REPORT_PERMS;
        }
        changes
    }
}
