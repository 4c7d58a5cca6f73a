//! The sum over an image as it comes, to compare with the one that was given.

use md5::Md5;
use sha2::digest::DynDigest;
use sha2::{Sha256, Sha512};

use crate::model::SumKind;

/// A sum that is being taken.
pub(super) struct Summer(Box<dyn DynDigest + Send>);

impl Summer {
    pub(super) fn begin(kind: SumKind) -> Self {
        Self(match kind {
            SumKind::Md5 => Box::new(Md5::default()),
            SumKind::Sha256 => Box::new(Sha256::default()),
            SumKind::Sha512 => Box::new(Sha512::default()),
        })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}
