//! Buffers for what the network brings. There is a fixed number of them: when all are filled and not yet
//! written to the disk, nothing more is read, which is what bounds the memory of a transfer.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::Notify;

/// Size of a buffer, in bytes: large enough that a system call moves much, small enough for the cache.
const BUFFER_SIZE: usize = 256 * 1024;
/// How many buffers there are.
const BUFFERS: usize = 12;

/// The buffers that are not in use.
#[derive(Clone)]
pub(super) struct Pool(Arc<Inner>);

struct Inner {
    free: Mutex<Free>,
    returned: Notify,
}

struct Free {
    buffers: Vec<Vec<u8>>,
    unborn: usize,
}

/// A buffer that goes back to its pool when the last slice of it is dropped.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    pool: Pool,
}

/// The part of a buffer that was filled.
struct Filled {
    buffer: Buffer,
    len: usize,
}

impl Pool {
    pub(super) fn new() -> Self {
        let free = Free { buffers: Vec::new(), unborn: BUFFERS };
        Self(Arc::new(Inner { free: Mutex::new(free), returned: Notify::new() }))
    }

    /// Whether all buffers are in use.
    pub(super) fn is_exhausted(&self) -> bool {
        let free = self.0.free.lock().expect("no thread panics with the lock");
        free.buffers.is_empty() && free.unborn == 0
    }

    fn try_take(&self) -> Option<Buffer> {
        let mut free = self.0.free.lock().expect("no thread panics with the lock");
        let bytes = match free.buffers.pop() {
            Some(bytes) => bytes,
            None => {
                free.unborn = free.unborn.checked_sub(1)?;
                vec![0; BUFFER_SIZE]
            }
        };
        Some(Buffer { bytes, pool: self.clone() })
    }

    /// A buffer, as soon as there is one.
    pub(super) async fn take(&self) -> Buffer {
        loop {
            if let Some(buffer) = self.try_take() {
                return buffer;
            }
            self.0.returned.notified().await;
        }
    }
}

impl Buffer {
    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The first `len` bytes, to be shared.
    pub(super) fn freeze(self, len: usize) -> Bytes {
        Bytes::from_owner(Filled { buffer: self, len })
    }
}

impl AsRef<[u8]> for Filled {
    fn as_ref(&self) -> &[u8] {
        &self.buffer.bytes[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.pool.0.free.lock().expect("no thread panics with the lock").buffers.push(bytes);
        // One waiter at most; a permit left behind costs it one look.
        self.pool.0.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_with_their_last_slice() {
        let pool = Pool::new();
        let mut taken: Vec<Buffer> = std::iter::from_fn(|| pool.try_take()).collect();
        assert_eq!(taken.len(), BUFFERS);
        let slice = taken.pop().unwrap().freeze(10).slice(2..4);
        assert!(pool.try_take().is_none());
        drop(slice);
        assert!(pool.try_take().is_some());
    }
}
