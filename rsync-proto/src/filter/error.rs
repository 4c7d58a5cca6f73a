//! What is wrong with a rule.

use std::fmt;
use std::io;

use crate::error::{Error, printable};

/// A rule, or a file of rules, that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    rule: Vec<u8>,
    problem: String,
    unreadable: bool,
    /// From the innermost file outwards.
    places: Vec<(String, Option<usize>)>,
}

impl FilterError {
    pub(super) fn new(rule: &[u8], problem: impl Into<String>) -> Self {
        Self { rule: rule.to_vec(), problem: problem.into(), unreadable: false, places: Vec::new() }
    }

    pub(super) fn unreadable(rule: &[u8], file: &[u8], error: &io::Error) -> Self {
        let problem = format!("{} cannot be read: {error}", printable(file));
        Self { unreadable: true, ..Self::new(rule, problem) }
    }

    /// Whether a file that the rule names cannot be read, and the rule is well-formed.
    pub fn is_unreadable_file(&self) -> bool {
        self.unreadable
    }

    /// The same, found in a file.
    pub(super) fn within(mut self, file: &[u8], line: Option<usize>) -> Self {
        self.places.push((printable(file), line));
        self
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the filter rule \"{}\"", printable(&self.rule))?;
        for (file, line) in &self.places {
            write!(f, " in {file}")?;
            if let Some(line) = line {
                write!(f, ", line {line},")?;
            }
        }
        write!(f, " cannot be used: {}", self.problem)
    }
}

impl std::error::Error for FilterError {}

impl From<FilterError> for Error {
    fn from(error: FilterError) -> Self {
        Error::Misuse(error.to_string())
    }
}
