//! Compression of literals on the wire: which algorithms there are, and unpacking what came. Bytes in, bytes out.
//!
//! Output comes in small pieces, so that the caller can stop before a few bytes become many.

mod kind;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(any(feature = "lz4", feature = "zlib", feature = "zstd"))]
mod outlet;
#[cfg(test)]
mod tests;
#[cfg(feature = "zlib")]
mod zlib;
#[cfg(feature = "zstd")]
mod zstd;

use bytes::Bytes;

pub use kind::CompressionKind;
#[cfg(feature = "zlib")]
pub use zlib::Inflate;
#[cfg(all(feature = "server", feature = "zstd"))]
pub(crate) use zstd::Encoder as ZstdEncoder;

use crate::error::{Error, Result};
use crate::limits::MAX_PACKED_WITHOUT_OUTPUT;

/// Holds packed bytes that came to nothing against their limit.
///
/// # Errors
/// They are too many: nothing is going to come of them.
pub(crate) fn check_output(len: u64) -> Result<()> {
    if len > MAX_PACKED_WITHOUT_OUTPUT {
        return Err(Error::Limit {
            what: "the length of packed data that comes to nothing",
            limit: MAX_PACKED_WITHOUT_OUTPUT,
        });
    }
    Ok(())
}

/// Unpacks the literals of one session, where the bytes alone tell what they mean. [`CompressionKind::Zlib`] is not
/// among them: it refers to matched blocks, too, which only the destination has; see [`Inflate`].
pub(crate) enum Unpacker {
    #[cfg(feature = "zstd")]
    Zstd(Box<ZstdStream>),
    #[cfg(feature = "lz4")]
    Lz4(Box<lz4::Blocks>),
    #[cfg(feature = "zlib")]
    Zlibx(Box<Inflate>),
}

#[cfg(feature = "zstd")]
pub(crate) struct ZstdStream {
    decoder: zstd::Decoder,
    outlet: outlet::Outlet,
}

impl Unpacker {
    /// For an algorithm; nothing if the bytes alone do not do, or the algorithm is not compiled in.
    pub(crate) fn new(kind: CompressionKind) -> Option<Self> {
        match kind {
            #[cfg(feature = "zstd")]
            CompressionKind::Zstd => {
                let (decoder, outlet) = (zstd::Decoder::new(), outlet::Outlet::default());
                Some(Self::Zstd(Box::new(ZstdStream { decoder, outlet })))
            }
            #[cfg(feature = "lz4")]
            CompressionKind::Lz4 => Some(Self::Lz4(Box::default())),
            #[cfg(feature = "zlib")]
            CompressionKind::Zlibx => Some(Self::Zlibx(Box::default())),
            _ => None,
        }
    }

    /// The content of another file begins.
    pub(crate) fn begin_file(&mut self) {
        match self {
            #[cfg(feature = "zlib")]
            Self::Zlibx(inflate) => inflate.reset(),
            #[cfg(any(feature = "zstd", feature = "lz4"))]
            _ => {}
            #[cfg(not(any(feature = "zstd", feature = "lz4", feature = "zlib")))]
            _ => unreachable!("there is no unpacker"),
        }
    }

    /// Takes packed bytes off the front of `input` until something came of them; `last` tells that they reach to
    /// the end of their run. Nothing once all are taken.
    ///
    /// # Errors
    /// The bytes are not what the algorithm makes.
    #[cfg_attr(
        not(feature = "lz4"),
        allow(unused_variables, reason = "not every algorithm wants to know all")
    )]
    pub(crate) fn next(&mut self, input: &mut Bytes, last: bool) -> Result<Option<Bytes>> {
        match self {
            #[cfg(feature = "zstd")]
            Self::Zstd(stream) => {
                let mut rest = &input[..];
                let output = stream.decoder.next(&mut rest)?;
                let output = output.map(|output| stream.outlet.copy(output));
                let taken = input.len() - rest.len();
                bytes::Buf::advance(input, taken);
                Ok(output)
            }
            #[cfg(feature = "lz4")]
            Self::Lz4(blocks) => blocks.next(input, last),
            #[cfg(feature = "zlib")]
            Self::Zlibx(inflate) => inflate.next(input),
            #[cfg(not(any(feature = "zstd", feature = "lz4", feature = "zlib")))]
            _ => unreachable!("there is no unpacker"),
        }
    }

    /// The packed bytes are interrupted by something else.
    ///
    /// # Errors
    /// They must not be interrupted here.
    pub(crate) fn pause(&mut self) -> Result<()> {
        match self {
            #[cfg(feature = "zlib")]
            Self::Zlibx(inflate) => inflate.pause(),
            #[cfg(any(feature = "zstd", feature = "lz4"))]
            _ => Ok(()),
            #[cfg(not(any(feature = "zstd", feature = "lz4", feature = "zlib")))]
            _ => unreachable!("there is no unpacker"),
        }
    }
}
