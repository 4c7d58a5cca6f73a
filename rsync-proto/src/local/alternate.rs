//! Files that are not at the destination but in another directory that the caller named: compared with, copied or
//! linked.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Stat, linkat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::basis::{Alternate, LocalBasis};
use super::copy::{copy_content, create};
use super::dir::{LocalDir, is_file, kind};
use super::fake;
use super::handle::{as_os, temporary_name};
use super::node::Node;
use super::seen::Attributes;
use super::tree::LocalTree;
use super::xattr::Scope;
use crate::destination::{Linking, Verdict};
use crate::flist::{EntryRef, Kind, SafePath};
use crate::options::AlternateKind;
use crate::report::Changes;
use crate::wire::flags::item;

/// How well a file fits that was found; the first of the best is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// Of the same kind.
    Kind,
    /// With the same content.
    Content,
    /// With the same attributes, too.
    All,
}

struct Found {
    number: usize,
    fit: Fit,
    stat: Stat,
    changes: Changes,
}

impl LocalTree {
    fn alternate_kind(&self) -> Option<AlternateKind> {
        self.options.content.alternates.as_ref().map(|alternates| alternates.kind)
    }

    /// The best of what stands under the name of `entry` in the alternate directories.
    fn find_alternate(&self, dir: &LocalDir, entry: EntryRef<'_>) -> io::Result<Option<Found>> {
        let name = self.name(entry);
        let mut best: Option<Found> = None;
        for (number, alternate) in dir.alternates.iter().enumerate() {
            let Some(alternate) = alternate.as_ref().map(AsFd::as_fd) else { continue };
            let name = if entry.is_root() { b"." } else { name };
            let stat = match statat(alternate, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if self.policy.identity.fake => fake::seen_at(alternate, name, stat),
                Ok(stat) => stat,
                Err(Errno::NOENT | Errno::NOTDIR) => continue,
                Err(error) => return Err(error.into()),
            };
            if !self.same_class(entry, &stat) {
                continue;
            }
            let mut changes = self.differences_in(alternate, name, entry, &stat)?;
            changes.set(is_file(&stat) && stat.st_size as u64 != entry.size(), item::REPORT_SIZE);
            let fit = match self.has_content_of(alternate, name, entry, &stat)? {
                false => Fit::Kind,
                true if changes.any() => Fit::Content,
                true => Fit::All,
            };
            if best.as_ref().is_none_or(|best| best.fit < fit) {
                best = Some(Found { number, fit, stat, changes });
            }
            if fit == Fit::All {
                break;
            }
        }
        Ok(best)
    }

    fn has_content_of(
        &self,
        dir: BorrowedFd<'_>,
        name: &[u8],
        entry: EntryRef<'_>,
        stat: &Stat,
    ) -> io::Result<bool> {
        match entry.kind() {
            Kind::File => {
                let opened = self.open_to_sum(dir, name, entry, stat);
                Ok(!self.content_differs(entry, stat, opened.as_ref()))
            }
            Kind::Directory => Ok(true),
            _ => self.same_other(dir, name, entry, stat),
        }
    }

