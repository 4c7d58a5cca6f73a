//! What the kernel and the tools of the machine have to do with a deployment: partitions that the kernel does not know or
//! has elsewhere, file systems that it lacks or holds, features that older systems do not read, and what a BIOS finds.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use end_to_end::bare::{BareDisk, Mounted, output, wait_until_free};
use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::deploy::{
    Desk, System, assert_deployed, assert_nothing_mounted, description, disk, exit, image, plant, volume,
    with, write,
};
use end_to_end::interrupt::{Cut, When, kinds, plant_boot_code, says_complete};
use end_to_end::loader;
use end_to_end::refusal::Refusal;
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use rustix::process::Signal;
use serde_json::{Value, json};

const WITHOUT: &[&str] = &["--no-boot-loader"];
const MIB: u64 = 1 << 20;
/// What a BIOS starts of a disk: `int 18h`, which asks for the next device, and `hlt` for ever.
const NEXT_DEVICE: [u8; 5] = [0xcd, 0x18, 0xf4, 0xeb, 0xfd];
const BOOT_CODE: usize = 440;

/// A system on `/`, `/usr` and `/home`, with swap.
struct Deployed {
    system: System,
    bare: BareDisk,
    desk: Desk,
}

impl Deployed {
    fn new() -> Self {
        let deployed = Self { system: System::new(), bare: BareDisk::new(600), desk: Desk::new() };
        let _ = deployed.desk.provision(&deployed.describe("clean"), WITHOUT).expect(exit::DONE);
        deployed
    }

    fn describe(&self, policy: &str) -> Value {
        let volumes = [
            volume("/", "ext4", "100 MiB"),
            volume("/usr", "ext4", "100 MiB"),
            volume("none", "swap", "64 MiB"),
            volume("/home", "btrfs", "remaining"),
        ];
        description(policy, &[self.system.image()], &[disk(&self.bare, &volumes)])
    }

    fn tree(&self) -> Mounted {
        Mounted::new(&[(&self.bare, 2, "/"), (&self.bare, 3, "/usr"), (&self.bare, 5, "/home")])
    }
}

#[test]
fn partitions_that_the_kernel_does_not_know_are_made_known() {
    let deployed = Deployed::new();
    let bare = &deployed.bare;
    let nodes = bare.nodes();
    let uuids = [2, 3, 4, 5].map(|number| bare.uuid(number));
    write(&deployed.system.source(), "usr/bin/file-3", b"changed\n");
    let fstab = fs::metadata(deployed.system.source().join("etc/fstab")).unwrap().len();
    // None of them, then only some.
    for forgotten in [1..=5, 3..=4] {
        forgotten.for_each(|number| bare.forget(number));
        let before = (bare.sum(), bare.known_partitions(), bare.nodes());
        let verify = deployed.describe("verify");
        for policy in ["verify", "clean", "nailgun_legacy"] {
            let told = deployed.desk.look("plan", &deployed.describe(policy), WITHOUT).expect(exit::DONE);
            let announces = told.stdout.contains("known to the kernel");
            assert_eq!(announces, policy != "clean", "{told}");
            assert_eq!((bare.sum(), bare.known_partitions(), bare.nodes()), before, "{policy}");
        }
        let ended = deployed.desk.provision(&verify, WITHOUT).expect(exit::DONE);
        assert_eq!(kinds(&ended)[0], "announce");
        assert!(!kinds(&ended).contains(&"make-file-system".to_owned()));
        assert_eq!((bare.known_partitions(), &bare.nodes()), (5, &nodes));
        assert_nothing_mounted(&[bare]);
        let image = &ended.receipt()["images"][0];
        // The image has an fstab, in whose place that of the machine was written.
        let changed = if before.1 == 0 { 1 + 1 } else { 1 };
        let literal = if before.1 == 0 { fstab + 8 } else { fstab };
        assert_eq!(
            (&image["files_transferred"], &image["literal_bytes"]),
            (&json!(changed), &json!(literal))
        );
        assert_eq!([2, 3, 4, 5].map(|number| bare.uuid(number)), uuids);
        assert_deployed(&deployed.system.source(), &deployed.tree());
    }
}

