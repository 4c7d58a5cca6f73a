//! Strong sums: over a block (with the session's seed), over a whole file, and over values of extended
//! attributes. The algorithm is negotiated or named by the caller.

use std::hash::Hasher;

use md4::Md4;
use md5::{Digest, Md5};
use sha1::Sha1;
use twox_hash::{XxHash3_64, XxHash3_128, XxHash64};

/// The longest strong sum, in bytes.
pub const MAX_SUM: usize = 20;

/// A strong sum, up to [`MAX_SUM`] bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StrongSum {
    bytes: [u8; MAX_SUM],
    len: u8,
}

impl StrongSum {
    /// A sum with these bytes, at most [`MAX_SUM`].
    pub fn new(sum: &[u8]) -> Self {
        let mut bytes = [0; MAX_SUM];
        bytes[..sum.len()].copy_from_slice(sum);
        Self { bytes, len: sum.len() as u8 }
    }

    /// The bytes as they stand on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl std::fmt::Debug for StrongSum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The algorithms that both sides may agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumKind {
    /// XXH3 with 128 bits.
    Xxh128,
    /// XXH3 with 64 bits.
    Xxh3,
    /// XXH64.
    Xxh64,
    /// MD5, what servers without negotiation use (protocol 30 and later).
    Md5,
    /// MD4, what servers of protocol 29 use.
    Md4,
    /// SHA-1.
    Sha1,
}

impl ChecksumKind {
    /// All of them, the preferred first. Servers differ in whose order they follow, so this
    /// is rsync's.
    pub const ALL: [ChecksumKind; 6] =
        [Self::Xxh128, Self::Xxh3, Self::Xxh64, Self::Md5, Self::Md4, Self::Sha1];

    /// The name on the wire and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Xxh128 => "xxh128",
            Self::Xxh3 => "xxh3",
            Self::Xxh64 => "xxh64",
            Self::Md5 => "md5",
            Self::Md4 => "md4",
            Self::Sha1 => "sha1",
        }
    }

    /// The algorithm with this name; `xxhash` is an older name of xxh64.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        if name == b"xxhash" {
            return Some(Self::Xxh64);
        }
        Self::ALL.into_iter().find(|kind| kind.name().as_bytes() == name)
    }

    /// Length of a sum in bytes.
    pub fn sum_len(self) -> usize {
        match self {
            Self::Xxh3 | Self::Xxh64 => 8,
            Self::Xxh128 | Self::Md5 | Self::Md4 => 16,
            Self::Sha1 => 20,
        }
    }
}

/// How content is summed: the algorithm, the session's seed and where the seed goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockSummer {
    /// The algorithm.
    pub kind: ChecksumKind,
    /// The seed that the server chose for this session; 0 means none.
    pub seed: i32,
    /// Whether MD5 takes the seed in front of the data (servers since 3.0.9 with the compatibility flag).
    pub seed_first: bool,
    /// Whether the seed, even one of 0, stands in front of whole files, too (protocol 29).
    pub seeds_files: bool,
}

impl BlockSummer {
    /// How a whole file is summed as it passes.
    pub fn file_sum(&self) -> FileSum {
        FileSum { kind: self.kind, seed: self.seeds_files.then_some(self.seed) }
    }

    /// The strong sum of one block.
    pub fn sum(&self, block: &[u8]) -> StrongSum {
        // The reference hands its signed seed to functions that take 64 bits: the sign is carried along.
        let seed = i64::from(self.seed) as u64;
        match self.kind {
            ChecksumKind::Xxh128 => {
                StrongSum::new(&XxHash3_128::oneshot_with_seed(seed, block).to_le_bytes())
            }
            ChecksumKind::Xxh3 => StrongSum::new(&XxHash3_64::oneshot_with_seed(seed, block).to_le_bytes()),
            ChecksumKind::Xxh64 => StrongSum::new(&XxHash64::oneshot(seed, block).to_le_bytes()),
            ChecksumKind::Md5 => self.digest::<Md5>(block, self.seed_first),
            ChecksumKind::Md4 => self.digest::<Md4>(block, false),
            ChecksumKind::Sha1 => self.digest::<Sha1>(block, true),
        }
    }

    fn digest<D: Digest>(&self, block: &[u8], seed_first: bool) -> StrongSum {
        let seed = self.seed.to_le_bytes();
        let mut digest = D::new();
        if seed_first && self.seed != 0 {
            digest.update(seed);
        }
        digest.update(block);
        if !seed_first && self.seed != 0 {
            digest.update(seed);
        }
        StrongSum::new(&digest.finalize())
    }
}

/// How a whole file is summed that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSum {
    kind: ChecksumKind,
    seed: Option<i32>,
}

impl FileSum {
    /// A sum over nothing yet.
    pub fn begin(self) -> FileSummer {
        let mut summer = FileSummer::new(self.kind);
        if let Some(seed) = self.seed {
            summer.update(&seed.to_le_bytes());
        }
        summer
    }

    /// The sum of `data` alone.
    pub fn of(self, data: &[u8]) -> StrongSum {
        if self.seed.is_none() {
            return FileSummer::of(self.kind, data);
        }
        let mut summer = self.begin();
        summer.update(data);
        summer.finish()
    }
}

/// A sum over a whole file, fed as the bytes pass. No seed takes part unless [`FileSum`] says so.
pub struct FileSummer(Inner);

enum Inner {
    Xxh128(Box<XxHash3_128>),
    Xxh3(Box<XxHash3_64>),
    Xxh64(XxHash64),
    Md5(Md5),
    Md4(Md4),
    Sha1(Sha1),
}

