//! Delta transfer: the sums of a basis that go out, and the stream of literals and references that comes back.

mod blocks;
mod packed;
mod tokens;

pub use blocks::{BlockLayout, Offer, SHORT_BLOCK, SHORTEST_BLOCK, block_len, put_block_sums};
pub use packed::PackedToken;
pub use tokens::Token;
