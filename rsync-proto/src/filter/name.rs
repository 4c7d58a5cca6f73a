//! Patterns of shells for one name: what stands between two slashes of a path.

use super::glob::Glob;

/// A pattern for a name.
pub(crate) struct NamePattern(Glob);

impl NamePattern {
    /// The pattern with this text.
    pub fn new(text: &[u8]) -> Self {
        Self(Glob::new(text))
    }

    /// Whether it matches the whole name.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.0.matches(name, 0)
    }
}
