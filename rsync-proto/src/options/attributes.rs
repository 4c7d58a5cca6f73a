//! Which attributes an entry gets here, where they are not simply the server's.

use super::owners::IdRules;
use crate::chmod::ModeChanges;
use crate::error::{Error, Result};

/// Attributes that are changed on the way, and those that few transfers keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attributes {
    /// Changes of permissions, made to the list as it arrives (`--chmod`). They reach the disk as the server's own
    /// permissions would.
    pub chmod: ModeChanges,
    /// Who becomes whom (`--usermap`, `--chown`). Needs `owner`.
    pub users: IdRules,
    /// Which group becomes which (`--groupmap`, `--chown`). Needs `group`.
    pub groups: IdRules,
    /// Let files that exist be executable where the server's are, if permissions are not kept (`-E`).
    pub executability: bool,
    /// Set access times (`-U`), but for directories.
    pub access_times: bool,
    /// Let the server read files without changing their access times (`--open-noatime`). Here that is always so, as far as
    /// it is allowed.
    pub open_noatime: bool,
    /// Leave times of symlinks alone (`-J`).
    pub omit_link_times: bool,
    /// Take extended attributes in which other programs' `--fake-super` hides attributes as what they are (`-XX`).
    pub hidden_xattrs: bool,
    /// What this process may do, or shall pretend to have done.
    pub privileges: Privileges,
}

/// What this process may do to files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Privileges {
    /// What its user may: everything as root.
    #[default]
    Own,
    /// Everything is tried, even if not root (`--super`).
    Super,
    /// Nothing is tried that only root may (`--no-super`).
    Ordinary,
    /// What only root may is kept in an extended attribute of each entry, in rsync's way (`--fake-super`): owners,
    /// set-id bits, devices, symlinks and what else is no file or directory.
    Fake,
}

impl Attributes {
    pub(super) fn check(&self, owner: bool, group: bool) -> Result<()> {
        if self.privileges == Privileges::Fake && self.hidden_xattrs {
            return Err(Error::Misuse(
                "--fake-super and -XX contradict each other: both write the attributes user.rsync.%…; use -X"
                    .to_owned(),
            ));
        }
        for (rules, kept, names) in [(&self.users, owner, "users (-o)"), (&self.groups, group, "groups (-g)")]
        {
            if !rules.is_empty() && !kept {
                return Err(Error::Misuse(format!("rules for {names} need them to be kept")));
            }
        }
        Ok(())
    }
}