#[test]
fn partitions_that_the_kernel_has_elsewhere_are_refused() {
    let deployed = Deployed::new();
    let (bare, all) = (&deployed.bare, [&deployed.bare]);
    let refusal = Refusal::of(&deployed.desk, &all);
    let hint = "`partprobe` or a restart makes it read the table again";
    let refused = |number: u32, what: &str| {
        let place = format!("{}: the kernel has {what}; {hint}", bare.partition(number).display());
        for policy in ["verify", "nailgun_legacy"] {
            let ended = refusal.expect(&deployed.describe(policy), exit::DIFFERS, &[&place]);
            let told = ended.outcome.stderr.matches("the kernel has").count();
            assert_eq!(told, 1, "nothing else was expected to differ\n{}", ended.outcome);
        }
    };
    // The first begins at 1 MiB and has 24.
    let (usr, swap) = (25 + 100, 25 + 100 + 100);
    let elsewhere = "this partition at another place than the table";
    bare.forget(3);
    bare.forget(4);
    bare.announce(3, (usr + 10) * MIB, 80 * MIB);
    bare.announce(4, swap * MIB, 64 * MIB);
    refused(3, elsewhere);
    bare.forget(3);
    bare.announce(3, usr * MIB, 100 * MIB - 4096);
    refused(3, elsewhere);
    bare.forget(3);
    bare.announce(3, usr * MIB, 100 * MIB);

    bare.forget(4);
    bare.announce(9, swap * MIB, 64 * MIB);
    refused(9, "a partition that is not in the table");
    bare.forget(9);
    let _ = deployed.desk.provision(&deployed.describe("verify"), WITHOUT).expect(exit::DONE);

    // Whoever lays the disk out anew sets the kernel right.
    bare.forget(4);
    bare.announce(9, swap * MIB, 64 * MIB);
    let _ = deployed.desk.provision(&deployed.describe("clean"), WITHOUT).expect(exit::DONE);
    assert_eq!(bare.known_partitions(), 5);
    assert_deployed(&deployed.system.source(), &deployed.tree());
}

/// Whether this kernel has a kind of file system, or a module for it.
fn kernel_has(kind: &str) -> bool {
    let scratch = Scratch::with_size(64);
    // Without a device nothing is mounted; whether there is such a kind is found out before.
    let result = mount("none", scratch.directory("point"), kind, MountFlags::RDONLY, None);
    result.expect_err("nothing can be mounted without a device") != Errno::NODEV
}

#[test]
fn a_file_system_that_the_kernel_lacks_is_named_with_whatever_else_is_missing() {
    let (system, bare) = (System::new(), BareDisk::new(900));
    plant_boot_code(&bare);
    let hide = "while tool=$(command -v mkfs.btrfs); do mount --bind /dev/null $tool; done";
    let desk = Desk::of(Program::deployer().in_own_mounts(hide));
    let volumes = [
        volume("/", "ext4", "100 MiB"),
        volume("/boot/efi", "vfat", "64 MiB"),
        volume("/var", "btrfs", "300 MiB"),
        volume("/home", "xfs", "200 MiB"),
        // Nobody has to mount these to deploy.
        volume("none", "vfat", "64 MiB"),
    ];
    let too_small = format!("/home ({}): xfs needs at least 300 MiB", bare.partition(5).display());
    let lacks = |kind: &str| {
        format!("this kernel: it has no {kind}, so nothing could be mounted; its module {kind} is missing")
    };
    let all = [&bare];
    let text = description("clean", &[system.image()], &[disk(&bare, &volumes)]);
    let words = ["mkfs.btrfs: this program is missing", &too_small];
    let ended = Refusal::of(&desk, &all).expect(&text, exit::REFUSED, &words);
    for kind in ["ext4", "vfat", "btrfs", "xfs"] {
        let told = ended.outcome.stderr.matches(&lacks(kind)).count();
        assert_eq!(told, usize::from(!kernel_has(kind)), "{kind}\n{}", ended.outcome);
    }
    // Laid out alone, nothing is mounted.
    let told = desk.look("partition", &text, &["--dry-run"]);
    assert!(!told.stderr.contains("this kernel"), "{told}");
}

