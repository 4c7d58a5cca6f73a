//! The policies that keep what is there: little is moved for an update, only what gives its data up is made anew, and
//! a disk that is not as described stays as it is.

use std::fs;
use std::path::Path;
use std::process::Command;

use end_to_end::bare::{BareDisk, Mounted, output};
use end_to_end::deploy::{
    Desk, System, assert_deployed, assert_nothing_mounted, description, disk, exit, find, volume, with, write,
};
use end_to_end::random::Random;
use serde_json::{Value, json};

const WITHOUT: &[&str] = &["--no-boot-loader"];
const MIB: u64 = 1 << 20;

/// A system on a disk: `/` ext4, `/var` ext4, `/usr` btrfs, swap and `/home` xfs.
struct Deployed {
    system: System,
    bare: BareDisk,
    desk: Desk,
}

impl Deployed {
    fn new() -> Self {
        let deployed = Self { system: System::new(), bare: BareDisk::new(1200), desk: Desk::new() };
        let _ = deployed.desk.provision(&deployed.describe("clean", &volumes()), WITHOUT).expect(exit::DONE);
        deployed
    }

    fn describe(&self, policy: &str, volumes: &[Value]) -> Value {
        description(policy, &[self.system.image()], &[disk(&self.bare, volumes)])
    }

    fn uuids(&self) -> Vec<String> {
        (2..=6).map(|number| self.bare.uuid(number)).collect()
    }

    fn tree(&self) -> Mounted {
        Mounted::new(&[
            (&self.bare, 2, "/"),
            (&self.bare, 3, "/var"),
            (&self.bare, 4, "/usr"),
            (&self.bare, 6, "/home"),
        ])
    }

    fn put(&self, number: u32, path: &str, content: &[u8]) {
        let mounted = Mounted::writable(&[(&self.bare, number, "/")]);
        write(&mounted.root(), path, content);
    }

    /// It is refused with all of these words, and not a byte of the disk changes.
    #[track_caller]
    fn differs(&self, description: &Value, words: &[&str]) {
        let before = self.bare.sum();
        let ended = self.desk.provision(description, WITHOUT).expect(exit::DIFFERS);
        ended.says(words);
        ended.says(&["nothing was changed"]);
        assert!(ended.steps().is_empty(), "no step was expected to begin");
        assert_eq!(self.bare.sum(), before, "no byte of the disk was expected to change");
    }
}

fn volumes() -> Vec<Value> {
    vec![
        volume("/", "ext4", "200 MiB"),
        volume("/var", "ext4", "200 MiB"),
        volume("/usr", "btrfs", "256 MiB"),
        volume("none", "swap", "64 MiB"),
        volume("/home", "xfs", "remaining"),
    ]
}

fn changed(at: usize, key: &str, value: impl Into<Value>) -> Vec<Value> {
    let mut volumes = volumes();
    volumes[at][key] = value.into();
    volumes
}

/// Changes 30 files on the server. Returns how long they are together.
fn update(source: &Path) -> u64 {
    let mut random = Random::new(99);
    let mut bytes = 0;
    for number in 0..10 {
        for directory in ["etc/conf.d", "usr/bin", "var/lib/data"] {
            let content = random.bytes(10_000 + number);
            bytes += content.len() as u64;
            write(source, &format!("{directory}/file-{number}"), &content);
        }
    }
    bytes
}

#[test]
fn an_update_moves_little_more_than_what_changed() {
    let deployed = Deployed::new();
    let uuids = deployed.uuids();
    let verify = deployed.describe("verify", &volumes());

    let again = deployed.desk.provision(&verify, WITHOUT).expect(exit::DONE);
    let image = &again.receipt()["images"][0];
    // The image has an fstab, in whose place that of the machine was written.
    let fstab = fs::metadata(deployed.system.source().join("etc/fstab")).unwrap().len();
    assert_eq!((&image["literal_bytes"], &image["files_transferred"]), (&json!(fstab), &json!(1)), "{image}");
    let list = image["received_bytes"].as_u64().unwrap();

    let bytes = update(&deployed.system.source());
    let ended = deployed.desk.provision(&verify, WITHOUT).expect(exit::DONE);
    let image = &ended.receipt()["images"][0];
    assert_eq!(image["files_transferred"], 31);
    assert!(
        image["literal_bytes"].as_u64().unwrap() <= bytes + fstab,
        "at most the content that changed: {image}"
    );
    // The list and the changed files, with what frames them.
    let most = bytes + list + bytes / 50 + 30 * 100;
    assert!(image["received_bytes"].as_u64().unwrap() <= most, "at most {most} bytes were expected: {image}");
    assert_eq!(deployed.uuids(), uuids);
    assert!(ended.steps().iter().all(|step| step["action"] != "make-file-system"));
    assert_deployed(&deployed.system.source(), &deployed.tree());
    assert_nothing_mounted(&[&deployed.bare]);
}

#[test]
fn only_what_gives_its_data_up_is_made_anew() {
    let deployed = Deployed::new();
    let before = deployed.uuids();
    for (number, path) in [(3, "kept"), (6, "lost")] {
        deployed.put(number, path, b"of the user\n");
    }
    let text = deployed.describe("verify", &changed(4, "keep_data", false));
    let ended = deployed.desk.provision(&text, WITHOUT).expect(exit::DONE);
    let after = deployed.uuids();
    assert_eq!(before[..4], after[..4], "the others were expected to keep their UUIDs");
    assert_ne!(before[4], after[4]);
    for (mount, made) in [("/", false), ("/var", false), ("/usr", false), ("/home", true)] {
        assert_eq!(find(&ended.receipt()["file_systems"], "mount", mount)["made"], made);
    }
    let tree = deployed.tree();
    assert!(tree.join("/var/kept").exists() && !tree.join("/home/lost").exists());
    assert!(tree.text("/etc/fstab").contains(&format!("UUID={} /home xfs", after[4])));
    assert_eq!(tree.names("/home/user/files").len(), 30);
}

