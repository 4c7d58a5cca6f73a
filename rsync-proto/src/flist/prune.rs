//! Leaves directories out that would be empty (`-m`). Only where the list comes in one piece is it known which.

use super::entry::{Entry, State};
use super::name::SafePath;
use crate::filter::Scope;
use crate::wire::flags::mode;

/// Marks the directories of a complete, sorted list that hold nothing but such directories. Those that a rule
/// protects here stay, and so does what they lie in.
pub(super) fn mark_empty(entries: &mut [Entry], arena: &[u8], dirs: &[SafePath], scope: &Scope) {
    let mut needed = vec![false; dirs.len()];
    // Content follows its directory.
    for entry in entries.iter_mut().rev().filter(|entry| entry.state != State::Root) {
        if u32::from(entry.mode) & mode::TYPE == mode::DIRECTORY && entry.state == State::Active {
            let own = (entry.payload >> 32) as usize;
            let protected = || {
                let name = &arena[entry.name_at as usize..][..usize::from(entry.name_len)];
                scope.protects(dirs[entry.dir as usize].join(name).as_bytes(), true, false)
            };
            if !needed[own] && (scope.is_empty() || !protected()) {
                entry.state = State::Pruned;
                continue;
            }
        }
        needed[entry.dir as usize] = true;
    }
}