#[test]
fn a_further_device_of_a_file_system_that_is_mounted_is_in_use() {
    let (first, second, desk) = (BareDisk::new(200), BareDisk::new(200), Desk::new());
    let mut make = Command::new("mkfs.btrfs");
    output(make.args(["-q", "-f", "-d", "raid0", "-m", "raid1"]).args([first.node(), second.node()]));
    let point = desk.join("point");
    fs::create_dir(&point).unwrap();
    let option = format!("ro,device={}", second.node().display());
    output(Command::new("mount").args(["-t", "btrfs", "-o", &option]).arg(first.node()).arg(&point));
    let system = System::new();
    let describe = |bare: &BareDisk| {
        description("clean", &[system.image()], &[disk(bare, &[volume("/", "ext4", "remaining")])])
    };
    let both = [&first, &second];
    let refusal = Refusal::of(&desk, &both);
    for bare in both {
        let place = format!("{}: it is in use: mounted at {}", bare.node().display(), point.display());
        refusal.expect(&describe(bare), exit::REFUSED, &[&place, "--force"]);
    }
    output(Command::new("umount").arg(&point));
    assert!(both.iter().all(|bare| wait_until_free(bare.node())));
    let _ = desk.provision(&describe(&second), WITHOUT).expect(exit::DONE);
    assert_deployed(&system.source(), &second.mount(2));
}

/// What `dumpe2fs` says of a partition under a heading.
fn says(text: &str, heading: &str) -> String {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(found, _)| *found == heading);
    found.unwrap_or_else(|| panic!("{heading} was expected in {text}")).1.trim().to_owned()
}

#[test]
fn file_systems_are_such_as_older_systems_read_whatever_the_machine_prefers() {
    let (system, bare, place) = (System::new(), BareDisk::new(2000), Scratch::with_size(64));
    let preferences = "[defaults]\n\tbase_features = sparse_super,metadata_csum_seed,orphan_file,quota\n\
                       \tblocksize = 1024\n\tinode_size = 128\n\tinode_ratio = 65536\n[fs_types]\n\
                       \text4 = {\n\t\tfeatures = has_journal,extent,casefold\n\t}\n";
    let preferred = place.file("mke2fs.conf", preferences, 0o644);
    let script = format!("mount --bind {} /etc/mke2fs.conf", preferred.display());
    let desk = Desk::of(Program::deployer().in_own_mounts(&script));
    let volumes = [
        volume("/", "ext4", "200 MiB"),
        volume("/usr", "ext4", "520 MiB"),
        volume("/srv", "ext3", "100 MiB"),
        volume("/opt", "ext2", "100 MiB"),
        volume("/var", "xfs", "320 MiB"),
        volume("/home", "btrfs", "remaining"),
    ];
    let text = description("clean", &[system.image()], &[disk(&bare, &volumes)]);
    let _ = desk.provision(&text, WITHOUT).expect(exit::DONE);

    let common = "dir_index ext_attr filetype large_file resize_inode sparse_super";
    let ext4 = "64bit dir_nlink extent extra_isize flex_bg has_journal huge_file metadata_csum";
    for (number, mebibytes, bytes_per_inode, further) in
        [(2, 200, 4096, ext4), (3, 520, 16384, ext4), (4, 100, 4096, "has_journal"), (5, 100, 4096, "")]
    {
        let told = output(Command::new("dumpe2fs").arg("-h").arg(bare.partition(number)));
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
        let mut features = words(&says(&told, "Filesystem features"));
        features.remove("needs_recovery");
        assert_eq!(features, words(&format!("{common} {further}")), "partition {number}");
        assert_eq!((says(&told, "Block size"), says(&told, "Inode size")), ("4096".into(), "256".into()));
        // Rounded up to whole blocks in each group.
        let inodes: u64 = says(&told, "Inode count").parse().unwrap();
        let expected = mebibytes * MIB / bytes_per_inode;
        assert!((expected..expected + expected / 20).contains(&inodes), "{inodes}, not {expected}");
    }
    let told = output(Command::new("xfs_info").arg(bare.partition(6)));
    for feature in ["nrext64", "exchange", "parent"] {
        assert!(!told.contains(&format!("{feature}=1")), "{told}");
    }
    let super_block = ["inspect-internal", "dump-super"];
    let told = output(Command::new("btrfs").args(super_block).arg(bare.partition(7)));
    assert!(told.contains("compat_ro_flags") && !told.contains("BLOCK_GROUP_TREE"), "{told}");
}

