//! Descriptions and what is found wrong in them.

use super::*;
use crate::model::{DiskId, MIB, Role};

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

#[test]
fn the_example_is_read() {
    let reading = Ironic.read(EXAMPLE).unwrap();
    let description = reading.description;
    assert!(reading.warnings.is_empty());
    let [disk] = description.disks.as_slice() else { panic!("one disk") };
    assert_eq!((disk.id.clone(), disk.size), (DiskId::Name("sda".into()), 10_000 * MIB));
    assert!(matches!(disk.volumes[0].role, Role::BiosGrub));
    assert_eq!(disk.volumes.len(), 4);
    assert_eq!(description.file_systems().count(), 3);
    assert!(description.trees[0].has_root && !description.has_boot_menu());
    assert_eq!(description.kernel_params, "console=ttyS0");
}
