//! What the server offers has to pass the rules that it was sent.

use super::pattern::Pattern;
use super::rule::Subject;
use super::{Filters, Scope};

/// What rules do with a file list that comes in.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Names that the server had to keep to itself.
    pub offer: OfferCheck,
    /// Directories are left out that would be empty, unless these rules protect them.
    pub prune: Option<Scope>,
}

/// Judges the names of the server's file list. Rules whose effect on the server cannot be known here count in the
/// server's favour: those from files that lie there, and those about places outside of the transfer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfferCheck {
    rules: Vec<Judge>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Judge {
    pattern: Pattern,
    negated: bool,
    include: bool,
}

impl Filters {
    /// The check for what the server sends.
    pub fn offer_check(&self) -> OfferCheck {
        let mut rules = Vec::new();
        for rule in self.rules.iter().filter(|rule| !rule.marks.only_for_receiver() && !rule.marks.xattr) {
            let marks = rule.marks;
            match &rule.subject {
                Subject::Pattern(pattern) if !pattern.needs_root() => rules.push(Judge {
                    pattern: pattern.clone(),
                    negated: marks.negated,
                    include: marks.include,
                }),
                // What is not known may exclude even more; but if it may include, nothing behind it is certain.
                Subject::Pattern(_) | Subject::Cvs(_) if !marks.include => {}
                Subject::DirMerge(_) if marks.no_prefixes && !marks.include => {}
                _ => break,
            }
        }
        // Behind the last exclusion, nothing changes any more.
        let used = rules.iter().rposition(|rule| !rule.include).map_or(0, |last| last + 1);
        rules.truncate(used);
        OfferCheck { rules }
    }
}

impl OfferCheck {
    /// Whether every name passes.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether the server had to keep this entry to itself. The path is relative to the root of the transfer.
    pub fn hides(&self, path: &[u8], is_dir: bool) -> bool {
        self.rules
            .iter()
            .find(|rule| rule.pattern.matches(path, is_dir, b"") != rule.negated)
            .is_some_and(|rule| !rule.include)
    }
}
