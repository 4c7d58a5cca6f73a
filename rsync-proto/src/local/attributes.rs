//! How the attributes that an entry shall have differ from those of a file, and setting them in the
//! order in which no step undoes another: owner (clears set-id bits and capabilities), extended attributes,
//! access control lists (an inherited one would be widened by a change of mode), mode, times.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Stat, statat};
use rustix::io::Errno;

use super::acl;
use super::fake;
use super::ids::{IdMap, Identity, UnknownName};
use super::machine::{ListXattrs, Machine};
use super::node::Node;
use super::seen::Attributes;
use super::wish::{Lists, Wish};
use super::xattr::{self, Scope};
use crate::flist::{EntryRef, Kind};
use crate::options::Options;
use crate::report::Changes;
use crate::wire::flags::{item, mode};

/// What decides about attributes, apart from the entry.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) perms: bool,
    pub(super) executability: bool,
    pub(super) times: bool,
    pub(super) access_times: bool,
    pub(super) omit_dir_times: bool,
    pub(super) omit_link_times: bool,
    pub(super) owner: bool,
    pub(super) group: bool,
    pub(super) acls: bool,
    pub(super) xattrs: bool,
    /// Which extended attributes take part.
    pub(super) scope: Scope,
    lenient: bool,
    pub(super) modify_window: i32,
    pub(super) identity: Identity,
    pub(super) ids: IdMap,
    /// What is wrong with the rules for users and groups.
    pub(super) unknown_name: Option<UnknownName>,
    /// Permissions that new files do not get where the server's are not kept.
    pub(super) umask: u32,
    /// How attributes are listed, if there is a way of its own.
    pub(super) list_xattrs: Option<ListXattrs>,
}

impl Policy {
    pub(super) fn new(options: &Options, machine: &Machine) -> Self {
        let asked = &options.attributes;
        let identity = Identity::current(asked.privileges);
        let (ids, unknown_name) =
            IdMap::with_rules(!options.numeric_ids, &asked.users, &asked.groups, machine);
        Self {
            perms: options.perms,
            executability: asked.executability,
            times: options.times,
            access_times: asked.access_times,
            omit_dir_times: options.omits_dir_times(),
            omit_link_times: asked.omit_link_times,
            owner: options.owner && identity.root,
            group: options.group,
            acls: options.acls,
            xattrs: options.xattrs,
            scope: Scope {
                root: identity.root,
                fake: identity.fake,
                hidden: asked.hidden_xattrs,
                rules: options.filters.xattr_rules(),
            },
            lenient: options.lenient_attributes,
            modify_window: options.selection.modify_window,
            ids,
            unknown_name,
            umask: machine.umask,
            list_xattrs: machine.list_xattrs,
            identity,
        }
    }

    /// The attributes in which access and default list are kept.
    fn list_names(&self) -> [&'static [u8]; 2] {
        if self.identity.fake { [fake::ACCESS, fake::DEFAULT] } else { [acl::ACCESS, acl::DEFAULT] }
    }

    /// Holds the entry `name` of a directory, which was seen to be of this kind.
    pub(super) fn open(&self, dir: BorrowedFd<'_>, name: &[u8], kind: Kind) -> io::Result<Node<OwnedFd>> {
        if !self.identity.fake {
            return Node::open(dir, name, kind);
        }
        // What stands for an entry of this kind may still be of another.
        let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Node::open(dir, name, Kind::from_mode(stat.st_mode).unwrap_or(Kind::Fifo))
    }

    /// Whether a file of this mode has other permissions than the entry shall have.
    pub(super) fn permissions_differ(&self, entry: EntryRef<'_>, there: u32) -> bool {
        let there = there & mode::PERMISSIONS;
        let executable = |permissions: u32| permissions & 0o111 != 0;
        self.perms && there != entry.permissions()
            || !self.perms
                && self.executability
                && entry.kind() == Kind::File
                && executable(there) != executable(entry.permissions())
    }

    /// The status of a file, or what it pretends to be.
    pub(super) fn stat<F: AsFd>(&self, node: &Node<F>) -> io::Result<Stat> {
        let stat = node.stat()?;
        Ok(if self.identity.fake { fake::seen(node, stat) } else { stat })
    }

    /// Whether owner, group, permissions and time of a file become what the entry's are, and the time of its directory
    /// does not tell whether it was replaced.
    pub(super) fn sets_status(&self) -> bool {
        self.owner && self.group && self.perms && self.times && !self.omit_dir_times && !self.identity.fake
    }

    /// Whether extended attributes and lists of a file become what the entry's are.
    pub(super) fn sets_all_attributes(&self) -> bool {
        self.acls && self.xattrs && self.scope.rules.is_none()
    }

    /// Whether attributes take more than a look at the file's status.
    fn looks_inside(&self) -> bool {
        self.acls || self.xattrs
    }

