//! A bound on work under way: whoever adds to it waits while it is full.

use std::sync::{Arc, Condvar, Mutex};

use bytes::Bytes;

/// A counter with a limit.
#[derive(Debug)]
pub(super) struct Gate {
    limit: u64,
    /// Whoever waits goes on only when so much is free: to wake for each bit that is given back costs more than it
    /// brings.
    slack: u64,
    used: Mutex<State>,
    freed: Condvar,
}

/// Bytes that were let in.
struct Held {
    bytes: Vec<u8>,
    gate: Arc<Gate>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gate.leave(self.bytes.len() as u64);
    }
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    closed: bool,
    /// Somebody waits until no more than this is used.
    awaited: Option<u64>,
}

impl Gate {
    pub(super) fn new(limit: u64) -> Self {
        Self::with_slack(limit, 0)
    }

    /// A gate at which a single thread waits, until `slack` is free. What was taken has to come back without its doing.
    pub(super) fn with_slack(limit: u64, slack: u64) -> Self {
        Self { limit, slack, used: Mutex::default(), freed: Condvar::new() }
    }

    /// Takes `cost` if there is room for it.
    pub(super) fn try_enter(&self, cost: u64) -> bool {
        let mut state = self.used.lock().expect("no thread panics with the lock");
        let enters = !self.must_wait(&state, 0, cost);
        if enters {
            state.used += cost;
        }
        enters
    }

    /// Whether `cost` would have to wait, for whoever has taken `own` and is not going to give it back before.
    pub(super) fn is_full_beside(&self, own: u64, cost: u64) -> bool {
        self.must_wait(&self.used.lock().expect("no thread panics with the lock"), own, cost)
    }

    fn must_wait(&self, state: &State, own: u64, cost: u64) -> bool {
        !state.closed && state.used > own && state.used + cost > self.limit
    }

    /// Takes `cost`, after waiting until there is room for it. Alone, even more than the limit may pass.
    pub(super) fn enter(&self, cost: u64) {
        self.enter_beside(0, cost);
    }

    /// The same for whoever has taken `own` and is not going to give it back before.
    pub(super) fn enter_beside(&self, own: u64, cost: u64) {
        let mut state = self.used.lock().expect("no thread panics with the lock");
        if self.must_wait(&state, own, cost) {
            let awaited = own.max(self.limit.saturating_sub(cost.max(self.slack)));
            state.awaited = Some(awaited);
            while !state.closed && state.used > awaited {
                state = self.freed.wait(state).expect("no thread panics with the lock");
            }
            state.awaited = None;
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
        let wakes = state.awaited.is_some_and(|awaited| state.used <= awaited);
        drop(state);
        if wakes {
            self.freed.notify_one();
        }
    }

    /// Lets bytes in as soon as there is room for them. They leave when the last slice of them is dropped.
    pub(super) fn hold(self: &Arc<Self>, bytes: Vec<u8>) -> Bytes {
        self.enter(bytes.len() as u64);
        Bytes::from_owner(Held { bytes, gate: Arc::clone(self) })
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
        assert!(!gate.try_enter(1));
        gate.leave(50);
        gate.enter(6);
        assert!(!gate.try_enter(5) && gate.try_enter(4));
        gate.leave(4);
        assert!(gate.is_full_beside(5, 5) && !gate.is_full_beside(6, 5), "nobody waits for himself");
        gate.close();
        gate.enter(100);
    }

    /// One thread enters with `cost` while all is taken; then `given` come back one after the other, and only the last
    /// lets it in.
    fn waits_for(gate: &Gate, cost: u64, given: &[u64]) {
        let awaited = || gate.used.lock().unwrap().awaited;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| gate.enter(cost));
            while awaited().is_none() {
                std::thread::yield_now();
            }
            let (last, first) = given.split_last().unwrap();
            for cost in first {
                gate.leave(*cost);
                assert!(awaited().is_some() && !waiting.is_finished());
            }
            gate.leave(*last);
            waiting.join().unwrap();
        });
    }

    #[test]
    fn bytes_leave_with_their_last_slice() {
        let gate = Arc::new(Gate::new(8));
        let slice = gate.hold(vec![7; 8]).slice(2..3);
        assert!(!gate.try_enter(1) && slice == [7][..]);
        drop(slice);
        assert!(gate.try_enter(8));
    }

    #[test]
    fn whoever_waits_goes_on_when_the_slack_is_free() {
        let gate = Gate::with_slack(8, 4);
        gate.enter(8);
        waits_for(&gate, 1, &[1, 1, 1, 1]);
        assert_eq!(gate.used.lock().unwrap().used, 5);
        let gate = Gate::with_slack(8, 4);
        gate.enter(8);
        waits_for(&gate, 6, &[4, 2]);
        let gate = Gate::with_slack(8, 4);
        gate.enter(8);
        waits_for(&gate, 100, &[4, 3, 1]);
        let gate = Gate::new(8);
        gate.enter(8);
        waits_for(&gate, 1, &[1]);
    }
}
