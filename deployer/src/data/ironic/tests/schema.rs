//! The schema and the driver say the same about the structure of a description.

use jsonschema::Validator;

use super::*;

fn validator() -> Validator {
    jsonschema::draft202012::new(&Ironic.schema()).unwrap()
}

/// What is wrong where each place is looked at for itself, without what several places say together.
pub(super) fn places_wrong(description: &str) -> Vec<String> {
    let log = Log::default();
    let value = Json::parse(description).unwrap();
    raw::DESCRIPTION.read(Node { path: "$", value: &value, log: &log });
    log.into_said().complaints.iter().map(ToString::to_string).collect()
}

/// Pointers to everything below `value`.
pub(super) fn places(value: &Value, at: &str) -> Vec<String> {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(entries) => entries.iter().map(|(key, value)| (format!("{at}/{key}"), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, value)| (format!("{at}/{index}"), value)).collect()
        }
        _ => Vec::new(),
    };
    below
        .into_iter()
        .flat_map(|(pointer, value)| {
            let deeper = places(value, &pointer);
            std::iter::once(pointer).chain(deeper)
        })
        .collect()
}

/// Asserts that schema and driver agree about a description.
fn agree(validator: &Validator, description: &Value, what: &str) {
    let wrong = places_wrong(&description.to_string());
    assert_eq!(validator.is_valid(description), wrong.is_empty(), "{what}: the driver says {wrong:?}");
}

#[test]
fn the_schema_is_one() {
    assert!(jsonschema::meta::is_valid(&Ironic.schema()));
}

#[test]
fn the_schema_takes_what_the_driver_takes() {
    let validator = validator();
    for text in [EXAMPLE, EVERYTHING] {
        let description: Value = serde_json::from_str(text).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&description).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0]);
        read(text);
    }
}

#[test]
fn a_value_of_another_type_is_refused_by_both() {
    let validator = validator();
    for text in [EXAMPLE, EVERYTHING] {
        let original: Value = serde_json::from_str(text).unwrap();
        for pointer in places(&original, "") {
            for other in [json!(null), json!(true), json!(7), json!(1.5), json!([]), json!({}), json!([7])] {
                let mut description = original.clone();
                *description.pointer_mut(&pointer).unwrap() = other.clone();
                agree(&validator, &description, &format!("{pointer} as {other}"));
            }
        }
    }
}

#[test]
fn a_missing_key_is_missed_by_both() {
    let validator = validator();
    for text in [EXAMPLE, EVERYTHING] {
        let original: Value = serde_json::from_str(text).unwrap();
        for pointer in places(&original, "") {
            let description = serde_json::from_str(&changed(text, &[(&pointer, "")])).unwrap();
            agree(&validator, &description, &format!("without {pointer}"));
        }
    }
}

#[test]
fn a_key_of_another_name_is_seen_by_both() {
    let validator = validator();
    for text in [EXAMPLE, EVERYTHING] {
        let original: Value = serde_json::from_str(text).unwrap();
        for pointer in places(&original, "") {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            let mut description = original.clone();
            let Value::Object(entries) = description.pointer_mut(parent).unwrap() else { continue };
            let value = entries.remove(key).unwrap();
            entries.insert(format!("{key}_of_old"), value);
            agree(&validator, &description, &format!("{pointer} renamed"));
        }
    }
}

#[test]
fn strings_that_the_driver_takes_match_their_patterns() {
    let validator = validator();
    let volume = "/partitions/0/volumes/0";
    for (key, texts) in [
        ("size", &["10 GiB", "500MB", "4096", "40%", "40 %", "remaining", " 7 MiB "][..]),
        ("mount", &["/", "//", "none", "NONE", "", "/srv/data/", "/srv//.data", "/...", "/a/..b/c.d", "/ä"]),
        ("disk_label", &["", "a label", "ä"]),
        ("file_system", &["ext4", "swap", "fat32"]),
        ("fstab_options", &["defaults", "noatime,ro", "context=\"x:y\""]),
        (
            "partition_guid",
            &[
                "0fc63daf-8483-4772-8e79-3d69d8477de4",
                "0FC63DAF848347728E793D69D8477DE4",
                "{0fc63daf-8483-4772-8e79-3d69d8477de4}",
                "urn:uuid:0fc63daf-8483-4772-8e79-3d69d8477de4",
            ],
        ),
    ] {
        for text in texts {
            let text = changed(EXAMPLE, &[(&format!("{volume}/{key}"), &json!(text).to_string())]);
            agree(&validator, &serde_json::from_str(&text).unwrap(), &text);
            assert!(validator.is_valid(&serde_json::from_str(&text).unwrap()), "{text}");
        }
    }
}

