//! What attributes an entry shall have here, how they differ from those of a file, and setting them in the
//! order in which no step undoes another: owner (clears set-id bits and capabilities), extended attributes,
//! access control lists (an inherited one would be widened by a change of mode), mode, times.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::Stat;
use rustix::io::Errno;

use super::acl;
use super::ids::{IdMap, Identity};
use super::node::Node;
use super::xattr;
use crate::flist::{EntryRef, Kind, XattrSet};
use crate::options::Options;
use crate::report::Changes;
use crate::wire::flags::{item, mode};

/// What decides about attributes, apart from the entry.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) perms: bool,
    pub(super) times: bool,
    pub(super) omit_dir_times: bool,
    pub(super) owner: bool,
    pub(super) group: bool,
    pub(super) acls: bool,
    pub(super) xattrs: bool,
    lenient: bool,
    pub(super) modify_window: i32,
    pub(super) identity: Identity,
    pub(super) ids: IdMap,
    /// Permissions that new files do not get where the server's are not kept.
    umask: u32,
}

impl Policy {
    pub(super) fn new(options: &Options) -> Self {
        let identity = Identity::current();
        Self {
            perms: options.perms,
            times: options.times,
            omit_dir_times: options.omits_dir_times(),
            owner: options.owner && identity.root,
            group: options.group,
            acls: options.acls,
            xattrs: options.xattrs,
            lenient: options.lenient_attributes,
            modify_window: options.selection.modify_window,
            ids: IdMap::new(!options.numeric_ids),
            umask: umask(),
            identity,
        }
    }

    /// What `entry` shall have, in place of `existing` if something of its kind is there.
    pub(super) fn wish<'a>(&self, entry: EntryRef<'a>, existing: Option<&Stat>) -> Wish<'a> {
        let kind = entry.kind();
        let permissions = match existing {
            _ if self.perms => entry.permissions(),
            Some(stat) => stat.st_mode & mode::PERMISSIONS,
            None => entry.permissions() & 0o777 & !self.umask,
        };
        let gid = self.ids.gid(entry.gid());
        Wish {
            kind,
            permissions,
            uid: self.owner.then(|| self.ids.uid(entry.uid())),
            gid: (self.group && self.identity.may_give_to(gid)).then_some(gid),
            mtime: (self.times && !(self.omit_dir_times && kind == Kind::Directory)).then(|| entry.mtime()),
            lists: (self.acls && kind != Kind::Symlink).then(|| {
                let access = entry.acl().and_then(|acl| acl::access(acl, permissions, &self.ids));
                let default = entry.default_acl().and_then(|acl| acl::default(acl, &self.ids));
                (access, default)
            }),
            xattrs: if self.xattrs { entry.xattrs().map(|set| &**set) } else { None },
        }
    }

    /// Whether attributes take more than a look at the file's status.
    fn looks_inside(&self) -> bool {
        self.acls || self.xattrs
    }

    /// What of `stat` and of the file behind it differs from the wish. `open` is called only where more than
    /// the status is needed.
    pub(super) fn differences<F: AsFd>(
        &self,
        wish: &Wish<'_>,
        stat: &Stat,
        open: impl FnOnce() -> io::Result<Node<F>>,
    ) -> io::Result<Changes> {
        let mut changes = wish.status_differences(stat);
        changes.set(wish.mtime.is_some_and(|time| !self.same_time(stat, time)), item::REPORT_TIME);
        if self.looks_inside() {
            let node = open()?;
            let names = node.xattr_names()?;
            if let Some(lists) = &wish.lists {
                changes.set(lists_differ(&node, &names, lists)?, item::REPORT_ACL);
            }
            if let Some(set) = wish.xattrs {
                changes.set(xattr::differs(&node, &names, set, self.identity.root)?, item::REPORT_XATTR);
            }
        }
        Ok(changes)
    }

    /// Sets what differs from the wish. Access control lists and extended attributes are looked after where
    /// `changes` names them; owner, mode and times are compared with `stat`. What fails does not keep the
    /// others from being set; the first failure is returned.
    pub(super) fn apply<F: AsFd>(
        &self,
        wish: &Wish<'_>,
        node: &Node<F>,
        stat: &Stat,
        changes: Changes,
    ) -> io::Result<()> {
        let mut permissions = wish.permissions;
        let mut current = stat.st_mode & mode::PERMISSIONS;
        let mut xattrs_due = changes.has(item::REPORT_XATTR | item::IS_NEW);
        let mut failures = Failures::default();
        let uid = wish.uid.filter(|uid| *uid != stat.st_uid);
        let gid = wish.gid.filter(|gid| *gid != stat.st_gid);
        if uid.is_some() || gid.is_some() {
            if !failures.note("owner", node.set_owner(uid, gid)) {
                // Set-id bits for the wrong owner would give away what they guard.
                permissions &= !SET_ID;
            }
            // A new owner takes capabilities away, and set-id bits as the kernel thinks fit.
            xattrs_due |= wish.kind == Kind::File;
            if current & SET_ID != 0 {
                current = UNKNOWN_MODE;
            }
        }
        if let Some(set) = wish.xattrs.filter(|_| xattrs_due) {
            let applied = xattr::apply(node, set, self.identity.root, changes.is_new());
            failures.note("extended attributes", self.as_far_as_there(applied));
        }
        if let Some((access, default)) = wish.lists.as_ref().filter(|_| changes.has(item::REPORT_ACL)) {
            let set = |name, list: Option<&[u8]>| self.as_far_as_there(set_list(node, name, list));
            failures.note("access control list", set(acl::ACCESS, access.as_deref()));
            if wish.kind == Kind::Directory {
                failures.note("default access control list", set(acl::DEFAULT, default.as_deref()));
            }
            // A list brings its own idea of the mode.
            current = UNKNOWN_MODE;
        }
        if wish.kind != Kind::Symlink && current != permissions {
            failures.note("permissions", node.set_mode(permissions));
        }
        if let Some((seconds, nanoseconds)) = wish.mtime
            && (stat.st_mtime, stat.st_mtime_nsec as u32) != (seconds, nanoseconds)
            && (changes.has(item::IS_NEW | item::TRANSFER) || !self.same_time(stat, (seconds, nanoseconds)))
        {
            failures.note("times", node.set_mtime(seconds, nanoseconds));
        }
        failures.first.map_or(Ok(()), Err)
    }

    /// A directory that was finished was disturbed once more: gives it back the time that it had, where times are kept.
    pub(super) fn put_time_back(&self, dir: BorrowedFd<'_>, before: &Stat) -> io::Result<()> {
        if !self.times || self.omit_dir_times {
            return Ok(());
        }
        Node::borrowed(dir).set_mtime(before.st_mtime, before.st_mtime_nsec as u32)
    }

    /// What could not be set because the file system has no such thing is no failure, if that was asked for.
    fn as_far_as_there(&self, set: io::Result<()>) -> io::Result<()> {
        match set {
            Err(error) if self.lenient && error.raw_os_error() == Some(Errno::OPNOTSUPP.raw_os_error()) => {
                Ok(())
            }
            set => set,
        }
    }
}

