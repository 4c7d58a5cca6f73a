//! Every mistake is found at its place; the schema says the same.

use super::*;

const NUMBER: Text<u32> = Text {
    what: "a number in quotes",
    parse: |text| text.parse().map_err(|_| String::new()),
    pattern: Some("^[0-9]+$"),
    secret: false,
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
    (read, log.into_said().complaints.iter().map(ToString::to_string).collect())
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
            "$[4].count: the key stands there twice",
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
