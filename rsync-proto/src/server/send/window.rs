//! The part of a file that is at hand while it is searched. The file may shrink or fail meanwhile.

use rustix::buffer::spare_capacity;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;

/// Bytes that are read at once.
pub(super) const READ: usize = 256 * 1024;

/// A file from some place on.
pub(super) struct Window<'a> {
    file: BorrowedFd<'a>,
    /// How long the file was when it was opened; what it grew by is not read.
    size: u64,
    /// Where the bytes at hand begin.
    base: u64,
    bytes: Vec<u8>,
    /// Why the rest of the file cannot be read.
    pub fault: Option<Errno>,
}

impl<'a> Window<'a> {
    /// `bytes` is memory to use; `block_len` the most that has to be at hand at once.
    pub fn new(file: BorrowedFd<'a>, size: u64, block_len: usize, mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        let most = usize::try_from(size).map_or(READ + block_len, |size| size.min(READ + block_len));
        bytes.reserve(most.max(1));
        Self { file, size, base: 0, bytes, fault: None }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where `at` is in the file.
    pub fn place(&self, at: usize) -> u64 {
        self.base + at as u64
    }

    /// Drops the first `at` bytes, and reads as many as there is room for, up to the end of the file.
    pub fn move_on(&mut self, at: usize) {
        let kept = self.bytes.len() - at;
        self.bytes.copy_within(at.., 0);
        self.bytes.truncate(kept);
        self.base += at as u64;
        while self.fault.is_none() {
            let offset = self.base + self.bytes.len() as u64;
            let left = self.size.saturating_sub(offset);
            if left == 0 || self.bytes.len() == self.bytes.capacity() {
                break;
            }
            match rustix::io::pread(self.file, spare_capacity(&mut self.bytes), offset) {
                // What rsync says of a file that shrank.
                Ok(0) => self.fault = Some(Errno::NODATA),
                Ok(read) => {
                    // It may have grown.
                    if read as u64 > left {
                        self.bytes.truncate(self.bytes.len() - (read as u64 - left) as usize);
                    }
                }
                Err(Errno::INTR) => {}
                Err(fault) => self.fault = Some(fault),
            }
        }
    }
}
