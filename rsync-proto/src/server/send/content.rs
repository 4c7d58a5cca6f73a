//! Sends the content of a file: whole, as far as the client lacks it, or from some place on. What is read goes out and
//! into the sum over the file in one go.

use rustix::buffer::spare_capacity;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::Advice;
use rustix::io::Errno;

use super::super::failure::Failure;
use super::super::talk::Line;
use super::super::voice::Voice;
use super::search::{Pieces, search};
use super::sums::Sums;
use super::tokens::{MOST_LITERAL, Tokens};
use super::window::{READ, Window};
use crate::checksum::{BlockSummer, FileSummer};

/// Files from so many bytes on are read ahead of.
const LARGE: u64 = 1024 * 1024;
/// Signs of life are looked for each time so many bytes were read.
const BREATH: u64 = 1024 * 1024;

/// What a client has of a file.
#[derive(Clone, Copy)]
pub(super) enum Basis<'a> {
    None,
    /// Blocks; `in_place` if they go away while the file is written.
    Blocks {
        sums: &'a Sums,
        in_place: bool,
    },
    /// The first bytes, which are not sent again; `summed` if they count in the sum over the file.
    Beginning {
        len: u64,
        summed: bool,
    },
}

/// What went out of a file.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Outcome {
    pub literal: u64,
    pub matched: u64,
    /// The file could not be read as it was listed; the client was told by a sum that is wrong.
    pub fault: Option<Errno>,
}

/// What sends content; keeps its memory from file to file.
pub(super) struct Content {
    summer: BlockSummer,
    tokens: Tokens,
    bytes: Vec<u8>,
    /// Makes searches unforeseeable.
    factor: u32,
}

impl Content {
    pub fn new(summer: BlockSummer, tokens: Tokens, factor: u32) -> Self {
        Self { summer, tokens, bytes: Vec::new(), factor }
    }

    /// Sends the tokens of a file that had `size` bytes when it was opened, and the sum over it; `store` if it is not worth
    /// packing.
    ///
    /// # Errors
    /// Those of the line.
    pub fn send(
        &mut self,
        line: &mut Line,
        file: &OwnedFd,
        size: u64,
        basis: Basis<'_>,
        store: bool,
    ) -> Result<Outcome, Failure> {
        self.tokens.begin(store);
        let file = file.as_fd();
        if size >= LARGE {
            // Only a hint.
            let _ = rustix::fs::fadvise(file, 0, None, Advice::Sequential);
        }
        let sum = self.summer.file_sum().begin();
        let mut sender =
            Sender { line, tokens: &mut self.tokens, sum, outcome: Outcome::default(), quiet: 0 };
        match basis {
            Basis::Blocks { sums, in_place } if size > 0 => {
                let memory = std::mem::take(&mut self.bytes);
                let mut window = Window::new(file, size, sums.block_len(), memory);
                search(&mut window, sums, &self.summer, in_place, self.factor, &mut sender)?;
                sender.outcome.fault = window.fault;
                self.bytes = window.into_bytes();
            }
            Basis::None | Basis::Blocks { .. } => sender.whole(file, 0, size, &mut self.bytes)?,
            Basis::Beginning { len, summed } => {
                // Its size may have changed since the client compared.
                let len = len.min(size);
                if summed {
                    sender.pass(file, len, &mut self.bytes)?;
                }
                if sender.outcome.fault.is_none() {
                    sender.whole(file, len, size, &mut self.bytes)?;
                }
            }
        }
        sender.end()
    }
}

/// A file on its way.
struct Sender<'a> {
    line: &'a mut Line,
    tokens: &'a mut Tokens,
    sum: FileSummer,
    outcome: Outcome,
    /// Bytes that passed since the last breath.
    quiet: u64,
}

