//! Packed tokens, unpacked by the client's half of the library.

use bytes::Bytes;

use super::super::packer::Packer;
use super::super::tokens::Tokens;
use super::*;
use crate::compression::{CompressionKind, Unpacker};
use crate::delta::PackedToken;
use crate::wire::Cursor;

/// Takes tokens apart; `literal` unpacks runs, and `block` hears of blocks.
fn take_apart(mut tokens: &[u8], mut literal: impl FnMut(&[u8]), mut block: impl FnMut(u32)) {
    let mut before = 0;
    loop {
        let mut cursor = Cursor::new(tokens);
        match PackedToken::read(&mut cursor, before).unwrap() {
            PackedToken::Packed(len) => literal(cursor.take(usize::from(len)).unwrap()),
            PackedToken::Blocks { first, last } => {
                (first..=last).for_each(&mut block);
                before = last;
            }
            PackedToken::End => {
                assert_eq!(cursor.position(), tokens.len());
                return;
            }
        }
        tokens = &tokens[cursor.position()..];
    }
}

/// The file that the tokens of a compression come to, where blocks take no part in it.
fn unpack(unpacker: &mut Unpacker, tokens: &[u8], basis: &[u8], layout: &BlockLayout) -> Vec<u8> {
    let file = std::cell::RefCell::new(Vec::new());
    unpacker.begin_file();
    let unpacker = std::cell::RefCell::new(unpacker);
    take_apart(
        tokens,
        |run| {
            let mut run = Bytes::copy_from_slice(run);
            while let Some(piece) = unpacker.borrow_mut().next(&mut run, true).unwrap() {
                file.borrow_mut().extend(piece);
            }
        },
        |block| {
            unpacker.borrow_mut().pause().unwrap();
            let (offset, len) = layout.block(block).unwrap();
            file.borrow_mut().extend(&basis[offset as usize..][..len as usize]);
        },
    );
    unpacker.borrow_mut().pause().unwrap();
    file.into_inner()
}

fn kinds() -> Vec<CompressionKind> {
    Packer::available().filter(|kind| *kind != CompressionKind::Zlib).collect()
}

fn round(kind: CompressionKind, files: &[(Vec<u8>, Vec<u8>)], block_len: usize, store: bool) {
    let summer = summer(ChecksumKind::Xxh128);
    let mut tokens = Tokens::new(Packer::new(kind, None, 31));
    let mut unpacker = Unpacker::new(kind).unwrap();
    for (basis, content) in files {
        tokens.begin(store);
        let sums = sums(basis, block_len, &summer);
        let mut collector = Collector { tokens, out: Vec::new(), pieces: Vec::new() };
        collector = collector.find(content, &sums, &summer, false);
        let layout = layout(basis, block_len, 8);
        assert!(unpack(&mut unpacker, &collector.out, basis, &layout) == *content, "{kind:?}");
        tokens = collector.tokens;
    }
}

#[test]
fn what_was_packed_comes_back() {
    let mut dice = Dice(4);
    for kind in kinds() {
        for _ in 0..100 {
            let different = 1 + dice.roll(200);
            let files: Vec<_> = (0..4)
                .map(|_| {
                    let len = dice.roll(5000);
                    alike(&mut dice, len, different)
                })
                .collect();
            round(kind, &files, 50 + dice.roll(200), dice.roll(3) == 0);
        }
    }
}

#[test]
fn long_literals_of_any_kind_come_back() {
    let mut dice = Dice(5);
    let noise = dice.bytes(1_000_000, 256);
    let words: Vec<u8> =
        (0..200_000).flat_map(|_| [&b"lorem "[..], b"ipsum ", b"dolor\n"][dice.roll(3)].to_vec()).collect();
    let skewed: Vec<u8> =
        (0..1_000_000).map(|_| (dice.roll(256) & dice.roll(256) & dice.roll(256)) as u8).collect();
    let files: Vec<_> = [noise.clone(), words, vec![0; 3_000_000], skewed, noise, vec![1], vec![]]
        .into_iter()
        .map(|content| (Vec::new(), content))
        .collect();
    for kind in kinds() {
        round(kind, &files, 700, false);
        round(kind, &files, 700, true);
    }
}

#[test]
fn runs_of_blocks_are_told_together() {
    let mut tokens = Tokens::new(Packer::new(CompressionKind::Lz4, None, 31));
    let told = |tokens: &mut Tokens, blocks: &[u32]| {
        let mut out = Vec::new();
        tokens.begin(false);
        blocks.iter().for_each(|block| tokens.block(&mut out, *block, b"x"));
        tokens.end(&mut out);
        out
    };
    assert_eq!(told(&mut tokens, &[0]), [0x80, 0]);
    assert_eq!(told(&mut tokens, &[1, 2, 3, 10]), [0xc1, 2, 0, 0x87, 0]);
    assert_eq!(told(&mut tokens, &[64]), [0x20, 64, 0, 0, 0, 0]);
    assert_eq!(told(&mut tokens, &[5, 3]), [0x85, 0x20, 3, 0, 0, 0, 0]);
    let many: Vec<u32> = (0..65_540).collect();
    assert_eq!(told(&mut tokens, &many), [0xc0, 0xff, 0xff, 0xc1, 3, 0, 0]);
}

/// Old deflate: blocks take part, in the old way and in the new.
#[cfg(feature = "zlib")]
#[test]
fn blocks_take_part_in_old_deflate() {
    use crate::compression::Inflate;
    let mut dice = Dice(6);
    let summer = summer(ChecksumKind::Xxh128);
    for (protocol, block_len) in
        [(30, 100), (31, 100), (30, 70_000), (31, 70_000), (30, 131_072), (31, 131_072)]
    {
        let basis = dice.bytes(block_len * 3 + 10, 256);
        let mut content = basis[..block_len].to_vec();
        content.extend(&basis[block_len - 500.min(block_len)..block_len]);
        content.extend(b"something else");
        content.extend(&basis[block_len..2 * block_len]);
        content.extend(&basis[..50]);
        content.extend(b"and more");
        let sums = sums(&basis, block_len, &summer);
        let tokens = Tokens::new(Packer::new(CompressionKind::Zlib, None, protocol));
        let found = Collector::new(tokens).find(&content, &sums, &summer, false);
        let layout = layout(&basis, block_len, 8);
        let inflate = std::cell::RefCell::new(Inflate::default());
        let file = std::cell::RefCell::new(Vec::new());
        take_apart(
            &found.out,
            |run| {
                let mut run = Bytes::copy_from_slice(run);
                while let Some(piece) = inflate.borrow_mut().next(&mut run).unwrap() {
                    file.borrow_mut().extend(piece);
                }
            },
            |block| {
                let (offset, len) = layout.block(block).unwrap();
                let block = &basis[offset as usize..][..len as usize];
                let mut inflate = inflate.borrow_mut();
                inflate.pause().unwrap();
                if protocol < 31 { inflate.remember_block(block) } else { inflate.remember(block) }.unwrap();
                file.borrow_mut().extend(block);
            },
        );
        assert!(file.into_inner() == content, "protocol {protocol}, blocks of {block_len}");
        assert!(found.pieces.len() > 3);
    }
}
