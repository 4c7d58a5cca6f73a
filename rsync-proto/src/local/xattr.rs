//! Extended attributes of local files against those of the file list.

use std::borrow::Cow;
use std::io;
use std::os::fd::AsFd;

use super::fake;
use super::node::Node;
use super::seen::Attributes;
use crate::filter::XattrRules;
use crate::flist::{Xattr, XattrSet};

/// XFS shows access control lists a second time, as attributes of these names; removing such an attribute
/// removes the list.
const XFS_LISTS: &[u8] = b"trusted.SGI_ACL_";

/// In what rsync keeps what only root may give a file. Such an attribute of the server's is not one of the
/// file's, and here it would give the file another owner or kind.
const HIDDEN: &[u8] = b"user.rsync.%";

/// Which attributes this side takes part in, and under what names.
#[derive(Debug)]
pub(super) struct Scope {
    /// All namespaces, not only that of users.
    pub(super) root: bool,
    /// Attributes of other namespaces are kept as a user's.
    pub(super) fake: bool,
    /// Attributes that hide others are taken as what they are.
    pub(super) hidden: bool,
    /// What the caller's rules say of names.
    pub(super) rules: Option<XattrRules>,
}

impl Scope {
    /// Whether this side takes part in an attribute of a file here.
    pub(super) fn is_ours(&self, name: &[u8]) -> bool {
        let namespaces: &[&[u8]] =
            if self.root && !self.fake { &[b"user.", b"trusted.", b"security."] } else { &[b"user."] };
        let excluded = self.rules.as_ref().is_some_and(|rules| rules.exclude(name));
        let own = self.fake && fake::is_own(name);
        namespaces.iter().any(|namespace| name.starts_with(namespace))
            && !(excluded || own || name.starts_with(XFS_LISTS))
    }

    /// What an attribute of the server's is called here, if this side takes part in it.
    fn name_here<'a>(&self, name: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let renamed = self.fake && (name.starts_with(b"trusted.") || name.starts_with(b"security."));
        let here = if renamed { Cow::Owned([fake::PREFIX, name].concat()) } else { Cow::Borrowed(name) };
        let taken = self.is_ours(&here)
            && (self.hidden && !self.fake || !here.starts_with(HIDDEN))
            && !name.starts_with(XFS_LISTS);
        taken.then_some(here)
    }

    fn items<'a>(&'a self, set: &'a XattrSet) -> impl Iterator<Item = (Cow<'a, [u8]>, &'a Xattr)> {
        set.items.iter().filter_map(move |item| Some((self.name_here(&item.name)?, item)))
    }
}

fn split(names: &[u8]) -> impl Iterator<Item = &[u8]> {
    names.split(|byte| *byte == 0).filter(|name| !name.is_empty())
}

/// Whether a file whose attributes have these names differs from `set`. Values that only the server has are
/// taken over from the file where their sum agrees, so that nobody needs to ask for them.
pub(super) fn differs(
    node: &impl Attributes,
    names: &[u8],
    set: &XattrSet,
    scope: &Scope,
) -> io::Result<bool> {
    let mut different = false;
    let mut present = 0;
    for (name, item) in scope.items(set) {
        if !split(names).any(|there| there == &*name) {
            different = true;
            continue;
        }
        present += 1;
        match node.xattr(&name)? {
            Some(value) if item.matches(&value) => item.supply(&value),
            _ => different = true,
        }
    }
    Ok(different || split(names).filter(|name| scope.is_ours(name)).count() != present)
}

/// Gives a file the attributes of `set`, as far as their values are here, and removes all others. What fails
/// does not keep the others from being set; the first failure is returned.
pub(super) fn apply<F: AsFd>(node: &Node<F>, set: &XattrSet, scope: &Scope, new: bool) -> io::Result<()> {
    let names = if new && set.items.is_empty() { Vec::new() } else { node.xattr_names()? };
    let surplus = split(&names)
        .filter(|there| scope.is_ours(there) && !scope.items(set).any(|(name, _)| *name == **there))
        .map(|name| node.remove_xattr(name));
    let wanted = scope.items(set).map(|(name, item)| {
        let Some(value) = item.value() else { return Ok(()) };
        let there = split(&names).any(|there| there == &*name);
        if there && node.xattr(&name)?.as_deref() == Some(&value[..]) {
            return Ok(());
        }
        node.set_xattr(&name, value)
    });
    let failures: Vec<io::Error> = surplus.chain(wanted).filter_map(Result::err).collect();
    failures.into_iter().next().map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(scope: &Scope, name: &str) -> Option<String> {
        scope.name_here(name.as_bytes()).map(|name| String::from_utf8(name.into_owned()).unwrap())
    }

    #[test]
    fn nothing_of_the_server_hides_anything() {
        let scope = |root, fake, hidden| Scope { root, fake, hidden, rules: None };
        for name in ["user.rsync.%stat", "user.rsync.%aacl", "user.rsync.%", "user.rsync.%dacl.more"] {
            for fake in [false, true] {
                assert_eq!(here(&scope(true, fake, false), name), None, "{name}");
                assert_eq!(here(&scope(true, fake, true), name).is_some(), !fake, "{name}");
            }
        }
        for name in ["%stat.x", "trusted.SGI_ACL_FILE", "system.posix_acl_access"] {
            assert_eq!(here(&scope(true, true, false), name), None, "{name}");
        }
    }

    #[test]
    fn other_namespaces_are_for_root_or_faked() {
        let scope = |root, fake| Scope { root, fake, hidden: false, rules: None };
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(here(&scope(true, false), "trusted.a"), some("trusted.a"));
        assert_eq!(here(&scope(false, false), "trusted.a"), None);
        assert_eq!(here(&scope(true, true), "trusted.a"), some("user.rsync.trusted.a"));
        assert_eq!(here(&scope(true, true), "security.capability"), some("user.rsync.security.capability"));
        for (root, fake) in [(true, false), (false, false), (true, true)] {
            assert_eq!(here(&scope(root, fake), "user.a"), some("user.a"));
        }
        // What is kept in an attribute is no attribute of the file.
        assert!(!scope(true, true).is_ours(b"user.rsync.%stat"));
        assert!(scope(true, true).is_ours(b"user.rsync.trusted.a"));
        assert!(!scope(true, true).is_ours(b"trusted.a"));
    }
}
