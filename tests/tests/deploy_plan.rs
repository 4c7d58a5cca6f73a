//! A plan is what happens: looking at it touches nothing, its steps are those that are carried out, and its phases
//! alone do what all of them do together.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use end_to_end::bare::{BareDisk, Mounted, output};
use end_to_end::deploy::{
    Desk, Ended, System, assert_nothing_mounted, description, disk, exit, find, volume, with,
};
use end_to_end::os_tree;
use end_to_end::snapshot::{Kind, Snapshot};
use serde_json::{Value, json};

const WITHOUT: &[&str] = &["--no-boot-loader"];
const MIB: u64 = 1 << 20;
/// Each command that carries out phases.
const COMMANDS: [&str; 5] = ["provision", "partition", "configdrive", "copyimage", "bootloader"];

fn volumes() -> [Value; 3] {
    [
        with(volume("/", "ext4", "160 MiB"), "disk_label", "system"),
        volume("/usr", "ext4", "100 MiB"),
        volume("none", "swap", "remaining"),
    ]
}

/// What is seen of a disk from outside: its bytes, the partitions that the kernel knows, and nodes.
fn seen(disk: &BareDisk) -> (u128, usize, Vec<String>) {
    let nodes = fs::read_dir("/dev").unwrap().flatten();
    let names = nodes.filter_map(|node| node.file_name().into_string().ok());
    let mut own: Vec<String> = names.filter(|name| name.starts_with(disk.name())).collect();
    own.sort();
    (disk.sum(), disk.known_partitions(), own)
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_plan_shows_what_was_there_and_what_is_going_to_be() {
    let (system, bare, desk) = (System::new(), BareDisk::new(400), Desk::new());
    bare.feed("sfdisk", &["--quiet"], "label: gpt\nstart=1MiB, size=200MiB\nsize=50MiB\n");
    bare.announce(1, MIB, 200 * MIB);
    bare.announce(2, 201 * MIB, 50 * MIB);
    output(Command::new("mkfs.ext4").args(["-q", "-F", "-L", "old"]).arg(bare.partition(1)));
    let before = seen(&bare);
    let describe = |policy| description(policy, &[system.image()], &[disk(&bare, &volumes())]);
    let plan = |policy, options: &[&str]| {
        let options = [WITHOUT, options].concat();
        desk.look("plan", &describe(policy), &options).expect(0).stdout
    };
    let lines = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };

    let text = plan("clean", &[]);
    let json = parse(&plan("clean", &["--json"]));
    assert_eq!(seen(&bare), before, "a plan was expected to touch nothing");
    assert_nothing_mounted(&[&bare]);
    let source = Snapshot::take(&system.source());
    let usr = source.entries.keys().filter(|path| path.starts_with(b"usr")).count();
    let need = |mount| find(&json["file_systems"], "mount", mount)["need"].clone();
    assert_eq!(need("/usr")["inodes"], usr);
    assert_eq!(need("/")["inodes"], source.entries.len() - usr);
    let blocks = |below: bool| {
        let entries = source.entries.iter().filter(|(path, _)| path.starts_with(b"usr") == below);
        let bytes = entries.map(|(_, entry)| match &entry.kind {
            Kind::File { size, .. } => size.next_multiple_of(4096),
            Kind::Directory => 4096,
            _ => 0,
        });
        bytes.sum::<u64>()
    };
    assert_eq!((&need("/usr")["bytes"], &need("/")["bytes"]), (&json!(blocks(true)), &json!(blocks(false))));

    let shown = lines(&text);
    let node = bare.node().display();
    for line in [
        format!("{node}, 400 MiB"),
        "1 200 MiB ext4 \"old\" → 24 MiB BIOS boot wiped".to_owned(),
        "2 50 MiB unknown → 160 MiB system wiped".to_owned(),
        "3 - → 100 MiB /usr".to_owned(),
        "4 - → 114 MiB swap".to_owned(),
        "What is on the parts marked \"wiped\", \"made anew\" or \"overwritten\" will be lost.".to_owned(),
    ] {
        assert!(shown.contains(&line), "{line:?} was expected in\n{text}");
    }
    let row = |text: &str, mount: &str| {
        let mut lines = lines(text).into_iter();
        let words = |line: &String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        lines
            .find(|line| words(line).get(1).is_some_and(|word| word == mount) && line.starts_with("/dev"))
            .unwrap()
    };
    let usr_row = row(&text, "/usr");
    assert!(usr_row.starts_with(&format!("{node}p3 /usr ext4 100 MiB ")), "{usr_row}");
    assert!(
        usr_row.contains(&format!(" in {usr} inodes ")) && usr_row.ends_with(" made anew system"),
        "{usr_row}"
    );

    let _ = desk.provision(&describe("clean"), WITHOUT).expect(exit::DONE);
    let before = seen(&bare);
    let kept = plan("verify", &[]);
    assert!(row(&kept, "/usr").ends_with(" kept system") && !kept.contains("wiped\n"), "{kept}");
    assert!(kept.ends_with("\nNothing is wiped; files of the images replace those that differ.\n"), "{kept}");
    let again = plan("clean", &[]);
    assert!(
        lines(&again).contains(&"2 160 MiB ext4 \"system\" → 160 MiB system wiped".to_owned()),
        "{again}"
    );
    assert_eq!(seen(&bare), before);
}

