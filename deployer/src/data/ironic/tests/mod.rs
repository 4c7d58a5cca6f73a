//! Descriptions, what they come to and what is found wrong in them.

mod images;
mod mistakes;
mod schema;
mod together;
mod trees;
mod volumes;

use super::*;
use crate::model::Description;

/// The usual case: one system on a disk with a volume group.
const EXAMPLE: &str = r#"{
  "partitions_policy": "clean",
  "images": [
    {"name": "debian", "boot": true, "image_name": "debian-12", "image_uuid": "1",
     "image_pull_url": "rsync:10.0.0.10::images/debian-12/", "target": "/"}
  ],
  "image_deploy_flags": {"rsync_flags": "-a -A -X --timeout 300"},
  "deploy_data": {"kernel_params": "console=ttyS0"},
  "partitions": [
    {"type": "disk", "id": {"type": "name", "value": "sda"}, "size": "10000 MiB",
     "volumes": [
       {"type": "partition", "mount": "/",    "file_system": "ext4", "size": "4976 MiB"},
       {"type": "partition", "mount": "/opt", "file_system": "ext4", "size": "2000 MiB"},
       {"type": "pv", "size": "3000 MiB", "vg": "home"}]},
    {"type": "vg", "id": "home",
     "volumes": [{"type": "lv", "name": "home", "mount": "/home", "size": "2936 MiB", "file_system": "ext3"}]}
  ]
}"#;

/// Every key there is: two systems that share file systems, and an image for a part of their trees.
const EVERYTHING: &str = r#"{
  "partitions_policy": "verify",
  "images": [
    {"name": "a", "boot": true, "image_name": "A", "image_uuid": "1",
     "image_pull_url": "10.0.0.10::m/a/", "target": "/"},
    {"name": "b", "image_name": "B", "image_uuid": "2", "image_pull_url": "rsync:10.0.0.10::m/b/", "target": "/"},
    {"name": "b", "image_pull_url": "rsync://user@10.0.0.10:8730/m/b-var/", "target": "/var"},
    {"name": "utils", "boot": 0, "image_pull_url": "10.0.0.10::m/utils/", "target": "/usr/share/utils"}
  ],
  "image_deploy_flags": {"rsync_flags": "-a"},
  "deploy_data": {"kernel_params": "quiet"},
  "configdrive": "/run/config",
  "partitions": [
    {"type": "disk", "id": {"type": "path", "value": "disk/by-path/pci-1"}, "size": "20 GiB", "name": "first",
     "volumes": [
       {"type": "boot", "mount": "/boot", "file_system": "ext2", "size": "512 MiB", "disk_label": "boot",
        "partition_guid": "0fc63daf-8483-4772-8e79-3d69d8477de4"},
       {"type": "partition", "mount": "/", "file_system": "ext4", "size": "20%", "disk_label": "root-a",
        "keep_data": false, "fstab_enabled": false, "fstab_options": "noatime,ro", "images": ["a"]},
       {"type": "partition", "mount": "/", "size": "20 %", "images": ["b"]},
       {"type": "partition", "mount": "/usr/share/utils", "size": "1GiB", "images": ["a", "b", "utils"]},
       {"type": "partition", "file_system": "swap", "size": "1 GB"},
       {"type": "raid", "name": "data", "mount": "/srv", "size": "1024"},
       {"type": "lvm_meta_pool", "size": "64 MiB"},
       {"type": "pv", "vg": "vg", "size": "remaining", "lvm_meta_size": "10 MiB"},
       {"type": "partition", "mount": "none", "size": "64 MiB", "disk_label": "config-2"}]},
    {"type": "disk", "id": {"type": "scsi", "value": "6:1:0:0"}, "size": "5 GiB",
     "volumes": [
       {"type": "raid", "mount": "/srv", "size": "1 GiB"},
       {"type": "pv", "vg": "vg", "size": "1 GiB"}]},
    {"type": "vg", "id": "vg",
     "volumes": [
       {"type": "lv", "name": "var", "mount": "/var", "size": "25%", "file_system": "ext4", "images": ["b"]},
       {"type": "lv", "name": "home", "mount": "/home", "size": "remaining", "images": ["a", "b"]}]}
  ]
}"#;

/// A description with other values at some places: JSON pointers, whose last part is a key or the index of an
/// item. JSON without a value takes the place away.
fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    let mut description: Value = serde_json::from_str(text).unwrap();
    for (pointer, json) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = description.pointer_mut(parent).unwrap_or_else(|| panic!("no parent of {pointer}"));
        let value: Option<Value> = (!json.is_empty()).then(|| serde_json::from_str(json).unwrap());
        match (parent, value) {
            (Value::Object(entries), Some(value)) => drop(entries.insert(key.to_owned(), value)),
            (Value::Object(entries), None) => drop(entries.remove(key).unwrap()),
            (Value::Array(items), Some(value)) if key == "-" => items.push(value),
            (Value::Array(items), Some(value)) => items[key.parse::<usize>().unwrap()] = value,
            (Value::Array(items), None) => drop(items.remove(key.parse().unwrap())),
            (other, _) => panic!("{pointer}: {other} has no places"),
        }
    }
    description.to_string()
}

/// What a description without mistakes comes to.
fn read(text: &str) -> Description {
    match Ironic.read(text) {
        Ok(reading) => reading.description,
        Err(complaints) => panic!("{complaints:?}"),
    }
}

/// What is wrong in a description, one line each.
fn complaints(text: &str) -> Vec<String> {
    match Ironic.read(text) {
        Ok(_) => Vec::new(),
        Err(complaints) => complaints.iter().map(ToString::to_string).collect(),
    }
}

/// What in a description has no effect.
fn warnings(text: &str) -> Vec<String> {
    Ironic.read(text).unwrap().warnings.iter().map(ToString::to_string).collect()
}

/// A description with one disk of 10 GiB that holds these volumes, and further entries of `partitions`.
fn with_volumes(volumes: &str, further: &str) -> String {
    let comma = if further.is_empty() { "" } else { "," };
    format!(
        r#"{{"images": [{{"name": "a", "image_pull_url": "h::m/a/", "target": "/"}}],
            "partitions": [{{"type": "disk", "id": {{"type": "name", "value": "sda"}}, "size": "10 GiB",
                             "volumes": [{volumes}]}} {comma} {further}]}}"#
    )
}

/// Paths and parts of the messages, in the order in which they come.
type Lines<'a> = &'a [(&'a str, &'a str)];

/// Asserts that exactly this is wrong in a description.
fn wrong(text: &str, expected: Lines<'_>, what: &str) {
    let found = Ironic.read(text).err().unwrap_or_default();
    let agree = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, (path, part))| {
            found.path == *path && found.message.contains(part) && found.message.lines().count() == 1
        });
    assert!(agree, "{what}\nexpected: {expected:#?}\nfound: {found:#?}");
}
