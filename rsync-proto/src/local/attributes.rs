//! What attributes an entry shall have here, how they differ from those of a file, and setting them in the
//! order in which no step undoes another: owner (clears set-id bits and capabilities), extended attributes,
//! access control lists (an inherited one would be widened by a change of mode), mode, times.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::Stat;
use rustix::io::Errno;

use super::acl;
use super::fake::{self, Pretended};
use super::ids::{IdMap, Identity};
use super::node::Node;
use super::umask::umask;
use super::xattr::{self, Scope};
use crate::flist::{EntryRef, Kind, XattrSet};
use crate::options::Options;
use crate::report::Changes;
use crate::wire::flags::{item, mode};

/// What decides about attributes, apart from the entry.
#[derive(Debug)]
pub(super) struct Policy {
    perms: bool,
    executability: bool,
    times: bool,
    access_times: bool,
    omit_dir_times: bool,
    omit_link_times: bool,
    owner: bool,
    group: bool,
    acls: bool,
    xattrs: bool,
    /// Which extended attributes take part.
    scope: Scope,
    lenient: bool,
    pub(super) identity: Identity,
    pub(super) ids: IdMap,
    /// What is wrong with the rules for users and groups.
    pub(super) unknown_id: Option<String>,
    /// Permissions that new files do not get where the server's are not kept.
    umask: u32,
}

impl Policy {
    pub(super) fn new(options: &Options) -> Self {
        let asked = &options.attributes;
        let identity = Identity::current(asked.privileges);
        let (ids, unknown_id) = IdMap::with_rules(!options.numeric_ids, &asked.users, &asked.groups);
        Self {
            perms: options.perms,
            executability: asked.executability,
            times: options.times,
            access_times: asked.access_times,
            omit_dir_times: options.omit_dir_times,
            omit_link_times: asked.omit_link_times,
            owner: options.owner && identity.root,
            group: options.group,
            acls: options.acls,
            xattrs: options.xattrs,
            scope: Scope { root: identity.root, fake: identity.fake, hidden: asked.hidden_xattrs },
            lenient: options.lenient_attributes,
            ids,
            unknown_id,
            umask: umask(),
            identity,
        }
    }

