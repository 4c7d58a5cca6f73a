//! Several systems on one machine: each on its disk, with file systems that both have, an image of its own for one of
//! these, and a common boot loader.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use end_to_end::bare::{BareDisk, Mounted};
use end_to_end::deploy::{
    Desk, System, assert_deployed_except, assert_nothing_mounted, description, disk, exit, find, image,
    plant, volume, with, write,
};
use end_to_end::os_tree;
use serde_json::{Value, json};

const WITHOUT: &[&str] = &["--no-boot-loader"];
const MIB: u64 = 1 << 20;
/// What the systems share.
const SHARED: &[&str] = &["home", "usr/share/utils"];

/// Two disks, and the three images.
struct Several {
    one: System,
    two: System,
    utils: System,
    disks: [BareDisk; 2],
    desk: Desk,
}

impl Several {
    /// The first disk as large as the system on it wants.
    fn new(one: impl FnOnce(&Path), mebibytes: u64) -> Self {
        let disks = [BareDisk::new(mebibytes), BareDisk::new(700)];
        let utils = System::with(|root| {
            for number in 0..40 {
                write(root, &format!("bin/tool-{number}"), format!("tool {number}\n").as_bytes());
            }
            same_time(root);
        });
        let small = |root: &Path| own(root, "two", plant);
        Self {
            one: System::with(|root| own(root, "one", one)),
            two: System::with(small),
            utils,
            disks,
            desk: Desk::new(),
        }
    }

    fn small() -> Self {
        Self::new(plant, 500)
    }

    fn images(&self) -> [Value; 3] {
        let [one, two, utils] = [&self.one, &self.two, &self.utils].map(System::url);
        let named =
            |image, name: &str| with(with(image, "image_name", name), "image_uuid", format!("{name}-uuid"));
        [
            named(image("one", &one, "/"), "first-1"),
            with(named(image("two", &two, "/"), "second-2"), "boot", true),
            image("utils", &utils, "/usr/share/utils"),
        ]
    }

    fn volumes() -> [Vec<Value>; 2] {
        let of = |volume, images: &[&str]| with(volume, "images", images);
        [
            vec![
                // Without a name, it belongs to the first image.
                volume("/", "ext4", "remaining"),
                with(of(volume("/home", "ext4", "100 MiB"), &["one", "two"]), "fstab_options", "nodev"),
            ],
            vec![
                of(volume("/", "btrfs", "300 MiB"), &["two"]),
                of(volume("/usr/share/utils", "ext4", "80 MiB"), &["one", "two", "utils"]),
                of(volume("/var", "ext3", "100 MiB"), &["two"]),
                of(volume("none", "swap", "remaining"), &["one", "two"]),
            ],
        ]
    }

    fn describe(&self, policy: &str) -> Value {
        let volumes = Self::volumes();
        let disks = [0, 1].map(|index| disk(&self.disks[index], &volumes[index]));
        with(description(policy, &self.images(), &disks), "deploy_data", json!({"kernel_params": "quiet"}))
    }

    fn tree_of_one(&self) -> Mounted {
        let [first, second] = &self.disks;
        Mounted::new(&[(first, 3, "/"), (first, 4, "/home"), (second, 3, "/usr/share/utils")])
    }

    fn tree_of_two(&self) -> Mounted {
        let [first, second] = &self.disks;
        Mounted::new(&[
            (second, 2, "/"),
            (first, 4, "/home"),
            (second, 4, "/var"),
            (second, 3, "/usr/share/utils"),
        ])
    }

    fn sums(&self) -> [u128; 2] {
        [&self.disks[0], &self.disks[1]].map(BareDisk::sum)
    }

    /// The description is refused with all of these words.
    #[track_caller]
    fn is_wrong(&self, change: impl FnOnce(&mut Value), words: &[&str]) {
        let mut text = self.describe("clean");
        change(&mut text);
        let outcome = self.desk.look("validate", &text, &[]).expect(exit::DESCRIPTION);
        for word in words {
            assert!(outcome.stderr.contains(word), "{word:?} was expected\n{outcome}");
        }
        let mistakes = outcome.stderr.lines().filter(|line| line.trim_start().starts_with("$.")).count();
        assert_eq!(mistakes, words.len(), "one mistake for each was expected\n{outcome}");
    }
}

