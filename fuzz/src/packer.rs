//! Packers at any of their levels.

use rsync_proto::compression::CompressionKind;
use rsync_proto::scripted::Packer;

/// `level` is anything; each algorithm takes of it what it has.
pub fn packer(kind: CompressionKind, protocol: u8, level: u8) -> Packer {
    let level = match kind {
        CompressionKind::Zstd => i32::from(level % 16) - 3,
        _ => i32::from(level % 10),
    };
    Packer::at_level(kind, protocol, level)
}
