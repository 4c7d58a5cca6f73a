//! What both sides agreed on, as eight bytes: so seeds of real sessions say what they are of.

use bytes::Bytes;
use rsync_proto::checksum::{BlockSummer, ChecksumKind};
use rsync_proto::chmod::ModeChanges;
use rsync_proto::compression::CompressionKind;
use rsync_proto::flist::ListOptions;
use rsync_proto::handshake::Agreed;
use rsync_proto::limits::Limits;

use crate::allowed::{asked_for, excluding, numbers};
use crate::choices::Choices;

/// How many bytes a shape takes.
pub const LEN: usize = 8;

/// The memory that a list may take, in bytes: little enough to be reached.
pub const LIST_BYTES: u64 = 1 << 20;

/// Reads a shape. What the protocol version does not have is left out.
pub fn read(choices: &mut Choices<'_>) -> Agreed {
    let bits = choices.u32();
    let seed = choices.u32() as i32;
    let bit = |number: u32| bits >> number & 1 == 1;
    let protocol = 29 + (bits & 3) as u8;
    let new = protocol >= 30;
    let kind = ChecksumKind::ALL[(bits >> 17 & 7) as usize % ChecksumKind::ALL.len()];
    let compression = CompressionKind::ALL.get((bits >> 20 & 7) as usize % 5).copied();
    let list = ListOptions {
        protocol,
        recursive: true,
        dirs: false,
        varint_flags: new && bit(2),
        inc_recurse: new && bit(3),
        safe_flist: protocol >= 31 || new && bit(4),
        id0_names: new && bit(5),
        owner: bit(6),
        group: bit(7),
        numeric_ids: bit(8),
        links: bit(9),
        devices: bit(10),
        specials: bit(11),
        hard_links: bit(12),
        acls: new && bit(13),
        xattrs: new && bit(14),
        access_times: new && bit(15),
        chmod: ModeChanges::default(),
        sum_len: if bit(16) { kind.sum_len() } else { 0 },
        filter: excluding((bits >> 28 & 3) as usize),
        munge_links: false,
        asked: asked_for((bits >> 25 & 7) as usize),
        limits: limits(),
    };
    Agreed {
        protocol,
        list,
        rules: Bytes::from_static(&[0; 4]),
        summer: BlockSummer { kind, seed, seed_first: bit(23), seeds_files: bit(24) },
        file_checksum: kind,
        negotiates: new && bit(2),
        compression,
        names: None,
    }
}

/// For trees that are made up: all of them is asked for, and nothing excluded.
pub fn of_all(list: ListOptions) -> ListOptions {
    ListOptions { asked: asked_for(0), filter: excluding(0), ..list }
}

/// The shape of a session, for a seed.
pub fn write(agreed: &Agreed) -> [u8; LEN] {
    let list = &agreed.list;
    let place = |all: Option<usize>| all.expect("it is one of all") as u32;
    let mut bits = u32::from(agreed.protocol - 29);
    for (number, set) in (2..).zip([
        list.varint_flags,
        list.inc_recurse,
        list.safe_flist,
        list.id0_names,
        list.owner,
        list.group,
        list.numeric_ids,
        list.links,
        list.devices,
        list.specials,
        list.hard_links,
        list.acls,
        list.xattrs,
        list.access_times,
        list.sum_len > 0,
    ]) {
        bits |= u32::from(set) << number;
    }
    bits |= place(ChecksumKind::ALL.iter().position(|kind| *kind == agreed.summer.kind)) << 17;
    let compression = agreed.compression.map(|it| CompressionKind::ALL.iter().position(|kind| *kind == it));
    bits |= compression.map_or(4, place) << 20;
    bits |= u32::from(agreed.summer.seed_first) << 23 | u32::from(agreed.summer.seeds_files) << 24;
    let (asked, filter) = numbers(list);
    bits |= (asked as u32) << 25 | (filter as u32) << 28;
    let mut bytes = [0; LEN];
    bytes[..4].copy_from_slice(&bits.to_le_bytes());
    bytes[4..].copy_from_slice(&agreed.summer.seed.to_le_bytes());
    bytes
}

/// Bounds that an input of some KiB can reach.
pub fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.list_bytes, limits.growth) = (LIST_BYTES, 0);
    limits
}