/// A system with its own name, and something of its own in what is shared.
fn own(root: &Path, name: &str, plant: impl FnOnce(&Path)) {
    plant(root);
    if name == "two" {
        write(root, "boot/vmlinuz-1.0", b"a kernel\n");
        write(root, "boot/initrd.img-1.0", b"its first root\n");
        write(root, "boot/vmlinuz-0.9", b"an older kernel\n");
        write(root, "etc/os-release", b"PRETTY_NAME=\"System Two\"\n");
    }
    write(root, &format!("home/{name}/file"), name.as_bytes());
    fs::create_dir_all(root.join("usr/share/utils")).unwrap();
    SHARED.iter().for_each(|path| same_time(&root.join(path)));
}

/// What several images have gets the time of the last of them.
fn same_time(directory: &Path) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    File::open(directory).unwrap().set_modified(time).unwrap();
}

fn lines(tree: &Mounted) -> Vec<String> {
    tree.text("/etc/fstab").lines().skip(1).map(str::to_owned).collect()
}

fn state(tree: &Mounted) -> Value {
    serde_json::from_str(&tree.text("/.deployer-state.json")).unwrap()
}

fn sizes(disk: &BareDisk) -> Vec<(u64, String)> {
    let table: Value = serde_json::from_str(&disk.with("sfdisk", &["--json"])).unwrap();
    let partition =
        |it: &Value| (it["size"].as_u64().unwrap() / 2048, it["name"].as_str().unwrap().to_owned());
    table["partitiontable"]["partitions"].as_array().unwrap().iter().map(partition).collect()
}

#[test]
fn each_system_has_its_own_and_what_both_have_is_there_once() {
    let several = Several::small();
    let ended = several.desk.provision(&several.describe("clean"), WITHOUT).expect(exit::DONE);
    let [first, second] = &several.disks;
    assert_nothing_mounted(&[first, second]);

    let named =
        |disk| sizes(disk).into_iter().map(|(size, name)| format!("{size} {name}")).collect::<Vec<_>>();
    assert_eq!(named(first), ["24 BIOS boot", "100 boot menu", "274 /", "100 /home"]);
    assert_eq!(named(second)[..4], ["24 BIOS boot", "300 /", "80 /usr/share/utils", "100 /var"]);
    assert_eq!(named(second).len(), 5);

    let (one, two) = (several.tree_of_one(), several.tree_of_two());
    assert_deployed_except(SHARED, &several.one.source(), &one);
    assert_deployed_except(SHARED, &several.two.source(), &two);
    assert_eq!(one.names("/home"), ["lost+found", "one", "two", "user"]);
    assert_eq!(one.text("/home/two/file"), "two");
    assert_eq!(two.names("/usr/share/utils/bin").len(), 40);
    assert_eq!(two.text("/usr/share/utils/bin/tool-7"), "tool 7\n");

    let uuid = |disk: &BareDisk, number| disk.uuid(number);
    let home = format!("UUID={} /home ext4 nodev 0 2", uuid(first, 4));
    let utils = format!("UUID={} /usr/share/utils ext4 defaults 0 2", uuid(second, 3));
    let swap = format!("UUID={} none swap defaults 0 0", uuid(second, 5));
    let root = format!("UUID={} / ext4 defaults 0 1", uuid(first, 3));
    assert_eq!(lines(&one), [root.as_str(), &home, &utils, &swap]);
    let root = format!("UUID={} / btrfs defaults 0 0", uuid(second, 2));
    let var = format!("UUID={} /var ext3 defaults 0 2", uuid(second, 4));
    assert_eq!(lines(&two), [root.as_str(), &home, &var, &utils, &swap]);
    for (tree, name) in [(&one, "one"), (&two, "two")] {
        assert_eq!((&state(tree)["tree"], &state(tree)["complete"]), (&json!(name), &json!(true)));
    }

    drop((one, two));
    let trees: Vec<&Value> =
        ended.receipt()["images"].as_array().unwrap().iter().map(|image| &image["image"]).collect();
    assert_eq!(trees, ["one", "two", "utils"]);
    // Each file system takes what its images put there, and the shared ones what all of them do.
    let plan =
        several.desk.look("plan", &several.describe("clean"), &["--no-boot-loader", "--json"]).expect(0);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    let utils = find(&plan["file_systems"], "mount", "/usr/share/utils");
    assert_eq!(utils["trees"], json!(["one", "two"]));
    // The directory itself, once for each image; then a directory and its files.
    assert_eq!(utils["need"]["inodes"], 3 + 1 + 40);
}

