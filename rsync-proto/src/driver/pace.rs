//! How long a server may send nothing useful, and how slowly it may send.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Clock, Error, Result};
use crate::limits::MIN_RATE;

/// The clocks of a transfer.
pub(super) struct Pace {
    /// Nothing for no limit.
    idle: Option<Duration>,
    last_progress: Instant,
    last_look: Instant,
    bytes: u64,
    /// Since the rate was last reckoned: how long the server was waited for, and what came.
    waited: Duration,
    came: u64,
}

impl Pace {
    pub(super) fn new(idle: Option<Duration>, now: Instant) -> Self {
        Self { idle, last_progress: now, last_look: now, bytes: 0, waited: Duration::ZERO, came: 0 }
    }

    /// A shorter limit than before holds from now on.
    pub(super) fn shorten(&mut self, limit: Duration) {
        self.idle = self.idle.map(|own| own.min(limit));
    }

    /// Something went on that does not depend on the server.
    pub(super) fn progress(&mut self, now: Instant) {
        self.last_progress = now;
    }

    /// Looks at the clocks. `bytes` of the stream came so far, without messages and empty frames; `waiting`: only the
    /// server holds things up.
    ///
    /// # Errors
    /// [`Error::Timeout`].
    pub(super) fn look(&mut self, now: Instant, bytes: u64, waiting: bool) -> Result<()> {
        let since = now - std::mem::replace(&mut self.last_look, now);
        let more = bytes - std::mem::replace(&mut self.bytes, bytes);
        if more > 0 || !waiting {
            self.last_progress = now;
        }
        let Some(limit) = self.idle else { return Ok(()) };
        if now - self.last_progress >= limit {
            return Err(Error::Timeout { clock: Clock::Idle, after: limit });
        }
        self.came += more;
        if waiting {
            self.waited += since;
        }
        // Twice as long as it may be silent: it may have been.
        if self.waited >= 2 * limit {
            if self.came < MIN_RATE * self.waited.as_secs() {
                return Err(Error::Timeout { clock: Clock::Pace, after: self.waited });
            }
            (self.waited, self.came) = (Duration::ZERO, 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks every half second, for so many seconds: what comes by then, and whether the server is waited for.
    fn run(idle: u64, seconds: u64, mut bytes: impl FnMut(u64) -> (u64, bool)) -> Result<()> {
        let start = Instant::now();
        let mut pace = Pace::new(Some(Duration::from_secs(idle)), start);
        (1..=2 * seconds).try_for_each(|half| {
            let (bytes, waiting) = bytes(half);
            pace.look(start + Duration::from_millis(500 * half), bytes, waiting)
        })
    }

    fn clock(result: Result<()>) -> Option<Clock> {
        match result {
            Ok(()) => None,
            Err(Error::Timeout { clock, .. }) => Some(clock),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn silence_has_an_end() {
        assert_eq!(clock(run(10, 9, |_| (0, true))), None);
        assert_eq!(clock(run(10, 10, |_| (0, true))), Some(Clock::Idle));
        assert_eq!(clock(run(10, 600, |_| (0, false))), None, "it is not the server that is slow");
    }

    #[test]
    fn a_drip_is_no_progress_for_ever() {
        assert_eq!(clock(run(10, 19, |half| (half, true))), None);
        assert_eq!(clock(run(10, 20, |half| (half, true))), Some(Clock::Pace));
        assert_eq!(
            clock(run(10, 600, |half| (half, half % 100 == 0))),
            None,
            "its share of the time is small"
        );
        assert_eq!(
            clock(run(10, 600, |half| (half * MIN_RATE / 2 + 1, true))),
            None,
            "slow, but fast enough"
        );
        // A block, and then silence for almost as long as may be, again and again.
        assert_eq!(clock(run(10, 600, |half| (half / 18 * 700, true))), None);
    }

    #[test]
    fn without_a_limit_nothing_ends() {
        let start = Instant::now();
        let mut pace = Pace::new(None, start);
        assert!(pace.look(start + Duration::from_secs(1_000_000), 0, true).is_ok());
    }

    #[test]
    fn the_limit_can_only_become_shorter() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(Duration::from_secs(10)), start);
        pace.shorten(Duration::from_secs(60));
        assert!(pace.look(start + Duration::from_secs(9), 0, true).is_ok());
        pace.shorten(Duration::from_secs(5));
        assert!(pace.look(start + Duration::from_millis(9100), 0, true).is_err());
    }
}
