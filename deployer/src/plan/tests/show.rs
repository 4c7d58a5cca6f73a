//! A plan as people and programs see it.

use super::*;
use crate::plan::need::Need;
use crate::plan::show;

/// Partitions of every fate: made anew, kept, overwritten.
fn kept() -> Plan {
    let volumes = [
        with(partition("/", "ext4", "2 GiB"), "keep_data", false),
        with(partition("/srv/data", "xfs", "1 GiB"), "disk_label", "data"),
        pv("office", "2 GiB"),
        partition("none", "swap", "1 GiB"),
    ];
    let description = read(&json!({
        "partitions_policy": "verify",
        "configdrive": "/run/config",
        "images": [{"name": "os", "image_pull_url": "h::m/os/", "target": "/"}],
        "partitions": [disk("sda", volumes), vg("office", [lv("home", "/home", "btrfs", "1 GiB")])],
    }));
    let mut facts = as_described(&description);
    facts.disks[0].device.model = Some("QEMU HARDDISK".into());
    let mut plan = plan(&description, &facts, PROVISION);
    plan.file_systems[0].need = Some(Need { bytes: 900 * MIB, inodes: 41_000 });
    plan.file_systems[1].need = Some(Need { bytes: 4096, inodes: 1 });
    plan
}

/// A disk that is laid out anew.
fn laid_out() -> Plan {
    let description = described("clean", [disk("sda", [partition("/", "ext4", "2 GiB")])]);
    let there =
        [partition("/", "ext4", "1 GiB"), with(partition("/srv", "xfs", "1 GiB"), "disk_label", "old data")];
    let mut facts = as_described(&described("clean", [disk("sda", there)]));
    facts.disks[0].content = content("several signatures");
    plan(&description, &facts, PROVISION)
}

#[test]
fn what_is_kept_made_anew_and_overwritten_is_shown() {
    let expected = r#"policy verify, firmware BIOS

/dev/sda, 10 GiB, QEMU HARDDISK
  1  24 MiB unknown     →  24 MiB BIOS boot  kept
  2  2 GiB ext4         →  2 GiB /           made anew
  3  1 GiB xfs "data"   →  1 GiB data        kept
  4  2 GiB LVM2_member  →  2 GiB office      kept
  5  1 GiB swap         →  1 GiB swap        kept
  6  64 MiB unknown     →  64 MiB config-2   overwritten

File systems
  on                mount      kind   size   needed                   capacity                              trees
  /dev/sda2         /          ext4   2 GiB  900 MiB in 41000 inodes  1.9 GiB and 130544 inodes  made anew  os
  /dev/sda3         /srv/data  xfs    1 GiB  4 KiB in 1 inode         867.5 MiB                  kept       os
  /dev/sda5         -          swap   1 GiB                                                      kept       os
  /dev/office/home  /home      btrfs  1 GiB                                                      kept       os

Steps
  partitioning
     1. activate the volume group office
     2. check that /dev/office/home holds btrfs
     3. erase the boot code of /dev/sda until the deployment is complete
     4. make ext4 on /dev/sda2
  config drive
     5. write the config drive to /dev/sda6
  copy image
     6. pull h::m/os/ into os:/
     7. write os:/etc/fstab
  boot loader
     8. install the boot loader of os on /dev/sda

What is on the parts marked "wiped", "made anew" or "overwritten" will be lost.
"#;
    assert_eq!(show::text(&kept()), expected);
}

#[test]
fn what_is_wiped_is_shown() {
    let expected = r#"policy clean, firmware BIOS

/dev/sda, 10 GiB
  all of it: several signatures, wiped
  1  24 MiB unknown        →  24 MiB BIOS boot  wiped
  2  1 GiB ext4            →  2 GiB /           wiped
  3  1 GiB xfs "old data"  →  -                 wiped

File systems
  on         mount  kind  size   needed  capacity             trees
  /dev/sda2  /      ext4  2 GiB                    made anew  os

Steps
  partitioning
     1. take /dev/sda out of use
     2. erase /dev/sda: boot code, table, signatures
     3. write a GPT with 2 partitions to /dev/sda
     4. make ext4 on /dev/sda2
  copy image
     5. pull h::m/os/ into os:/
     6. write os:/etc/fstab
  boot loader
     7. install the boot loader of os on /dev/sda

What is on the parts marked "wiped", "made anew" or "overwritten" will be lost.
"#;
    assert_eq!(show::text(&laid_out()), expected);
}

#[test]
fn a_plan_that_wipes_nothing_says_so() {
    let description = described("verify", [disk("sda", [partition("/", "ext4", "2 GiB")])]);
    let text = show::text(&plan(&description, &as_described(&description), PROVISION));
    assert!(
        text.ends_with("\n\nNothing is wiped; files of the images replace those that differ.\n"),
        "{text}"
    );
}

/// Every object of the plan by the names of its keys.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn programs_find_everything_under_its_name() {
    let plan = serde_json::to_value(kept()).unwrap();
    assert_eq!(
        keys(&plan),
        ["disks", "file_systems", "firmware", "policy", "split_links", "steps", "version"]
    );
    assert_eq!(
        (&plan["version"], &plan["policy"], &plan["firmware"]),
        (&json!(1), &json!("verify"), &json!("bios"))
    );
    let disk = &plan["disks"][0];
    assert_eq!(keys(disk), ["after", "before", "bytes", "content", "laid_out", "model", "node", "sector"]);
    assert_eq!(
        disk["before"][2],
        json!({"number": 3, "start": 2073 * MIB, "bytes": 1024 * MIB, "content": "xfs", "label": "data"})
    );
    assert_eq!(
        disk["after"][2],
        json!({"number": 3, "node": "/dev/sda3", "start": 2073 * MIB, "bytes": 1024 * MIB, "guid": null,
               "type_guid": "0fc63daf-8483-4772-8e79-3d69d8477de4", "name": "data"})
    );
    assert_eq!(
        plan["file_systems"][0],
        json!({"node": "/dev/sda2", "bytes": 2048 * MIB, "made": true, "replaced": false, "file_system": "ext4", "mount": "/",
               "label": null, "trees": ["os"], "capacity": {"bytes": 2_028_081_152u64, "inodes": 130_544},
               "need": {"bytes": 900 * MIB, "inodes": 41_000}})
    );
    assert_eq!(
        plan["steps"],
        json!([
            {"action": "activate-volume-group", "group": "office"},
            {"action": "check", "node": "/dev/office/home", "file_system": "btrfs", "label": null},
            {"action": "disarm", "disk": "/dev/sda"},
            {"action": "make-file-system", "node": "/dev/sda2", "file_system": "ext4", "label": null},
            {"action": "write-config-drive", "node": "/dev/sda6"},
            {"action": "pull", "tree": "os", "url": "h::m/os/", "target": "/"},
            {"action": "fstab", "tree": "os"},
            {"action": "boot-loader", "tree": "os", "disks": ["/dev/sda"]},
        ])
    );
    let plan = serde_json::to_value(laid_out()).unwrap();
    let spans = [0, 1, 24, 25, 1048, 1049, 2072, 10239];
    let spans = spans.map(|start| json!({"start": start * MIB, "bytes": MIB}));
    assert_eq!(
        plan["steps"][1],
        json!({"action": "erase", "disk": "/dev/sda",
               "spans": spans})
    );
    assert_eq!(keys(&plan["steps"][2]), ["action", "disk", "partitions"]);
    assert_eq!(plan["steps"][2]["partitions"], plan["disks"][0]["after"]);
}