#[test]
fn images_of_one_name_share_a_tree() {
    let (base, extra) = (System::new(), System::with(|root| write(root, "bin/extra", b"more\n")));
    let (bare, desk) = (BareDisk::new(400), Desk::new());
    let volumes = [volume("/", "ext4", "200 MiB"), volume("/opt", "ext4", "remaining")];
    // The one that goes nearer to the root is pulled first, wherever it is listed.
    let images = [image("system", &extra.url(), "/opt/extra"), image("system", &base.url(), "/")];
    let ended =
        desk.provision(&description("clean", &images, &[disk(&bare, &volumes)]), WITHOUT).expect(exit::DONE);
    let targets: Vec<&Value> =
        ended.steps().iter().filter(|step| step["action"] == "pull").map(|step| &step["target"]).collect();
    assert_eq!(targets, ["/", "/opt/extra"]);
    assert_eq!(sizes(&bare).len(), 3, "one system has no use for a common boot loader");
    let tree = Mounted::new(&[(&bare, 2, "/"), (&bare, 3, "/opt")]);
    assert_eq!(tree.text("/opt/extra/bin/extra"), "more\n");
    assert_eq!(lines(&tree).len(), 2);
    let alone = bare.mount(3);
    assert_eq!(alone.names("/"), ["extra", "lost+found"]);
}

#[test]
fn names_have_to_lead_somewhere() {
    let several = Several::small();
    several.is_wrong(
        |text| text["partitions"][0]["volumes"][1]["images"] = json!(["one", "tow"]),
        &["$.partitions[0].volumes[1].images[1]: there is no image \"tow\"; there are: one, two, utils"],
    );
    several.is_wrong(
        |text| drop(text["images"][0].as_object_mut().unwrap().remove("name")),
        &["$.images[0]: expected the key \"name\""],
    );
    several.is_wrong(
        |text| text["partitions"][1]["volumes"][1]["images"] = json!(["one", "two"]),
        &["$.images[2].target: no file system of the image \"utils\" is mounted at or above \"/usr/share/utils\""],
    );
    several.is_wrong(
        |text| drop(text["partitions"][1]["volumes"][0].as_object_mut().unwrap().remove("images")),
        &[
            // Both are roots of the first image now, and the second image has none.
            "$.partitions[1].volumes[0].mount: \"/\" is the mount of another file system of the image \"one\"",
            "$.images[1].target: no file system of the image \"two\" is mounted at or above \"/\"",
        ],
    );
}

#[test]
fn a_system_without_a_kernel_is_found_before_anything_is_wiped() {
    let several = Several::small();
    let before = several.sums();
    let ended = several.desk.provision(&several.describe("clean"), &[]).expect(exit::REFUSED);
    ended.says(&["one: the image has no kernel", "nothing was changed"]);
    assert!(!ended.outcome.stderr.contains("two: the image"), "{}", ended.outcome);
    assert_eq!(several.sums(), before);
}

