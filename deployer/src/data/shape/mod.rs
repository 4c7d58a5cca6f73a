//! Shapes of JSON: what may stand where, said once. The same declaration reads a description, collects every
//! mistake in it with its JSON path, and writes the JSON Schema.

mod object;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::fmt;

use serde_json::{Value, json};

use super::json::Json;
pub use object::{Fields, Object, Tagged};

/// One mistake in a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Where it is: `$.partitions[0].size`.
    pub path: String,
    /// What was expected, and what stood there.
    pub message: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// What a reading has to say: mistakes, and what is merely odd.
#[derive(Debug, Default)]
pub struct Log {
    complaints: RefCell<Vec<Complaint>>,
    warnings: RefCell<Vec<Complaint>>,
    unknown: RefCell<Vec<Complaint>>,
}

/// What a reading had to say, each part in the order in which it came up.
#[derive(Debug, Default)]
pub struct Said {
    /// Mistakes.
    pub complaints: Vec<Complaint>,
    /// Keys without effect.
    pub warnings: Vec<Complaint>,
    /// Keys that nobody knows, where that is no mistake. They may be what is missed elsewhere.
    pub unknown: Vec<Complaint>,
}

impl Log {
    /// A mistake.
    pub fn complain(&self, path: &str, message: impl Into<String>) {
        self.complaints.borrow_mut().push(Complaint { path: path.to_owned(), message: message.into() });
    }

    /// Something without effect.
    pub fn warn(&self, path: &str, message: impl Into<String>) {
        self.warnings.borrow_mut().push(Complaint { path: path.to_owned(), message: message.into() });
    }

    /// A key that nobody knows, where that is no mistake.
    pub fn note_unknown(&self, path: &str) {
        let message = "there is no such key; it has no effect".to_owned();
        self.unknown.borrow_mut().push(Complaint { path: path.to_owned(), message });
    }

    /// All that was said.
    pub fn into_said(self) -> Said {
        Said {
            complaints: self.complaints.into_inner(),
            warnings: self.warnings.into_inner(),
            unknown: self.unknown.into_inner(),
        }
    }
}

/// A value at its place.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    /// Its JSON path.
    pub path: &'a str,
    /// What stands there.
    pub value: &'a Json,
    /// Who takes complaints.
    pub log: &'a Log,
}

impl Node<'_> {
    fn expected<T>(&self, what: &str) -> Option<T> {
        self.log.complain(self.path, format!("expected {what}, found {}", self.value));
        None
    }
}

/// What may stand at a place.
pub trait Shape {
    /// What it is read into.
    type Value;
    /// Reads it; what is wrong goes to the log.
    fn read(&self, node: Node<'_>) -> Option<Self::Value>;
    /// It as JSON Schema.
    fn schema(&self) -> Value;
}

/// A string that means something.
pub struct Text<T> {
    /// What is expected, for complaints.
    pub what: &'static str,
    /// What it means, or what is wrong with it.
    pub parse: fn(&str) -> Result<T, String>,
    /// A regular expression that says the same, as far as one can.
    pub pattern: Option<&'static str>,
    /// Whether complaints keep it to themselves.
    pub secret: bool,
}

impl<T> Shape for Text<T> {
    type Value = T;

    fn read(&self, node: Node<'_>) -> Option<T> {
        let Json::Text(text) = node.value else { return node.expected(self.what) };
        let found = match self.secret {
            true => format!("a string of {} bytes", text.len()),
            false => node.value.to_string(),
        };
        match (self.parse)(text) {
            Ok(value) => Some(value),
            Err(reason) => {
                let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
                let message = format!("expected {}, found {found}{reason}", self.what);
                node.log.complain(node.path, message);
                None
            }
        }
    }

    fn schema(&self) -> Value {
        match self.pattern {
            Some(pattern) => json!({"type": "string", "pattern": pattern}),
            None => json!({"type": "string"}),
        }
    }
}

/// `true` or `false`. With `numbers` also a number, where zero is false.
pub struct Flag {
    /// Whether numbers are taken too.
    pub numbers: bool,
}

impl Shape for Flag {
    type Value = bool;

    fn read(&self, node: Node<'_>) -> Option<bool> {
        match node.value {
            Json::Bool(value) => Some(*value),
            Json::Number(number) if self.numbers && number.is_i64() => Some(number.as_i64() != Some(0)),
            _ => node.expected("true or false"),
        }
    }

    fn schema(&self) -> Value {
        if self.numbers { json!({"type": ["boolean", "integer"]}) } else { json!({"type": "boolean"}) }
    }
}

/// A whole number from one on.
pub struct Count;

impl Shape for Count {
    type Value = u64;

    fn read(&self, node: Node<'_>) -> Option<u64> {
        match node.value {
            Json::Number(number) if number.as_u64().is_some_and(|number| number > 0) => number.as_u64(),
            _ => node.expected("a whole number from 1 on"),
        }
    }

    fn schema(&self) -> Value {
        json!({"type": "integer", "minimum": 1})
    }
}

/// One of a few strings.
pub struct Choice<T: 'static>(pub &'static [(&'static str, T)]);

impl<T: Copy> Shape for Choice<T> {
    type Value = T;

    fn read(&self, node: Node<'_>) -> Option<T> {
        if let Json::Text(text) = node.value
            && let Some((_, value)) = self.0.iter().find(|(name, _)| name == text)
        {
            return Some(*value);
        }
        node.expected(&one_of(self.0.iter().map(|(name, _)| *name)))
    }

    fn schema(&self) -> Value {
        json!({"enum": self.0.iter().map(|(name, _)| name).collect::<Vec<_>>()})
    }
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
    match names.as_slice() {
        [only] => only.clone(),
        names => format!("one of {}", names.join(", ")),
    }
}

/// A list. An item that cannot be read is nothing at its place, so that what it may have been is not missed.
pub struct List<S> {
    /// What stands in it.
    pub item: S,
    /// The fewest items.
    pub at_least: usize,
}

impl<S: Shape> Shape for List<S> {
    type Value = Vec<Option<S::Value>>;

    fn read(&self, node: Node<'_>) -> Option<Self::Value> {
        let Json::List(items) = node.value else { return node.expected("a list") };
        if items.len() < self.at_least {
            let found = if items.is_empty() { "an empty list".to_owned() } else { items.len().to_string() };
            let items = if self.at_least == 1 { "item" } else { "items" };
            let message = format!("expected a list of at least {} {items}, found {found}", self.at_least);
            node.log.complain(node.path, message);
            return None;
        }
        let read = |(index, value)| {
            let path = format!("{}[{index}]", node.path);
            self.item.read(Node { path: &path, value, log: node.log })
        };
        Some(items.iter().enumerate().map(read).collect())
    }

    fn schema(&self) -> Value {
        json!({"type": "array", "items": self.item.schema(), "minItems": self.at_least})
    }
}
