//! How an image is packed, by how it begins.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The most that a packing may look back, in bytes: so much memory is taken for it. `xz -9` needs 64 MiB.
const WINDOW: u64 = 128 * 1024 * 1024;
/// How much of the packed image is taken at once, in bytes.
const BUFFER: usize = 128 * 1024;
/// How long what tells one packing from another is, in bytes.
pub(super) const MARK: usize = 6;

/// A way of packing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Raw,
    Gzip,
    Zstd,
    Xz,
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Packing::Raw => "raw",
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
            Packing::Xz => "xz",
        })
    }
}

impl Packing {
    /// Of what begins so.
    pub(super) fn of(head: &[u8]) -> Self {
        // The second is a frame that decoders pass over.
        let is_zstd = head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
            || head.get(1..4) == Some(&[0x2a, 0x4d, 0x18]) && head[0] & 0xf0 == 0x50;
        match head {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            _ if is_zstd => Packing::Zstd,
            _ if head.starts_with(b"\xfd7zXZ\0") => Packing::Xz,
            _ => Packing::Raw,
        }
    }

    /// What reads what is packed in `packed`.
    pub(super) fn unpack<'a>(self, packed: impl Read + Send + 'a) -> Box<dyn Read + Send + 'a> {
        match self {
            Packing::Raw => Box::new(packed),
            Packing::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, packed))),
            Packing::Zstd => Box::new(Frames::of(BufReader::with_capacity(BUFFER, packed))),
            Packing::Xz => {
                // In KiB, and with what it takes besides.
                let limit = u32::try_from(WINDOW / 1024 + 1024).unwrap_or(u32::MAX);
                Box::new(XzReader::new_mem_limit(BufReader::with_capacity(BUFFER, packed), true, limit))
            }
        }
    }
}

/// Frames of zstd, one behind the other.
struct Frames<R> {
    packed: R,
    decoder: FrameDecoder,
    /// A frame has begun.
    within: bool,
}

impl<R: BufRead> Frames<R> {
    fn of(packed: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        Self { packed, decoder, within: false }
    }

    /// Begins the next frame. False if there is none.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.packed.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.packed) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let passed = io::copy(&mut self.packed.by_ref().take(length.into()), &mut io::sink())?;
                    if passed < length.into() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    /// The sum at the end of a frame, if it has one.
    fn check(&self) -> io::Result<()> {
        match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
            (Some(told), Some(found)) if told != found => {
                Err(io::Error::other("the checksum of a frame does not agree"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !into.is_empty() {
            if !self.within {
                self.within = self.begin()?;
                if !self.within {
                    return Ok(0);
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let some = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.packed, some).map_err(io::Error::other)?;
            }
            match self.decoder.read(into)? {
                0 => {
                    self.check()?;
                    self.within = false;
                }
                len => return Ok(len),
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    fn packed(program: &str, options: &[&str], content: &[u8]) -> Vec<u8> {
        let mut child =
            Command::new(program).args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let content = content.to_vec();
        let feeding = std::thread::spawn(move || input.write_all(&content).unwrap());
        let output = child.wait_with_output().unwrap();
        feeding.join().unwrap();
        assert!(output.status.success());
        output.stdout
    }

    fn content() -> Vec<u8> {
        (0..3_000_000_u32).flat_map(|number| (number / 5).wrapping_mul(2_654_435_761).to_le_bytes()).collect()
    }

    fn unpacked(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut found = Vec::new();
        Packing::of(packed).unpack(packed).read_to_end(&mut found).map(|_| found)
    }

    const PACKERS: [(&str, &[&str], Packing); 4] = [
        ("gzip", &["-c"], Packing::Gzip),
        ("zstd", &["-c", "-q"], Packing::Zstd),
        ("zstd", &["-c", "-q", "--long=27", "-3"], Packing::Zstd),
        ("xz", &["-c"], Packing::Xz),
    ];

    #[test]
    fn what_was_packed_is_unpacked_in_one_or_several_parts() {
        let content = content();
        for (program, options, packing) in PACKERS {
            let once = packed(program, options, &content);
            assert_eq!(Packing::of(&once), packing);
            assert!(unpacked(&once).unwrap() == content, "{program} {options:?}");
            let two =
                [packed(program, options, &content[..1000]), packed(program, options, &content[1000..])];
            assert!(unpacked(&two.concat()).unwrap() == content, "{program} {options:?} in two parts");
        }
        let skippable =
            [&[0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9][..], &packed("zstd", &["-qc"], &content)];
        assert!(unpacked(&skippable.concat()).unwrap() == content);
        assert_eq!(Packing::of(&content), Packing::Raw);
        assert!(unpacked(&content).unwrap() == content);
    }

    #[test]
    fn what_is_cut_or_damaged_is_not_taken_for_whole() {
        let content = content();
        for (program, options, _) in PACKERS {
            let whole = packed(program, options, &content);
            assert!(unpacked(&whole[..whole.len() - 1]).is_err(), "{program} {options:?}");
            assert!(unpacked(&whole[..whole.len() / 2]).is_err(), "{program} {options:?}");
            let mut damaged = whole.clone();
            let middle = whole.len() / 2;
            damaged[middle] ^= 0x40;
            assert!(unpacked(&damaged).map_or(true, |found| found != content), "{program} {options:?}");
        }
        // A frame whose content is another than its sum says.
        let mut frame = packed("zstd", &["-qc", "--check"], &content);
        let last = frame.len() - 1;
        frame[last] ^= 1;
        assert!(unpacked(&frame).is_err());
    }
}
