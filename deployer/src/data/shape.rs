//! Shapes of JSON: what may stand where, said once. The same declaration reads a description, collects every
//! mistake in it with its JSON path, and writes the JSON Schema.

use std::cell::RefCell;
use std::fmt;

use serde_json::{Value, json};

use super::json::Json;

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

    /// Complaints and warnings, in the order in which they came up.
    pub fn into_parts(self) -> (Vec<Complaint>, Vec<Complaint>) {
        (self.complaints.into_inner(), self.warnings.into_inner())
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
}

impl<T> Shape for Text<T> {
    type Value = T;

    fn read(&self, node: Node<'_>) -> Option<T> {
        let Json::Text(text) = node.value else { return node.expected(self.what) };
        match (self.parse)(text) {
            Ok(value) => Some(value),
            Err(reason) if reason.is_empty() => node.expected(self.what),
            Err(reason) => {
                let message = format!("expected {}, found {}: {reason}", self.what, node.value);
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
            node.log.complain(node.path, format!("expected at least {}, found {found}", self.at_least));
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

/// An object, whose keys the function asks for one by one. It must ask for all of them before it gives up on
/// one that is missing, since every mistake is to be found.
pub struct Object<T>(pub fn(&mut Fields<'_>) -> Option<T>);

impl<T> Shape for Object<T> {
    type Value = T;

    fn read(&self, node: Node<'_>) -> Option<T> {
        read_object(node, None, self.0)
    }

    fn schema(&self) -> Value {
        describe(None, self.0)
    }
}

/// One kind of object among several: its name, and its keys.
pub type Variant<T> = (&'static str, fn(&mut Fields<'_>) -> Option<T>);

/// An object whose `type` says which keys it has.
pub struct Tagged<T: 'static>(pub &'static [Variant<T>]);

impl<T> Shape for Tagged<T> {
    type Value = T;

    fn read(&self, node: Node<'_>) -> Option<T> {
        let Json::Object(entries) = node.value else { return node.expected("an object") };
        let names = one_of(self.0.iter().map(|(name, _)| *name));
        let Some((_, kind)) = entries.iter().find(|(key, _)| key == "type") else {
            node.log.complain(node.path, format!("expected the key \"type\" ({names}), found none"));
            return None;
        };
        let variant = self.0.iter().find(|(name, _)| matches!(kind, Json::Text(text) if text == name));
        let Some((name, fields)) = variant else {
            let path = format!("{}.type", node.path);
            return Node { path: &path, value: kind, log: node.log }.expected(&names);
        };
        read_object(node, Some(name), *fields)
    }

    fn schema(&self) -> Value {
        let variants: Vec<Value> =
            self.0.iter().map(|(name, fields)| describe(Some(name), *fields)).collect();
        json!({"oneOf": variants})
    }
}

fn read_object<T>(
    node: Node<'_>,
    kind: Option<&'static str>,
    ask: fn(&mut Fields<'_>) -> Option<T>,
) -> Option<T> {
    let Json::Object(entries) = node.value else { return node.expected("an object") };
    let known = kind.map(|_| "type").into_iter().collect();
    let mut fields = Fields { mode: Mode::Read { node, entries }, known, wrong: Vec::new(), lenient: false };
    let value = ask(&mut fields);
    fields.finish();
    value
}

fn describe<T>(kind: Option<&'static str>, ask: fn(&mut Fields<'_>) -> Option<T>) -> Value {
    let mode = Mode::Describe(Vec::new());
    let mut fields = Fields { mode, known: Vec::new(), wrong: Vec::new(), lenient: false };
    ask(&mut fields);
    let Mode::Describe(described) = fields.mode else { unreachable!("the mode is set above") };
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    if let Some(kind) = kind {
        properties.insert("type".to_owned(), json!({"const": kind}));
        required.push("type");
    }
    for field in described {
        properties.insert(field.name.to_owned(), field.schema);
        if field.required {
            required.push(field.name);
        }
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": fields.lenient,
    })
}

/// A key that may be missing may be `null` too.
fn take_null(schema: &mut Value) {
    if let Some(Value::Array(choices)) = schema.get_mut("enum") {
        choices.push(Value::Null);
    }
    match schema.get_mut("type") {
        Some(Value::Array(types)) => types.push("null".into()),
        Some(Value::String(one)) => schema["type"] = json!([one, "null"]),
        _ => {}
    }
}

struct Described {
    name: &'static str,
    schema: Value,
    required: bool,
}

enum Mode<'a> {
    Read { node: Node<'a>, entries: &'a [(String, Json)] },
    Describe(Vec<Described>),
}

/// The keys of an object.
pub struct Fields<'a> {
    mode: Mode<'a>,
    known: Vec<&'static str>,
    wrong: Vec<&'static str>,
    lenient: bool,
}

impl Fields<'_> {
    /// The JSON path of the object.
    pub fn path(&self) -> &str {
        match &self.mode {
            Mode::Read { node, .. } => node.path,
            Mode::Describe(_) => "$",
        }
    }

