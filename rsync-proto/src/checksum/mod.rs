//! Weak (rolling) and strong sums. Pure functions over bytes.

mod rolling;
mod strong;

pub use rolling::weak_sum;
pub(crate) use strong::xattr_sum;
pub use strong::{BlockSummer, ChecksumKind, FileSum, FileSummer, MAX_SUM, StrongSum};
