//! Filter rules: what of a tree is asked for, what of it the server may send, and what here is protected from
//! deletion.
//!
//! [`Filters`] is the list of rules in the order in which they were given. [`Filters::on_wire`] is the part of it that
//! the server gets, [`Filters::offer_check`] judges the names that the server sends, and [`Filters::receiver`] is the
//! [`Scope`] at the top of the receiving side, [`Filters::sender`] that of the sending one; each directory has a scope of
//! its own, because merge files in it may add rules. The room reads no files: callers hand their contents in.

mod cvs;
mod enter;
mod error;
mod glob;
#[cfg(feature = "server")]
mod name;
mod offer;
mod parse;
mod pattern;
mod rule;
mod scope;
mod wire;
mod xattr;

use std::io;

pub use error::FilterError;
#[cfg(feature = "server")]
pub(crate) use name::NamePattern;
pub use offer::{ListFilter, OfferCheck};
use parse::{Parsed, Style, each_rule, parse_rule, place_of};
use pattern::{Pattern, Place};
use rule::{Marks, Rule, Subject, base_name};
pub use scope::{MergeFile, Scope, Verdict};
pub use xattr::XattrRules;

/// Files of rules may name others, this deep.
const MAX_FILES: usize = 32;

/// Reads a file of rules whole. The name is as it was given, or `-` for standard input.
pub type ReadFile<'a> = dyn FnMut(&[u8]) -> io::Result<Vec<u8>> + 'a;

/// The rules of a transfer, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    rules: Vec<Rule>,
    from0: bool,
    cvs_exclude: bool,
    cvs_home: Vec<u8>,
    cvs_variable: Vec<u8>,
}

