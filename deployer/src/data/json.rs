//! JSON as it was written: objects keep the order of their keys and keys that stand there twice, which a map
//! would hide.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as its text.
    Number(serde_json::Number),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object: keys and values in their order.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads JSON text. The error names line and column.
    pub fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }
}

/// What stands there, for a complaint: short, whatever it is.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 60;
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(value) => write!(f, "the number {value}"),
            Json::Text(text) => {
                let text = without_password(text);
                let start: String = text.chars().take(LONGEST).collect();
                write!(f, "{start:?}{}", if start.len() < text.len() { "…" } else { "" })
            }
            Json::List(items) => write!(f, "a list of {}", items.len()),
            Json::Object(_) => f.write_str("an object"),
        }
    }
}

/// A URL without the password that it should not have had, and without what may be a signature.
fn without_password(text: &str) -> Cow<'_, str> {
    if let Some(question) = text.find('?').filter(|_| text.contains("://")) {
        return format!("{}?…", without_password(&text[..question])).into();
    }
    let user = text.find("://").map_or(0, |scheme| scheme + 3);
    let colon =
        text[user..].find('@').and_then(|at| Some((user + text[user..user + at].find(':')?, user + at)));
    match colon {
        Some((colon, at)) => format!("{}:…{}", &text[..colon], &text[at..]).into(),
        None => text.into(),
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            object.push(entry);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_doubles_are_kept() {
        let parsed = Json::parse(r#"{"b": 1, "a": [null, "x"], "b": true}"#).unwrap();
        let Json::Object(entries) = parsed else { panic!("not an object") };
        let keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["b", "a", "b"]);
        assert_eq!(entries[1].1, Json::List(vec![Json::Null, Json::Text("x".into())]));
    }

    #[test]
    fn passwords_are_not_shown() {
        for (text, shown) in [
            ("rsync://bob:secret@h/m", "\"rsync://bob:…@h/m\""),
            ("bob:secret@h::m", "\"bob:…@h::m\""),
            ("rsync://h:99/a@b", "\"rsync://h:…@b\""),
            ("rsync://bob@h:99/m", "\"rsync://bob@h:99/m\""),
        ] {
            assert_eq!(Json::Text(text.into()).to_string(), shown);
        }
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let deep = "[".repeat(100_000);
        assert!(Json::parse(&deep).is_err());
    }
}
