//! Groups of hard links: one file of each group is put in place first, the others are linked to it. Those
//! that come while it is under way wait here; if it fails, one of them takes its place.

use std::collections::HashMap;
use std::sync::Mutex;

use super::shared::Job;
use crate::destination::Destination;
use crate::flist::SafePath;

/// All groups that were met.
pub(super) struct Links<D: Destination> {
    groups: Mutex<HashMap<u32, Group<D>>>,
}

enum Group<D: Destination> {
    /// The file with the data is under way; these wait for it.
    Pending(Vec<Job<D>>),
    /// The file with the data is here.
    Ready(SafePath),
}

/// What an entry of a group has to do.
pub(super) enum Role {
    /// It is the file with the data.
    Leader,
    /// It is another name of the file here.
    Follower(SafePath),
    /// It waits.
    Waiting,
}

impl<D: Destination> Default for Links<D> {
    fn default() -> Self {
        Self { groups: Mutex::default() }
    }
}

impl<D: Destination> Links<D> {
    /// What to do about an entry of `group`. `job` is called, and kept, if it has to wait.
    pub(super) fn join(&self, group: u32, job: impl FnOnce() -> Job<D>) -> Role {
        let mut groups = self.groups.lock().expect("no thread panics with the lock");
        match groups.get_mut(&group) {
            None => {
                groups.insert(group, Group::Pending(Vec::new()));
                Role::Leader
            }
            Some(Group::Pending(waiting)) => {
                waiting.push(job());
                Role::Waiting
            }
            Some(Group::Ready(path)) => Role::Follower(path.clone()),
        }
    }

    /// The file with the data is in place at `path`. Returns those that waited for it.
    pub(super) fn ready(&self, group: u32, path: SafePath) -> Vec<Job<D>> {
        let mut groups = self.groups.lock().expect("no thread panics with the lock");
        match groups.insert(group, Group::Ready(path)) {
            Some(Group::Pending(waiting)) => waiting,
            _ => Vec::new(),
        }
    }

    /// The file with the data will not come. Returns the one that takes its place, if any waited; the others
    /// go on waiting.
    pub(super) fn failed(&self, group: u32) -> Option<Job<D>> {
        let mut groups = self.groups.lock().expect("no thread panics with the lock");
        let next = match groups.get_mut(&group) {
            Some(Group::Pending(waiting)) if !waiting.is_empty() => Some(waiting.remove(0)),
            _ => None,
        };
        if next.is_none() {
            groups.remove(&group);
        }
        next
    }
}
