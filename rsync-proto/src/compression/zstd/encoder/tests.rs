//! The reference decoder, and the one of this library, read what is packed here.

use zstd::stream::raw::{Decoder as Reference, Operation};

use super::super::Decoder;
use super::Encoder;

/// Numbers without an order.
fn dice(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below
    }
}

/// Packs pieces, each of which is flushed, and unpacks all of them.
fn there_and_back(pieces: &[(Vec<u8>, bool)]) -> usize {
    let (mut encoder, mut own, mut reference) =
        (Encoder::default(), Decoder::new(), Reference::new().unwrap());
    let mut packed = 0;
    for (number, (piece, store)) in pieces.iter().enumerate() {
        encoder.store = *store;
        piece.chunks(50_000).for_each(|part| encoder.pack(part));
        encoder.flush();
        packed += encoder.packed.len();
        let mut unpacked = Vec::new();
        let mut rest = &encoder.packed[..];
        while let Some(output) = own.next(&mut rest).unwrap() {
            unpacked.extend_from_slice(output);
        }
        assert!(unpacked == *piece, "piece {number}");
        let mut room = vec![0; piece.len() + 1];
        let (mut read, mut written) = (0, 0);
        loop {
            let status = reference.run_on_buffers(&encoder.packed[read..], &mut room[written..]).unwrap();
            read += status.bytes_read;
            written += status.bytes_written;
            if status.bytes_written == 0 && read == encoder.packed.len() {
                break;
            }
        }
        assert!(room[..written] == piece[..], "piece {number} by the reference");
        encoder.packed.clear();
    }
    packed
}

#[test]
fn bytes_of_any_kind_come_back() {
    let mut dice = dice(7);
    for _ in 0..60 {
        let pieces: Vec<_> = (0..8)
            .map(|_| {
                let (len, kinds, repeats) = (dice(3000), 1 + dice(256), dice(4));
                let mut piece: Vec<u8> = (0..len).map(|_| dice(kinds) as u8).collect();
                for _ in 0..repeats {
                    let (from, len) = (dice(piece.len() + 1), dice(500));
                    let again = piece[from..piece.len().min(from + len)].to_vec();
                    piece.extend(again);
                }
                (piece, dice(5) == 0)
            })
            .collect();
        there_and_back(&pieces);
    }
}

#[test]
fn long_pieces_come_back_and_become_short() {
    let mut dice = dice(8);
    let words: Vec<u8> = (0..600_000)
        .flat_map(|_| [&b"lorem "[..], b"ipsum ", b"dolor, ", b"sit\n"][dice(4)].to_vec())
        .collect();
    let skewed: Vec<u8> = (0..500_000).map(|_| (dice(128) & dice(128) & dice(128)) as u8).collect();
    let rare: Vec<u8> = (0..300_000).map(|_| if dice(1000) == 0 { dice(120) as u8 } else { b'a' }).collect();
    let noise: Vec<u8> = (0..3_000_000).map(|_| dice(256) as u8).collect();
    for (piece, most) in [(&words, 3), (&skewed, 1), (&rare, 10)] {
        assert!(there_and_back(&[(piece.clone(), false)]) * most < piece.len());
    }
    assert!(there_and_back(&[(noise.clone(), false)]) < noise.len() + noise.len() / 1000);
    let all = [noise.clone(), words, noise[2_800_000..].to_vec(), vec![0; 1_000_000], skewed, rare];
    let pieces: Vec<_> = all.into_iter().map(|piece| (piece, false)).collect();
    there_and_back(&pieces);
}
