//! Bytes in and out, and the clocks: nothing here waits longer than it may.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::super::failure::Failure;
use super::super::inlet::Opened;
use super::super::stream::{Moved, Ready};
use super::Line;
use crate::wire::frame::Tag;

/// How often it is looked whether the server is to stop.
const LOOK: Duration = Duration::from_millis(250);
/// How long a client has to take a refusal.
const LINGER: Duration = Duration::from_secs(3);

impl Line {
    /// Says no more, and waits a moment for the client to hang up: what it has not read yet would be lost if bytes of its own
    /// were not taken.
    pub(in crate::server::talk) fn linger(&mut self) {
        self.stream.shut();
        let until = Instant::now() + LINGER;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stop.load(Ordering::Relaxed) {
                return;
            }
            match self.stream.wait(true, false, left.min(LOOK)) {
                Ok(ready) if !ready.reading && !ready.hung_up => continue,
                Ok(_) => {}
                Err(_) => return,
            }
            let room = self.inlet.room();
            let known = room.len();
            let moved = self.stream.read(room);
            room.truncate(known);
            if !matches!(moved, Ok(Moved::Bytes(_) | Moved::NotNow)) {
                return;
            }
        }
    }

    /// Gets more of the stream, or waits for it.
    pub(super) fn fill(&mut self) -> Result<(), Failure> {
        if self.open()? {
            return Ok(());
        }
        let mut since = Instant::now();
        loop {
            match self.receive()? {
                Moved::Bytes(_) if !self.inlet.is_framed() || self.open()? => return Ok(()),
                Moved::Bytes(_) => {
                    // A sign of life; but the clocks go on in a flood of them.
                    since = Instant::now();
                    self.check(since)?;
                    continue;
                }
                Moved::End => return Err(Failure::HungUp),
                Moved::NotNow => {}
            }
            if self.outlet.waiting() > 0 {
                self.flush()?;
                continue;
            }
            self.wait(true, false, since)?;
        }
    }

    /// Whether there is more of the stream than before. Without frames, that is what was received.
    pub(super) fn open(&mut self) -> Result<bool, Failure> {
        match self.inlet.open()? {
            Opened::More => Ok(true),
            Opened::Short => Ok(false),
            Opened::Exit(_) => Err(Failure::HungUp),
        }
    }

    pub(super) fn receive(&mut self) -> Result<Moved, Failure> {
        let moved = self.stream.read(self.inlet.room()).map_err(Failure::Network)?;
        if let Moved::Bytes(len) = moved {
            self.read += len as u64;
        }
        Ok(moved)
    }

    /// Sends what the client takes and its bandwidth allows now. Whether that was anything.
    pub(super) fn send_some(&mut self) -> Result<bool, Failure> {
        let mut most = usize::MAX;
        if self.bandwidth > 0 {
            if Instant::now() < self.due {
                return Ok(false);
            }
            // A tenth of a second's worth at a time.
            most = usize::try_from(self.bandwidth / 10).unwrap_or(usize::MAX).max(512);
        }
        let stream = &mut self.stream;
        let moved = self.outlet.with_slices(most, |slices| stream.write(slices)).map_err(Failure::Network)?;
        match moved {
            Moved::Bytes(len) => {
                self.outlet.sent(len);
                self.written += len as u64;
                self.last_written = Instant::now();
                if self.bandwidth > 0 {
                    let start = self.due.max(self.last_written);
                    self.due = start + Duration::from_secs_f64(len as f64 / self.bandwidth as f64);
                }
                Ok(true)
            }
            Moved::NotNow => Ok(false),
            Moved::End => Err(Failure::HungUp),
        }
    }

    /// Waits a moment for the client.
    pub(super) fn wait(&mut self, reading: bool, writing: bool, since: Instant) -> Result<Ready, Failure> {
        let now = Instant::now();
        self.check(now)?;
        let waited = now.duration_since(since);
        let held_back = if writing { self.due.saturating_duration_since(now) } else { Duration::ZERO };
        if waited >= self.idle && held_back.is_zero() {
            return Err(Failure::Silent(self.idle));
        }
        if held_back.is_zero() {
            let mut most = LOOK.min(self.idle - waited);
            if !writing {
                self.live(now)?;
                if let Some(after) = self.keep_alive {
                    // A sign of life is due then.
                    most = most.min(after.saturating_sub(now.duration_since(self.last_written)));
                }
            }
            let most = most.max(Duration::from_millis(1));
            self.stream.wait(reading, writing, most).map_err(Failure::Network)
        } else {
            self.stream.wait(reading, false, LOOK.min(held_back)).map_err(Failure::Network)
        }
    }

    pub(super) fn check(&self, now: Instant) -> Result<(), Failure> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Failure::Stopped);
        }
        match self.deadline {
            Some(deadline) if now >= deadline => Err(Failure::Silent(self.idle)),
            _ => Ok(()),
        }
    }

    /// Sends a sign of life if one is due. What the client does not take now is no reason to wait.
    pub(super) fn live(&mut self, now: Instant) -> Result<(), Failure> {
        let Some(after) = self.keep_alive else { return Ok(()) };
        if now.duration_since(self.last_written) < after || !self.outlet.is_framed() {
            return Ok(());
        }
        if self.outlet.waiting() == 0 {
            self.outlet.message(Tag::Data, Vec::new());
        }
        self.outlet.seal();
        self.send_some()?;
        // Tried is as good as sent: the next one is due as long after it.
        self.last_written = now;
        Ok(())
    }
}
