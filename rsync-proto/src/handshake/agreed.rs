//! What a handshake leads to.

use bytes::Bytes;

use super::Handshake;
use super::shell::as_pattern;
use crate::checksum::{BlockSummer, ChecksumKind};
use crate::compression::CompressionKind;
use crate::filter::ListFilter;
use crate::flist::{Asked, ListOptions};
use crate::location::{Location, Scheme};
use crate::options::{FilesFrom, NameList, Options};
use crate::wire::flags::compat;

/// What both sides agreed on.
#[derive(Debug, Clone)]
pub struct Agreed {
    /// The protocol version.
    pub protocol: u8,
    /// How to read the file list.
    pub list: ListOptions,
    /// How blocks are summed.
    pub summer: BlockSummer,
    /// The checksum of whole files that are compared before anything is transferred (`-c`).
    pub file_checksum: ChecksumKind,
    /// Whether the server tells which checksums and compressions it has (since rsync 3.2).
    pub negotiates: bool,
    /// The list of filter rules that the server waits for, with its end.
    pub rules: Bytes,
    /// How literals are packed.
    pub compression: Option<CompressionKind>,
    /// Names that the server reads before it makes its list.
    pub names: Option<NameList>,
}

impl Handshake {
    pub(super) fn agreed(
        &self,
        flags: u32,
        checksum: ChecksumKind,
        compression: Option<CompressionKind>,
        seed: i32,
    ) -> Agreed {
        let has = |bit: u32| flags & bit != 0;
        let options = &self.options;
        Agreed {
            protocol: self.protocol,
            list: ListOptions {
                protocol: self.protocol,
                recursive: options.recursive,
                dirs: options.dirs || options.selection.files_from.is_some(),
                varint_flags: has(compat::VARINT_FLAGS),
                inc_recurse: has(compat::INC_RECURSE),
                safe_flist: has(compat::SAFE_FLIST) || self.protocol >= 31,
                id0_names: has(compat::ID0_NAMES),
                owner: options.owner,
                group: options.group,
                numeric_ids: options.numeric_ids,
                links: options.links,
                devices: options.devices,
                specials: options.specials,
                hard_links: options.hard_links,
                acls: options.acls,
                xattrs: options.xattrs,
                access_times: options.attributes.access_times,
                chmod: options.attributes.chmod.clone(),
                sum_len: if options.checksum { options.file_checksum(checksum).sum_len() } else { 0 },
                filter: ListFilter {
                    offer: options.filters.offer_check(),
                    prune: options
                        .prune_empty_dirs
                        .then(|| options.filters.receiver(b"", options.deletion.excluded)),
                },
                munge_links: options.selection.munge_links,
                asked: asked(&self.location, options),
                limits: options.limits.clone(),
            },
            file_checksum: options.file_checksum(checksum),
            negotiates: has(compat::VARINT_FLAGS),
            rules: options.filters.on_wire(self.protocol, options.deletion.excluded),
            summer: BlockSummer {
                kind: checksum,
                seed,
                // In protocol 29 it matters only where the caller chose MD5; servers that let him are so recent
                // that they put the seed first, without having said so.
                seed_first: has(compat::CHECKSUM_SEED_FIX) || self.protocol < 30,
                seeds_files: self.protocol < 30 && options.checksum_choice.is_none(),
            },
            compression: compression.and_then(|kind| options.transport.at_level(kind)),
            names: match &options.selection.files_from {
                Some(FilesFrom::Names(names)) => Some(names.clone()),
                _ => None,
            },
        }
    }
}

/// What the location, or the list of names in it, asks for.
fn asked(location: &Location, options: &Options) -> Asked {
    let selection = &options.selection;
    let mut asked = Asked::new(options.recursive, selection.relative);
    match &selection.files_from {
        Some(FilesFrom::Server { .. }) => return Asked::anything(),
        Some(FilesFrom::Names(names)) => names.iter().for_each(|name| asked.name(name)),
        None if location.scheme == Scheme::Shell => {
            let arguments = options.transport.remote_arguments;
            location.paths().for_each(|path| asked.pattern(&as_pattern(path, arguments)));
        }
        None => location.paths().for_each(|path| asked.pattern(path.as_bytes())),
    }
    asked
}
