//! What attributes an entry shall have here, from what the server says of it and what is there.

use rustix::fs::Stat;

use super::acl;
use super::attributes::Policy;
use super::dir::LocalDir;
use super::fake::{self, Pretended};
use crate::flist::{EntryRef, Kind, XattrSet};
use crate::report::Changes;
use crate::wire::flags::{item, mode};

/// Access and default list, as they are stored.
pub(super) type Lists = (Option<Vec<u8>>, Option<Vec<u8>>);

/// The attributes that an entry shall have here.
pub(super) struct Wish<'a> {
    pub(super) kind: Kind,
    pub(super) permissions: u32,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) device: (u32, u32),
    pub(super) mtime: Option<(i64, u32)>,
    pub(super) access_time: Option<i64>,
    /// Nothing where lists are not kept.
    pub(super) lists: Option<Lists>,
    pub(super) xattrs: Option<&'a XattrSet>,
}

impl Wish<'_> {
    pub(super) fn status_differences(&self, stat: &Stat) -> Changes {
        let mut changes = Changes::default();
        let access_time = self.access_time.filter(|_| self.kind != Kind::Symlink);
        changes.set(access_time.is_some_and(|seconds| seconds != stat.st_atime), item::REPORT_ACCESS_TIME);
        let permissions = stat.st_mode & mode::PERMISSIONS;
        changes.set(self.kind != Kind::Symlink && permissions != self.permissions, item::REPORT_PERMS);
        changes.set(self.uid.is_some_and(|uid| uid != stat.st_uid), item::REPORT_OWNER);
        changes.set(self.gid.is_some_and(|gid| gid != stat.st_gid), item::REPORT_GROUP);
        changes
    }

    /// What the entry shall pretend to be; what is not kept stays as `stat` has it.
    pub(super) fn pretended(&self, permissions: u32, stat: &Stat) -> Pretended {
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

impl Policy {
    /// What `entry` shall have in this directory, in place of `existing` if something of its kind is there.
    pub(super) fn wish_in<'a>(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'a>,
        existing: Option<&Stat>,
    ) -> Wish<'a> {
        match existing {
            Some(existing) => self.wish(entry, existing),
            None if self.perms => self.wish_of(entry, entry.permissions()),
            None => self.wish_of(entry, entry.permissions() & dir.allows_new),
        }
    }

    /// What `entry` shall have in place of something of its kind.
    pub(super) fn wish<'a>(&self, entry: EntryRef<'a>, existing: &Stat) -> Wish<'a> {
        let there = existing.st_mode & mode::PERMISSIONS;
        let permissions = match entry.kind() {
            _ if self.perms => entry.permissions(),
            Kind::File if self.executability => executable_like(entry.permissions(), there),
            _ => there,
        };
        self.wish_of(entry, permissions)
    }

    fn wish_of<'a>(&self, entry: EntryRef<'a>, permissions: u32) -> Wish<'a> {
        let kind = entry.kind();
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
