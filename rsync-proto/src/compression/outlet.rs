//! Output in shared pieces: they are cut off large buffers, each of which is used again once all of its pieces are dropped.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Size of a buffer, in bytes.
const SIZE: usize = 512 * 1024;
/// How many buffers are waited for whose pieces others still have. What lies before the disk has room in so many; to give them
/// back each time and to take others takes some allocators longer than to unpack.
const SPENT: usize = 8;

/// Where output goes.
#[derive(Default)]
pub(super) struct Outlet {
    /// Room that is not handed out.
    room: BytesMut,
    /// What was handed out is of these, the oldest first.
    spent: VecDeque<BytesMut>,
}

impl Outlet {
    /// A copy of these bytes.
    #[cfg(feature = "zstd")]
    pub(super) fn copy(&mut self, bytes: &[u8]) -> Bytes {
        self.ensure(bytes.len());
        self.room.extend_from_slice(bytes);
        self.room.split().freeze()
    }

    /// Lets `write` fill up to `len` bytes; what it wrote is handed out.
    #[cfg(any(feature = "lz4", feature = "zlib"))]
    pub(super) fn write<E>(
        &mut self,
        len: usize,
        write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Bytes, E> {
        self.ensure(len);
        // What was not written to stays as it is: a server that sends its bytes one by one would have all of it cleared
        // for each of them.
        if self.room.len() < len {
            self.room.resize(len, 0);
        }
        let written = write(&mut self.room[..len])?;
        Ok(self.room.split_to(written).freeze())
    }

    fn ensure(&mut self, len: usize) {
        if self.room.capacity() >= len {
            return;
        }
        let len = len.max(SIZE);
        let mut spent = std::mem::take(&mut self.room);
        spent.clear();
        self.spent.push_back(spent);
        let free = self.spent.iter_mut().position(|spent| spent.try_reclaim(len));
        self.room = free.and_then(|at| self.spent.remove(at)).unwrap_or_else(|| BytesMut::with_capacity(len));
        if self.spent.len() > SPENT {
            self.spent.pop_front();
        }
    }
}

#[cfg(all(test, feature = "zstd"))]
mod tests {
    use super::*;

    /// Where so many pieces lie, when the last `held` of them are kept by whoever has them.
    fn places(pieces: usize, held: usize) -> Vec<*const u8> {
        let (mut outlet, mut kept) = (Outlet::default(), VecDeque::new());
        let piece = vec![7; SIZE];
        let mut places = Vec::new();
        for _ in 0..pieces {
            let out = outlet.copy(&piece);
            assert_eq!(out, piece);
            places.push(out.as_ptr());
            kept.push_back(out);
            if kept.len() > held {
                kept.pop_front();
            }
        }
        places.sort_unstable();
        places.dedup();
        places
    }

    #[test]
    fn buffers_are_used_again_when_nobody_has_pieces_of_them() {
        assert!(places(100, 0).len() <= 2);
        assert!(places(100, 5).len() <= 7, "{:?}", places(100, 5).len());
    }

    #[test]
    fn no_more_than_some_are_waited_for() {
        let (mut outlet, piece) = (Outlet::default(), vec![7; SIZE]);
        let kept: Vec<Bytes> = (0..40).map(|_| outlet.copy(&piece)).collect();
        assert!(kept.iter().all(|it| *it == piece) && outlet.spent.len() <= SPENT);
    }
}