    /// What `entry` shall have, in place of `existing` if something of its kind is there.
    pub(super) fn wish<'a>(&self, entry: EntryRef<'a>, existing: Option<&Stat>) -> Wish<'a> {
        let kind = entry.kind();
        let permissions = match existing {
            _ if self.perms => entry.permissions(),
            Some(stat) if self.executability && kind == Kind::File => {
                executable_like(entry.permissions(), stat.st_mode & mode::PERMISSIONS)
            }
            Some(stat) => stat.st_mode & mode::PERMISSIONS,
            None => entry.permissions() & 0o777 & !self.umask,
        };
        let gid = self.ids.gid(entry.gid());
        Wish {
            kind,
            permissions,
            uid: self.owner.then(|| self.ids.uid(entry.uid())),
            gid: (self.group && self.identity.may_give_to(gid)).then_some(gid),
            device: entry.device(),
            mtime: self.keeps_time_of(kind).then(|| entry.mtime()),
            access_time: entry
                .access_time()
                .filter(|_| self.access_times && !(self.omit_link_times && kind == Kind::Symlink)),
            lists: (self.acls && kind != Kind::Symlink).then(|| self.lists(entry, permissions)),
            xattrs: if self.xattrs { entry.xattrs().map(|set| &**set) } else { None },
        }
    }

    /// Whether the server's modification time is set.
    pub(super) fn keeps_time_of(&self, kind: Kind) -> bool {
        match kind {
            Kind::Directory => self.times && !self.omit_dir_times,
            Kind::Symlink => self.times && !self.omit_link_times,
            _ => self.times,
        }
    }

    fn lists(&self, entry: EntryRef<'_>, permissions: u32) -> Lists {
        let (access, default) = (entry.acl(), entry.default_acl());
        if self.identity.fake {
            return (
                access.and_then(|acl| fake::access(acl, permissions, &self.ids)),
                default.and_then(|acl| fake::default(acl, &self.ids)),
            );
        }
        (
            access.and_then(|acl| acl::access(acl, permissions, &self.ids)),
            default.and_then(|acl| acl::default(acl, &self.ids)),
        )
    }

    /// The attributes in which access and default list are kept.
    fn list_names(&self) -> [&'static [u8]; 2] {
        if self.identity.fake { [fake::ACCESS, fake::DEFAULT] } else { [acl::ACCESS, acl::DEFAULT] }
    }

    /// Holds the entry `name` of a directory, which was seen to be of this kind.
    pub(super) fn open(&self, dir: BorrowedFd<'_>, name: &[u8], kind: Kind) -> io::Result<Node<OwnedFd>> {
        Node::open(dir, name, if self.identity.fake { fake::kind_here(kind) } else { kind })
    }

    /// The status of a file, or what it pretends to be.
    pub(super) fn stat<F: AsFd>(&self, node: &Node<F>) -> io::Result<Stat> {
        let stat = node.stat()?;
        Ok(if self.identity.fake { fake::seen(node, stat) } else { stat })
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
        if self.looks_inside() {
            let node = open()?;
            let names = node.xattr_names()?;
            if let Some(lists) = &wish.lists {
                changes.set(lists_differ(&node, &names, self.list_names(), lists)?, item::REPORT_ACL);
            }
            if let Some(set) = wish.xattrs {
                changes.set(xattr::differs(&node, &names, set, self.scope)?, item::REPORT_XATTR);
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
            let applied = xattr::apply(node, set, self.scope, changes.is_new());
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
        let mtime = wish.mtime.filter(|(seconds, nanoseconds)| {
            stat.st_mtime != *seconds || anew && stat.st_mtime_nsec as u32 != *nanoseconds
        });
        let access_time = wish.access_time.filter(|seconds| anew || stat.st_atime != *seconds);
        if mtime.is_some() || access_time.is_some() {
            failures.note("times", node.set_times(access_time, mtime));
        }
        failures.first.map_or(Ok(()), Err)
    }

    /// Sets what is no change worth telling: the access time of a symlink, and where sums were compared, times to
    /// the last digit, and the access time that the reading changed.
    pub(super) fn settle_times(
        &self,
        dir: BorrowedFd<'_>,
        name: &[u8],
        entry: EntryRef<'_>,
        stat: &Stat,
        summed: bool,
    ) -> io::Result<()> {
        let kind = entry.kind();
        let summed = summed && kind == Kind::File;
        if !summed && (kind != Kind::Symlink || !self.access_times) {
            return Ok(());
        }
        let wish = self.wish(entry, Some(stat));
        let access_time = wish.access_time.filter(|seconds| summed || stat.st_atime != *seconds);
        let mtime = wish.mtime.filter(|mtime| *mtime != (stat.st_mtime, stat.st_mtime_nsec as u32));
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

/// Access and default list, as the kernel stores them.
type Lists = (Option<Vec<u8>>, Option<Vec<u8>>);

/// The attributes that an entry shall have here.
pub(super) struct Wish<'a> {
    kind: Kind,
    permissions: u32,
    uid: Option<u32>,
    gid: Option<u32>,
    device: (u32, u32),
    mtime: Option<(i64, u32)>,
    access_time: Option<i64>,
    /// Nothing where lists are not kept.
    lists: Option<Lists>,
    xattrs: Option<&'a XattrSet>,
}

impl Wish<'_> {
    fn status_differences(&self, stat: &Stat) -> Changes {
        let mut changes = Changes::default();
        // Whole seconds, as the reference compares: servers before protocol 31 send no more.
        changes.set(self.mtime.is_some_and(|(seconds, _)| seconds != stat.st_mtime), item::REPORT_TIME);
        let access_time = self.access_time.filter(|_| self.kind != Kind::Symlink);
        changes.set(access_time.is_some_and(|seconds| seconds != stat.st_atime), item::REPORT_ACCESS_TIME);
        let permissions = stat.st_mode & mode::PERMISSIONS;
        changes.set(self.kind != Kind::Symlink && permissions != self.permissions, item::REPORT_PERMS);
        changes.set(self.uid.is_some_and(|uid| uid != stat.st_uid), item::REPORT_OWNER);
        changes.set(self.gid.is_some_and(|gid| gid != stat.st_gid), item::REPORT_GROUP);
        changes
    }

    /// What the entry shall pretend to be; what is not kept stays as `stat` has it.
    fn pretended(&self, permissions: u32, stat: &Stat) -> Pretended {
        Pretended {
            mode: self.kind.type_bits() | permissions,
            device: self.device,
            uid: self.uid.unwrap_or(stat.st_uid),
            gid: self.gid.unwrap_or(stat.st_gid),
        }
    }

    /// Whether an access control list has to be set, so that one which was inherited cannot stay.
    pub(super) fn has_list(&self) -> bool {
        self.lists.as_ref().is_some_and(|(access, default)| access.is_some() || default.is_some())
    }
}

fn lists_differ<F: AsFd>(
    node: &Node<F>,
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

/// The permissions of a file that is there: executable by all who may read it, or by nobody, if the server's is
/// and it is not yet so.
fn executable_like(wanted: u32, there: u32) -> u32 {
    match (wanted & 0o111 != 0, there & 0o111 != 0) {
        (false, _) => there & !0o111,
        (true, false) => there | (there & 0o444) >> 2,
        (true, true) => there,
    }
}
