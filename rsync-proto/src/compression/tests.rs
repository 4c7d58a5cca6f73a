//! LZ4 and deflate against their encoders, whole, cut and damaged; and what all tests make their content of.

use bytes::Bytes;

use super::*;

/// Numbers that look random, the same each time.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed * 2 + 1)
    }

    pub(crate) fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below.max(1)
    }
}

/// Content of several kinds: words, noise, long repetitions, one byte many times.
pub(crate) fn content(dice: &mut Dice, len: usize) -> Vec<u8> {
    let words: Vec<Vec<u8>> = (0..200)
        .map(|_| (0..2 + dice.roll(9)).map(|_| b"etaoinshrdlu ,.\n"[dice.roll(16)]).collect())
        .collect();
    let mut out = Vec::new();
    while out.len() < len {
        let run = 1 + dice.roll(20_000);
        match dice.roll(5) {
            0 => (0..run).for_each(|_| out.push(dice.roll(256) as u8)),
            1 => out.resize(out.len() + run, dice.roll(256) as u8),
            2 if !out.is_empty() => {
                let from = dice.roll(out.len());
                (from..from + run).for_each(|at| out.push(out[at]));
            }
            _ => (0..run / 6).for_each(|_| out.extend(&words[dice.roll(words.len())])),
        }
    }
    out.truncate(len);
    out
}

/// Unpacks one run that comes in pieces of this size.
fn unpack(unpacker: &mut Unpacker, run: &[u8], size: usize, out: &mut Vec<u8>) -> Result<()> {
    let count = run.len().div_ceil(size);
    for (at, piece) in run.chunks(size).enumerate() {
        let mut piece = Bytes::copy_from_slice(piece);
        while let Some(unpacked) = unpacker.next(&mut piece, at + 1 == count)? {
            assert!(unpacked.len() <= 64 * 1024, "pieces are bounded");
            out.extend_from_slice(&unpacked);
        }
        assert!(piece.is_empty());
    }
    Ok(())
}

#[cfg(feature = "lz4")]
#[test]
fn lz4_blocks_are_bounded_and_survive_damage() {
    let mut dice = Dice::new(1);
    let data = content(&mut dice, 16_383);
    let block = lz4_flex::block::compress(&data);
    for size in [1, 1000, block.len()] {
        let mut out = Vec::new();
        unpack(&mut Unpacker::new(CompressionKind::Lz4).unwrap(), &block, size, &mut out).unwrap();
        assert!(out == data);
    }
    let long = lz4_flex::block::compress(&vec![7; crate::limits::MAX_LZ4_BLOCK + 1]);
    let mut unpacker = Unpacker::new(CompressionKind::Lz4).unwrap();
    assert!(unpack(&mut unpacker, &long, long.len(), &mut Vec::new()).is_err(), "a long block");
    for cut in 1..block.len() {
        let mut unpacker = Unpacker::new(CompressionKind::Lz4).unwrap();
        let _ = unpack(&mut unpacker, &block[..cut], cut, &mut Vec::new());
    }
    for bit in 0..block.len() * 8 {
        let mut damaged = block.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let mut unpacker = Unpacker::new(CompressionKind::Lz4).unwrap();
        let _ = unpack(&mut unpacker, &damaged, damaged.len(), &mut Vec::new());
    }
}

#[cfg(feature = "zlib")]
mod deflated {
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    /// What a server does: literals are flushed without the end of the flush, matched blocks only remembered.
    struct Sender(Compress);

    impl Sender {
        fn new(level: u32) -> Self {
            Self(Compress::new(Compression::new(level), false))
        }

        fn flush(&mut self, bytes: &[u8]) -> Vec<u8> {
            let mut out = Vec::with_capacity(bytes.len() * 2 + 1000);
            self.0.compress_vec(bytes, &mut out, FlushCompress::Sync).unwrap();
            out
        }

        fn literal(&mut self, bytes: &[u8]) -> Vec<u8> {
            let mut out = self.flush(bytes);
            assert_eq!(out.split_off(out.len() - 4), [0, 0, 0xff, 0xff]);
            out
        }
    }

    fn inflate(inflate: &mut Inflate, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut bytes = Bytes::copy_from_slice(bytes);
        while let Some(piece) = inflate.next(&mut bytes)? {
            out.extend_from_slice(&piece);
        }
        Ok(())
    }

