//! The algorithms, and their names on the wire.

/// An algorithm that literals are packed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionKind {
    /// Zstandard: one stream over the whole session.
    Zstd,
    /// LZ4: blocks on their own.
    Lz4,
    /// Deflate: one stream a file, of its literals.
    Zlibx,
    /// Deflate, one stream a file, of its literals and the blocks between them: what servers without negotiation
    /// have.
    Zlib,
}

impl CompressionKind {
    /// All of them, the preferred first. Servers differ in whose order they follow, so this is rsync's.
    pub const ALL: [CompressionKind; 4] = [Self::Zstd, Self::Lz4, Self::Zlibx, Self::Zlib];

    /// Those that are compiled in, the preferred first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|kind| kind.is_available())
    }

    /// Whether it is compiled in: features `zstd`, `lz4` and `zlib`.
    pub fn is_available(self) -> bool {
        match self {
            Self::Zstd => cfg!(feature = "zstd"),
            Self::Lz4 => cfg!(feature = "lz4"),
            Self::Zlibx | Self::Zlib => cfg!(feature = "zlib"),
        }
    }

    /// The name on the wire and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Zlibx => "zlibx",
            Self::Zlib => "zlib",
        }
    }

    /// The algorithm with this name, in letters of any case.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().as_bytes().eq_ignore_ascii_case(name))
    }
}
