//! Deployments that are killed, in every step of every phase: nothing stays mounted, nothing runs on, the machine does
//! not look as if it could start, and the same command again brings everything into place.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use end_to_end::bare::{BareDisk, output};
use end_to_end::deploy::{
    Desk, System, assert_deployed_except, description, disk, exit, volume, with, write,
};
use end_to_end::interrupt::{Cut, KEPT, Machine, When, has_boot_code, kinds, plant_boot_code, says_complete};
use end_to_end::os_tree;
use end_to_end::random::Random;
use end_to_end::server::Server;
use rustix::process::Signal;
use serde_json::{Value, json};

const WITHOUT: &[&str] = &["--no-boot-loader"];

/// Steps that take long enough to be met while they are carried out. Others may be over before a signal comes.
const LONG: [&str; 3] = ["make-file-system", "write-config-drive", "pull"];

/// Kills the run in a step: if it is a long one, again until it is met.
#[track_caller]
fn kill_in(machine: &Machine, description: &Value, options: &[&str], number: usize, kind: &str) -> Cut {
    for _ in 0..5 {
        machine.plant_boot_code();
        let cut = machine.cut(description, options, Signal::KILL, &When::Step(number));
        if cut.within() == Some(kind) || !LONG.contains(&kind) {
            return cut;
        }
    }
    panic!("no run was killed in step {number}, {kind}");
}

#[test]
fn killed_in_any_step_it_begins_anew() {
    let machine = Machine::new();
    let clean = machine.describe("clean", &machine.system.url());
    let steps = kinds(&machine.desk.provision(&clean, WITHOUT).expect(exit::DONE));
    let mut met = Vec::new();
    for (number, kind) in (1..).zip(&steps) {
        // The signal may have met the run before in a later step, which erased something.
        machine.plant_boot_code();
        let before = machine.disks().map(BareDisk::sum);
        let cut = kill_in(&machine, &clean, WITHOUT, number, kind);
        let begun = kinds(&cut.ended).len();
        assert!(begun >= number, "it was expected to come to step {number} of {steps:?}");
        if cut.ended.outcome.signal().is_none() {
            assert_eq!(begun, steps.len(), "only the last step may be over so soon");
            continue;
        }
        cut.was_killed();
        match cut.ended.steps().last().and_then(|step| step["action"].as_str()) {
            // From one disk after the other it takes the boot code away, and nothing else.
            Some("take-over" | "disarm") => {
                machine.plant_boot_code();
                assert_eq!(machine.disks().map(BareDisk::sum), before, "{cut:?}");
            }
            _ => machine.assert_incomplete(&cut),
        }
        if !met.contains(&kind) && kind != "disarm" && kind != "take-over" {
            let _ = machine.desk.provision(&clean, WITHOUT).expect(exit::DONE);
            machine.assert_complete();
            met.push(kind);
        }
    }
    assert!(LONG.iter().all(|kind| met.iter().any(|met| met == kind)), "{met:?}");
    let _ = machine.desk.provision(&clean, WITHOUT).expect(exit::DONE);
    machine.assert_complete();
}

#[test]
fn killed_while_it_pulls_it_goes_on_under_verify() {
    let machine = Machine::new();
    let server = machine.slow_server();
    let clean = machine.describe("clean", &server.url("tree/"));
    machine.plant_boot_code();
    let cut = machine.cut(&clean, WITHOUT, Signal::KILL, &When::Pulled("etc/conf.d", 10));
    cut.was_killed();
    assert_eq!(cut.within(), Some("pull"));
    machine.assert_incomplete(&cut);
    let loader = machine.desk.start("bootloader", &clean, &[]);
    let refused = machine.desk.end(loader).expect(exit::REFUSED);
    refused.says(&["its images are not in place", "run `deployer copyimage` first", "nothing was changed"]);
    machine.assert_incomplete(&cut);

    let verify = machine.describe("verify", &server.url("tree/"));
    for directory in ["home/user/files", "usr/bin"] {
        let before = lacks(&machine);
        let cut = machine.cut(&verify, WITHOUT, Signal::KILL, &When::Pulled(directory, 5));
        cut.was_killed();
        let after = lacks(&machine);
        assert!(after.len() < before.len() && after.keys().all(|path| before.contains_key(path)));
        assert_eq!(says_complete(&machine.tree()), Some(false));
    }
    finish(&machine, &verify);
}

#[test]
fn killed_while_it_updates_it_goes_on_and_keeps_what_is_not_of_the_image() {
    let machine = Machine::new();
    let clean = machine.describe("clean", &machine.system.url());
    let _ = machine.desk.provision(&clean, WITHOUT).expect(exit::DONE);
    let tree = machine.writable();
    KEPT.iter().for_each(|path| write(&tree.root(), &format!("{path}/file"), b"of the user\n"));
    drop(tree);
    machine.plant_boot_code();

    let mut random = Random::new(5);
    for number in 0..30 {
        for directory in ["etc/conf.d", "usr/new", "var/lib/data"] {
            let path = format!("{directory}/file-{number}");
            write(&machine.system.source(), &path, &random.bytes(20_000 + number));
        }
    }
    let server = machine.slow_server();
    let verify = machine.describe("verify", &server.url("tree/"));
    // With a boot loader to be installed at the end.
    let cut = machine.cut(&verify, &[], Signal::KILL, &When::Pulled("usr/new", 5));
    cut.was_killed();
    machine.assert_incomplete(&cut);
    assert_eq!(says_complete(&machine.tree()), Some(false));
    let lacks = lacks(&machine);
    assert!(lacks.len() < 91 && lacks.len() > 10, "it was expected to be killed midway: {lacks:?}");
    finish(&machine, &verify);
    let tree = machine.tree();
    assert!(KEPT.iter().all(|path| tree.text(&format!("{path}/file")) == "of the user\n"));
}

