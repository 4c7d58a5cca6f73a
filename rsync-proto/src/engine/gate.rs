//! A bound on work under way: whoever adds to it waits while it is full.

use std::sync::{Condvar, Mutex};

/// A counter with a limit.
#[derive(Debug)]
pub(super) struct Gate {
    limit: u64,
    used: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    closed: bool,
}

impl Gate {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, used: Mutex::default(), freed: Condvar::new() }
    }

    /// Whether `cost` would have to wait.
    pub(super) fn is_full(&self, cost: u64) -> bool {
        let state = self.used.lock().expect("no thread panics with the lock");
        !state.closed && state.used > 0 && state.used + cost > self.limit
    }

    /// Takes `cost`, after waiting until there is room for it. Alone, even more than the limit may pass.
    pub(super) fn enter(&self, cost: u64) {
        let mut state = self.used.lock().expect("no thread panics with the lock");
        while !state.closed && state.used > 0 && state.used + cost > self.limit {
            state = self.freed.wait(state).expect("no thread panics with the lock");
        }
        state.used += cost;
    }

    /// Takes `cost` without waiting.
    pub(super) fn exceed(&self, cost: u64) {
        self.used.lock().expect("no thread panics with the lock").used += cost;
    }

    /// Gives `cost` back.
    pub(super) fn leave(&self, cost: u64) {
        let mut state = self.used.lock().expect("no thread panics with the lock");
        state.used -= cost;
        drop(state);
        self.freed.notify_one();
    }

    /// Nobody waits any more.
    pub(super) fn close(&self) {
        self.used.lock().expect("no thread panics with the lock").closed = true;
        self.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_but_for_one_alone() {
        let gate = Gate::new(10);
        gate.enter(50);
        assert!(gate.is_full(1));
        gate.leave(50);
        gate.enter(6);
        assert!(!gate.is_full(4) && gate.is_full(5));
        gate.close();
        gate.enter(100);
    }
}
