//! Searches against one that tries every block at every place, and against clients that write in place.

use super::super::tokens::Tokens;
use super::*;
use crate::delta::Token;
use crate::wire::Cursor;

/// The first block that fits at each place, found the slow way.
fn slow(content: &[u8], basis: &[u8], block_len: usize) -> usize {
    let blocks: Vec<&[u8]> = basis.chunks(block_len).collect();
    let (mut at, mut matched) = (0, 0);
    while at < content.len() {
        let len = block_len.min(content.len() - at);
        let short = len < block_len;
        let fits = blocks.iter().enumerate().any(|(number, block)| {
            **block == content[at..at + len] && (!short || number == blocks.len() - 1)
        });
        if fits {
            matched += len;
            at += len;
        } else {
            at += 1;
        }
    }
    matched
}

/// Rebuilds a file from plain tokens.
fn rebuild(mut tokens: &[u8], basis: &[u8], layout: &BlockLayout) -> Vec<u8> {
    let mut file = Vec::new();
    loop {
        let mut cursor = Cursor::new(tokens);
        match Token::read(&mut cursor).unwrap() {
            Token::Literal(len) => {
                assert!(len <= 32 * 1024);
                file.extend(cursor.take(len as usize).unwrap());
            }
            Token::Block(block) => {
                let (offset, len) = layout.block(block).unwrap();
                file.extend(&basis[offset as usize..][..len as usize]);
            }
            Token::End => {
                assert_eq!(cursor.position(), tokens.len());
                return file;
            }
        }
        tokens = &tokens[cursor.position()..];
    }
}

/// Rebuilds a file over its basis.
fn rebuild_in_place(pieces: &[Piece], basis: &[u8], layout: &BlockLayout) -> Vec<u8> {
    let mut file = basis.to_vec();
    let mut at = 0;
    for piece in pieces {
        let bytes = match piece {
            Piece::Literal(bytes) => bytes.clone(),
            Piece::Block(block) => {
                let (offset, len) = layout.block(*block).unwrap();
                file[offset as usize..][..len as usize].to_vec()
            }
        };
        file.resize(file.len().max(at + bytes.len()), 0);
        file[at..at + bytes.len()].copy_from_slice(&bytes);
        at += bytes.len();
    }
    file.truncate(at);
    file
}

#[test]
fn everything_that_can_be_found_is_found() {
    let mut dice = Dice(1);
    for round in 0..3000 {
        let (block_len, kinds) = (1 + dice.roll(40), 1 + dice.roll(4));
        let len = dice.roll(600);
        let (basis, content) = alike(&mut dice, len, kinds);
        let summer = summer(ChecksumKind::Xxh128);
        let sums = sums(&basis, block_len, &summer);
        let found = Collector::new(Tokens::Plain).find(&content, &sums, &summer, false);
        let layout = layout(&basis, block_len, 8);
        assert_eq!(rebuild(&found.out, &basis, &layout), content, "round {round}");
        let matched: u32 = found
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Block(block) => layout.block(*block).unwrap().1,
                Piece::Literal(_) => 0,
            })
            .sum();
        assert_eq!(matched as usize, slow(&content, &basis, block_len), "round {round}");
    }
}

#[test]
fn a_client_that_writes_in_place_still_has_what_it_is_referred_to() {
    let mut dice = Dice(2);
    for round in 0..3000 {
        let (block_len, kinds) = (1 + dice.roll(20), 1 + dice.roll(3));
        let len = dice.roll(400);
        let (basis, content) = alike(&mut dice, len, kinds);
        let summer = summer(ChecksumKind::Xxh128);
        let sums = sums(&basis, block_len, &summer);
        let found = Collector::new(Tokens::Plain).find(&content, &sums, &summer, true);
        let layout = layout(&basis, block_len, 8);
        assert_eq!(rebuild_in_place(&found.pieces, &basis, &layout), content, "round {round}");
    }
}

#[test]
fn large_files_are_searched_part_by_part() {
    let mut dice = Dice(3);
    let basis = dice.bytes(3_000_000, 256);
    let mut content = basis.clone();
    content.splice(1_000_000..1_000_000, [1, 2, 3]);
    content[2_500_000] ^= 1;
    content.truncate(2_900_001);
    let summer = summer(ChecksumKind::Md5);
    for block_len in [700, 4096, 131_072] {
        let sums = sums(&basis, block_len, &summer);
        for in_place in [false, true] {
            let found = Collector::new(Tokens::Plain).find(&content, &sums, &summer, in_place);
            let layout = layout(&basis, block_len, 8);
            if !in_place {
                assert!(rebuild(&found.out, &basis, &layout) == content, "blocks of {block_len}");
                let literals = found.pieces.iter().map(|piece| match piece {
                    Piece::Literal(bytes) => bytes.len(),
                    Piece::Block(_) => 0,
                });
                assert!(literals.sum::<usize>() <= 3 * block_len + 3, "block length {block_len}");
            } else {
                let rebuilt = rebuild_in_place(&found.pieces, &basis, &layout);
                assert!(rebuilt == content, "blocks of {block_len} in place");
            }
        }
    }
}

#[test]
fn a_file_of_zeros_is_found_in_order() {
    let summer = summer(ChecksumKind::Xxh128);
    let content = vec![0; 1_000_000];
    for in_place in [false, true] {
        let sums = sums(&content, 1000, &summer);
        let found = Collector::new(Tokens::Plain).find(&content, &sums, &summer, in_place);
        let expected: Vec<Piece> = (0..1000).map(Piece::Block).collect();
        assert_eq!(found.pieces, expected);
    }
}

/// Sums that a client can send to keep a server busy: weak ones that are met everywhere, strong ones that never are.
#[test]
fn lies_about_sums_take_no_more_time_than_the_file_is_worth() {
    let summer = summer(ChecksumKind::Md5);
    let content = vec![0; 2_000_000];
    for (block_len, count) in [(131_072u32, 2000u32), (4, 200_000)] {
        let layout = BlockLayout { count, block_len, sum_len: 8, remainder: 0 };
        let mut bytes = Vec::new();
        for number in 0..count {
            bytes.extend([0; 4]);
            bytes.extend(u64::from(number).to_le_bytes());
        }
        let sums = Sums::of(layout, summer.kind, bytes);
        let began = std::time::Instant::now();
        let found = Collector::new(Tokens::Plain).find(&content, &sums, &summer, false);
        assert_eq!(found.pieces, [Piece::Literal(content.clone())]);
        // Some seconds without optimisation; without bounds it would be hours.
        assert!(began.elapsed().as_secs() < 30, "blocks of {block_len}");
    }
}

#[test]
fn a_file_that_shrinks_says_so() {
    let content = vec![7; 1000];
    let file = file_of(&content);
    let summer = summer(ChecksumKind::Xxh3);
    let sums = sums(&content, 100, &summer);
    let mut collector = Collector::new(Tokens::Plain);
    let mut window = Window::new(file.as_fd(), 1500, sums.block_len(), Vec::new());
    search(&mut window, &sums, &summer, false, 1, &mut collector).unwrap();
    assert_eq!(window.fault, Some(rustix::io::Errno::NODATA));
    assert_eq!(collector.pieces.len(), 10);
}
