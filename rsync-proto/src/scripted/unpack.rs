//! The unpacker of a session without the session around it.

use bytes::Bytes;

use crate::compression::{CompressionKind, Unpacker};
use crate::error::Result;

/// Unpacks runs of packed bytes.
pub struct Unpack(Unpacker);

impl Unpack {
    /// For an algorithm; nothing for one that needs matched blocks.
    pub fn new(kind: CompressionKind) -> Option<Self> {
        Unpacker::new(kind).map(Self)
    }

    pub fn begin_file(&mut self) {
        self.0.begin_file();
    }

    /// Takes bytes off the front of `input` until something came of them; `last` tells that they reach to the end of
    /// their run.
    ///
    /// # Errors
    /// The bytes are not what the algorithm makes.
    pub fn next(&mut self, input: &mut Bytes, last: bool) -> Result<Option<Bytes>> {
        self.0.next(input, last)
    }

    /// The packed bytes are interrupted.
    ///
    /// # Errors
    /// They must not be interrupted here.
    pub fn pause(&mut self) -> Result<()> {
        self.0.pause()
    }
}