impl Sender<'_> {
    fn passed(&mut self, len: usize) -> Result<(), Failure> {
        self.quiet += len as u64;
        if self.quiet >= BREATH {
            self.quiet = 0;
            self.line.breathe()?;
        }
        self.line.push()
    }

    /// Sends everything from `offset` on.
    fn whole(
        &mut self,
        file: BorrowedFd<'_>,
        mut offset: u64,
        size: u64,
        memory: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        while offset < size && self.outcome.fault.is_none() {
            let left = usize::try_from(size - offset).unwrap_or(usize::MAX);
            let read = match self.tokens {
                Tokens::Plain => self.straight(file, offset, left.min(MOST_LITERAL)),
                Tokens::Packed(_) => {
                    let len = self.read(file, offset, left, memory);
                    self.sum.update(&memory[..len]);
                    self.tokens.literal(self.line.out(), &memory[..len]);
                    len
                }
            };
            offset += read as u64;
            self.outcome.literal += read as u64;
            self.passed(read)?;
        }
        Ok(())
    }

    /// Reads a literal right to where it is sent from.
    fn straight(&mut self, file: BorrowedFd<'_>, offset: u64, most: usize) -> usize {
        let out = self.line.out();
        let begin = out.len() + 4;
        out.resize(begin + most, 0);
        let mut filled = 0;
        while filled < most {
            match rustix::io::pread(file, &mut out[begin + filled..], offset + filled as u64) {
                Ok(0) => {
                    self.outcome.fault = Some(Errno::NODATA);
                    break;
                }
                Ok(read) => filled += read,
                Err(Errno::INTR) => {}
                Err(fault) => {
                    self.outcome.fault = Some(fault);
                    break;
                }
            }
        }
        if filled == 0 {
            out.truncate(begin - 4);
            return 0;
        }
        out.truncate(begin + filled);
        out[begin - 4..begin].copy_from_slice(&(filled as i32).to_le_bytes());
        self.sum.update(&out[begin..]);
        filled
    }

    /// Takes bytes into the sum that are not sent.
    fn pass(&mut self, file: BorrowedFd<'_>, len: u64, memory: &mut Vec<u8>) -> Result<(), Failure> {
        let mut offset = 0;
        while offset < len && self.outcome.fault.is_none() {
            let left = usize::try_from(len - offset).unwrap_or(usize::MAX);
            let read = self.read(file, offset, left, memory);
            self.sum.update(&memory[..read]);
            offset += read as u64;
            self.passed(read)?;
        }
        Ok(())
    }

    /// Reads some bytes, `most` at most, into memory.
    fn read(&mut self, file: BorrowedFd<'_>, offset: u64, most: usize, memory: &mut Vec<u8>) -> usize {
        memory.clear();
        memory.reserve(READ.min(most));
        loop {
            match rustix::io::pread(file, spare_capacity(memory), offset) {
                Ok(0) => self.outcome.fault = Some(Errno::NODATA),
                Ok(_) => memory.truncate(most),
                Err(Errno::INTR) => continue,
                Err(fault) => self.outcome.fault = Some(fault),
            }
            return memory.len();
        }
    }

    fn end(self) -> Result<Outcome, Failure> {
        let out = self.line.out();
        self.tokens.end(out);
        let sum = self.sum.finish();
        let wrong = if self.outcome.fault.is_some() { 0xff } else { 0 };
        out.extend(sum.as_bytes().iter().map(|byte| byte ^ wrong));
        self.line.push()?;
        Ok(self.outcome)
    }
}

impl Pieces for Sender<'_> {
    fn literal(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.sum.update(bytes);
        self.tokens.literal(self.line.out(), bytes);
        self.outcome.literal += bytes.len() as u64;
        self.passed(bytes.len())
    }

    fn block(&mut self, block: u32, bytes: &[u8]) -> Result<(), Failure> {
        self.sum.update(bytes);
        self.tokens.block(self.line.out(), block, bytes);
        self.outcome.matched += bytes.len() as u64;
        self.passed(bytes.len())
    }
}
