//! What is known of an image beforehand: how long it is, and sums over it.

use std::fmt;

/// What an image has to be, as it is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checks {
    /// How long, in bytes.
    pub len: Option<u64>,
    /// Sums over it.
    pub sums: Vec<Sum>,
}

impl Checks {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.len.is_none() && self.sums.is_empty()
    }
}

/// A sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Of which kind.
    pub kind: SumKind,
    /// Its bytes.
    pub digest: Vec<u8>,
}

/// Kinds of sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SumKind {
    Md5,
    Sha256,
    Sha512,
}

impl SumKind {
    /// All, by their names.
    pub const NAMES: &'static [(&'static str, SumKind)] =
        &[("md5", SumKind::Md5), ("sha256", SumKind::Sha256), ("sha512", SumKind::Sha512)];

    /// Bytes of such a sum.
    pub fn len(self) -> usize {
        match self {
            SumKind::Md5 => 16,
            SumKind::Sha256 => 32,
            SumKind::Sha512 => 64,
        }
    }
}

impl fmt::Display for SumKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SumKind::Md5 => "MD5",
            SumKind::Sha256 => "SHA-256",
            SumKind::Sha512 => "SHA-512",
        })
    }
}

impl Sum {
    /// Takes hexadecimal digits; their number says which kind it is.
    pub fn parse(text: &str) -> Option<Self> {
        let digest = bytes(text)?;
        let kind = SumKind::NAMES.iter().find(|(_, kind)| kind.len() == digest.len())?.1;
        Some(Self { kind, digest })
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let byte = |at: usize| {
        let digits = &text[at..at + 2];
        digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
    };
    (0..text.len()).step_by(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_digits_says_which_sum_it_is() {
        let kind = |text: &str| Sum::parse(text).map(|sum| sum.kind);
        assert_eq!(kind(&"0a".repeat(16)), Some(SumKind::Md5));
        assert_eq!(kind(&"FF".repeat(32)), Some(SumKind::Sha256));
        assert_eq!(kind(&"00".repeat(64)), Some(SumKind::Sha512));
        for wrong in ["", "0a", "+a", &"0g".repeat(16), &"0".repeat(31), &"é".repeat(16)] {
            assert_eq!(Sum::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Sum::parse(&"1f".repeat(16)).unwrap().digest, [0x1f; 16]);
    }
}
