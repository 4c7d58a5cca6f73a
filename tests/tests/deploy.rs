//! A system deployed onto an empty disk, or onto one that held something else: every entry on its file system, and
//! everything beside the tree as it was described.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use end_to_end::awkward;
use end_to_end::bare::{BareDisk, Mounted, output};
use end_to_end::deploy::{
    Desk, System, assert_deployed, assert_nothing_mounted, description, disk, exit, find, plant, volume, with,
};
use serde_json::{Value, json};

const WITHOUT: &[&str] = &["--no-boot-loader"];
const MIB: u64 = 1 << 20;
const GUID: &str = "0A1B2C3D-1111-2222-3333-444455556666";

/// `/`, `/var`, `/usr`, swap and `/home`, after the partition for the boot loader, which is the first.
fn volumes() -> Vec<Value> {
    vec![
        with(volume("/", "ext4", "200 MiB"), "disk_label", "system root"),
        with(volume("/var", "xfs", "320 MiB"), "partition_guid", GUID),
        with(volume("/usr", "btrfs", "256 MiB"), "fstab_options", "noatime,compress=zstd"),
        volume("none", "swap", "64 MiB"),
        with(volume("/home", "ext4", "remaining"), "fstab_enabled", false),
    ]
}

fn together(disk: &BareDisk) -> Mounted {
    Mounted::new(&[(disk, 2, "/"), (disk, 3, "/var"), (disk, 4, "/usr"), (disk, 6, "/home")])
}

/// A system with difficulties on every one of its file systems.
fn awkward_system() -> System {
    System::with(|root| {
        plant(root);
        let options = awkward::Options { far_times: false, wide_values: false, ..awkward::Options::small() };
        for place in ["srv", "var/awkward", "usr/awkward", "home/awkward"] {
            fs::create_dir(root.join(place)).unwrap();
            awkward::plant(&root.join(place), &options);
        }
        fs::hard_link(root.join("usr/bin/file-1"), root.join("usr/bin/same")).unwrap();
        fs::hard_link(root.join("usr/bin/file-2"), root.join("var/lib/other-name")).unwrap();
        fs::hard_link(root.join("usr/bin/file-2"), root.join("home/third-name")).unwrap();
    })
}

#[test]
fn every_entry_lies_on_its_file_system() {
    let (system, bare, desk) = (awkward_system(), BareDisk::new(1200), Desk::new());
    let text = description("clean", &[system.image()], &[disk(&bare, &volumes())]);
    let ended = desk.provision(&text, WITHOUT).expect(exit::DONE);
    assert_nothing_mounted(&[&bare]);

    let alone = |number| bare.mount(number);
    assert_eq!(alone(3).names("/"), ["awkward", "lib", "log"]);
    assert_eq!(alone(4).names("/"), ["awkward", "bin", "lib", "share"]);
    assert_eq!(alone(6).names("/"), ["awkward", "lost+found", "third-name", "user"]);
    let root = alone(2);
    for point in ["/var", "/usr", "/home"] {
        assert!(root.names(point).is_empty(), "{point} was expected to be a mount point only");
    }
    assert!(root.names("/srv").len() > 3 && root.names("/etc").contains(&"conf.d".to_owned()));
    drop(root);

    let tree = together(&bare);
    assert_deployed(&system.source(), &tree);
    let inode = |path: &str| fs::metadata(tree.join(path)).unwrap().ino();
    assert_eq!(inode("/usr/bin/file-1"), inode("/usr/bin/same"), "links on one file system stay links");
    assert_eq!(fs::metadata(tree.join("/usr/bin/file-2")).unwrap().nlink(), 1);
    drop(tree);
    ended.says(&["hard links that cross mounts and become copies: 2"]);
    let image = &ended.receipt()["images"][0];
    let messages = image["messages"].to_string();
    assert!(messages.contains("var/lib/other-name") || messages.contains("usr/bin/file-2"), "{image}");

    let clean = |program: &str, arguments: &[&str], number: u32| {
        output(Command::new(program).args(arguments).arg(bare.partition(number)))
    };
    clean("fsck.ext4", &["-f", "-n"], 2);
    clean("xfs_repair", &["-n"], 3);
    clean("btrfs", &["check", "--readonly"], 4);
    clean("fsck.ext4", &["-f", "-n"], 6);
}

