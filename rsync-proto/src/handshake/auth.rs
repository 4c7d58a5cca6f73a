//! Authentication: the server sends a challenge, the client answers with a digest over password and challenge.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use md4::Md4;
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// User and password. The password is not shown in debug output.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The password, without a line end.
    pub password: Vec<u8>,
    /// With a weaker digest than this the password is not given. A digest of it lets whoever listens try passwords; MD4
    /// and MD5 let him try many more of them.
    pub least_digest: Option<Digest>,
}

impl Credentials {
    /// With whatever digest the server knows.
    pub fn new(user: impl Into<String>, password: impl Into<Vec<u8>>) -> Self {
        Self { user: user.into(), password: password.into(), least_digest: None }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A digest for passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// SHA-512.
    Sha512,
    /// SHA-256.
    Sha256,
    /// SHA-1.
    Sha1,
    /// MD5, what servers use that do not say (protocol 30 and later).
    Md5,
    /// MD4.
    Md4,
    /// MD4 with four zeros in front, what servers use that do not say (protocol 29).
    OldMd4,
}

impl Digest {
    /// All that have a name, the strongest first.
    pub const ALL: [Digest; 5] = [Self::Sha512, Self::Sha256, Self::Sha1, Self::Md5, Self::Md4];

    /// As servers call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha512 => "sha512",
            Self::Sha256 => "sha256",
            Self::Sha1 => "sha1",
            Self::Md5 => "md5",
            Self::Md4 | Self::OldMd4 => "md4",
        }
    }

    /// The digest of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|digest| digest.name() == name)
    }

    /// Whether it is no weaker than another.
    pub(super) fn is_at_least(self, least: Self) -> bool {
        let rank =
            |digest: Self| Self::ALL.iter().position(|known| *known == digest).unwrap_or(Self::ALL.len());
        rank(self) <= rank(least)
    }

    /// The strongest digest that the server offers too; that of the protocol where it offers nothing.
    pub(super) fn choose(offered: Option<&[Vec<u8>]>, protocol: u8) -> Option<Self> {
        let Some(offered) = offered else {
            return Some(if protocol >= 30 { Self::Md5 } else { Self::OldMd4 });
        };
        Self::ALL.into_iter().find(|digest| offered.iter().any(|name| name == digest.name().as_bytes()))
    }

    /// The answer to a challenge.
    pub(crate) fn respond(self, password: &[u8], challenge: &[u8]) -> String {
        fn digest<D: md5::Digest>(password: &[u8], challenge: &[u8]) -> String {
            STANDARD_NO_PAD.encode(D::new().chain_update(password).chain_update(challenge).finalize())
        }
        fn old_md4(password: &[u8], challenge: &[u8]) -> String {
            digest::<Md4>(&[&[0; 4], password].concat(), challenge)
        }
        let compute = match self {
            Self::Sha512 => digest::<Sha512>,
            Self::Sha256 => digest::<Sha256>,
            Self::Sha1 => digest::<Sha1>,
            Self::Md5 => digest::<Md5>,
            Self::Md4 => digest::<Md4>,
            Self::OldMd4 => old_md4,
        };
        compute(password, challenge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_common_digest_is_chosen() {
        let offer = |names: &[&str]| names.iter().map(|n| n.as_bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(Digest::choose(Some(&offer(&["md4", "sha256", "md5"])), 32), Some(Digest::Sha256));
        assert_eq!(
            Digest::choose(Some(&offer(&["md4"])), 29),
            Some(Digest::Md4),
            "named, it is the usual one"
        );
        assert_eq!(Digest::choose(Some(&offer(&["crc"])), 32), None);
        assert_eq!(Digest::choose(None, 30), Some(Digest::Md5));
        assert_eq!(Digest::choose(None, 29), Some(Digest::OldMd4));
    }

    #[test]
    fn responses_are_base64_without_padding() {
        // The MD5 of "abc", known from the algorithm's definition.
        assert_eq!(Digest::Md5.respond(b"a", b"bc"), "kAFQmDzST7DWlj99KOF/cg");
        assert_eq!(Digest::OldMd4.respond(b"a", b"bc"), Digest::Md4.respond(b"\0\0\0\0a", b"bc"));
    }

    #[test]
    fn passwords_are_not_shown() {
        let secret = Credentials::new("u", *b"hush");
        assert!(!format!("{secret:?}").contains("hush"));
    }
}
