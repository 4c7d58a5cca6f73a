//! What was asked for and agreed on, for lists of every shape.

use bytes::Bytes;

use crate::checksum::{BlockSummer, ChecksumKind};
use crate::chmod::ModeChanges;
use crate::filter::ListFilter;
use crate::flist::{Asked, ListOptions};
use crate::handshake::Agreed;
use crate::limits::Limits;

/// The content of a directory, with all that is below.
pub fn everything() -> Asked {
    asked(true, false, &[""])
}

/// These paths.
pub fn asked(recursive: bool, relative: bool, paths: &[&str]) -> Asked {
    let mut asked = Asked::new(recursive, relative);
    paths.iter().for_each(|path| asked.pattern(path.as_bytes()));
    asked
}

/// Options that ask for everything that there is, for a list of this shape.
pub fn options(protocol: u8, varint_flags: bool, inc_recurse: bool) -> ListOptions {
    ListOptions {
        protocol,
        recursive: true,
        dirs: false,
        varint_flags,
        inc_recurse,
        safe_flist: protocol >= 30,
        id0_names: varint_flags,
        owner: true,
        group: true,
        numeric_ids: false,
        links: true,
        devices: true,
        specials: true,
        hard_links: true,
        acls: protocol >= 30,
        xattrs: protocol >= 30,
        access_times: false,
        chmod: ModeChanges::default(),
        sum_len: 0,
        filter: ListFilter::default(),
        munge_links: false,
        asked: everything(),
        limits: Limits { growth: 0, ..Limits::default() },
    }
}

/// As [`options`], without what most tests have no use for.
pub fn plain_options(protocol: u8, varint_flags: bool, inc_recurse: bool) -> ListOptions {
    ListOptions {
        numeric_ids: true,
        hard_links: false,
        acls: false,
        xattrs: false,
        ..options(protocol, varint_flags, inc_recurse)
    }
}

/// What both sides agreed on, for a list of this shape.
pub fn agreed(list: ListOptions) -> Agreed {
    let old = list.protocol < 30;
    let kind = if old { ChecksumKind::Md4 } else { ChecksumKind::Xxh3 };
    let summer = BlockSummer { kind, seed: 7, seed_first: !old, seeds_files: old };
    let rules = Bytes::from_static(&[0; 4]);
    let (file_checksum, negotiates) = (summer.kind, false);
    Agreed {
        protocol: list.protocol,
        list,
        summer,
        file_checksum,
        negotiates,
        rules,
        compression: None,
        names: None,
    }
}
