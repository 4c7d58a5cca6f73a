//! Things where a deployment writes or reads files.

use std::fs;
use std::path::Path;

use end_to_end::deploy::{System, exit, plant, write};
use end_to_end::hostile::{Beyond, Target, fifo, link};
use end_to_end::interrupt::says_complete;
use end_to_end::loader;

use super::WITHOUT;

/// What an image has at a place.
#[derive(Debug, Clone, Copy)]
enum Thing {
    Disk,
    Fifo,
    Link,
    Directory,
}

impl Thing {
    fn plant(self, beyond: &Beyond, place: &Path) {
        let _ = fs::remove_file(place);
        match self {
            Thing::Disk => beyond.plant_node(place),
            Thing::Fifo => fifo(place),
            Thing::Link => link(beyond.file(), place),
            Thing::Directory => fs::create_dir(place).unwrap(),
        }
    }
}

/// A system with a boot loader of its own, and with things in some places.
fn with_things(beyond: &Beyond, things: &[(&str, Thing)]) -> System {
    System::with(|root| {
        plant(root);
        loader::plant(root);
        write(root, "etc/default/grub", b"GRUB_TIMEOUT=5\n");
        things.iter().for_each(|(path, thing)| thing.plant(beyond, &root.join(path)));
    })
}

#[test]
fn what_stands_where_files_are_written_is_not_written_through() {
    let places = [
        "etc/fstab",
        "etc/fstab.deployer-new",
        ".deployer-state.json",
        ".deployer-state.json.deployer-new",
        "etc/default/grub.deployer-new",
        // This one is only read.
        "etc/os-release",
        "usr/lib/os-release",
    ];
    let target = Target::new();
    for thing in [Thing::Disk, Thing::Fifo, Thing::Link] {
        let system = with_things(&target.beyond, &places.map(|place| (place, thing)));
        for policy in ["clean", "verify"] {
            let _ = target.provision(&target.plain(policy, &system), &[], exit::DONE);
            let tree = target.bare.mount(2);
            let uuid = target.bare.uuid(2);
            assert!(tree.text("/etc/fstab").contains(&format!("UUID={uuid} / ext4")), "{thing:?}");
            assert!(tree.text("/etc/default/grub").contains("GRUB_DISABLE_OS_PROBER=true\n"));
            assert_eq!(says_complete(&tree), Some(true));
            for place in ["etc/fstab", ".deployer-state.json", "etc/default/grub"] {
                assert!(tree.join(place).symlink_metadata().unwrap().is_file(), "{thing:?} at {place}");
            }
            for directory in ["/", "/etc", "/etc/default"] {
                let left = tree.names(directory).into_iter().find(|name| name.ends_with(".deployer-new"));
                assert_eq!(left, None, "{thing:?}");
            }
            assert!(loader::has_boot_code(&target.bare));
        }
    }
}

#[test]
fn what_cannot_be_a_file_ends_it_before_the_machine_could_start() {
    let target = Target::new();
    let settings = "/etc/default/grub in the tree: it is no regular file";
    for (place, thing, code, words) in [
        (".deployer-state.json.deployer-new", Thing::Directory, exit::DISK, "/.deployer-state.json"),
        ("etc/default/grub", Thing::Fifo, exit::BOOT_LOADER, settings),
        ("etc/default/grub", Thing::Disk, exit::BOOT_LOADER, settings),
    ] {
        let system = with_things(&target.beyond, &[(place, thing)]);
        target.provision(&target.plain("clean", &system), &[], code).says(&[words]);
        assert!(!loader::has_boot_code(&target.bare));
        assert_eq!(says_complete(&target.bare.mount(2)), Some(false), "{place} is {thing:?}");
    }
}

#[test]
fn a_directory_that_is_a_link_is_one_of_the_tree_or_none() {
    let target = Target::new();
    let outside = target.beyond.directory().to_str().unwrap();
    // From where trees are mounted.
    let climbing = format!("../../..{outside}");
    let has_it = |root: &Path| fs::create_dir_all(root.join(&outside[1..])).unwrap();
    for (to, inside, fstab) in [
        ("/", false, Some("fstab")),
        ("../..", false, Some("fstab")),
        (outside, true, Some(&outside[1..])),
        (&climbing, true, Some(&outside[1..])),
        (outside, false, None),
        (&climbing, false, None),
        ("/proc/self/root/etc", false, None),
    ] {
        let system = System::with(|root| {
            plant(root);
            link(to, &root.join("etc"));
            if inside {
                has_it(root);
            }
        });
        let text = target.plain("clean", &system);
        match fstab {
            Some(fstab) => {
                let _ = target.provision(&text, WITHOUT, exit::DONE);
                let tree = target.bare.mount(2);
                let fstab = if inside { format!("{fstab}/fstab") } else { fstab.to_owned() };
                assert!(tree.text(&fstab).contains(&target.bare.uuid(2)), "/etc is {to}");
                assert_eq!(fs::read_link(tree.join("etc")).unwrap(), Path::new(to));
            }
            None => target.provision(&text, WITHOUT, exit::DISK).says(&["cannot write /etc/fstab"]),
        }
    }
}
