//! Tests of the room: what goes out is taken by the rules of the other side.

mod content;
mod packed;
mod rebuild;
mod requests;

use std::io::Write;

use rustix::fd::AsFd;

use super::super::failure::Failure;
use super::search::{Pieces, search};
use super::sums::Sums;
use super::tokens::Tokens;
use super::window::Window;
use crate::checksum::{BlockSummer, ChecksumKind};
use crate::delta::{BlockLayout, put_block_sums};

/// Numbers without an order.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below
    }

    /// Bytes out of so many different ones.
    fn bytes(&mut self, len: usize, kinds: usize) -> Vec<u8> {
        (0..len).map(|_| self.roll(kinds) as u8).collect()
    }
}

fn summer(kind: ChecksumKind) -> BlockSummer {
    BlockSummer { kind, seed: 0x1234_5678, seed_first: true, seeds_files: false }
}

fn layout(basis: &[u8], block_len: usize, sum_len: u32) -> BlockLayout {
    BlockLayout {
        count: basis.len().div_ceil(block_len) as u32,
        block_len: block_len as u32,
        sum_len,
        remainder: (basis.len() % block_len) as u32,
    }
}

/// The sums of a basis as a client sends them.
fn sums_on_wire(basis: &[u8], layout: &BlockLayout, summer: &BlockSummer) -> Vec<u8> {
    let mut bytes = Vec::new();
    for block in basis.chunks(layout.block_len as usize) {
        put_block_sums(&mut bytes, summer, layout, block);
    }
    bytes
}

fn sums(basis: &[u8], block_len: usize, summer: &BlockSummer) -> Sums {
    let layout = layout(basis, block_len, 8);
    Sums::of(layout, summer.kind, sums_on_wire(basis, &layout, summer))
}

fn file_of(content: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

/// What a search finds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    Block(u32),
}

/// Collects pieces, and writes them down as tokens.
struct Collector {
    tokens: Tokens,
    out: Vec<u8>,
    pieces: Vec<Piece>,
}

impl Collector {
    fn new(mut tokens: Tokens) -> Self {
        tokens.begin(false);
        Self { tokens, out: Vec::new(), pieces: Vec::new() }
    }

    fn find(mut self, content: &[u8], sums: &Sums, summer: &BlockSummer, in_place: bool) -> Self {
        let file = file_of(content);
        let mut window = Window::new(file.as_fd(), content.len() as u64, sums.block_len(), Vec::new());
        search(&mut window, sums, summer, in_place, 0x9e37_79b1, &mut self).unwrap();
        assert_eq!(window.fault, None);
        self.tokens.end(&mut self.out);
        self
    }
}

impl Pieces for Collector {
    fn literal(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.tokens.literal(&mut self.out, bytes);
        match self.pieces.last_mut() {
            _ if bytes.is_empty() => {}
            Some(Piece::Literal(before)) => before.extend(bytes),
            _ => self.pieces.push(Piece::Literal(bytes.to_vec())),
        }
        Ok(())
    }

    fn block(&mut self, block: u32, bytes: &[u8]) -> Result<(), Failure> {
        self.tokens.block(&mut self.out, block, bytes);
        self.pieces.push(Piece::Block(block));
        Ok(())
    }
}

/// A basis and a file that have much in common: parts that moved, changed, came in between or went away.
fn alike(dice: &mut Dice, len: usize, kinds: usize) -> (Vec<u8>, Vec<u8>) {
    let basis = dice.bytes(len, kinds);
    let mut file = basis.clone();
    for _ in 0..dice.roll(6) {
        let at = dice.roll(file.len() + 1);
        let end = at + dice.roll(file.len() - at + 1).min(200);
        match dice.roll(4) {
            0 => drop(file.drain(at..end)),
            1 => {
                let new = dice.bytes(end - at + 1, kinds);
                file.splice(at..at, new);
            }
            2 => {
                let part = file[at..end].to_vec();
                let to = dice.roll(file.len() + 1);
                file.splice(to..to, part);
            }
            _ if at < file.len() => file[at] ^= 1,
            _ => {}
        }
    }
    (basis, file)
}
