//! Descriptions: what a deployment is told to do.

use serde_json::{Value, json};

use crate::bare::BareDisk;

/// A volume of a disk.
#[must_use]
pub fn volume(mount: &str, file_system: &str, size: &str) -> Value {
    json!({"type": "partition", "mount": mount, "file_system": file_system, "size": size})
}

/// The same object with one more key.
#[must_use]
pub fn with(mut object: Value, key: &str, value: impl Into<Value>) -> Value {
    object[key] = value.into();
    object
}

/// All of a disk, divided into volumes.
#[must_use]
pub fn disk(disk: &BareDisk, volumes: &[Value]) -> Value {
    disk_named(disk.name(), disk.mebibytes(), volumes)
}

/// All of a disk that has this name where it is deployed.
#[must_use]
pub fn disk_named(name: &str, mebibytes: u64, volumes: &[Value]) -> Value {
    let id = json!({"type": "name", "value": name});
    json!({"type": "disk", "id": id, "size": format!("{mebibytes} MiB"), "volumes": volumes})
}

/// An image.
#[must_use]
pub fn image(name: &str, url: &str, target: &str) -> Value {
    json!({"name": name, "image_pull_url": url, "target": target})
}

/// A description, with options that keep everything.
#[must_use]
pub fn description(policy: &str, images: &[Value], partitions: &[Value]) -> Value {
    json!({
        "partitions_policy": policy,
        "images": images,
        "image_deploy_flags": {"rsync_flags": "-a -H -A -X --numeric-ids"},
        "partitions": partitions,
    })
}