#[test]
fn what_stands_beside_the_tree_is_as_described() {
    let (system, bare, desk) = (System::new(), BareDisk::new(1200), Desk::new());
    let text = description("clean", &[system.image()], &[disk(&bare, &volumes())]);
    let ended = desk.provision(&text, WITHOUT).expect(exit::DONE);

    let uuid = |number| bare.uuid(number);
    let tree = together(&bare);
    let fstab = tree.text("/etc/fstab");
    let lines: Vec<&str> = fstab.lines().collect();
    assert_eq!(
        lines,
        [
            "# <file system> <mount point> <type> <options> <dump> <pass>",
            &format!("UUID={} / ext4 defaults 0 1", uuid(2)),
            &format!("UUID={} /var xfs defaults 0 0", uuid(3)),
            &format!("UUID={} /usr btrfs noatime,compress=zstd 0 0", uuid(4)),
            &format!("#UUID={} /home ext4 defaults 0 2", uuid(6)),
            &format!("UUID={} none swap defaults 0 0", uuid(5)),
        ]
    );
    let state: Value = serde_json::from_str(&tree.text("/.deployer-state.json")).unwrap();
    assert_eq!(state["complete"], true);
    assert_eq!(state["tree"], "system");
    drop(tree);

    assert_eq!(bare.content(5)["TYPE"], "swap");
    assert_eq!(bare.content(2)["LABEL"], "system\\ root");
    let says = bare.with("sfdisk", &["--verify"]);
    assert!(says.contains("No errors detected"), "{says}");
    let table: Value = serde_json::from_str(&bare.with("sfdisk", &["--json"])).unwrap();
    let table = &table["partitiontable"];
    assert_eq!((&table["label"], &table["sectorsize"]), (&json!("gpt"), &json!(512)));
    let partitions = table["partitions"].as_array().unwrap();
    let expected = [
        (24, "21686148-6449-6E6F-744E-656564454649", "BIOS boot"),
        (200, "0FC63DAF-8483-4772-8E79-3D69D8477DE4", "system root"),
        (320, "0FC63DAF-8483-4772-8E79-3D69D8477DE4", "/var"),
        (256, "0FC63DAF-8483-4772-8E79-3D69D8477DE4", "/usr"),
        (64, "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", "swap"),
        (1200 - 2 - 864, "0FC63DAF-8483-4772-8E79-3D69D8477DE4", "/home"),
    ];
    let mut start = MIB;
    for (partition, (mebibytes, kind, name)) in partitions.iter().zip(expected) {
        let bytes = |key: &str| partition[key].as_u64().unwrap() * 512;
        assert_eq!((bytes("start"), bytes("size")), (start, mebibytes * MIB), "{partition}");
        assert_eq!((&partition["type"], &partition["name"]), (&json!(kind), &json!(name)));
        start += bytes("size");
    }
    assert_eq!(partitions.len(), expected.len());
    assert_eq!(partitions[2]["uuid"], GUID);
    // Both copies of the table name the same partitions.
    let end = bare.mebibytes() * MIB;
    let entries = 128 * 128;
    assert_eq!(bare.bytes(512, 8), b"EFI PART");
    assert_eq!(bare.bytes(end - 512, 8), b"EFI PART");
    assert_eq!(bare.bytes(1024, entries), bare.bytes(end - 512 - entries as u64, entries));

    let receipt = ended.receipt();
    assert_eq!(receipt["policy"], "clean");
    let laid_out = &receipt["disks"][0];
    assert_eq!((&laid_out["laid_out"], &laid_out["bytes"]), (&json!(true), &json!(end)));
    assert_eq!(laid_out["partitions"].as_array().unwrap().len(), 6);
    let var = find(&receipt["file_systems"], "mount", "/var");
    assert_eq!((&var["file_system"], &var["made"]), (&json!("xfs"), &json!(true)));
    let phases: Vec<&Value> = receipt["phases"].as_array().unwrap().iter().map(|it| &it["phase"]).collect();
    assert_eq!(phases, ["partitioning", "copy-image"]);
    let image = &receipt["images"][0];
    assert_eq!((&image["entries_failed"], &image["matched_bytes"]), (&json!(0), &json!(0)));
    assert_eq!(image["literal_bytes"], image["transferred_bytes"]);
    let begun = ended.events.iter().filter(|event| event["event"] == "step").count();
    let done = ended.events.iter().filter(|event| event["event"] == "done").count();
    assert!(begun > 8 && begun == done, "{begun} steps began, {done} ended");
}

