//! Groups of hard links: one file of each group is put in place first, the others are linked to it. Those
//! that come while it is under way wait here; if it fails, one of them takes its place. The first entry of a
//! group waits as well if it is missing here and others are known to follow: one of them may be there.

use std::collections::HashMap;
use std::sync::Mutex;

use super::shared::Job;
use crate::destination::Destination;
use crate::flist::SafePath;

/// All groups that were met.
pub(super) struct Links<D: Destination> {
    groups: Mutex<HashMap<u32, Group<D>>>,
    /// Groups whose leader stepped back at some time.
    stepped_back: Mutex<Vec<u32>>,
}

enum Group<D: Destination> {
    /// The file with the data is not here yet; these wait for it.
    Pending {
        waiting: Vec<Job<D>>,
        /// Some entry is to become that file.
        has_leader: bool,
    },
    /// The file with the data is here.
    Ready(SafePath),
}

/// What an entry of a group has to do.
pub(super) enum Role {
    /// It is to become the file with the data.
    Leader,
    /// It is another name of the file here.
    Follower(SafePath),
    /// It waits.
    Waiting,
}

impl<D: Destination> Default for Links<D> {
    fn default() -> Self {
        Self { groups: Mutex::default(), stepped_back: Mutex::default() }
    }
}

impl<D: Destination> Links<D> {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Group<D>>> {
        self.groups.lock().expect("no thread panics with the lock")
    }

    /// What to do about an entry of `group`. `job` is called, and kept, if it has to wait.
    pub(super) fn join(&self, group: u32, job: impl FnOnce() -> Job<D>) -> Role {
        let new = Group::Pending { waiting: Vec::new(), has_leader: false };
        match self.lock().entry(group).or_insert(new) {
            Group::Pending { waiting, has_leader: true } => {
                waiting.push(job());
                Role::Waiting
            }
            Group::Pending { has_leader, .. } => {
                *has_leader = true;
                Role::Leader
            }
            Group::Ready(path) => Role::Follower(path.clone()),
        }
    }

    /// The leader steps back, because an entry that comes later may have the data already.
    pub(super) fn step_back(&self, group: u32, job: Job<D>) {
        if let Some(Group::Pending { waiting, has_leader }) = self.lock().get_mut(&group) {
            waiting.push(job);
            *has_leader = false;
            self.stepped_back.lock().expect("no thread panics with the lock").push(group);
        }
    }

    /// Some group that waits for an entry which has not been looked at.
    pub(super) fn leaderless(&self) -> Option<u32> {
        let mut candidates = self.stepped_back.lock().expect("no thread panics with the lock");
        std::iter::from_fn(|| candidates.pop()).find(|group| self.lacks_leader(*group))
    }

    /// An entry of `group` takes no part. Whether somebody else has to become the leader now.
    pub(super) fn lacks_leader(&self, group: u32) -> bool {
        matches!(self.lock().get(&group), Some(Group::Pending { has_leader: false, .. }))
    }

    /// The file with the data is in place at `path`. Returns those that waited for it.
    pub(super) fn ready(&self, group: u32, path: SafePath) -> Vec<Job<D>> {
        match self.lock().insert(group, Group::Ready(path)) {
            Some(Group::Pending { waiting, .. }) => waiting,
            _ => Vec::new(),
        }
    }

    /// The file with the data will not come from where it was expected. Returns the one that takes its
    /// place, if any waited; the others go on waiting.
    pub(super) fn failed(&self, group: u32) -> Option<Job<D>> {
        let mut groups = self.lock();
        let next = match groups.get_mut(&group) {
            Some(Group::Pending { waiting, has_leader }) if !waiting.is_empty() => {
                *has_leader = true;
                Some(waiting.remove(0))
            }
            _ => None,
        };
        if next.is_none() {
            groups.remove(&group);
        }
        next
    }
}
