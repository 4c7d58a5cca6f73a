//! Trying again after a connection was lost or not had: how often, and after how long.

use std::time::Duration;

use crate::error::Result;
use crate::report::{Monitor, Report};

/// The first wait; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Does `work` until it succeeds, fails by what another try would not mend, or has failed so many times more than
/// once, as long as `again` allows. Returns how many times it was tried again.
pub(crate) async fn persist<T>(
    retries: u32,
    monitor: &dyn Monitor,
    again: impl Fn() -> bool,
    mut work: impl AsyncFnMut() -> Result<T>,
) -> Result<(T, u32)> {
    let mut tried = 0;
    loop {
        match work().await {
            Ok(done) => return Ok((done, tried)),
            Err(error) if tried < retries && error.is_worth_another_try() && again() => {
                let wait = wait(tried);
                tried += 1;
                let seconds = wait.as_secs();
                let message = format!("{error}; trying again in {seconds} s ({tried} of {retries})");
                monitor.report(&Report::Warning(&message));
                tokio::time::sleep(wait).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn wait(tried: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << tried.min(16)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::report::Silent;

    #[test]
    fn waits_grow_up_to_a_limit() {
        let seconds: Vec<u64> = (0..9).map(|tried| wait(tried).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(wait(u32::MAX), LONGEST_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn only_lost_connections_are_tried_again() {
        let mut count = 0;
        let lost = persist(
            3,
            &Silent,
            || true,
            async || {
                count += 1;
                if count < 3 { Err(Error::Gone("a test")) } else { Ok(count) }
            },
        );
        assert_eq!(lost.await.unwrap(), (3, 2));
        for (error, tries) in [(Error::Gone("a test"), 4), (Error::Cancelled, 1)] {
            let error = std::cell::RefCell::new(Some(error));
            let mut count = 0;
            let failed = persist(
                3,
                &Silent,
                || true,
                async || -> Result<()> {
                    count += 1;
                    Err(match &*error.borrow() {
                        Some(Error::Gone(what)) => Error::Gone(what),
                        _ => Error::Cancelled,
                    })
                },
            );
            assert!(failed.await.is_err());
            assert_eq!(count, tries);
        }
    }
}
