//! LZ4: each run of packed bytes is one block on its own.

use bytes::Bytes;

use super::outlet::Outlet;
use crate::error::{Malformed, Result};
use crate::limits::MAX_LZ4_BLOCK;

/// What is at hand of a block.
#[derive(Default)]
pub(crate) struct Blocks {
    pending: Vec<u8>,
    outlet: Outlet,
}

impl Blocks {
    pub(super) fn next(&mut self, input: &mut Bytes, last: bool) -> Result<Option<Bytes>> {
        let piece = std::mem::take(input);
        if !last {
            self.pending.extend_from_slice(&piece);
            return Ok(None);
        }
        if piece.is_empty() && self.pending.is_empty() {
            return Ok(None);
        }
        let block = if self.pending.is_empty() {
            &piece[..]
        } else {
            self.pending.extend_from_slice(&piece);
            &self.pending
        };
        let unpacked = self.outlet.write(MAX_LZ4_BLOCK, |room| lz4_flex::block::decompress_into(block, room));
        self.pending.clear();
        let unpacked = unpacked.map_err(|error| Malformed::new("an lz4 block", error.to_string()))?;
        Ok((!unpacked.is_empty()).then_some(unpacked))
    }
}