/// Set-user-id and set-group-id.
const SET_ID: u32 = 0o6000;
/// No mode that a file can have.
const UNKNOWN_MODE: u32 = u32::MAX;

/// The first of several failures.
#[derive(Default)]
struct Failures {
    first: Option<io::Error>,
}

impl Failures {
    /// Keeps what failed, with the attribute that it was about. Returns whether nothing did.
    fn note(&mut self, what: &str, result: io::Result<()>) -> bool {
        let Err(error) = result else { return true };
        let named = || io::Error::new(error.kind(), format!("{what}: {error}"));
        self.first.get_or_insert_with(named);
        false
    }
}

/// Access and default list, as the kernel stores them.
type Lists = (Option<Vec<u8>>, Option<Vec<u8>>);

/// The attributes that an entry shall have here.
pub(super) struct Wish<'a> {
    kind: Kind,
    permissions: u32,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<(i64, u32)>,
    /// Nothing where lists are not kept.
    lists: Option<Lists>,
    xattrs: Option<&'a XattrSet>,
}

impl Wish<'_> {
    fn status_differences(&self, stat: &Stat) -> Changes {
        let mut changes = Changes::default();
        let permissions = stat.st_mode & mode::PERMISSIONS;
        changes.set(self.kind != Kind::Symlink && permissions != self.permissions, item::REPORT_PERMS);
        changes.set(self.uid.is_some_and(|uid| uid != stat.st_uid), item::REPORT_OWNER);
        changes.set(self.gid.is_some_and(|gid| gid != stat.st_gid), item::REPORT_GROUP);
        changes
    }

    /// Whether an access control list has to be set, so that one which was inherited cannot stay.
    pub(super) fn has_list(&self) -> bool {
        self.lists.as_ref().is_some_and(|(access, default)| access.is_some() || default.is_some())
    }
}

fn lists_differ<F: AsFd>(node: &Node<F>, names: &[u8], (access, default): &Lists) -> io::Result<bool> {
    for (name, wanted) in [(acl::ACCESS, access), (acl::DEFAULT, default)] {
        let there = names.split(|byte| *byte == 0).any(|found| found == name);
        if there != wanted.is_some() || there && node.xattr(name)? != *wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

fn set_list<F: AsFd>(node: &Node<F>, name: &[u8], value: Option<&[u8]>) -> io::Result<()> {
    match value {
        Some(value) => node.set_xattr(name, value),
        None => node.remove_xattr(name),
    }
}

/// The process's umask, which can only be asked for by setting it, or here.
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    value.and_then(|text| u32::from_str_radix(text.trim(), 8).ok()).unwrap_or(0o022)
}
