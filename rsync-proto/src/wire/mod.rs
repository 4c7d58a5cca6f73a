//! Stateless codecs: integers of every width, indexes, frames, flags. Nothing here knows what the bytes are
//! for, and nothing allocates.

mod cursor;
pub mod flags;
pub mod frame;
mod index;
pub mod put;

pub use cursor::{Cursor, Parse, Stop};
pub use index::{Index, IndexCodec};
