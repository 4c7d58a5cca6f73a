//! Runs that end before the first change: with which exit code and in which words, and that nothing happened.
//!
//! Not for what fails on the way: see [`crate::deploy`].

use std::ops::Range;

use serde_json::Value;

use crate::bare::BareDisk;
use crate::deploy::{Desk, Ended};

/// A desk, and disks to which nothing may happen.
#[derive(Debug)]
pub struct Refusal<'a> {
    desk: &'a Desk,
    disks: &'a [&'a BareDisk],
    options: &'a [&'a str],
    left_out: Range<u64>,
}

/// What must not change of a disk: what is on it, what the kernel knows of it, and where it is mounted.
type State = (u128, usize, Vec<String>);

impl<'a> Refusal<'a> {
    /// For runs without a boot loader.
    #[must_use]
    pub fn of(desk: &'a Desk, disks: &'a [&'a BareDisk]) -> Self {
        Self { desk, disks, options: &["--no-boot-loader"], left_out: 0..0 }
    }

    /// With other options.
    #[must_use]
    pub fn with(self, options: &'a [&'a str]) -> Self {
        Self { options, ..self }
    }

    /// Whatever happens to these bytes of the disks.
    #[must_use]
    pub fn leaving_out(self, left_out: Range<u64>) -> Self {
        Self { left_out, ..self }
    }

    /// It ends with this code and says all of these words, no step begins, and the disks stay as they are.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn expect(&self, description: &Value, code: i32, words: &[&str]) -> Ended {
        let before = self.states();
        let ended = self.desk.provision(description, self.options).expect(code);
        ended.says(words);
        assert!(ended.steps().is_empty(), "no step was expected to begin: {:?}", ended.steps());
        assert_eq!(self.states(), before, "nothing was expected to happen to the disks\n{}", ended.outcome);
        ended
    }

    fn states(&self) -> Vec<State> {
        self.disks
            .iter()
            .map(|disk| (disk.sum_without(&self.left_out), disk.known_partitions(), disk.mounts()))
            .collect()
    }
}
