//! An entry as a line of text, and the item that a list was made of in the same words.

use rsync_proto::flist::{Acl, AclName, EntryRef, HardLink, Kind, ListOptions, XattrSet};
use rsync_proto::scripted::{Item, TestAcl};
use rsync_proto::wire::flags::mode;

/// What the decoder shows.
pub fn describe(entry: EntryRef<'_>) -> String {
    let xattrs = |set: &XattrSet| {
        let items = set.items.iter();
        items.map(|it| (it.name.to_vec(), it.len, it.value().map(|value| value.to_vec()))).collect::<Vec<_>>()
    };
    let all = (
        entry.path(),
        (entry.kind(), entry.permissions()),
        (entry.size(), entry.listed_size()),
        entry.mtime(),
        (entry.uid(), entry.gid()),
        entry.device(),
        entry.link_target().escape_ascii().to_string(),
        entry.checksum(),
        entry.hard_link(),
        (entry.acl(), entry.default_acl()),
        entry.xattrs().map(|set| xattrs(set)),
    );
    format!("{all:?}")
}

/// What it has to show of an item, where the values of extended attributes have not been asked for.
pub fn expected(item: &Item, group: Option<HardLink>, asked: &ListOptions) -> String {
    let kind = Kind::from_mode(item.mode).expect("it has a kind");
    let (is_file, is_link, is_dir) = (kind == Kind::File, kind == Kind::Symlink, kind == Kind::Directory);
    let size = item.size as u64;
    let listed = match kind {
        Kind::File => size,
        Kind::Directory => size.min(u64::from(u32::MAX)),
        Kind::Symlink => size.min(0xffff),
        _ => 0,
    };
    let path = if item.path == b"." { &b""[..] } else { &item.path };
    let xattrs = item.xattrs.iter().map(|(name, value)| {
        let name = name.strip_suffix(&[0]).unwrap_or(name).to_vec();
        (name, value.len(), (value.len() <= 32).then(|| value.clone()))
    });
    let xattrs: Vec<_> = xattrs.collect();
    // The times of protocol 29 have 32 bits and no sign.
    let seconds = if asked.protocol < 30 { i64::from(item.mtime as u32) } else { item.mtime };
    let nanoseconds = if asked.protocol >= 31 { item.nanoseconds } else { 0 };
    let all = (
        rsync_proto::flist::SafePath::new(path).expect("it is one"),
        (kind, item.mode & mode::PERMISSIONS),
        (if is_file { size } else { 0 }, listed),
        (seconds, nanoseconds),
        (if asked.owner { item.uid } else { 0 }, if asked.group { item.gid } else { 0 }),
        if kind.is_device() && asked.devices { item.device } else { (0, 0) },
        if is_link && asked.links { item.target.escape_ascii().to_string() } else { String::new() },
        if is_file { &item.sum[..] } else { &[] },
        group,
        (
            (asked.acls && !is_link).then(|| acl(&item.acl)),
            (asked.acls && is_dir).then(|| acl(&item.default_acl)),
        ),
        asked.xattrs.then_some(xattrs),
    );
    format!("{all:?}")
}

fn acl(acl: &TestAcl) -> Acl {
    let names = acl.names.iter();
    Acl {
        user: acl.user.map(|it| it as u8),
        group: acl.group.map(|it| it as u8),
        mask: acl.mask.map(|it| it as u8),
        other: acl.other.map(|it| it as u8),
        names: names
            .map(|it| AclName { is_user: it.is_user, id: it.id, permissions: it.permissions as u8 })
            .collect(),
    }
}

/// Which group of hard links each item is in: the index at which the first of the group was sent.
pub fn link_groups(cut: &[(Option<u32>, Vec<Item>)], inc_recurse: bool) -> Vec<(Vec<u8>, HardLink)> {
    let mut index = u32::from(inc_recurse);
    let mut first: Vec<(u32, u32)> = Vec::new();
    let mut groups = Vec::new();
    for (_, items) in cut {
        for (index, item) in (index..).zip(items) {
            let Some(link) = item.link else { continue };
            let known = first.iter().find(|(number, _)| *number == link).map(|(_, index)| *index);
            if known.is_none() {
                first.push((link, index));
            }
            groups.push((
                item.path.clone(),
                HardLink { group: known.unwrap_or(index), first: known.is_none() },
            ));
        }
        index += items.len() as u32 + u32::from(inc_recurse);
    }
    groups
}
