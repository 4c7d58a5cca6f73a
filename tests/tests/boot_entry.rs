//! Which of several deployed systems starts: shown and chosen by the program, read by the tools of GRUB, and obeyed by GRUB
//! itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use end_to_end::bare::{BareDisk, Mounted, output};
use end_to_end::deploy::{
    Desk, System, assert_nothing_mounted, description, disk, exit, image, plant, volume, with, write,
};
use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;
use end_to_end::vm::Vm;
use end_to_end::{loader, os_tree};
use serde_json::{Value, json};

/// The partition of the menu, and those of the systems.
const MENU: u32 = 2;
const ROOTS: [u32; 2] = [3, 4];

/// A disk with two systems on it.
struct Two {
    bare: BareDisk,
    systems: [System; 2],
    desk: Desk,
}

impl Two {
    fn deployed(one: impl FnOnce(&Path), two: impl FnOnce(&Path), mebibytes: u64, parameters: &str) -> Self {
        let bare = BareDisk::new(mebibytes);
        let two = Self { bare, systems: [System::with(one), System::with(two)], desk: Desk::new() };
        two.deploy("clean", parameters);
        two
    }

    /// With kernels and boot loaders that are none.
    fn small() -> Self {
        let plain = |root: &Path| {
            plant(root);
            loader::plant(root);
        };
        Self::deployed(plain, plain, 600, "quiet")
    }

    fn describe(&self, policy: &str, parameters: &str) -> Value {
        let [one, two] = &self.systems;
        let images = [
            with(image("one", &one.url(), "/"), "image_name", "first-1"),
            with(with(image("two", &two.url(), "/"), "image_uuid", "2-2-2"), "boot", true),
        ];
        let volumes = [
            with(volume("/", "ext4", "remaining"), "images", &["one"][..]),
            with(volume("/", "ext4", "200 MiB"), "images", &["two"][..]),
        ];
        let text = description(policy, &images, &[disk(&self.bare, &volumes)]);
        with(text, "deploy_data", json!({ "kernel_params": parameters }))
    }

    fn deploy(&self, policy: &str, parameters: &str) {
        let entries = self.desk.join("boot_entries.json");
        let options = ["--boot-entries", entries.to_str().unwrap()];
        let _ = self.desk.provision(&self.describe(policy, parameters), &options).expect(exit::DONE);
    }

    fn run(&self, words: &[&str]) -> Outcome {
        let (verb, options) = words.split_first().expect("there is a verb");
        let told =
            Program::deployer().invoke("boot-entry", &[verb]).arg("--device").arg(self.bare.partition(MENU));
        let told = options.iter().fold(told, |told, option| told.arg(option)).run();
        assert_nothing_mounted(&[]);
        told
    }

    fn told(&self) -> Value {
        serde_json::from_str(&self.run(&["list", "--json"]).expect(0).stdout).unwrap()
    }

    /// The default, and what starts the next time.
    fn chosen(&self) -> (Value, Value) {
        let told = self.told();
        (told["current_element"].clone(), told["next_element"].clone())
    }

    fn menu(&self) -> Mounted {
        self.bare.mount(MENU)
    }

    /// What GRUB's own tool finds in the environment.
    fn environment(&self) -> String {
        output(Command::new("grub-editenv").arg(self.menu().join("/grub/grubenv")).arg("list"))
    }
}