    /// A key that must be there.
    pub fn required<S: Shape>(&mut self, name: &'static str, shape: &S, about: &str) -> Option<S::Value> {
        self.field(name, shape, about, None, true)
    }

    /// A key that may be there. Nothing if it is missing, is `null` or is wrong.
    pub fn optional<S: Shape>(&mut self, name: &'static str, shape: &S, about: &str) -> Option<S::Value> {
        self.field(name, shape, about, None, false)
    }

    /// A key that may be there, with what counts when it is not: for the reader of the schema too.
    pub fn default<S: Shape>(
        &mut self,
        name: &'static str,
        shape: &S,
        about: &str,
        default: (S::Value, Value),
    ) -> S::Value {
        let (value, shown) = default;
        self.field(name, shape, about, Some(shown), false).unwrap_or(value)
    }

    /// Keys of older descriptions, which are accepted and mean nothing.
    pub fn without_effect(&mut self, names: &[&'static str]) {
        for name in names {
            self.known.push(name);
            match &mut self.mode {
                Mode::Read { node, entries } => {
                    if entries.iter().any(|(key, _)| key == name) {
                        node.log.warn(&format!("{}.{name}", node.path), "has no effect");
                    }
                }
                Mode::Describe(described) => described.push(Described {
                    name,
                    schema: json!({"description": "Accepted, without effect.", "deprecated": true}),
                    required: false,
                }),
            }
        }
    }

    /// Whether these keys, which have been asked for, say what they were meant to: none of them is wrong, and no
    /// unknown key stands there that may have been meant for one that is missing. Comes after all other keys.
    pub fn clear(&self, names: &[&str]) -> bool {
        let Mode::Read { entries, .. } = &self.mode else { return true };
        let there = |name: &&str| entries.iter().any(|(key, _)| key == name);
        let stray = || entries.iter().any(|(key, _)| !self.known.iter().any(|known| known == key));
        !names.iter().any(|name| self.wrong.contains(name)) && (names.iter().all(there) || !stray())
    }

    /// Unknown keys are odd here, but no mistake.
    pub fn allow_others(&mut self) {
        self.lenient = true;
    }

    /// A complaint about the object as a whole, or about one of its keys.
    pub fn complain(&self, name: Option<&str>, message: impl Into<String>) {
        if let Mode::Read { node, .. } = &self.mode {
            match name {
                Some(name) => node.log.complain(&format!("{}.{name}", node.path), message),
                None => node.log.complain(node.path, message),
            }
        }
    }

    fn field<S: Shape>(
        &mut self,
        name: &'static str,
        shape: &S,
        about: &str,
        default: Option<Value>,
        required: bool,
    ) -> Option<S::Value> {
        self.known.push(name);
        match &mut self.mode {
            Mode::Describe(described) => {
                let mut schema = shape.schema();
                if !required {
                    take_null(&mut schema);
                }
                schema["description"] = about.into();
                if let Some(default) = default {
                    schema["default"] = default;
                }
                described.push(Described { name, schema, required });
                None
            }
            Mode::Read { node, entries } => {
                let found = entries.iter().find(|(key, _)| key == name);
                match found {
                    Some((_, Json::Null)) if !required => None,
                    Some((_, value)) => {
                        let path = format!("{}.{name}", node.path);
                        let read = shape.read(Node { path: &path, value, log: node.log });
                        if read.is_none() {
                            self.wrong.push(name);
                        }
                        read
                    }
                    None if required => {
                        self.wrong.push(name);
                        node.log.complain(node.path, format!("expected the key {name:?}, found none"));
                        None
                    }
                    None => None,
                }
            }
        }
    }

    /// Complains about keys that nobody asked for, and keys that stand there twice.
    fn finish(&self) {
        let Mode::Read { node, entries } = &self.mode else { return };
        for (index, (key, _)) in entries.iter().enumerate() {
            let path = format!("{}.{key}", node.path);
            if entries[..index].iter().any(|(earlier, _)| earlier == key) {
                node.log.complain(&path, "stands there twice");
            } else if !self.known.iter().any(|known| known == key) {
                match (self.lenient, self.similar(key)) {
                    (_, Some(similar)) => {
                        node.log.complain(&path, format!("there is no such key; did you mean {similar:?}?"));
                    }
                    (true, None) => node.log.warn(&path, "has no effect"),
                    (false, None) => {
                        node.log.complain(
                            &path,
                            format!("there is no such key; expected one of {}", self.known.join(", ")),
                        );
                    }
                }
            }
        }
    }

    /// A key that differs from `key` only in case and in what joins its words.
    fn similar(&self, key: &str) -> Option<&'static str> {
        let plain = |key: &str| key.replace(['-', '_', ' '], "").to_lowercase();
        self.known.iter().find(|known| plain(known) == plain(key)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: Text<u32> = Text {
        what: "a number in quotes",
        parse: |text| text.parse().map_err(|_| String::new()),
        pattern: Some("^[0-9]+$"),
    };

    fn pair(fields: &mut Fields<'_>) -> Option<(u32, bool)> {
        let count = fields.required("count", &NUMBER, "How many.");
        let really = fields.default("really", &Flag { numbers: false }, "Whether.", (true, json!(true)));
        fields.without_effect(&["old"]);
        Some((count?, really))
    }

    fn read<S: Shape>(shape: &S, text: &str) -> (Option<S::Value>, Vec<String>) {
        let log = Log::default();
        let value = Json::parse(text).unwrap();
        let read = shape.read(Node { path: "$", value: &value, log: &log });
        (read, log.into_parts().0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_mistake_is_found() {
        let list = List { item: Object(pair), at_least: 1 };
        let (value, complaints) = read(
            &list,
            r#"[{"count": "1"}, {"count": 2, "really": "no"}, {"Count": "3"}, 7, {"count": "x", "count": "y"}]"#,
        );
        assert_eq!(value, Some(vec![Some((1, true)), None, None, None, None]));
        assert_eq!(
            complaints,
            [
                "$[1].count: expected a number in quotes, found the number 2",
                "$[1].really: expected true or false, found \"no\"",
                "$[2]: expected the key \"count\", found none",
                "$[2].Count: there is no such key; did you mean \"count\"?",
                "$[3]: expected an object, found the number 7",
                "$[4].count: expected a number in quotes, found \"x\"",
                "$[4].count: stands there twice",
            ]
        );
    }

    #[test]
    fn the_type_chooses_the_keys() {
        let shape = Tagged(&[("pair", pair), ("other", |_| Some((0, false)))]);
        assert_eq!(read(&shape, r#"{"type": "pair", "count": "5"}"#), (Some((5, true)), vec![]));
        assert_eq!(
            read(&shape, r#"{"type": "third"}"#).1,
            [r#"$.type: expected one of "pair", "other", found "third""#]
        );
        assert_eq!(
            read(&shape, r#"{"type": "other", "count": "5"}"#).1,
            ["$.count: there is no such key; expected one of type"]
        );
    }

    #[test]
    fn the_schema_says_the_same() {
        let schema = Object(pair).schema();
        assert_eq!(schema["required"], json!(["count"]));
        assert_eq!(schema["additionalProperties"], json!(false));
        assert_eq!(schema["properties"]["really"]["default"], json!(true));
        assert_eq!(schema["properties"]["count"]["pattern"], json!("^[0-9]+$"));
    }
}
