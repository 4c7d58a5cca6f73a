//! How content travels: compressed with what, and how fast.

use crate::compression::CompressionKind;
use crate::error::{Error, Result};

/// What `--compress-choice` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionChoice {
    /// What both sides like best.
    Auto,
    /// Nothing.
    None,
    /// This.
    Kind(CompressionKind),
}

/// How arguments reach a server that a remote shell starts. A daemon gets them as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RemoteArguments {
    /// On its command line, where backslashes keep what is special from the shell over there, as rsync does.
    #[default]
    Escaped,
    /// Through the connection (`--secluded-args`), where no shell sees them. Servers since rsync 3.0 read them, unless
    /// they are restricted ones. The server resolves wildcards, and `~` is a name as any other.
    Secluded,
}

/// How the content of files travels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transport {
    /// How often compression was asked for (`-z`): once for what both sides like best, twice for `zlibx`.
    pub compress: u8,
    /// The algorithm (`--compress-choice`), which asks for compression by itself.
    pub compress_choice: Option<CompressionChoice>,
    /// How hard the server tries (`--compress-level`); asks for compression by itself. Each algorithm has its own
    /// levels, and 0 switches those of zlib off.
    pub compress_level: Option<i32>,
    /// Endings of names that the server should not compress (`--skip-compress`), between slashes.
    pub skip_compress: Option<String>,
    /// The most that the server should send, in KiB a second (`--bwlimit`); 0 for no bound.
    pub bwlimit: u32,
    /// How arguments reach a server that a remote shell starts.
    pub remote_arguments: RemoteArguments,
}

/// How literals are packed, as far as one side knows before it heard from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Not at all.
    Off,
    /// As both sides agree.
    Negotiated,
    /// Like this.
    Fixed(CompressionKind),
}

impl Transport {
    pub(crate) fn method(&self) -> Method {
        match self.compress_choice {
            Some(CompressionChoice::Kind(kind)) => Method::Fixed(kind),
            None if self.compress > 1 => Method::Fixed(CompressionKind::Zlibx),
            Some(CompressionChoice::None) => Method::Off,
            None | Some(CompressionChoice::Auto) if self.compress == 0 && self.compress_level.is_none() => {
                Method::Off
            }
            _ => Method::Negotiated,
        }
    }

    /// The letter `z`, which servers without negotiation know.
    pub(crate) fn has_letter(&self) -> bool {
        match self.method() {
            Method::Off => false,
            Method::Fixed(kind) => kind == CompressionKind::Zlib,
            Method::Negotiated => self.compress > 0,
        }
    }

    /// What is left of an algorithm at the level that was asked for.
    pub(crate) fn at_level(&self, kind: CompressionKind) -> Option<CompressionKind> {
        let off =
            self.compress_level == Some(0) && matches!(kind, CompressionKind::Zlibx | CompressionKind::Zlib);
        (!off).then_some(kind)
    }

    /// Refuses what cannot work.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an algorithm that is not compiled in.
    pub(super) fn check(&self) -> Result<()> {
        match self.method() {
            Method::Fixed(kind) if !kind.is_available() => Err(not_compiled_in(kind)),
            Method::Negotiated if CompressionKind::available().next().is_none() => Err(Error::Unsupported(
                "this client was made without compression: leave out -z, or build it with zstd, lz4 or zlib"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

/// Somebody asks for an algorithm that is not here.
pub(crate) fn not_compiled_in(kind: CompressionKind) -> Error {
    Error::Unsupported(format!("this client was made without the compression {}", kind.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_add_up_as_in_the_reference() {
        use CompressionChoice::{Auto, Kind, None as Nothing};
        use CompressionKind::{Zlib, Zlibx, Zstd};
        let zstd = Some(Kind(Zstd));
        for (compress, compress_choice, compress_level, method, letter) in [
            (0, None, None, Method::Off, false),
            (1, None, None, Method::Negotiated, true),
            (2, None, None, Method::Fixed(Zlibx), false),
            (3, None, None, Method::Fixed(Zlibx), false),
            (0, None, Some(5), Method::Negotiated, false),
            (1, None, Some(5), Method::Negotiated, true),
            (0, Some(Auto), None, Method::Off, false),
            (1, Some(Auto), None, Method::Negotiated, true),
            (1, Some(Nothing), None, Method::Off, false),
            (1, Some(Nothing), Some(3), Method::Off, false),
            (0, zstd, None, Method::Fixed(Zstd), false),
            (2, zstd, None, Method::Fixed(Zstd), false),
            (0, Some(Kind(Zlib)), None, Method::Fixed(Zlib), true),
        ] {
            let transport = Transport { compress, compress_choice, compress_level, ..Transport::default() };
            assert_eq!((transport.method(), transport.has_letter()), (method, letter), "{transport:?}");
        }
    }

    #[test]
    fn level_0_switches_zlib_off() {
        let at =
            |level, kind| Transport { compress_level: Some(level), ..Transport::default() }.at_level(kind);
        assert_eq!(at(0, CompressionKind::Zlibx), None);
        assert_eq!(at(1, CompressionKind::Zlib), Some(CompressionKind::Zlib));
        assert_eq!(at(0, CompressionKind::Zstd), Some(CompressionKind::Zstd));
    }
}
