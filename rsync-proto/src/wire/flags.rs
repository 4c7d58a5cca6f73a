//! Bits as they stand on the wire, each with the protocol versions that it belongs to.

/// Flags in front of a file-list entry.
pub mod entry {
    /// Directory named on the command line (directories only; harmless elsewhere).
    pub const TOP_DIRECTORY: u32 = 1 << 0;
    /// The mode is that of the entry before.
    pub const SAME_MODE: u32 = 1 << 1;
    /// A second byte of flags follows (where flags are not a varint).
    pub const EXTENDED: u32 = 1 << 2;
    /// The owner is that of the entry before, or owners are not sent.
    pub const SAME_UID: u32 = 1 << 3;
    /// The group is that of the entry before, or groups are not sent.
    pub const SAME_GID: u32 = 1 << 4;
    /// The name begins as the one before; a byte with the length of the shared part follows.
    pub const SAME_PREFIX: u32 = 1 << 5;
    /// The length of the rest of the name is a varint, not a byte; four bytes in protocol 29.
    pub const LONG_NAME: u32 = 1 << 6;
    /// The seconds of the modification time are those of the entry before.
    pub const SAME_TIME: u32 = 1 << 7;
    /// The device major is that of the device before (devices; before protocol 31 FIFOs and sockets, too).
    pub const SAME_RDEV_MAJOR: u32 = 1 << 8;
    /// The directory's content is not part of the transfer (directories only, since protocol 30).
    pub const NO_CONTENT: u32 = 1 << 8;
    /// The file is one of several hard links.
    pub const HARD_LINKED: u32 = 1 << 9;
    /// The file lies on the same device of the server as the hard link before (protocol 29).
    pub const SAME_DEVICE: u32 = 1 << 10;
    /// The owner's name follows its number (since protocol 30).
    pub const USER_NAME: u32 = 1 << 10;
    /// The device minor is a byte (protocol 29).
    pub const MINOR_IN_BYTE: u32 = 1 << 11;
    /// The group's name follows its number (since protocol 30).
    pub const GROUP_NAME: u32 = 1 << 11;
    /// The first entry of its group of hard links (since protocol 30).
    pub const HARD_LINK_FIRST: u32 = 1 << 12;
    /// With [`EXTENDED`] alone: the end of the list, and the server's I/O error bits follow.
    pub const END_WITH_ERROR: u32 = 1 << 12;
    /// Nanoseconds of the modification time follow (since protocol 31).
    pub const NANOSECONDS: u32 = 1 << 13;
    /// The access time is that of the entry before that has one (not for directories).
    pub const SAME_ACCESS_TIME: u32 = 1 << 14;
}

/// Flags that go with an index: what is asked for or answered.
pub mod item {
    /// The access time changes.
    pub const REPORT_ACCESS_TIME: u16 = 1 << 0;
    /// The content or the link target changes.
    pub const REPORT_CHANGE: u16 = 1 << 1;
    /// The size changes.
    pub const REPORT_SIZE: u16 = 1 << 2;
    /// The modification time changes.
    pub const REPORT_TIME: u16 = 1 << 3;
    /// The permissions change.
    pub const REPORT_PERMS: u16 = 1 << 4;
    /// The owner changes.
    pub const REPORT_OWNER: u16 = 1 << 5;
    /// The group changes.
    pub const REPORT_GROUP: u16 = 1 << 6;
    /// The access control list changes.
    pub const REPORT_ACL: u16 = 1 << 7;
    /// Extended attributes change; a list of requested values follows.
    pub const REPORT_XATTR: u16 = 1 << 8;
    /// The creation time changes.
    pub const REPORT_CRTIME: u16 = 1 << 10;
    /// A byte that tells the kind of basis follows.
    pub const BASIS_TYPE_FOLLOWS: u16 = 1 << 11;
    /// A name follows.
    pub const NAME_FOLLOWS: u16 = 1 << 12;
    /// Nothing was there before.
    pub const IS_NEW: u16 = 1 << 13;
    /// Changed here, without data from the server.
    pub const LOCAL_CHANGE: u16 = 1 << 14;
    /// The content is asked for.
    pub const TRANSFER: u16 = 1 << 15;
}

/// What a server of protocol 30 and later says of itself.
pub mod compat {
    /// The file list comes in segments.
    pub const INC_RECURSE: u32 = 1 << 0;
    /// The server can set times of symlinks.
    pub const SYMLINK_TIMES: u32 = 1 << 1;
    /// The server converts names in symlinks.
    pub const SYMLINK_ICONV: u32 = 1 << 2;
    /// The end of a segment can carry I/O errors.
    pub const SAFE_FLIST: u32 = 1 << 3;
    /// Values of extended attributes are not left out for hard links.
    pub const AVOID_XATTR_OPTIMISATION: u32 = 1 << 4;
    /// Seeds of checksums stand in front of the data.
    pub const CHECKSUM_SEED_FIX: u32 = 1 << 5;
    /// Partial files may be updated in place.
    pub const INPLACE_PARTIAL: u32 = 1 << 6;
    /// Flags of entries are varints; checksum and compression are negotiated.
    pub const VARINT_FLAGS: u32 = 1 << 7;
    /// The list of names includes that of number 0.
    pub const ID0_NAMES: u32 = 1 << 8;
}

/// I/O errors of the server: any of them means that its list may lack entries.
pub mod io_error {
    /// Something could not be read.
    pub const GENERAL: u32 = 1 << 0;
    /// A file vanished while the server worked.
    pub const VANISHED: u32 = 1 << 1;
    /// Deletions were left undone (a receiving server only).
    pub const DELETE_LIMIT: u32 = 1 << 2;
    /// The bits that mean anything.
    pub const KNOWN: u32 = GENERAL | VANISHED | DELETE_LIMIT;
}

/// Type and permission bits of a mode.
pub mod mode {
    /// The bits that hold the type.
    pub const TYPE: u32 = 0o170_000;
    /// Regular file.
    pub const REGULAR: u32 = 0o100_000;
    /// Directory.
    pub const DIRECTORY: u32 = 0o040_000;
    /// Symbolic link.
    pub const SYMLINK: u32 = 0o120_000;
    /// Character device.
    pub const CHAR_DEVICE: u32 = 0o020_000;
    /// Block device.
    pub const BLOCK_DEVICE: u32 = 0o060_000;
    /// FIFO.
    pub const FIFO: u32 = 0o010_000;
    /// Socket.
    pub const SOCKET: u32 = 0o140_000;
    /// Permissions with set-id and sticky bits.
    pub const PERMISSIONS: u32 = 0o7777;
}