    /// What the alternate directories mean for a file; nothing if they mean nothing.
    pub(super) fn look_for_alternate(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        existing: Option<&Stat>,
    ) -> io::Result<Option<Verdict<LocalBasis>>> {
        let Some(how) = self.alternate_kind() else { return Ok(None) };
        if existing.is_some() && how == AlternateKind::Copy {
            return Ok(None);
        }
        let Some(Found { number, fit, stat, mut changes }) = self.find_alternate(dir, entry)? else {
            return Ok(None);
        };
        let basis = |exact| LocalBasis::Alternate(Alternate { number, exact });
        if fit == Fit::All && how != AlternateKind::Copy {
            if let Some(own) = existing {
                if (own.st_dev, own.st_ino) == (stat.st_dev, stat.st_ino) && how == AlternateKind::Link {
                    return Ok(None);
                }
                // A link replaces it in one step.
                if !self.options.dry_run && how == AlternateKind::Compare {
                    dir.disturb();
                    self.places().back_up(dir, self.name(entry), Some(own))?;
                    match unlinkat(dir.fd(), self.name(entry), AtFlags::empty()) {
                        Ok(()) | Err(Errno::NOENT) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            return Ok(Some(match how {
                AlternateKind::Link => Verdict::Here { changes: Changes::default(), basis: basis(true) },
                _ => Verdict::Left,
            }));
        }
        if existing.is_some() {
            return Ok(None);
        }
        changes.set(!self.options.times, item::REPORT_TIME);
        if fit >= Fit::Content {
            return Ok(Some(Verdict::Here { changes, basis: basis(false) }));
        }
        changes.set(self.options.checksum, item::REPORT_CHANGE);
        Ok(Some(Verdict::Content { changes, basis: Some(basis(false)) }))
    }

    /// The same for what is neither a file nor a directory, and not there.
    pub(super) fn look_for_other_alternate(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
    ) -> io::Result<Option<Verdict<LocalBasis>>> {
        let Some(how) = self.alternate_kind() else { return Ok(None) };
        let Some(Found { number, fit, mut changes, .. }) = self.find_alternate(dir, entry)? else {
            return Ok(None);
        };
        if fit == Fit::All {
            let basis = LocalBasis::Alternate(Alternate { number, exact: how == AlternateKind::Link });
            return Ok(Some(match how {
                AlternateKind::Compare => Verdict::Left,
                AlternateKind::Link | AlternateKind::Copy => {
                    Verdict::Here { changes: Changes::default(), basis }
                }
            }));
        }
        changes.set(true, item::REPORT_CHANGE);
        changes.set(!self.options.times, item::REPORT_TIME);
        Ok(Some(Verdict::Make(changes)))
    }

    /// What is told of a new link to `leader`, which is `target` or still missing: how it differs from what has its
    /// name in an alternate directory.
    pub(super) fn link_as_elsewhere(
        &self,
        leader: &SafePath,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        target: Option<&Stat>,
    ) -> io::Result<Linking> {
        let is_linked = |number: usize| -> Option<bool> {
            let stat_at = |dir: BorrowedFd<'_>, name| statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok();
            let own = stat_at(dir.alternate(number)?, as_os(self.name(entry)))?;
            let target = match target {
                Some(target) => *target,
                None => {
                    let (path, name) = leader.split_last();
                    let root = self.alternates.get()?.get(number)?.as_ref()?;
                    stat_at(root.open(&path).ok()?.as_fd(), as_os(name))?
                }
            };
            Some((own.st_dev, own.st_ino) == (target.st_dev, target.st_ino))
        };
        match self.alternate_kind() {
            Some(AlternateKind::Link)
                if (0..dir.alternates.len()).any(|number| is_linked(number) == Some(true)) =>
            {
                Ok(Linking::Again)
            }
            None | Some(AlternateKind::Link) => Ok(Linking::Made(Changes::NEW)),
            Some(AlternateKind::Compare | AlternateKind::Copy) => {
                let found = self.find_alternate(dir, entry)?.filter(|found| found.fit >= Fit::Content);
                let Some(Found { mut changes, .. }) = found else { return Ok(Linking::Made(Changes::NEW)) };
                changes.set(!self.options.times, item::REPORT_TIME);
                Ok(Linking::Like(changes))
            }
        }
    }

    /// What is told of a new directory: how it differs from that in an alternate directory, if there is one.
    pub(super) fn told_of_directory(&self, dir: &LocalDir, entry: EntryRef<'_>) -> io::Result<Changes> {
        if self.alternate_kind().is_none() {
            return Ok(Changes::NEW);
        }
        Ok(self.find_alternate(dir, entry)?.map_or(Changes::NEW, |found| found.changes))
    }

    /// Links or copies a file from an alternate directory. False if it is gone.
    pub(super) fn bring_alternate(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        place: Alternate,
    ) -> io::Result<io::Result<bool>> {
        let name = self.name(entry);
        let Some(from) = dir.alternate(place.number) else { return Ok(Ok(false)) };
        if place.exact {
            let linked = self.replace(dir, name, |temporary| {
                Ok(linkat(from, name, dir.fd(), temporary, AtFlags::empty())?)
            });
            match linked {
                Ok(()) => return Ok(Ok(true)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ok(false)),
                // Another file system, or too many links: a copy does.
                Err(error) if is_no_link(&error) => {}
                Err(error) => return Err(error),
            }
        }
        if entry.kind() != Kind::File {
            return self.make_new(dir, entry).map(|attributes| attributes.map(|()| true));
        }
        let source = match super::basis::open_file(from, name) {
            Ok(source) => source,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ok(false)),
            Err(error) => return Err(error),
        };
        dir.disturb();
        let temporary = temporary_name(name);
        let target = create(dir.fd(), &temporary)?;
        let made = copy_content(&source, &target).and_then(|()| {
            let wish = self.policy.wish_in(dir, entry, None);
            let mut changes = Changes(item::IS_NEW | item::TRANSFER);
            changes.set(dir.gives_list || wish.has_list(), item::REPORT_ACL);
            let node = Node::borrowed(target.as_fd());
            if self.options.xattrs {
                copy_known_xattrs(&Node::borrowed(source.as_fd()), &node, &self.policy.scope)?;
            }
            let set = self.policy.apply(&wish, &node, &self.policy.stat(&node)?, changes);
            self.places().sync(&target)?;
            self.places().back_up(dir, name, dir.stat(name)?.as_ref())?;
            renameat(dir.fd(), &temporary[..], dir.fd(), name)?;
            Ok(set.map(|()| true))
        });
        if made.is_err() {
            let _ = unlinkat(dir.fd(), &temporary[..], AtFlags::empty());
        }
        made
    }

    /// Whether what is there is of the kind of the entry, or of one that is compared with it.
    pub(super) fn same_class(&self, entry: EntryRef<'_>, stat: &Stat) -> bool {
        match (kind(stat), entry.kind()) {
            (Some(there), wanted) if there.is_device() => wanted.is_device(),
            (Some(there), wanted) if there.is_special() => wanted.is_special(),
            (there, wanted) => there == Some(wanted),
        }
    }
}

fn is_no_link(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    [Errno::XDEV, Errno::MLINK, Errno::PERM, Errno::OPNOTSUPP]
        .iter()
        .any(|no| number == Some(no.raw_os_error()))
}

/// Values that only the server has in full are taken from the file itself.
fn copy_known_xattrs<F: AsFd, T: AsFd>(from: &Node<F>, to: &Node<T>, scope: &Scope) -> io::Result<()> {
    let names = from.xattr_names()?;
    for name in names.split(|byte| *byte == 0).filter(|name| scope.is_ours(name)) {
        if let Some(value) = from.xattr(name)? {
            let _ = to.set_xattr(name, &value);
        }
    }
    Ok(())
}
