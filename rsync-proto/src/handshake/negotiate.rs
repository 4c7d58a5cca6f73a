//! What the server's capabilities allow, and which checksum and compression both sides have.

use super::{Handshake, State};
use crate::checksum::ChecksumKind;
use crate::compression::CompressionKind;
use crate::error::{Error, Result, printable};
use crate::options::{Method, not_compiled_in};
use crate::wire::flags::compat;
use crate::wire::put;

impl Handshake {
    pub(super) fn capabilities(&mut self, flags: u32) -> Result<()> {
        // What the server may say of itself, and what it may switch on because we said that we can.
        let mut allowed = compat::SYMLINK_TIMES
            | compat::SYMLINK_ICONV
            | compat::SAFE_FLIST
            | compat::AVOID_XATTR_OPTIMISATION
            | compat::CHECKSUM_SEED_FIX
            | compat::INPLACE_PARTIAL
            | compat::VARINT_FLAGS
            | compat::ID0_NAMES;
        if self.options.takes_segments() {
            allowed |= compat::INC_RECURSE;
        }
        if flags & !allowed != 0 {
            let rule = format!("it switched on capabilities {:#x} that nobody offered", flags & !allowed);
            return Err(Error::Violation(rule));
        }
        let negotiates = flags & compat::VARINT_FLAGS != 0;
        let compression = self.compression_method(negotiates)?;
        let checksum = match self.options.checksum_choice {
            None if negotiates => None,
            choice => Some(choice.map_or(ChecksumKind::Md5, |choice| choice.transfer)),
        };
        if checksum.is_none() {
            self.offer(ChecksumKind::ALL.iter().map(|kind| kind.name()));
        }
        if compression == Method::Negotiated {
            self.offer(CompressionKind::available().map(CompressionKind::name));
        }
        self.state = match checksum {
            Some(checksum) => with_checksum(flags, checksum, compression),
            None => State::Checksums { flags, compression },
        };
        Ok(())
    }

    pub(super) fn compression_method(&self, negotiates: bool) -> Result<Method> {
        match self.options.transport.method() {
            // What servers without negotiation have.
            Method::Negotiated if !negotiates && CompressionKind::Zlib.is_available() => {
                Ok(Method::Fixed(CompressionKind::Zlib))
            }
            Method::Negotiated if !negotiates => Err(not_compiled_in(CompressionKind::Zlib)),
            method => Ok(method),
        }
    }

    fn offer(&mut self, names: impl Iterator<Item = &'static str>) {
        put::vstring(&mut self.output, names.collect::<Vec<_>>().join(" ").as_bytes());
    }
}

/// The checksum is known; so is the compression, or the server tells now what it has.
pub(super) fn with_checksum(flags: u32, checksum: ChecksumKind, compression: Method) -> State {
    let compression = match compression {
        Method::Negotiated => return State::Compressions { flags, checksum },
        Method::Fixed(kind) => Some(kind),
        Method::Off => None,
    };
    State::Seed { flags, checksum, compression }
}

/// Our first choice among what the server has. The server comes to the same: both have rsync's order.
pub(super) fn choose_checksum(offered: &[u8]) -> Result<ChecksumKind> {
    let names: Vec<_> = offered.split(|byte| *byte == b' ').collect();
    let known = |kind: &ChecksumKind| names.iter().any(|name| ChecksumKind::from_name(name) == Some(*kind));
    ChecksumKind::ALL.into_iter().find(known).ok_or_else(|| {
        Error::Unsupported(format!("no common checksum: the server has \"{}\"", printable(offered)))
    })
}

/// Likewise for compressions.
pub(super) fn choose_compression(offered: &[u8]) -> Result<CompressionKind> {
    let names: Vec<_> = offered.split(|byte| *byte == b' ').collect();
    let known =
        |kind: &CompressionKind| names.iter().any(|name| CompressionKind::from_name(name) == Some(*kind));
    CompressionKind::available().find(known).ok_or_else(|| {
        Error::Unsupported(format!("no common compression: the server has \"{}\"", printable(offered)))
    })
}