#[test]
fn a_common_boot_loader_starts_each() {
    let several = Several::new(os_tree::unpack_what_starts, 1200);
    let [first, second] = &several.disks;
    let entries = several.desk.join("boot_entries.json");
    let options = ["--boot-entries", entries.to_str().unwrap()];
    let ended = several.desk.provision(&several.describe("clean"), &options).expect(exit::DONE);
    assert_nothing_mounted(&[first, second]);
    assert_eq!(ended.steps().last().unwrap()["action"], "boot-menu");

    let [menu, one, two] = [first.uuid(2), first.uuid(3), second.uuid(2)];
    let kernel = fs::read_dir(several.one.source().join("boot")).unwrap().flatten();
    let mut versions =
        kernel.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("vmlinuz-").map(str::to_owned));
    let version = versions.next().expect("the system has a kernel");
    let debian = format!("Debian GNU/Linux 12 (bookworm) ({version})");
    let list: Value = serde_json::from_str(&fs::read_to_string(&entries).unwrap()).unwrap();
    let element = |name: &str, root: &str, id: &str, image: &str, place: u32| {
        json!({"boot_name": name, "root_uuid": root, "os_id": id, "image_name": image,
               "image_uuid": format!("{image}-uuid"), "grub_id": place})
    };
    let expected = json!({
        "elements": [
            element(&debian, &one, "one", "first-1", 0),
            element("System Two (1.0)", &two, "two", "second-2", 1),
        ],
        "multiboot_partition": menu,
        "current_element": 1,
    });
    assert_eq!(list, expected);

    let loader = first.mount(2);
    let configuration = loader.text("/grub/grub.cfg");
    assert!(configuration.contains("\nset default=1   \n"), "{configuration}");
    assert_eq!(loader.text("/boot/grub2/grub.cfg"), configuration, "where bareon's driver looks for it");
    assert_eq!(loader.text("/grub/grubenv").len(), 1024);
    assert_eq!(configuration.matches("menuentry '").count(), 2);
    for (title, root, version) in
        [(debian.as_str(), &one, version.as_str()), ("System Two (1.0)", &two, "1.0")]
    {
        let entry = format!(
            "menuentry '{title}' {{\n    search --no-floppy --fs-uuid --set=root {root}\n    \
             linux /boot/vmlinuz-{version} root=UUID={root} ro quiet\n    initrd /boot/initrd.img-{version}\n}}\n"
        );
        assert!(configuration.contains(&entry), "{entry} was expected in\n{configuration}");
    }
    assert!(loader.names("/grub/i386-pc").contains(&"normal.mod".to_owned()));
    drop(loader);
    for disk in &several.disks {
        assert_starts(disk);
    }
    assert_eq!(first.content(2)["LABEL"], "boot-menu");
    for tree in [several.tree_of_one(), several.tree_of_two()] {
        assert_eq!(
            (&state(&tree)["complete"], &state(&tree)["reached"]),
            (&json!(true), &json!("boot-loader"))
        );
    }

    // Later, a few files have changed in each image.
    let change = |system: &System, path: &str| write(&system.source(), path, b"changed\n");
    change(&several.one, "etc/changed");
    change(&several.two, "var/lib/data/file-3");
    change(&several.utils, "bin/tool-3");
    SHARED.iter().for_each(|path| same_time(&several.one.source().join(path)));
    let ended = several.desk.provision(&several.describe("verify"), &options).expect(exit::DONE);
    assert!(ended.steps().iter().all(|step| step["action"] != "make-file-system"));
    for (tree, most) in [("one", 3), ("two", 2), ("utils", 1)] {
        let image = find(&ended.receipt()["images"], "image", tree);
        let transferred = image["files_transferred"].as_u64().unwrap();
        assert!((1..=most).contains(&transferred), "{most} files at most were expected of {tree}: {image:?}");
    }
    assert_eq!([first.uuid(2), first.uuid(3), second.uuid(2)], [menu, one, two]);
    let list: Value = serde_json::from_str(&fs::read_to_string(&entries).unwrap()).unwrap();
    assert_eq!(list, expected);
    several.disks.iter().for_each(assert_starts);
    let tree = several.tree_of_two();
    assert_eq!(tree.text("/var/lib/data/file-3"), "changed\n");
    assert_eq!(tree.text("/usr/share/utils/bin/tool-3"), "changed\n");
    assert_eq!(state(&tree)["complete"], true);
}

/// It has the code of a boot loader, and the rest of it where that looks for it.
#[track_caller]
fn assert_starts(disk: &BareDisk) {
    let head = disk.head(512);
    assert_eq!(head[510..], [0x55, 0xaa]);
    assert!(head.windows(4).any(|bytes| bytes == b"GRUB"), "boot code was expected on {}", disk.name());
    // Where the rest begins, in sectors: the boot code holds that at this place.
    let rest = u64::from_le_bytes(head[0x5c..0x64].try_into().unwrap()) * 512;
    assert!((MIB..25 * MIB).contains(&rest), "it was expected in the first partition, not at {rest}");
    assert!(disk.bytes(rest, 512).iter().any(|byte| *byte != 0));
}
