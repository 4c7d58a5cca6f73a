//! Output in shared pieces: they are cut off one large buffer, which is used again once all of them are dropped.

use bytes::{Bytes, BytesMut};

/// Size of the buffer, in bytes.
const SIZE: usize = 512 * 1024;

/// Where output goes.
#[derive(Default)]
pub(super) struct Outlet {
    /// Room that is not handed out.
    room: BytesMut,
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
        if self.room.capacity() < len {
            self.room.clear();
            self.room.reserve(len.max(SIZE));
        }
    }
}