#[test]
fn a_disk_with_the_table_of_a_bios_is_taken_over() {
    let (system, bare, desk) = (System::new(), BareDisk::new(600), Desk::new());
    bare.feed("sfdisk", &["--quiet"], "label: dos\nstart=1MiB, size=200MiB, type=83\nsize=100MiB, type=82\n");
    bare.announce(1, MIB, 200 * MIB);
    bare.announce(2, 201 * MIB, 100 * MIB);
    output(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(bare.partition(1)));
    output(Command::new("mkswap").arg(bare.partition(2)));
    take_over(&system, &bare, &desk);
}

#[test]
fn a_disk_without_partitions_is_taken_over() {
    let (system, desk) = (System::new(), Desk::new());
    for program in [&["mkfs.ext4", "-q", "-F"][..], &["mkfs.xfs", "-q", "-f"], &["mkfs.btrfs", "-q", "-f"]] {
        let bare = BareDisk::new(600);
        bare.with(program[0], &program[1..]);
        take_over(&system, &bare, &desk);
    }
}

fn take_over(system: &System, bare: &BareDisk, desk: &Desk) {
    let volumes = [
        volume("/", "ext4", "100 MiB"),
        volume("none", "ext2", "100 MiB"),
        volume("/usr", "ext4", "remaining"),
    ];
    let text = description("clean", &[system.image()], &[disk(bare, &volumes)]);
    let _ = desk.provision(&text, WITHOUT).expect(exit::DONE);
    let found = bare.with("wipefs", &["--noheadings", "--output", "TYPE"]);
    let mut kinds: Vec<&str> = found.lines().map(str::trim).collect();
    kinds.dedup();
    assert_eq!(kinds, ["gpt", "PMBR"], "no signature but the table's was expected");
    assert_eq!(bare.known_partitions(), 4);
    for (number, kind) in [(2, "ext4"), (3, "ext2"), (4, "ext4")] {
        let node = bare.partition(number);
        let found = output(Command::new("wipefs").args(["--noheadings", "--output", "TYPE"]).arg(node));
        assert_eq!(found, kind, "partition {number} was expected to have one signature");
    }
    assert_deployed(&system.source(), &Mounted::new(&[(bare, 2, "/"), (bare, 4, "/usr")]));
}

#[test]
fn a_disk_that_was_deployed_is_deployed_anew() {
    let (system, bare, desk) = (System::new(), BareDisk::new(1200), Desk::new());
    let text = description("clean", &[system.image()], &[disk(&bare, &volumes())]);
    let _ = desk.provision(&text, WITHOUT).expect(exit::DONE);
    let before: Vec<String> = [2, 3, 4, 5, 6].map(|number| bare.uuid(number)).to_vec();
    let volumes = [volume("/", "xfs", "40%"), volume("/usr", "ext4", "remaining")];
    let text = description("clean", &[system.image()], &[disk(&bare, &volumes)]);
    let _ = desk.provision(&text, WITHOUT).expect(exit::DONE);
    assert_eq!(bare.known_partitions(), 3);
    assert!([2, 3].iter().all(|number| !before.contains(&bare.uuid(*number))));
    assert_deployed(&system.source(), &Mounted::new(&[(&bare, 2, "/"), (&bare, 3, "/usr")]));
}

#[test]
fn a_failure_is_in_the_receipt_too() {
    let (bare, desk) = (BareDisk::new(400), Desk::new());
    // It cannot replace a directory of the image.
    let system = System::with(|root| {
        plant(root);
        fs::remove_file(root.join("etc/fstab")).unwrap();
        fs::create_dir(root.join("etc/fstab")).unwrap();
    });
    let text = description("clean", &[system.image()], &[disk(&bare, &[volume("/", "ext4", "remaining")])]);
    let ended = desk.provision(&text, WITHOUT).expect(exit::DISK);
    assert_eq!(ended.receipt()["images"][0]["entries_failed"], 0);
    assert!(ended.receipt()["error"].as_str().unwrap().contains("/etc/fstab"));
    assert_nothing_mounted(&[&bare]);
    let state: Value = serde_json::from_str(&bare.mount(2).text("/.deployer-state.json")).unwrap();
    assert_eq!(state["complete"], false);
}