#[test]
fn a_dry_run_of_any_command_touches_nothing() {
    let (system, bare, desk) = (System::new(), BareDisk::new(500), Desk::new());
    let drive = desk.join("drive");
    fs::create_dir(&drive).unwrap();
    fs::write(drive.join("meta_data.json"), "{}").unwrap();
    let of = |policy| {
        let text = description(policy, &[system.image()], &[disk(&bare, &volumes())]);
        with(text, "configdrive", drive.to_str().unwrap())
    };
    let before = seen(&bare);
    for command in ["provision", "partition"] {
        let without: &[&str] = if command == "provision" { WITHOUT } else { &[] };
        let told = desk.look(command, &of("clean"), &[&["--dry-run"], without].concat()).expect(0);
        assert!(told.stdout.contains("\nSteps\n"), "{told}");
        assert_eq!(seen(&bare), before, "{command}");
    }
    // Not only is nothing touched: there is nothing that could be.
    for command in ["configdrive", "copyimage", "bootloader"] {
        for options in [&["-n"][..], &[]] {
            let told = desk.look(command, &of("clean"), options).expect(exit::DIFFERS);
            assert!(told.stderr.contains("expected a GPT, found no partition table"), "{told}");
            assert_eq!(seen(&bare), before, "{command} {options:?}");
        }
    }

    let _ = desk.provision(&of("clean"), WITHOUT).expect(exit::DONE);
    let before = seen(&bare);
    for command in COMMANDS {
        // The system has no kernel, which matters where the boot loader is to follow.
        let without: &[&str] = if command == "provision" { WITHOUT } else { &[] };
        for policy in ["clean", "verify"] {
            let options = [&["--dry-run", "--json"], without].concat();
            let told = parse(&desk.look(command, &of(policy), &options).expect(0).stdout);
            assert_eq!(told["policy"], policy);
            assert_eq!(seen(&bare), before, "{command} under {policy}");
            assert_nothing_mounted(&[&bare]);
        }
    }
}

#[test]
fn the_plan_that_is_printed_is_the_plan_that_is_executed() {
    let (system, bare, desk) = (System::new(), BareDisk::new(500), Desk::new());
    let drive = desk.join("drive");
    fs::create_dir(&drive).unwrap();
    fs::write(drive.join("meta_data.json"), "{}").unwrap();
    for policy in ["clean", "verify", "clean"] {
        let text = description(policy, &[system.image()], &[disk(&bare, &volumes())]);
        let text = with(text, "configdrive", drive.to_str().unwrap());
        let plan = parse(&desk.look("plan", &text, &["--no-boot-loader", "--json"]).expect(0).stdout);
        let dry = desk.look("provision", &text, &["--no-boot-loader", "-n", "--json"]).expect(0);
        assert_eq!(parse(&dry.stdout), plan);
        let ended = desk.provision(&text, WITHOUT).expect(exit::DONE);
        assert_eq!(plan["steps"].as_array().unwrap().iter().collect::<Vec<_>>(), ended.steps(), "{policy}");
        let numbers = ended.events.iter().filter(|event| event["event"] == "step");
        let numbers: Vec<u64> = numbers.map(|event| event["number"].as_u64().unwrap()).collect();
        assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
        assert_eq!(ended.receipt()["disks"][0]["partitions"], plan["disks"][0]["after"]);
    }
}