    /// What of `stat` and of the file behind it differs from the wish. `look` is called only where more than
    /// the status is needed.
    pub(super) fn differences<A: Attributes>(
        &self,
        wish: &Wish<'_>,
        stat: &Stat,
        look: impl FnOnce() -> io::Result<A>,
    ) -> io::Result<Changes> {
        let mut changes = wish.status_differences(stat);
        changes.set(wish.mtime.is_some_and(|time| !self.same_time(stat, time)), item::REPORT_TIME);
        if self.looks_inside() {
            let node = look()?;
            let names = node.xattr_names()?;
            if let Some(lists) = &wish.lists {
                changes.set(lists_differ(&node, &names, self.list_names(), lists)?, item::REPORT_ACL);
            }
            if let Some(set) = wish.xattrs {
                changes.set(xattr::differs(&node, &names, set, &self.scope)?, item::REPORT_XATTR);
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
        let fake = self.identity.fake;
        let mut permissions = wish.permissions;
        if !self.perms && wish.kind == Kind::Directory && changes.is_new() {
            // Whoever is in a directory for a group stays in it.
            permissions |= stat.st_mode & SET_GROUP_ID;
        }
        let mut current = stat.st_mode & mode::PERMISSIONS;
        let mut xattrs_due = changes.has(item::REPORT_XATTR | item::IS_NEW);
        let mut failures = Failures::default();
        let uid = wish.uid.filter(|uid| *uid != stat.st_uid);
        let gid = wish.gid.filter(|gid| *gid != stat.st_gid);
        if fake {
            failures
                .note("owner, kind and permissions", fake::pretend(node, &wish.pretended(permissions, stat)));
        } else if uid.is_some() || gid.is_some() {
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
            let applied = xattr::apply(node, set, &self.scope, changes.is_new());
            failures.note("extended attributes", self.as_far_as_there(applied));
        }
        if let Some((access, default)) = wish.lists.as_ref().filter(|_| changes.has(item::REPORT_ACL)) {
            let set = |name, list: Option<&[u8]>| self.as_far_as_there(set_list(node, name, list));
            let [access_name, default_name] = self.list_names();
            failures.note("access control list", set(access_name, access.as_deref()));
            if wish.kind == Kind::Directory {
                failures.note("default access control list", set(default_name, default.as_deref()));
            }
            // A list brings its own idea of the mode.
            current = UNKNOWN_MODE;
        }
        if wish.kind != Kind::Symlink && current != permissions && !fake {
            failures.note("permissions", node.set_mode(permissions));
        }
        let anew = changes.has(item::IS_NEW | item::TRANSFER);
        let mtime = wish.mtime.filter(|mtime| {
            let exact = (stat.st_mtime, stat.st_mtime_nsec as u32) == *mtime;
            !exact && (anew || !self.same_time(stat, *mtime))
        });
        let access_time = wish.access_time.filter(|seconds| anew || stat.st_atime != *seconds);
        if mtime.is_some() || access_time.is_some() {
            failures.note("times", node.set_times(access_time, mtime));
        }
        failures.first.map_or(Ok(()), Err)
    }

    /// A directory that was finished was disturbed once more: gives it back the time that it had, where times are kept.
    pub(super) fn put_time_back(&self, dir: BorrowedFd<'_>, before: &Stat) -> io::Result<()> {
        if !self.times || self.omit_dir_times {
            return Ok(());
        }
        Node::borrowed(dir).set_times(None, Some((before.st_mtime, before.st_mtime_nsec as u32)))
    }

    /// Sets what is no change worth telling, apart from `changes`, which are told and set: the access time of a
    /// symlink; where sums were compared, times to the last digit, and the access time that the reading changed; an
    /// owner whose change is told as one of permissions; that an entry pretends at all.
    pub(super) fn settle(
        &self,
        dir: BorrowedFd<'_>,
        name: &[u8],
        (entry, stat): (EntryRef<'_>, &Stat),
        changes: Changes,
        summed: bool,
    ) -> io::Result<()> {
        let kind = entry.kind();
        let summed = summed && kind == Kind::File;
        let link = kind == Kind::Symlink && self.access_times;
        let set_id = stat.st_mode & SET_ID != 0 && !self.identity.fake;
        let pretends = self.identity.fake && !changes.any();
        if !(summed || link || set_id || pretends) {
            return Ok(());
        }
        let wish = self.wish(entry, stat);
        let given_away = wish.status_differences(stat).has(item::REPORT_OWNER | item::REPORT_GROUP);
        if pretends || set_id && given_away {
            let node = self.open(dir, name, kind)?;
            self.apply(&wish, &node, &self.stat(&node)?, Changes::default())?;
        }
        let access_time = wish.access_time.filter(|seconds| summed || link && stat.st_atime != *seconds);
        let mtime = wish.mtime.filter(|mtime| summed && *mtime != (stat.st_mtime, stat.st_mtime_nsec as u32));
        if access_time.is_some() || mtime.is_some() {
            self.open(dir, name, kind)?.set_times(access_time, mtime)?;
        }
        Ok(())
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
/// New entries of a directory get its group.
const SET_GROUP_ID: u32 = 0o2000;
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

fn lists_differ(
    node: &impl Attributes,
    names: &[u8],
    [access_name, default_name]: [&[u8]; 2],
    (access, default): &Lists,
) -> io::Result<bool> {
    for (name, wanted) in [(access_name, access), (default_name, default)] {
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
