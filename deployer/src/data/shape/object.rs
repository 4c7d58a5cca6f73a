//! Objects: which keys they have, which must be there, and what a reader of the schema should know about each.

use serde_json::{Value, json};

use super::{Node, Shape, one_of};
use crate::data::json::Json;

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
        let names = one_of(self.0.iter().map(|(name, _)| *name));
        let Json::Object(entries) = node.value else {
            return node.expected(&format!("an object with the key \"type\" ({names})"));
        };
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
    let mut fields = Fields {
        mode: Mode::Read { node, entries },
        known,
        idle: Vec::new(),
        wrong: Vec::new(),
        lenient: false,
    };
    let value = ask(&mut fields);
    fields.finish();
    value
}

fn describe<T>(kind: Option<&'static str>, ask: fn(&mut Fields<'_>) -> Option<T>) -> Value {
    let mode = Mode::Describe(Vec::new());
    let mut fields = Fields { mode, known: Vec::new(), idle: Vec::new(), wrong: Vec::new(), lenient: false };
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
    /// Of those, the ones without effect.
    idle: Vec<&'static str>,
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
            self.idle.push(name);
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
                node.log.complain(&path, "the key stands there twice");
            } else if !self.known.iter().any(|known| known == key) {
                match (self.lenient, self.similar(key)) {
                    (_, Some(similar)) => {
                        node.log.complain(&path, format!("there is no such key; did you mean {similar:?}?"));
                    }
                    (true, None) => node.log.note_unknown(&path),
                    (false, None) => {
                        let meant = |known: &&&str| !self.idle.contains(*known);
                        let meant: Vec<&str> = self.known.iter().filter(meant).copied().collect();
                        let message = format!("there is no such key; expected one of {}", meant.join(", "));
                        node.log.complain(&path, message);
                    }
                }
            }
        }
    }

    /// The key that may have been meant: case and what joins words do not count, and a long one may hold a slip.
    fn similar(&self, key: &str) -> Option<&'static str> {
        const LONG: usize = 5;
        let plain = |key: &str| key.replace(['-', '_', ' '], "").to_lowercase();
        let key = plain(key);
        let slips = |known: &str| {
            let most = if key.len() < LONG { 0 } else { 2.min(key.len() / LONG) };
            let slips = strsim::damerau_levenshtein(&plain(known), &key);
            (slips <= most).then_some(slips)
        };
        let close = self.known.iter().filter_map(|known| Some((slips(known)?, *known)));
        close.min_by_key(|(slips, _)| *slips).map(|(_, known)| known)
    }
}