    #[test]
    fn literals_go_on_after_interruptions() {
        let mut dice = Dice::new(2);
        let data = content(&mut dice, 900_000);
        for level in [0, 1, 6, 9] {
            let (mut sender, mut unpacker) =
                (Sender::new(level), Unpacker::new(CompressionKind::Zlibx).unwrap());
            let mut out = Vec::new();
            for part in data.chunks(70_001) {
                let run = sender.literal(part);
                unpack(&mut unpacker, &run, 1 + dice.roll(5_000), &mut out).unwrap();
                unpacker.pause().unwrap();
            }
            assert!(out == data, "level {level}");
            unpacker.begin_file();
            let mut again = Vec::new();
            unpack(&mut unpacker, &Sender::new(level).literal(&data[..5_000]), 100, &mut again).unwrap();
            assert!(again == data[..5_000], "each file has a stream of its own");
        }
    }

    /// The decoder may take its last input before it has handed out all that comes of it, where its own buffer ends.
    #[test]
    fn all_that_came_is_handed_out() {
        let mut dice = Dice::new(5);
        for round in 0..600 {
            let (mut sender, mut receiver) = (Sender::new(1 + dice.roll(9) as u32), Inflate::default());
            let len = 1 + dice.roll(4_000);
            let parts = [content(&mut dice, len), vec![2; 32_768 - len + dice.roll(400)]];
            for part in &parts {
                let mut out = Vec::new();
                inflate(&mut receiver, &sender.literal(part), &mut out).unwrap();
                assert_eq!(out.len(), part.len(), "round {round}");
                receiver.pause().unwrap();
            }
        }
    }

    /// What is remembered is no output, whenever the decoder hands it out.
    #[test]
    fn all_that_is_remembered_is_waste() {
        for len in (32_768 - 300..32_768 + 300).chain(65_536 - 300..65_536 + 300) {
            let data: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let (mut sender, mut receiver, mut out) = (Sender::new(1), Inflate::default(), Vec::new());
            sender.flush(&data);
            receiver.remember(&data).unwrap();
            inflate(&mut receiver, &sender.literal(&data[..9_000]), &mut out).unwrap();
            receiver.pause().unwrap();
            assert!(out == data[..9_000], "{len}");
        }
    }

    #[test]
    fn literals_refer_to_matched_blocks() {
        let mut dice = Dice::new(3);
        let block: Vec<u8> = (0..100_000).map(|_| dice.roll(256) as u8).collect();
        let (mut sender, mut receiver) = (Sender::new(9), Inflate::default());
        let mut out = Vec::new();
        sender.flush(&block);
        receiver.remember(&block[block.len() - Inflate::WINDOW..]).unwrap();
        let run = sender.literal(&block[80_000..90_000]);
        assert!(run.len() < 1_000, "it was found in the block: {}", run.len());
        inflate(&mut receiver, &run, &mut out).unwrap();
        receiver.pause().unwrap();
        // As before protocol 31.
        sender.flush(&block[..0xffff]);
        sender.flush(&block[..100_000 - 0xffff]);
        receiver.remember_block(&block).unwrap();
        let run = sender.literal(&block[10_000..20_000]);
        inflate(&mut receiver, &run, &mut out).unwrap();
        assert!(out == [&block[80_000..90_000], &block[10_000..20_000]].concat());
        assert!(Inflate::is_repeated(65_536) && !Inflate::is_repeated(65_535));
    }

    #[test]
    fn damage_and_ends_are_errors_at_most() {
        let mut dice = Dice::new(4);
        let data = content(&mut dice, 2_000);
        let run = Sender::new(6).literal(&data);
        for cut in 0..run.len() {
            let (mut receiver, mut out) = (Inflate::default(), Vec::new());
            inflate(&mut receiver, &run[..cut], &mut out).unwrap();
            assert!(data.starts_with(&out));
            let _ = receiver.pause();
        }
        for bit in 0..run.len() * 8 {
            let mut damaged = run.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let mut receiver = Inflate::default();
            let _ = inflate(&mut receiver, &damaged, &mut Vec::new()).and_then(|()| receiver.pause());
        }
        let ended = [1, 0, 0, 0xff, 0xff];
        let error = inflate(&mut Inflate::default(), &ended, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("ended the deflated data"), "{error}");
    }
}
