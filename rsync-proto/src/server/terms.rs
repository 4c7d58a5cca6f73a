//! What a transfer stands on, once both sides have spoken.

use super::request::Request;
use crate::checksum::{BlockSummer, ChecksumKind};
use crate::compression::CompressionKind;
use crate::filter::XattrRules;

/// What was agreed on.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    /// 30 to 32.
    pub protocol: u8,
    pub request: Request,
    /// Flags of entries are varints.
    pub varint_flags: bool,
    /// The list goes out in segments.
    pub inc_recurse: bool,
    pub safe_flist: bool,
    pub id0_names: bool,
    /// Values of extended attributes are left out for hard links that are not the first of their group (only where the
    /// client cannot have it otherwise).
    pub xattr_optimisation: bool,
    /// How blocks and whole files are summed.
    pub summer: BlockSummer,
    /// The checksum of whole files in the list (`-c`).
    pub file_checksum: ChecksumKind,
    pub compression: Option<CompressionKind>,
    /// What rules say of names of extended attributes.
    pub xattr_rules: Option<XattrRules>,
}
