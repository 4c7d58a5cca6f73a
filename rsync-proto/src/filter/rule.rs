//! One rule, as it was written.

use super::pattern::Pattern;

/// What a rule says besides its pattern. A rule that names a file hands some of it down to the rules in there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// It includes what matches, in place of excluding it.
    pub include: bool,
    /// Only directories match.
    pub directory: bool,
    /// `/`: it is matched from the root of the file system.
    pub absolute: bool,
    /// `!`: it is about what does not match.
    pub negated: bool,
    /// `p`: it does not count in directories that go away.
    pub perishable: bool,
    /// `x`: it is about names of extended attributes.
    pub xattr: bool,
    /// `s`: it counts on the sending side.
    pub sender: bool,
    /// `r`: it counts on the receiving side.
    pub receiver: bool,
    /// `C`: it is about what CVS ignores.
    pub cvs: bool,
    /// `-` or `+`: the file holds nothing but patterns.
    pub no_prefixes: bool,
    /// `n`: what stands in the file does not count in directories below.
    pub no_inherit: bool,
    /// `w`: the file holds words, not lines.
    pub words: bool,
    /// `e`: the file is excluded itself.
    pub excludes_itself: bool,
}

impl Marks {
    /// Whether it was said on which side the rule counts.
    pub fn names_a_side(self) -> bool {
        self.sender || self.receiver
    }

    /// Whether the rule does not count on the receiving side.
    pub fn only_for_sender(self) -> bool {
        self.sender && !self.receiver
    }

    /// Whether the rule does not count on the sending side.
    pub fn only_for_receiver(self) -> bool {
        self.receiver && !self.sender
    }

    /// With what `--delete-excluded` does to a rule that names no side: it counts on the sending side only.
    pub fn with_sides(self, delete_excluded: bool, is_merge: bool) -> Self {
        let changes = delete_excluded && !self.names_a_side() && (!is_merge || self.no_prefixes);
        Self { sender: self.sender || changes, ..self }
    }
}

/// A rule of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub marks: Marks,
    pub subject: Subject,
}

/// What a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Pattern(Pattern),
    /// A file of this name in each directory holds rules.
    DirMerge(Box<[u8]>),
    /// What CVS ignores everywhere. Text behind it has no meaning, but is handed on.
    Cvs(Box<[u8]>),
}

/// The last component of the name of a merge file.
pub(super) fn base_name(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b'/').next().unwrap_or(name)
}