/// It has no boot loader: a BIOS goes on to the next device, and the table is whole.
#[track_caller]
fn assert_hands_over(bare: &BareDisk) {
    let head = bare.head(512);
    assert_eq!(head[..NEXT_DEVICE.len()], NEXT_DEVICE);
    assert!(head[NEXT_DEVICE.len()..BOOT_CODE].iter().all(|byte| *byte == 0), "{head:?}");
    assert_eq!((head[450], &head[510..]), (0xee, &[0x55, 0xaa][..]));
    let told = bare.with("sfdisk", &["--verify"]);
    assert!(told.contains("No errors detected"), "{told}");
}

#[test]
fn a_disk_without_a_boot_loader_hands_over_to_the_next_device() {
    let system = System::with(|root: &Path| {
        plant(root);
        loader::plant(root);
    });
    let (bare, desk) = (BareDisk::new(300), Desk::new());
    let slow: Daemon = Plan::new().serve(Module::new("tree", &system.source())).slow(512).start();
    let describe = |policy: &str, url: &str| {
        let volumes = [volume("/", "ext4", "remaining")];
        with(
            description(policy, &[image("system", url, "/")], &[disk(&bare, &volumes)]),
            "deploy_data",
            json!({}),
        )
    };
    let cut = |policy: &str| {
        let text = describe(policy, &slow.url("tree/"));
        let plan: Value =
            serde_json::from_str(&desk.look("plan", &text, &["--json"]).expect(0).stdout).unwrap();
        let pull =
            plan["steps"].as_array().unwrap().iter().position(|step| step["action"] == "pull").unwrap();
        let when = When::Step(pull + 1);
        let cut = Cut::new(&desk, ("provision", &text, &[]), &[&bare], Signal::KILL, &when);
        cut.was_killed();
        assert_eq!(cut.within(), Some("pull"));
    };
    plant_boot_code(&bare);
    cut("clean");
    assert_hands_over(&bare);

    let _ = desk.provision(&describe("verify", &system.url()), &[]).expect(exit::DONE);
    assert!(loader::has_boot_code(&bare));
    write(&system.source(), "usr/lib/large", &vec![7; 4 << 20]);
    cut("verify");
    assert_hands_over(&bare);
    assert_eq!(says_complete(&bare.mount(2)), Some(false));

    let _ = desk.provision(&describe("verify", &system.url()), &[]).expect(exit::DONE);
    assert!(loader::has_boot_code(&bare));
    // Whoever leaves the boot loader to others leaves theirs alone.
    plant_boot_code(&bare);
    let before = bare.head(512);
    let _ = desk.provision(&describe("verify", &system.url()), WITHOUT).expect(exit::DONE);
    assert_eq!(bare.head(512), before);
}
