//! Numbers that look random and are the same on every run: what a seed yields is part of what a failing test
//! names.
//!
//! Not for secrets, and not for temporary names.

use std::env;

/// A stream of numbers that is a function of its seed.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream that belongs to `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The stream of the seed that the environment names in `SEED`, or else another one on every run. It says which, and
    /// a test that fails shows what was said.
    ///
    /// # Panics
    /// If `SEED` is no number.
    #[must_use]
    pub fn of_this_run() -> Self {
        Self::or_else(u64::from(std::process::id()))
    }

    /// Numbers that are the same in every run, or those of the environment variable `SEED`: where what is right is what
    /// another program does, which in rare cases depends on time.
    ///
    /// # Panics
    /// As [`Random::of_this_run`].
    #[must_use]
    pub fn or_else(seed: u64) -> Self {
        let number = |text: String| text.parse().unwrap_or_else(|_| panic!("SEED is no number: {text}"));
        let seed = env::var("SEED").map_or(seed, number);
        eprintln!("SEED={seed} chooses the same again");
        Self::new(seed)
    }

    /// The next number; every one of the 2⁶⁴ is as likely as any other.
    pub fn number(&mut self) -> u64 {
        // A counter with an odd step visits every state once; two multiplications spread it over all bits.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number below `bound`, which must not be 0. The slight bias of a remainder does not matter here.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a usize fits in 64 bits");
        usize::try_from(self.number() % bound).expect("less than a usize")
    }

    /// `length` bytes that do not compress and do not repeat.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.number().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    /// `length` bytes made of a few dozen lines over and over: they compress, and equal blocks occur many
    /// times.
    pub fn text(&mut self, length: usize) -> Vec<u8> {
        let lines: Vec<String> =
            (0..37).map(|_| format!("{:016x} = {}\n", self.number(), self.below(1000))).collect();
        let mut bytes = Vec::with_capacity(length + 40);
        while bytes.len() < length {
            bytes.extend_from_slice(lines[self.below(lines.len())].as_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}