#[test]
fn another_layout_is_not_what_is_described() {
    let deployed = Deployed::new();
    let bare = &deployed.bare;
    let node = |number| bare.partition(number).display().to_string();
    let describe = |volumes: &[Value]| deployed.describe("verify", volumes);

    let mut more = changed(4, "size", "400 MiB");
    more.push(volume("/srv", "ext4", "remaining"));
    let missing = format!("{}: expected a partition of", node(7));
    deployed.differs(&describe(&more), &[&missing, "found none"]);

    let sizes = describe(&changed(0, "size", "190 MiB"));
    deployed.differs(&sizes, &[&node(2), &node(3), &node(4), &node(5), &node(6), "expected 190 MiB at"]);

    let kinds = describe(&changed(3, "file_system", "ext4"));
    deployed.differs(&kinds, &["expected a partition of type", &node(5)]);

    let content = describe(&changed(4, "file_system", "ext4"));
    deployed.differs(&content, &[&format!("{}: expected ext4 on it, found xfs", node(6))]);

    let mut guid = volumes();
    guid[1] = with(guid[1].clone(), "partition_guid", "0A1B2C3D-1111-2222-3333-444455556666");
    deployed.differs(&describe(&guid), &[&node(3)]);

    // Whatever differs is said at once.
    let mut all = changed(3, "file_system", "ext4");
    all[4]["file_system"] = json!("ext4");
    all[1]["file_system"] = json!("xfs");
    let xfs = format!("{}: expected xfs on it, found ext4", node(3));
    deployed.differs(&describe(&all), &[&xfs, &node(5), &format!("{}: expected ext4", node(6))]);
}

#[test]
fn a_disk_without_its_table_is_not_what_is_described() {
    let (system, desk) = (System::new(), Desk::new());
    let empty = Deployed { system, bare: BareDisk::new(1200), desk };
    let verify = empty.describe("verify", &volumes());
    empty.differs(&verify, &["expected a GPT, found no partition table"]);
    empty.bare.feed("sfdisk", &["--quiet"], "label: dos\nstart=1MiB, size=200MiB, type=83\n");
    empty.differs(&verify, &["expected a GPT, found an MBR partition table"]);
}

#[test]
fn a_damaged_table_is_not_what_is_described() {
    let deployed = Deployed::new();
    let verify = deployed.describe("verify", &volumes());
    let end = deployed.bare.mebibytes() * MIB;
    let list = 128 * 128;
    for (at, copy) in [
        (512 + 20, "first copy"),
        (1024 + 60, "first copy"),
        (end - 512 + 20, "second copy"),
        (end - 512 - list + 60, "second copy"),
    ] {
        let byte = deployed.bare.bytes(at, 1);
        deployed.bare.overwrite(at, &[byte[0] ^ 0xff]);
        deployed.differs(&verify, &["its partition table is damaged", copy]);
        deployed.bare.overwrite(at, &byte);
    }
    let _ = deployed.desk.provision(&verify, WITHOUT).expect(exit::DONE);
}

#[test]
fn a_partition_that_is_gone_is_missed() {
    let deployed = Deployed::new();
    deployed.bare.with("sfdisk", &["--quiet", "--no-reread", "--no-tell-kernel", "--delete"]);
    deployed.differs(&deployed.describe("verify", &volumes()), &["expected a partition of", "found none"]);
}

#[test]
fn nailgun_legacy_takes_partitions_as_they_are() {
    let deployed = Deployed::new();
    let before = deployed.uuids();
    deployed.put(3, "kept", b"of the user\n");
    // It compares no sizes; the file system that gives its data up is made anew.
    let mut sizes = changed(0, "size", "190 MiB");
    sizes[4]["keep_data"] = json!(false);
    let text = deployed.describe("nailgun_legacy", &sizes);
    let _ = deployed.desk.provision(&text, WITHOUT).expect(exit::DONE);
    let after = deployed.uuids();
    assert_eq!(before[..4], after[..4]);
    assert_ne!(before[4], after[4]);
    let tree = deployed.tree();
    assert!(tree.join("/var/kept").exists());
    drop(tree);
    deployed.differs(
        &deployed.describe("nailgun_legacy", &changed(4, "file_system", "ext4")),
        &["expected ext4 on it"],
    );
}

#[test]
fn nailgun_legacy_lays_a_disk_out_when_nothing_is_kept() {
    let deployed = Deployed::new();
    let before = deployed.uuids();
    let mut volumes = changed(0, "size", "190 MiB");
    volumes.iter_mut().for_each(|volume| volume["keep_data"] = json!(false));
    let text = deployed.describe("nailgun_legacy", &volumes);
    let ended = deployed.desk.provision(&text, WITHOUT).expect(exit::DONE);
    assert_eq!(ended.receipt()["disks"][0]["laid_out"], true);
    assert!(deployed.uuids().iter().all(|uuid| !before.contains(uuid)));
    let size = output(Command::new("blockdev").arg("--getsize64").arg(deployed.bare.partition(2)));
    assert_eq!(size, (190 * MIB).to_string());
    assert_deployed(&deployed.system.source(), &deployed.tree());
}