#[test]
fn entries_are_shown_and_chosen() {
    let two = Two::small();
    let [one_uuid, two_uuid] = ROOTS.map(|number| two.bare.uuid(number));
    let entry = |number: u32, name: &str, image: (&str, &str), uuid: &str| {
        json!({
            "boot_name": "Small System 1 (1.0)", "os_id": name, "grub_id": number, "root_uuid": uuid, "boot_uuid": uuid,
            "image_name": image.0, "image_uuid": image.1, "kernel": "/boot/vmlinuz-1.0", "initrd": "/boot/initrd.img-1.0",
            "root_device": two.bare.partition(ROOTS[number as usize]),
        })
    };
    let expected = json!({
        "elements": [
            entry(0, "one", ("first-1", ""), &one_uuid),
            entry(1, "two", ("two", "2-2-2"), &two_uuid),
        ],
        "multiboot_partition": two.bare.uuid(MENU),
        "multiboot_device": two.bare.partition(MENU),
        "current_element": 1,
        "next_element": null,
        "booted_element": null,
    });
    let mut told = two.told();
    let image = told["elements"][1]["image_name"].take();
    assert!(image.is_string(), "{image}");
    told["elements"][1]["image_name"] = "two".into();
    assert_eq!(told, expected);
    let before = two.bare.sum();
    let table = two.run(&["list"]).expect(0).stdout;
    assert!(table.lines().nth(2).unwrap().starts_with("  0  one     first-1"), "{table}");
    assert!(table.lines().nth(3).unwrap().ends_with("default"), "{table}");
    assert_eq!(two.bare.sum(), before, "whoever looks changes nothing");

    for (name, number) in [("one", 0), ("2-2-2", 1), ("first-1", 0), (two_uuid.as_str(), 1), ("0", 0)] {
        let told = two.run(&["set", name]).expect(0);
        assert_eq!(told.stdout, format!("starts from now on: {number}: Small System 1 (1.0)\n"));
        assert_eq!(two.chosen(), (json!(number), Value::Null));
    }
    assert_eq!(two.environment(), "");
    let told = two.run(&["set", "--once", "two"]).expect(0).stdout;
    assert!(told.starts_with("starts next: 1: Small") && told.contains("after that: 0: Small"), "{told}");
    assert_eq!((two.chosen(), two.environment().as_str()), ((json!(0), json!(1)), "next_entry=1"));
    // The later wish counts.
    let told: Value = serde_json::from_str(&two.run(&["set", "1", "--json"]).expect(0).stdout).unwrap();
    assert_eq!((&told["current_element"], &told["next_element"]), (&json!(1), &Value::Null));
    assert_eq!(two.environment(), "");
    output(Command::new("grub-script-check").arg(two.menu().join("/grub/grub.cfg")));
}

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() {
    let two = Two::small();
    let sum = || two.bare.sum();
    let before = sum();
    let told = two.run(&["set", "three"]).expect(exit::USAGE).stderr;
    assert!(told.contains("there is no boot entry \"three\"; there are:\n  0: one, first-1"), "{told}");
    assert!(two.run(&["set", "Small System 1 (1.0)"]).expect(exit::USAGE).stderr.contains("means several"));
    let told = two.run(&["set", "three", "--json"]).expect(exit::USAGE).stdout;
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["exit"], 1);
    let lock = two.bare.lock();
    assert!(two.run(&["set", "one"]).expect(exit::DISK).stderr.contains("another program has locked it"));
    drop(lock);
    let other = |node: &Path| {
        let told = Program::deployer().invoke("boot-entry", &["list", "--device"]).arg(node).run();
        told.expect(exit::REFUSED).stderr
    };
    assert!(other(&two.bare.partition(3)).contains("has no common boot menu"));
    let scratch = Scratch::with_size(256 << 10);
    let nobody = Program::deployer().for_nobody(scratch.path());
    assert!(nobody.invoke("boot-entry", &["list"]).run().expect(exit::REFUSED).stderr.contains("only root"));
    assert_eq!(sum(), before);

    let tree = Mounted::writable(&[(&two.bare, MENU, "/")]);
    // Whoever has it mounted is not in the way.
    assert_eq!(two.chosen(), (json!(1), Value::Null));
    let _ = two.run(&["set", "one"]).expect(0);
    fs::write(tree.join("/grub/grub.cfg"), "set default=0\nmenuentry 'x' {\n}\n").unwrap();
    assert!(
        two.run(&["set", "one"]).expect(exit::REFUSED).stderr.contains("was not written by this deployer")
    );
}

#[test]
fn others_and_later_deployments_have_their_say() {
    let two = Two::small();
    let _ = two.run(&["set", "--once", "one"]).expect(0);
    // As bareon's driver for Ironic does it.
    let tree = Mounted::writable(&[(&two.bare, MENU, "/")]);
    let change = ["--in-place", r"s/\(set default=\)[0-9]*/\10/"];
    output(Command::new("sed").args(change).arg(tree.join("/boot/grub2/grub.cfg")));
    drop(tree);
    assert_eq!(two.chosen(), (json!(0), json!(0)));
    let _ = two.run(&["set", "two"]).expect(0);
    assert_eq!(two.chosen(), (json!(1), Value::Null));

    let _ = two.run(&["set", "--once", "one"]).expect(0);
    let _ = two.run(&["set", "one"]).expect(0);
    two.deploy("verify", "quiet");
    assert_eq!((two.chosen(), two.environment().as_str()), ((json!(1), Value::Null), ""));
}

#[test]
fn the_boot_loader_does_what_was_chosen() {
    let two = Two::deployed(
        |root| {
            os_tree::unpack_what_starts(root);
            for entry in fs::read_dir(root.join("boot")).unwrap().flatten() {
                if entry.file_type().unwrap().is_file() {
                    fs::remove_file(entry.path()).unwrap();
                }
            }
            write(root, "boot/vmlinuz-1.0", &loader::kernel_that_tells());
        },
        |root| {
            plant(root);
            write(root, "boot/vmlinuz-1.0", &loader::kernel_that_tells());
        },
        1500,
        "console=ttyS0",
    );
    let [one_root, two_root] =
        ROOTS.map(|number| format!("root=UUID={} ro console=ttyS0", two.bare.uuid(number)));
    let starts = |root: &str| {
        two.bare.apart(|image| Vm::new().disk(image).run()).says(&[root]);
    };
    starts(&two_root);
    let _ = two.run(&["set", "--once", "one"]).expect(0);
    starts(&one_root);
    assert_eq!(two.chosen(), (json!(1), Value::Null), "it has crossed that out");
    starts(&two_root);
    let _ = two.run(&["set", "one"]).expect(0);
    starts(&one_root);
}
