//! Which checksum and compression a transfer has, and whether that was asked for or negotiated (`--debug=NSTR`).

use rsync_proto::Options;
use rsync_proto::compression::CompressionKind;
use rsync_proto::handshake::Agreed;
use rsync_proto::options::{ChecksumChoice, CompressionChoice};

/// What was asked for.
pub(super) struct Methods {
    checksum: Option<ChecksumChoice>,
    /// Whether a compression was named.
    compression: bool,
    level: Option<i32>,
}

impl Methods {
    pub(super) fn asked(options: &Options) -> Self {
        let transport = &options.transport;
        let named = matches!(transport.compress_choice, Some(CompressionChoice::Kind(_)));
        Self {
            checksum: options.checksum_choice,
            compression: named || transport.compress > 1,
            level: transport.compress_level,
        }
    }

    /// In rsync's words.
    pub(super) fn of(&self, agreed: &Agreed) -> Vec<String> {
        let how = |asked: bool| if agreed.negotiates && !asked { "negotiated " } else { "" };
        let checksum = self.checksum.unwrap_or_else(|| agreed.summer.kind.into());
        let mut lines = vec![format!("Client {}checksum: {checksum}", how(self.checksum.is_some()))];
        if let Some(kind) = agreed.compression {
            let level = level(kind, self.level);
            lines.push(format!("Client {}compress: {} (level {level})", how(self.compression), kind.name()));
        }
        lines
    }
}

/// The level that an algorithm works at where this one was asked for.
fn level(kind: CompressionKind, asked: Option<i32>) -> i32 {
    match kind {
        CompressionKind::Zstd => asked.filter(|level| *level != 0).unwrap_or(3).min(22),
        CompressionKind::Zlib | CompressionKind::Zlibx => asked.map_or(6, |level| level.clamp(0, 9)),
        // It has none.
        CompressionKind::Lz4 => 0,
    }
}
