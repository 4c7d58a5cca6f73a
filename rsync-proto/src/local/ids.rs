//! Users and groups: from the server's numbers and names to the numbers of this machine. Names are looked up
//! in `/etc/passwd` and `/etc/group` themselves: a ramdisk has no other source, and a static executable
//! cannot ask one.

use std::collections::HashMap;
use std::fs;
use std::sync::RwLock;

use rustix::process::{getegid, geteuid, getgroups};

use crate::flist::{IdNames, Segment};

/// Who runs this, and what follows from it.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) root: bool,
    pub(super) uid: u32,
    groups: Vec<u32>,
}

impl Identity {
    pub(super) fn current() -> Self {
        let uid = geteuid().as_raw();
        let gid = getegid().as_raw();
        let mut groups: Vec<u32> =
            getgroups().unwrap_or_default().into_iter().map(rustix::process::Gid::as_raw).collect();
        groups.push(gid);
        Self { root: uid == 0, uid, groups }
    }

    /// Whether files may be given to this group.
    pub(super) fn may_give_to(&self, gid: u32) -> bool {
        self.root || self.groups.contains(&gid)
    }
}

/// The numbers of this machine for those of the server. Numbers without a name, and names that are unknown
/// here, keep their number.
#[derive(Debug)]
pub(super) struct IdMap {
    by_name: bool,
    users: RwLock<HashMap<u32, u32>>,
    groups: RwLock<HashMap<u32, u32>>,
    local_users: HashMap<Box<[u8]>, u32>,
    local_groups: HashMap<Box<[u8]>, u32>,
}

impl IdMap {
    /// A map by name, or one that keeps every number.
    pub(super) fn new(by_name: bool) -> Self {
        let read =
            |path: &str| if by_name { parse(&fs::read(path).unwrap_or_default()) } else { HashMap::new() };
        Self {
            by_name,
            users: RwLock::default(),
            groups: RwLock::default(),
            local_users: read("/etc/passwd"),
            local_groups: read("/etc/group"),
        }
    }

    pub(super) fn learn(&self, segment: &Segment) {
        learn(&self.users, &self.local_users, segment.users());
        learn(&self.groups, &self.local_groups, segment.groups());
    }

    pub(super) fn uid(&self, id: u32) -> u32 {
        if self.by_name { find(&self.users, id) } else { id }
    }

    pub(super) fn gid(&self, id: u32) -> u32 {
        if self.by_name { find(&self.groups, id) } else { id }
    }
}

fn find(map: &RwLock<HashMap<u32, u32>>, id: u32) -> u32 {
    map.read().expect("no thread panics with the lock").get(&id).copied().unwrap_or(id)
}

fn learn(map: &RwLock<HashMap<u32, u32>>, local: &HashMap<Box<[u8]>, u32>, names: &IdNames) {
    // Number 0 stays 0 whatever its name.
    let known = names.iter().filter(|(id, _)| *id != 0);
    let pairs: Vec<_> = known.filter_map(|(id, name)| Some((*id, *local.get(name)?))).collect();
    if !pairs.is_empty() {
        map.write().expect("no thread panics with the lock").extend(pairs);
    }
}

/// Names and numbers of a file whose lines are `name:x:number:…`.
fn parse(bytes: &[u8]) -> HashMap<Box<[u8]>, u32> {
    let mut found = HashMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let mut fields = line.split(|byte| *byte == b':');
        if let (Some(name), Some(_), Some(id)) = (fields.next(), fields.next(), fields.next())
            && let Some(id) = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok())
        {
            found.entry(name.into()).or_insert(id);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_give_names_and_numbers() {
        let found = parse(b"root:x:0:0:root:/root:/bin/sh\n# comment\nbob:x:1000:\nbob:x:2:\nbad:x:y:\n");
        assert_eq!(found.len(), 2);
        assert_eq!((found[&b"root"[..]], found[&b"bob"[..]]), (0, 1000));
    }
}
