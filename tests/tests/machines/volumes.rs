//! Roots that are not on a partition.

use end_to_end::deploy::{disk_named, volume};
use end_to_end::emulated::Server;
use end_to_end::vm::Vm;
use end_to_end::witness;
use serde_json::json;

const MEBIBYTES: u64 = 1200;

#[test]
fn a_root_in_a_group_of_volumes() {
    let server = Server::saying("in a group");
    let disk = server.disk("disk", MEBIBYTES);
    let physical = json!({"type": "pv", "vg": "system", "size": "remaining"});
    let logical = |name: &str, mount: &str, kind: &str, size: &str| json!({"type": "lv", "name": name, "mount": mount, "file_system": kind, "size": size});
    let group = json!({"type": "vg", "id": "system", "volumes": [
        logical("root", "/", "ext4", "600 MiB"),
        logical("swap", "none", "swap", "64 MiB"),
        logical("var", "/var", "ext4", "remaining"),
    ]});
    let description = server.describe("clean", &[disk_named("vda", MEBIBYTES, &[physical]), group]);
    let deployed = server.deploying(&description, &[&disk], "").run();
    deployed.says(&["reboot: Restarting system"]);

    let started = Vm::new().disk(&disk).run();
    started.says(&[
        "witness: says in a group",
        "witness: mount / /dev/mapper/system-root ext4",
        "witness: mount /var /dev/mapper/system-var ext4",
        witness::END,
    ]);
    started.says(&["witness: swap /dev/dm-"]);
    started.says_nothing_of(&["witness: failed"]);
}

#[test]
fn a_root_on_a_mirror_also_with_one_disk() {
    let server = Server::saying("on a mirror");
    let disks = ["one", "two"].map(|name| server.disk(name, MEBIBYTES));
    let mirrored =
        json!({"type": "raid", "name": "system", "mount": "/", "file_system": "ext4", "size": "900 MiB"});
    let home = volume("/home", "ext4", "remaining");
    let partitions = [
        disk_named("vda", MEBIBYTES, std::slice::from_ref(&mirrored)),
        disk_named("vdb", MEBIBYTES, &[mirrored.clone(), home]),
    ];
    let description = server.describe("clean", &partitions);
    let deployed = server.deploying(&description, &[&disks[0], &disks[1]], "").run();
    deployed.says(&["reboot: Restarting system"]);

    let root = "witness: mount / /dev/md";
    let started = Vm::new().disk(&disks[0]).disk(&disks[1]).run();
    started.says(&["witness: says on a mirror", root, "active raid1", "witness: mount /home /dev/vdb3 ext4"]);
    started.says(&[witness::END]);
    started.says_nothing_of(&["witness: failed"]);

    // The first disk is gone: the other one has all that it takes.
    let started = Vm::new().disk(&disks[1]).run();
    started.says(&["witness: says on a mirror", root, "active raid1", "witness: mount /home /dev/vda3 ext4"]);
    started.says(&[witness::END]);
}