/// What is on a disk, without what differs between any two of them.
fn picture(disk: &BareDisk) -> (Vec<String>, Vec<BTreeMap<String, String>>, Vec<u8>) {
    let table = parse(&disk.with("sfdisk", &["--json"]));
    let partition = |it: &Value| format!("{} {} {} {}", it["start"], it["size"], it["type"], it["name"]);
    let table = table["partitiontable"]["partitions"].as_array().unwrap().iter().map(partition).collect();
    let content = |number| {
        let mut content = disk.content(number);
        content.retain(|key, _| ["TYPE", "LABEL"].contains(&key.as_str()));
        content
    };
    (table, (2..=5).map(content).collect(), disk.head(440))
}

fn tree(disk: &BareDisk) -> Mounted {
    Mounted::new(&[(disk, 2, "/"), (disk, 3, "/usr")])
}

fn state(tree: &Mounted) -> Value {
    parse(&tree.text("/.deployer-state.json"))
}

#[test]
fn phases_alone_do_what_all_of_them_do_together() {
    let system = System::with(os_tree::unpack_what_starts);
    let [whole, parts] = [0, 1].map(|_| BareDisk::new(1200));
    let desk = Desk::new();
    let drive = desk.join("drive");
    fs::create_dir(&drive).unwrap();
    fs::write(drive.join("meta_data.json"), "{}").unwrap();
    let volumes = [
        volume("/", "ext4", "300 MiB"),
        volume("/usr", "ext4", "700 MiB"),
        volume("none", "swap", "remaining"),
    ];
    let of = |bare: &BareDisk| {
        let text = description("clean", &[system.image()], &[disk(bare, &volumes)]);
        with(text, "configdrive", drive.to_str().unwrap())
    };
    let together = desk.provision(&of(&whole), &[]).expect(exit::DONE);
    let mut ended: Vec<Ended> = Vec::new();
    for command in &COMMANDS[1..] {
        ended.push(desk.end(desk.start(command, &of(&parts), &[])).expect(exit::DONE));
        assert_nothing_mounted(&[&parts]);
        if *command == "copyimage" {
            let tree = tree(&parts);
            assert_eq!(
                (&state(&tree)["reached"], &state(&tree)["complete"]),
                (&json!("copy-image"), &json!(false))
            );
        }
    }
    let kinds = |ended: &Ended| -> Vec<String> {
        // What keeps a system from starting while it changes.
        let own = |step: &&Value| step["action"] != "disarm" && step["action"] != "mark-incomplete";
        let steps = ended.steps().into_iter().filter(own);
        steps.map(|step| step["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ended.iter().flat_map(kinds).collect::<Vec<_>>(), kinds(&together));
    let phases = |ended: &Ended| {
        ended.receipt()["phases"].as_array().unwrap().iter().map(|it| it["phase"].clone()).collect::<Vec<_>>()
    };
    // A later phase may first keep the systems from starting.
    let own = |ended: &Ended| phases(ended).pop().expect("each has its own phase");
    assert_eq!(ended.iter().map(own).collect::<Vec<_>>(), phases(&together));
    assert_eq!(picture(&parts), picture(&whole));
    let bytes = |bare: &BareDisk| {
        let at = together.receipt()["disks"][0]["partitions"][4]["start"].as_u64().unwrap();
        bare.bytes(at, 64 << 20)
    };
    assert!(bytes(&parts) == bytes(&whole), "the config drives were expected to be the same");
    let disks = [&whole, &parts];
    let uuids = disks.map(|bare| [2, 3, 4].map(|number| bare.uuid(number)));
    let [whole, parts] = disks.map(tree);
    let texts = |path: &str| {
        let named = |(tree, uuids): (&Mounted, &[String; 3])| {
            let replace = |text: String, uuid: &String| text.replace(uuid.as_str(), "UUID of this disk");
            uuids.iter().fold(tree.text(path), replace)
        };
        [(&whole, &uuids[0]), (&parts, &uuids[1])].map(named)
    };
    assert_eq!(state(&parts), state(&whole));
    let trees = [&whole, &parts].map(|tree| {
        let mut picture = Snapshot::take(&tree.root()).without_groups();
        // They hold UUIDs.
        picture.entries.retain(|path, _| path != b"etc/fstab" && path != b"boot/grub/grub.cfg");
        picture
            .entries
            .retain(|path, _| !path.ends_with(b"grubenv") && !path.starts_with(b"boot/grub/i386-pc/"));
        picture.entries.values_mut().for_each(|entry| entry.time = (0, 0));
        picture
    });
    end_to_end::diff::assert_same("phases alone", &trees[0], &trees[1]);
    for path in ["/etc/fstab", "/boot/grub/grub.cfg"] {
        let [whole, parts] = &texts(path);
        assert_eq!(whole, parts, "{path}");
    }
}