impl Filters {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && !self.cvs_exclude
    }

    /// Adds a rule as `--filter` takes it. `read` is asked for the files that it names, unless they are to be looked
    /// for in each directory.
    ///
    /// # Errors
    /// The rule, or one in such a file, means nothing; or a file cannot be read.
    pub fn add(&mut self, rule: &[u8], read: &mut ReadFile<'_>) -> Result<(), FilterError> {
        if rule.is_empty() {
            return Ok(());
        }
        let parsed = parse_rule(rule, Marks::default(), Style::Prefixed)?;
        self.take(parsed, rule, &Place::Root, 0, read)
    }

    /// Adds a pattern as `--exclude` takes it: `+ ` in front includes, and `!` alone clears the list.
    ///
    /// # Errors
    /// The pattern is empty or too long.
    pub fn exclude(&mut self, pattern: &[u8]) -> Result<(), FilterError> {
        self.old_style(pattern, false)
    }

    /// Adds a pattern as `--include` takes it: `- ` in front excludes, and `!` alone clears the list.
    ///
    /// # Errors
    /// The pattern is empty or too long.
    pub fn include(&mut self, pattern: &[u8]) -> Result<(), FilterError> {
        self.old_style(pattern, true)
    }

    fn old_style(&mut self, pattern: &[u8], include: bool) -> Result<(), FilterError> {
        if pattern.is_empty() {
            return Ok(());
        }
        let parsed = parse_rule(pattern, Marks { include, ..Marks::default() }, Style::Old)?;
        self.take(parsed, pattern, &Place::Root, 0, &mut |_| Err(io::ErrorKind::Unsupported.into()))
    }

    /// Adds the patterns of a file, as `--exclude-from` and `--include-from` do, one in each line; or each up to a
    /// NUL, if [`Self::set_from0`] came before.
    ///
    /// # Errors
    /// A pattern is empty or too long.
    pub fn add_file(&mut self, name: &[u8], text: &[u8], include: bool) -> Result<(), FilterError> {
        let container = Marks { include, ..Marks::default() };
        let mut no_file = |_: &[u8]| Err(io::ErrorKind::Unsupported.into());
        each_rule(text, name, container, Style::Old, self.from0, &mut |parsed| {
            self.take(parsed, b"", &Place::Root, 0, &mut no_file)
        })
    }

    /// Whether rules in the files that are read from now on end with a NUL in place of a line's end (`-0`).
    pub fn set_from0(&mut self, on: bool) {
        self.from0 = on;
    }

    /// Whether what CVS ignores is excluded, after all other rules (`-C`).
    pub fn set_cvs_exclude(&mut self, on: bool) {
        self.cvs_exclude = on;
    }

    /// Whether `-C` was given: the server is told by a letter, not by rules.
    pub fn cvs_exclude(&self) -> bool {
        self.cvs_exclude
    }

    /// Whether any rule is about what CVS ignores, so that [`Self::set_cvs_ignored`] makes a difference.
    pub fn uses_cvs(&self) -> bool {
        self.cvs_exclude || self.rules.iter().any(|rule| matches!(rule.subject, Subject::Cvs(_)))
    }

    /// What the user lets CVS ignore besides what it always does: the contents of `.cvsignore` in the home directory,
    /// and of the variable `CVSIGNORE`.
    pub fn set_cvs_ignored(&mut self, home: Vec<u8>, variable: Vec<u8>) {
        (self.cvs_home, self.cvs_variable) = (home, variable);
    }

    /// The rule for a directory of partial files (`--partial-dir`), whose name is not absolute: neither sent nor
    /// deleted. To be called after all rules were added.
    pub(crate) fn hide_partial_dir(&mut self, name: &[u8]) {
        let marks = Marks { directory: true, perishable: true, ..Marks::default() };
        self.push_pattern(marks, name, &Place::Root);
    }

    /// The rule that a directory of partial files is not deleted although what is excluded is: or every try would
    /// begin anew. To be called after [`Self::hide_partial_dir`].
    pub(crate) fn protect_partial_dir(&mut self, name: &[u8]) {
        let marks = Marks { directory: true, perishable: true, receiver: true, ..Marks::default() };
        self.push_pattern(marks, name, &Place::Root);
    }

    /// The rule for backups beside their files (`--backup` with a suffix): they are not deleted. To be called after
    /// all rules were added, where something is deleted at all.
    pub(crate) fn protect_backups(&mut self, suffix: &[u8]) {
        let marks = Marks { receiver: true, ..Marks::default() };
        self.push_pattern(marks, &[b"*", suffix].concat(), &Place::Root);
    }

    /// Names of the files of rules that are looked for above the root of a transfer as well.
    #[cfg(feature = "fs")]
    pub(crate) fn merged_from_above(&self) -> impl Iterator<Item = &[u8]> {
        self.rules.iter().filter_map(|rule| match &rule.subject {
            Subject::DirMerge(name) if name.starts_with(b"/") => Some(base_name(name)),
            _ => None,
        })
    }

    /// How many files of rules are looked for in each directory.
    pub fn merge_count(&self) -> usize {
        self.rules.iter().filter(|rule| matches!(rule.subject, Subject::DirMerge(_))).count()
    }

    fn take(
        &mut self,
        parsed: Parsed,
        text: &[u8],
        place: &Place,
        depth: usize,
        read: &mut ReadFile<'_>,
    ) -> Result<(), FilterError> {
        match parsed {
            Parsed::Clear => self.rules.clear(),
            Parsed::Pattern(marks, pattern) => self.push_pattern(marks, &pattern, place),
            Parsed::Cvs(marks, text) => {
                self.rules.push(Rule { marks, subject: Subject::Cvs(text.into()) });
            }
            Parsed::DirMerge(marks, name) => self.push_dir_merge(marks, &name),
            Parsed::Merge(marks, name) => {
                self.exclude_itself(marks, &name);
                if depth == MAX_FILES {
                    return Err(FilterError::new(text, "files of rules name each other without end"));
                }
                let content = read(&name).map_err(|error| FilterError::unreadable(text, &name, &error))?;
                let from0 = self.from0;
                each_rule(&content, &name, marks, Style::Prefixed, from0, &mut |parsed| {
                    self.take(parsed, &name, place, depth + 1, read)
                })?;
            }
        }
        Ok(())
    }

    fn push_pattern(&mut self, marks: Marks, pattern: &[u8], place: &Place) {
        let pattern = Pattern::new(pattern, marks.directory, place_of(marks, place));
        self.rules.push(Rule { marks, subject: Subject::Pattern(pattern) });
    }

    fn exclude_itself(&mut self, marks: Marks, name: &[u8]) {
        if marks.excludes_itself {
            self.push_pattern(Marks::default(), base_name(name), &Place::Root);
        }
    }

    /// A file that was named before is not looked for twice.
    fn push_dir_merge(&mut self, mut marks: Marks, name: &[u8]) {
        self.exclude_itself(marks, name);
        marks.excludes_itself = false;
        let name = match name {
            [head @ .., b'/'] if !head.is_empty() => {
                marks.directory = true;
                head
            }
            _ => name,
        };
        let known = self.rules.iter().any(|rule| match &rule.subject {
            Subject::DirMerge(known) => base_name(known) == base_name(name),
            _ => false,
        });
        if !known {
            self.rules.push(Rule { marks, subject: Subject::DirMerge(name.into()) });
        }
    }

    /// The list with what `-C` adds to it here.
    fn with_cvs(&self) -> std::borrow::Cow<'_, [Rule]> {
        if !self.cvs_exclude {
            return (&self.rules[..]).into();
        }
        let mut all = Self { cvs_exclude: false, ..self.clone() };
        all.push_dir_merge(cvs::marks(), b".cvsignore");
        all.rules.push(Rule { marks: cvs::marks(), subject: Subject::Cvs(Box::default()) });
        all.rules.into()
    }
}

#[cfg(test)]
mod tests;