impl FileSummer {
    /// A sum over nothing yet.
    pub fn new(kind: ChecksumKind) -> Self {
        Self(match kind {
            ChecksumKind::Xxh128 => Inner::Xxh128(Box::new(XxHash3_128::new())),
            ChecksumKind::Xxh3 => Inner::Xxh3(Box::new(XxHash3_64::new())),
            ChecksumKind::Xxh64 => Inner::Xxh64(XxHash64::with_seed(0)),
            ChecksumKind::Md5 => Inner::Md5(Md5::new()),
            ChecksumKind::Md4 => Inner::Md4(Md4::new()),
            ChecksumKind::Sha1 => Inner::Sha1(Sha1::new()),
        })
    }

    /// The sum of `data` alone, without the state that longer files need.
    pub fn of(kind: ChecksumKind, data: &[u8]) -> StrongSum {
        match kind {
            ChecksumKind::Xxh128 => StrongSum::new(&XxHash3_128::oneshot(data).to_le_bytes()),
            ChecksumKind::Xxh3 => StrongSum::new(&XxHash3_64::oneshot(data).to_le_bytes()),
            ChecksumKind::Xxh64 => StrongSum::new(&XxHash64::oneshot(0, data).to_le_bytes()),
            _ => {
                let mut summer = Self::new(kind);
                summer.update(data);
                summer.finish()
            }
        }
    }

    /// Takes in the next bytes of the file.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            Inner::Xxh128(state) => state.write(data),
            Inner::Xxh3(state) => state.write(data),
            Inner::Xxh64(state) => state.write(data),
            Inner::Md5(state) => state.update(data),
            Inner::Md4(state) => state.update(data),
            Inner::Sha1(state) => state.update(data),
        }
    }

    /// The sum over everything taken in.
    pub fn finish(self) -> StrongSum {
        match self.0 {
            Inner::Xxh128(state) => StrongSum::new(&state.finish_128().to_le_bytes()),
            Inner::Xxh3(state) => StrongSum::new(&state.finish().to_le_bytes()),
            Inner::Xxh64(state) => StrongSum::new(&state.finish().to_le_bytes()),
            Inner::Md5(state) => StrongSum::new(&state.finalize()),
            Inner::Md4(state) => StrongSum::new(&state.finalize()),
            Inner::Sha1(state) => StrongSum::new(&state.finalize()),
        }
    }
}

/// The sum that stands for a long value of an extended attribute in the file list: MD5, 16 bytes.
pub(crate) fn xattr_sum(value: &[u8]) -> [u8; 16] {
    Md5::digest(value).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streaming_and_one_shot_agree() {
        let data: Vec<u8> = (0..10_000u32).map(|i| ((i * 31) >> 3) as u8).collect();
        for kind in ChecksumKind::ALL {
            let mut summer = FileSummer::new(kind);
            data.chunks(777).for_each(|part| summer.update(part));
            let sum = summer.finish();
            assert_eq!(sum, FileSummer::of(kind, &data), "{kind:?}");
            assert_eq!(sum.as_bytes().len(), kind.sum_len());
        }
    }

    #[test]
    fn known_values() {
        assert_eq!(
            format!("{:?}", FileSummer::of(ChecksumKind::Md5, b"")),
            "d41d8cd98f00b204e9800998ecf8427e"
        );
        assert_eq!(
            format!("{:?}", FileSummer::of(ChecksumKind::Md4, b"")),
            "31d6cfe0d16ae931b73c59d7e0c089c0"
        );
        assert_eq!(
            format!("{:?}", FileSummer::of(ChecksumKind::Sha1, b"abc")),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
    }

    #[test]
    fn the_seed_goes_where_the_server_puts_it() {
        let summer = |seed_first| BlockSummer {
            kind: ChecksumKind::Md5,
            seed: 0x0403_0201,
            seed_first,
            seeds_files: false,
        };
        let first = FileSummer::of(ChecksumKind::Md5, b"\x01\x02\x03\x04data");
        let last = FileSummer::of(ChecksumKind::Md5, b"data\x01\x02\x03\x04");
        assert_eq!(summer(true).sum(b"data"), first);
        assert_eq!(summer(false).sum(b"data"), last);
    }

    #[test]
    fn whole_files_are_seeded_where_the_protocol_is_old() {
        let summer =
            |seed, seeds_files| BlockSummer { kind: ChecksumKind::Md4, seed, seed_first: false, seeds_files };
        let md4 = |data: &[u8]| FileSummer::of(ChecksumKind::Md4, data);
        assert_eq!(summer(0x0403_0201, true).file_sum().of(b"data"), md4(b"\x01\x02\x03\x04data"));
        assert_eq!(summer(0, true).file_sum().of(b"data"), md4(b"\0\0\0\0data"), "a seed of 0 as well");
        assert_eq!(summer(0, true).sum(b"data"), md4(b"data"), "but not in front of blocks");
        assert_eq!(summer(7, false).file_sum().of(b"data"), md4(b"data"));
        let mut begun = summer(7, true).file_sum().begin();
        begun.update(b"da");
        begun.update(b"ta");
        assert_eq!(begun.finish(), summer(7, true).file_sum().of(b"data"));
    }

    #[test]
    fn names_come_back() {
        for kind in ChecksumKind::ALL {
            assert_eq!(ChecksumKind::from_name(kind.name().as_bytes()), Some(kind));
        }
        assert_eq!(ChecksumKind::from_name(b"crc32"), None);
    }
}
