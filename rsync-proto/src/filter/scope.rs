//! The rules in effect at a place of one side. A scope is made from that of the directory above by reading the merge
//! files of the directory; it is cheap to clone, and does not change.

use std::io;
use std::sync::Arc;

use super::enter::Entering;
use super::error::FilterError;
use super::parse::place_of;
use super::pattern::{Pattern, Place};
use super::rule::{Marks, Subject, base_name};
use super::{Filters, cvs};

/// A merge file that is looked for when a directory is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeFile<'a> {
    /// The file of this name in the directory that is entered.
    Here(&'a [u8]),
    /// The file with this absolute path: above the root of the transfer, or named by another merge file.
    At(&'a [u8]),
}

/// Reads a merge file; nothing if there is none.
pub type ReadMerge<'a> = dyn FnMut(MergeFile<'_>) -> io::Result<Option<Vec<u8>>> + 'a;

/// What the rules say of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The first rule that matches excludes it: it is not sent; on the receiving side, it is protected from deletion.
    Excluded,
    /// The first rule that matches includes it.
    Included,
    /// No rule matches.
    Unmatched,
}

/// The rules in effect in a directory.
#[derive(Debug, Clone)]
pub struct Scope {
    shared: Arc<Shared>,
    /// The directory, below the root of the transfer. Not kept where no merge files are looked for.
    dir: Arc<[u8]>,
    merges: Arc<[Merge]>,
}

/// Whose rules a scope has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Sender,
    Receiver,
}

/// What all scopes of a transfer have in common.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    /// Shared by all roots: there may be as many as files are asked for.
    items: Arc<[Item]>,
    side: Side,
    /// The absolute path of the root of the transfer, without slashes at its ends.
    pub root: Box<[u8]>,
    pub from0: bool,
    pub delete_excluded: bool,
    pub cvs: Arc<[Judge]>,
}

#[derive(Debug, Clone)]
pub(super) enum Item {
    Judge(Judge),
    /// The rules of a merge file, by its number.
    Merge(usize),
    Cvs(Arc<[Judge]>),
}

#[derive(Debug, Clone)]
pub(super) struct Judge {
    pattern: Pattern,
    include: bool,
    negated: bool,
    perishable: bool,
}

/// A file that is looked for in each directory, and the rules that it has given so far.
#[derive(Debug, Clone)]
pub(super) struct Merge {
    pub name: Arc<[u8]>,
    pub marks: Marks,
    /// An absolute name is looked for above once, when the first directory is entered. Of any other name, only the last
    /// component counts.
    pub start: Option<Arc<[u8]>>,
    pub rules: Option<Arc<List>>,
}

/// Rules of one file, and those of the files in the directories above.
#[derive(Debug)]
pub(super) struct List {
    pub items: Vec<Item>,
    pub inherited: Option<Arc<List>>,
}

impl Filters {
    /// The rules on the receiving side, before any directory is entered: not even the root of the transfer, whose
    /// absolute path is `root`.
    pub fn receiver(&self, root: &[u8], delete_excluded: bool) -> Scope {
        self.scope(Side::Receiver, root, delete_excluded)
    }

    /// The rules on the sending side, before any directory is entered; `root` as with [`Self::receiver`]. Excluded is
    /// what is not sent.
    pub fn sender(&self, root: &[u8]) -> Scope {
        self.scope(Side::Sender, root, false)
    }

    fn scope(&self, side: Side, root: &[u8], delete_excluded: bool) -> Scope {
        let cvs: Arc<[Judge]> = self.cvs_judges(Marks::default()).into();
        let mut items = Vec::new();
        let mut merges = Vec::new();
        let own = self.rules.len();
        for (at, rule) in self.with_cvs().iter().enumerate() {
            // What -C adds is never limited to the server's side.
            let is_merge = matches!(rule.subject, Subject::DirMerge(_));
            let marks = rule.marks.with_sides(delete_excluded && at < own, is_merge);
            if !side.has(marks) || marks.xattr {
                continue;
            }
            items.push(match &rule.subject {
                Subject::Pattern(pattern) => Item::Judge(Judge::new(pattern.clone(), marks)),
                Subject::Cvs(_) => Item::Cvs(self.cvs_judges(marks).into()),
                Subject::DirMerge(name) => {
                    merges.push(Merge::new(name, rule.marks));
                    Item::Merge(merges.len() - 1)
                }
            });
        }
        let shared =
            Shared { items: items.into(), side, root: bare(root), from0: self.from0, delete_excluded, cvs };
        Scope { shared: Arc::new(shared), dir: Arc::default(), merges: merges.into() }
    }

