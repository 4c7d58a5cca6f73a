//! Extended attributes of local files against those of the file list.

use std::io;
use std::os::fd::AsFd;

use crate::flist::XattrSet;

use super::node::Node;

/// XFS shows access control lists a second time, as attributes of these names; removing such an attribute
/// removes the list.
const XFS_LISTS: &[u8] = b"trusted.SGI_ACL_";

/// Whether this side takes part in an attribute.
fn is_ours(name: &[u8], root: bool) -> bool {
    let namespaces: &[&[u8]] = if root { &[b"user.", b"trusted.", b"security."] } else { &[b"user."] };
    namespaces.iter().any(|namespace| name.starts_with(namespace)) && !name.starts_with(XFS_LISTS)
}

fn split(names: &[u8]) -> impl Iterator<Item = &[u8]> {
    names.split(|byte| *byte == 0).filter(|name| !name.is_empty())
}

/// Whether a file whose attributes have these names differs from `set`. Values that only the server has are
/// taken over from the file where their sum agrees, so that nobody needs to ask for them.
pub(super) fn differs<F: AsFd>(node: &Node<F>, names: &[u8], set: &XattrSet, root: bool) -> io::Result<bool> {
    let mut different = false;
    let mut present = 0;
    for item in set.items.iter().filter(|item| is_ours(&item.name, root)) {
        if !split(names).any(|name| name == &*item.name) {
            different = true;
            continue;
        }
        present += 1;
        match node.xattr(&item.name)? {
            Some(value) if item.matches(&value) => item.supply(&value),
            _ => different = true,
        }
    }
    Ok(different || split(names).filter(|name| is_ours(name, root)).count() != present)
}

/// Gives a file the attributes of `set`, as far as their values are here, and removes all others. What fails
/// does not keep the others from being set; the first failure is returned.
pub(super) fn apply<F: AsFd>(node: &Node<F>, set: &XattrSet, root: bool, new: bool) -> io::Result<()> {
    let names = if new && set.items.is_empty() { Vec::new() } else { node.xattr_names()? };
    let surplus = split(&names)
        .filter(|name| is_ours(name, root) && !set.items.iter().any(|item| &*item.name == *name))
        .map(|name| node.remove_xattr(name));
    let wanted = set.items.iter().filter(|item| is_ours(&item.name, root)).map(|item| {
        let Some(value) = item.value() else { return Ok(()) };
        let there = split(&names).any(|name| name == &*item.name);
        if there && node.xattr(&item.name)?.as_deref() == Some(&value[..]) {
            return Ok(());
        }
        node.set_xattr(&item.name, value)
    });
    let failures: Vec<io::Error> = surplus.chain(wanted).filter_map(Result::err).collect();
    failures.into_iter().next().map_or(Ok(()), Err)
}
