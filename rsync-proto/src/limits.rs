//! Every bound on what a server may send, with its reason. Those that depend on the caller's trust and
//! memory are in [`Limits`]; the others follow from the protocol or the kernel.

/// Longest line of the handshake, in bytes. Honest lines (greeting, module with comment) stay below 300.
pub const MAX_LINE: usize = 1024;
/// Most lines before the module is accepted: message of the day and module list.
pub const MAX_LINES: usize = 500;
/// Most bytes of those lines together.
pub const MAX_LINES_BYTES: usize = 64 * 1024;
/// Longest answer of a proxy, in bytes, as far as it is no more than its head: some hundred bytes are usual.
pub const MAX_PROXY_ANSWER: usize = 8 * 1024;
/// Longest list of algorithm names in a negotiation, in bytes; the reference uses the same bound.
pub const MAX_ALGORITHMS: usize = 256;
/// Longest message of the server in a frame, in bytes: two paths and some words.
pub const MAX_MESSAGE: usize = 10 * 1024;

/// Most bytes of all messages of a transfer: some hundred thousand files that the server cannot read have room, and no
/// log of ours grows for ever.
pub const MAX_MESSAGES: u64 = 64 * 1024 * 1024;

/// Longest component of a path, in bytes: Linux's `NAME_MAX`.
pub const MAX_NAME: usize = 255;
/// Longest path, in bytes: Linux's `PATH_MAX` without its closing NUL.
pub const MAX_PATH: usize = 4095;
/// Deepest path, in components. Deeper trees do not occur in images, and every level costs a handle.
pub const MAX_DEPTH: usize = 256;
/// Longest target of a symlink, in bytes.
pub const MAX_LINK_TARGET: usize = 4095;
/// Most entries of one access control list; the reference sends no more.
pub const MAX_ACL_ENTRIES: usize = 8191;
/// Most extended attributes of one file. Linux's own list of names is bounded to 64 KiB.
pub const MAX_XATTRS: usize = 256;
/// Longest name of an extended attribute, in bytes, with its closing NUL: Linux's `XATTR_NAME_MAX` and one.
pub const MAX_XATTR_NAME: usize = 256;
/// Longest value of an extended attribute, in bytes: Linux's `XATTR_SIZE_MAX`.
pub const MAX_XATTR_VALUE: usize = 64 * 1024;
/// Most bytes of names and values in one file's set of extended attributes.
pub const MAX_XATTR_SET: usize = 1024 * 1024;

/// Earliest and latest modification time, in seconds since 1970: a million years either way, so that adding
/// or comparing times cannot overflow.
pub const MAX_TIME: i64 = 1_000_000 * 366 * 86_400;

/// Largest block that block sums are taken over, in bytes.
pub const MAX_BLOCK: u32 = 128 * 1024;

/// Longest unpacked LZ4 block, in bytes: the reference unpacks no longer ones.
pub const MAX_LZ4_BLOCK: usize = 32 * 1024 + 144;
/// Largest window of a zstd stream, in bytes: what its highest level uses.
pub const MAX_ZSTD_WINDOW: u64 = 1 << 27;
/// Most packed bytes of a file that come to nothing, in a row: twice what a zstd block has, which comes to something only
/// when it is complete. Blocks of nothing can follow each other for ever, and look like progress.
pub const MAX_PACKED_WITHOUT_OUTPUT: u64 = 256 * 1024;

/// Least bytes a second that a server sends over twice the time for which it may be silent. The slowest honest servers,
/// which look for what has changed on a slow disk, send many times that.
pub const MIN_RATE: u64 = 16;

/// Bounds that a caller may tighten, or raise for a server that it trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Most entries in the whole file list.
    pub entries: u64,
    /// Most bytes of memory for the file list: with incremental recursion, for the segments alive at once.
    pub list_bytes: u64,
    /// Most distinct sets of extended attributes, and most distinct access control lists, in a transfer.
    pub attribute_sets: u64,
    /// Most distinct users, and most distinct groups.
    pub ids: u64,
    /// How much longer than announced a file may be, in bytes: it may have grown since the list was made.
    pub growth: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 4_000_000,
            list_bytes: 512 * 1024 * 1024,
            attribute_sets: 1_000_000,
            ids: 65_536,
            growth: 1 << 30,
        }
    }
}