#[test]
fn further_strings_that_the_driver_takes_match_their_patterns() {
    let validator = validator();
    for (pointer, texts) in [
        (
            "/images/0/image_pull_url",
            &["h::m", "rsync:u@[::1]::m/p", "RSYNC://h:8/m", "http://h", "file:///a"][..],
        ),
        ("/images/0/name", &["a b", "ä"]),
        ("/images/0/target", &["/", "/usr/share/utils/"]),
        ("/partitions/0/id/value", &["sda", "/dev/sda", "cciss/c0d0", ".a", "..b/c"]),
        ("/configdrive", &["/a", " H4sIAAAA ", "https://h/x"]),
        ("/deploy_data/kernel_params", &["", "quiet console=ttyS0"]),
    ] {
        for text in texts {
            let text = changed(EXAMPLE, &[(pointer, &json!(text).to_string())]);
            agree(&validator, &serde_json::from_str(&text).unwrap(), &text);
            assert!(validator.is_valid(&serde_json::from_str(&text).unwrap()), "{text}");
        }
    }
}

#[test]
fn strings_that_do_not_match_are_refused_by_the_driver_too() {
    let validator = validator();
    for (pointer, text) in [
        ("/partitions/0/size", "40%"),
        ("/partitions/0/size", "remaining"),
        ("/partitions/0/size", "large"),
        ("/partitions/0/volumes/0/size", "1.5 GiB"),
        ("/partitions/0/volumes/0/size", "1 XB"),
        ("/partitions/0/volumes/0/size", "-1"),
        ("/partitions/0/volumes/0/partition_guid", "0fc63daf"),
        ("/partitions/0/volumes/0/fstab_options", "no atime"),
        ("/partitions/0/volumes/0/fstab_options", ""),
        ("/partitions/0/volumes/0/type", "part"),
        ("/partitions/0/volumes/2/vg", "-home"),
        ("/partitions/0/volumes/2/lvm_meta_size", "10%"),
        ("/partitions/0/id/type", "uuid"),
        ("/partitions/1/id", "a/b"),
        ("/partitions/1/volumes/0/name", ""),
        ("/partitions_policy", "keep"),
        ("/images/0/target", "usr"),
        ("/images/0/target", "/a/../b"),
        ("/images/0/target", "/a b"),
        ("/images/0/name", ""),
        ("/images/0/image_pull_url", "nonsense"),
        ("/images/0/image_pull_url", "10.0.0.10::"),
        ("/images/0/image_pull_url", "ftp://h/m"),
        ("/images/0/image_name", "a\u{7}"),
        ("/partitions/0/size", "0"),
        ("/partitions/0/volumes/0/size", "0"),
        ("/partitions/0/volumes/0/size", "0%"),
        ("/partitions/0/volumes/0/size", "101%"),
        ("/partitions/0/volumes/0/mount", "root"),
        ("/partitions/0/volumes/0/mount", "/a/./b"),
        ("/partitions/0/volumes/0/mount", "/.."),
        ("/partitions/0/volumes/0/file_system", "zfs"),
        ("/partitions/0/volumes/0/partition_guid", "{0fc63daf-8483-4772-8e79-3d69d8477de4"),
        ("/partitions/0/volumes/0/disk_label", "a\u{7}"),
        ("/partitions/0/volumes/2/vg", ".."),
        ("/partitions/0/id/value", "../sda"),
        ("/partitions/0/id/value", ""),
        ("/partitions/1/volumes/0/name", "."),
    ] {
        let text = changed(EXAMPLE, &[(pointer, &json!(text).to_string())]);
        let description: Value = serde_json::from_str(&text).unwrap();
        assert!(!validator.is_valid(&description), "{text}");
        agree(&validator, &description, &text);
    }
}

#[test]
fn every_key_is_explained() {
    fn look(schema: &Value, at: &str) {
        if let Some(properties) = schema["properties"].as_object() {
            for (name, property) in properties {
                let explained = property.get("description").is_some() || property.get("const").is_some();
                assert!(explained, "{at}.{name}");
                look(property, &format!("{at}.{name}"));
            }
        }
        for part in schema["oneOf"].as_array().into_iter().flatten().chain(schema.get("items")) {
            look(part, at);
        }
    }
    look(&Ironic.schema(), "$");
}