    fn cvs_judges(&self, marks: Marks) -> Vec<Judge> {
        cvs::patterns(&self.cvs_home, &self.cvs_variable)
            .into_iter()
            .map(|(text, perishable)| Judge {
                perishable: perishable || marks.perishable,
                ..Judge::new(Pattern::new(text, false, place_of(marks, &Place::Root)), marks)
            })
            .collect()
    }
}

impl Side {
    /// Whether a rule with these marks counts on this side.
    fn has(self, marks: Marks) -> bool {
        match self {
            Side::Sender => !marks.only_for_receiver(),
            Side::Receiver => !marks.only_for_sender(),
        }
    }
}

/// Without slashes at its ends.
fn bare(root: &[u8]) -> Box<[u8]> {
    let root = root.strip_prefix(b"/").unwrap_or(root);
    root.strip_suffix(b"/").unwrap_or(root).into()
}

impl Shared {
    /// Whether a rule of a merge file counts.
    pub fn counts(&self, marks: Marks) -> bool {
        self.side.has(marks.with_sides(self.delete_excluded, false))
    }
}

impl Scope {
    /// The same rules for a transfer whose root is elsewhere. For a scope that no directory was entered with.
    #[must_use]
    pub fn with_root(&self, root: &[u8]) -> Self {
        let shared = Shared { root: bare(root), ..Shared::clone(&self.shared) };
        Self { shared: Arc::new(shared), ..self.clone() }
    }

    /// Whether no name is protected here or below.
    pub fn is_empty(&self) -> bool {
        self.shared.items.is_empty()
    }

    /// What the rules say of an entry, whose path is relative to the root of the transfer. `doomed` tells that its
    /// directory is going to be deleted: perishable rules do not count then.
    pub fn verdict(&self, path: &[u8], is_dir: bool, doomed: bool) -> Verdict {
        if path.is_empty() {
            return Verdict::Unmatched;
        }
        match self.judge(&self.shared.items, path, is_dir, doomed) {
            None => Verdict::Unmatched,
            Some(true) => Verdict::Included,
            Some(false) => Verdict::Excluded,
        }
    }

    /// Whether an entry is protected from deletion. As [`Self::verdict`].
    pub fn protects(&self, path: &[u8], is_dir: bool, doomed: bool) -> bool {
        self.verdict(path, is_dir, doomed) == Verdict::Excluded
    }

    fn judge(&self, items: &[Item], path: &[u8], is_dir: bool, doomed: bool) -> Option<bool> {
        let root = &self.shared.root;
        items.iter().find_map(|item| match item {
            Item::Judge(judge) => judge.says(path, is_dir, doomed, root),
            Item::Cvs(judges) => judges.iter().find_map(|judge| judge.says(path, is_dir, doomed, root)),
            Item::Merge(number) => {
                let mut list = self.merges[*number].rules.as_ref();
                while let Some(rules) = list {
                    let said = self.judge(&rules.items, path, is_dir, doomed);
                    if said.is_some() {
                        return said;
                    }
                    list = rules.inherited.as_ref();
                }
                None
            }
        })
    }

    /// The scope inside the directory `name` of this one; an empty name is the root of the transfer. A path leads
    /// down several directories at once, whose own merge files are not looked at.
    ///
    /// # Errors
    /// A merge file cannot be read, or holds what is no rule. Then it is not known what is protected.
    pub fn enter(&self, name: &[u8], read: &mut ReadMerge<'_>) -> Result<Scope, FilterError> {
        if self.merges.is_empty() {
            return Ok(self.clone());
        }
        let dir = match (&*self.dir, name) {
            (_, b"") => Arc::clone(&self.dir),
            (b"", name) => name.into(),
            (dir, name) => [dir, b"/", name].concat().into(),
        };
        let mut entering = Entering { shared: &self.shared, dir: &dir, merges: self.merges.to_vec(), read };
        // Files may name further ones, which are looked for in this directory already.
        let mut number = 0;
        while number < entering.merges.len() {
            entering.look_for(number)?;
            number += 1;
        }
        let merges = entering.merges.into();
        Ok(Scope { shared: Arc::clone(&self.shared), dir, merges })
    }
}

impl Judge {
    pub fn new(pattern: Pattern, marks: Marks) -> Self {
        Self { pattern, include: marks.include, negated: marks.negated, perishable: marks.perishable }
    }

    /// Whether it includes the entry, if it matches.
    fn says(&self, path: &[u8], is_dir: bool, doomed: bool, root: &[u8]) -> Option<bool> {
        if doomed && self.perishable {
            return None;
        }
        (self.pattern.matches(path, is_dir, root) != self.negated).then_some(self.include)
    }
}

impl Merge {
    pub fn new(name: &[u8], marks: Marks) -> Self {
        let start = name.starts_with(b"/").then(|| name.into());
        Self { name: base_name(name).into(), marks, start, rules: None }
    }
}