#[test]
fn killed_before_anything_is_made_anew_a_kept_system_does_not_start() {
    let machine = Machine::new();
    let clean = machine.describe("clean", &machine.system.url());
    let _ = machine.desk.provision(&clean, WITHOUT).expect(exit::DONE);
    let mut verify = machine.describe("verify", &machine.system.url());
    verify["partitions"][1]["volumes"][1]["keep_data"] = json!(false);
    let steps = ["disarm", "disarm", "mark-incomplete", "make-file-system", "write-config-drive", "pull"];
    for (number, kind) in (1..).zip(steps).filter(|(_, kind)| LONG.contains(kind)) {
        let cut = kill_in(&machine, &verify, &[], number, kind);
        cut.was_killed();
        assert_eq!(machine.disks().map(has_boot_code), [false, false], "{cut:?}");
    }
    let _ = machine.desk.provision(&verify, WITHOUT).expect(exit::DONE);
    machine.assert_complete();
}

#[test]
fn killed_while_its_boot_loader_is_installed_a_system_gets_it_later() {
    let system = System::with(|root| {
        os_tree::unpack(root);
        // Else its making gives /boot another time.
        fs::create_dir(root.join("boot/grub")).expect("memory is large enough");
    });
    let (bare, desk) = (BareDisk::new(3000), Desk::new());
    let partitions = [disk(&bare, &[volume("/", "ext4", "remaining")])];
    let clean = description("clean", &[with(system.image(), "boot", true)], &partitions);
    plant_boot_code(&bare);
    let cut = |command: &str, signal: Signal, program: &str| {
        let when = When::Runs(program);
        Cut::new(&desk, (command, &clean, &[]), &[&bare], signal, &when)
    };
    let incomplete = || says_complete(&bare.mount(2)) == Some(false);

    let killed = cut("provision", Signal::KILL, "grub-install");
    killed.was_killed();
    assert_eq!(killed.within(), Some("boot-loader"));
    assert!(incomplete());

    let killed = cut("bootloader", Signal::KILL, "grub-mkconfig");
    killed.was_killed();
    assert!(incomplete());

    for (signal, program) in [(Signal::TERM, "grub-install"), (Signal::INT, "grub-mkconfig")] {
        let stopped = cut("bootloader", signal, program).ended.expect(exit::STOPPED);
        assert_eq!(stopped.receipt()["images"], json!([]));
        assert!(stopped.receipt()["failed_step"].as_str().unwrap().starts_with("install the boot loader"));
        assert!(incomplete());
    }

    let _ = desk.end(desk.start("bootloader", &clean, &[])).expect(exit::DONE);
    assert!(has_boot_code(&bare));
    let tree = bare.mount(2);
    assert_eq!(says_complete(&tree), Some(true));
    let menu = tree.text("/boot/grub/grub.cfg");
    assert!(menu.contains("vmlinuz") && menu.contains(&bare.uuid(2)), "{menu}");
    let left = tree.names("/boot/grub").into_iter().find(|name| name.contains("new"));
    assert_eq!(left, None, "no half of a configuration was expected to be left");
    assert_deployed_except(&["boot", "etc/default"], &system.source(), &tree);
    drop(tree);
    output(Command::new("fsck.ext4").args(["-f", "-n"]).arg(bare.partition(2)));
}

/// Files of the image that are not in place as they are on the server, with their sizes.
fn lacks(machine: &Machine) -> BTreeMap<PathBuf, u64> {
    let (source, tree) = (machine.system.source(), machine.tree());
    let mut lacks = BTreeMap::new();
    each_file(&source, |path| {
        let wanted = fs::read(source.join(path)).expect("the server has it");
        if fs::read(tree.root().join(path)).ok().as_ref() != Some(&wanted) {
            lacks.insert(path.to_owned(), wanted.len() as u64);
        }
    });
    lacks
}

/// Runs to the end what was cut off: no file comes again that is in place.
#[track_caller]
fn finish(machine: &Machine, description: &Value) {
    let lacks = lacks(machine);
    let ended = machine.desk.provision(description, WITHOUT).expect(exit::DONE);
    let image = &ended.receipt()["images"][0];
    assert_eq!(image["files_transferred"], lacks.len(), "{image}: {lacks:?}");
    let [literal, matched] = ["literal_bytes", "matched_bytes"].map(|key| image[key].as_u64().unwrap());
    assert_eq!(literal + matched, lacks.values().sum::<u64>(), "{image}");
    machine.assert_complete();
}

fn each_file(root: &Path, mut work: impl FnMut(&Path)) {
    let mut open = vec![PathBuf::new()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(root.join(&directory)).expect("a directory can be read").flatten() {
            let path = directory.join(entry.file_name());
            match entry.file_type().expect("it has a type") {
                kind if kind.is_dir() => open.push(path),
                kind if kind.is_file() => work(&path),
                _ => {}
            }
        }
    }
}
