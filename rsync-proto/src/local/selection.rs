//! Entries that are passed over because of what is here, and links that stand for directories.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, Stat, fstat, mkdirat, statat};

use super::attributes::Policy;
use super::basis::LocalBasis;
use super::dir::{LocalDir, is_file, kind};
use super::node::Node;
use super::tree::LocalTree;
use crate::destination::Verdict;
use crate::flist::{EntryRef, Kind, leads_out};
use crate::options::Selection;
use crate::report::{Changes, Skip};

/// What stands in a directory's place.
pub(super) enum Place {
    Nothing,
    Directory(Stat),
    /// A symlink to a directory beneath the root, which is filled in its place.
    Link(OwnedFd),
    Other,
}

impl LocalTree {
    fn selection(&self) -> &Selection {
        &self.options.selection
    }

    /// Whether an entry is left out because it is there, or because it is not.
    pub(super) fn passed_over_by_presence(&self, existing: Option<&Stat>) -> Option<Skip> {
        let selection = self.selection();
        match existing {
            None if selection.existing => Some(Skip::NotThere),
            Some(_) if selection.ignore_existing => Some(Skip::Exists),
            _ => None,
        }
    }

    /// What there is to do about an entry before its content is looked at: nothing more, for those that the options
    /// leave out.
    pub(super) fn passed_over(
        &self,
        entry: EntryRef<'_>,
        existing: Option<&Stat>,
    ) -> Option<Verdict<LocalBasis>> {
        let selection = self.selection();
        let skip = |reason| Some(Verdict::Skip(reason));
        if let Some(reason) = self.passed_over_by_presence(existing) {
            return skip(reason);
        }
        match entry.kind() {
            Kind::Symlink
                if selection.safe_links
                    && leads_out(entry.parent().components().count(), entry.link_target()) =>
            {
                skip(Skip::Unsafe)
            }
            Kind::File => {
                let size = entry.size();
                let newer = |stat: &Stat| {
                    let younger = entry.mtime().0.saturating_sub(stat.st_mtime);
                    is_file(stat) && younger < i64::from(selection.modify_window)
                };
                if selection.max_size.is_some_and(|max| size > max) {
                    skip(Skip::TooLarge)
                } else if selection.min_size.is_some_and(|min| size < min) {
                    skip(Skip::TooSmall)
                } else if selection.update && existing.is_some_and(newer) {
                    skip(Skip::Newer)
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// Whether `entry`, a directory, only has to be there.
    pub(super) fn is_on_the_way(&self, entry: EntryRef<'_>) -> bool {
        entry.is_implied() && !self.selection().implied_dirs
    }

    /// Makes a directory on the way to others, if it is missing, as a user would make it.
    pub(super) fn make_on_the_way(&self, parent: &LocalDir, name: &[u8]) -> io::Result<()> {
        parent.disturb();
        Ok(mkdirat(parent.fd(), name, Mode::from_raw_mode(0o777))?)
    }

    /// Looks at the place of a directory.
    pub(super) fn place_of(&self, parent: &LocalDir, entry: EntryRef<'_>) -> io::Result<Place> {
        let Some(stat) = parent.stat(entry.name())? else { return Ok(Place::Nothing) };
        if kind(&stat) == Some(Kind::Directory) {
            return Ok(Place::Directory(stat));
        }
        let follows = self.selection().keep_dirlinks || self.is_on_the_way(entry);
        if kind(&stat) != Some(Kind::Symlink) || !follows {
            return Ok(Place::Other);
        }
        match self.root().follow(&entry.path()) {
            Ok(fd) => {
                self.root().trust(entry.path());
                Ok(Place::Link(fd))
            }
            Err(error) if leads_to_directory(parent, entry.name()) => Err(io::Error::other(format!(
                "the symlink there leaves the destination on its way to a directory, so it is not followed ({})",
                io::Error::from(error)
            ))),
            Err(_) => Ok(Place::Other),
        }
    }

    /// What differs between an entry and the directory that a symlink in its place leads to.
    pub(super) fn differences_behind(&self, fd: &OwnedFd, entry: EntryRef<'_>) -> io::Result<Changes> {
        let stat = fstat(fd)?;
        let wish = self.policy.wish(entry, &stat);
        self.policy.differences(&wish, &stat, || Ok(Node::borrowed(fd.as_fd())))
    }
}

impl Policy {
    /// Whether a time here is as good as that of an entry.
    pub(super) fn same_time(&self, stat: &Stat, (seconds, nanoseconds): (i64, u32)) -> bool {
        match self.modify_window {
            // Whole seconds, as the reference compares: servers before protocol 31 send no more.
            0 => stat.st_mtime == seconds,
            window @ 1.. => stat.st_mtime.abs_diff(seconds) <= u64::from(window.unsigned_abs()),
            _ => (stat.st_mtime, stat.st_mtime_nsec as u32) == (seconds, nanoseconds),
        }
    }
}

/// Whether a symlink leads to a directory, by whatever way.
fn leads_to_directory(parent: &LocalDir, name: &[u8]) -> bool {
    statat(parent.fd(), name, AtFlags::empty()).is_ok_and(|stat| kind(&stat) == Some(Kind::Directory))
}
