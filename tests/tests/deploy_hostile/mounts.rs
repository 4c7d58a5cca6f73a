//! Things where file systems are mounted and further images go.

use std::fs;

use end_to_end::deploy::{System, exit, image, plant, volume, write};
use end_to_end::hostile::{Beyond, Target, link};
use end_to_end::interrupt::says_complete;
use serde_json::Value;

use super::WITHOUT;

/// `/`, and what is to be on `/usr`, `/var` and `/home`.
fn volumes(mounts: [&str; 3]) -> Vec<Value> {
    let further = mounts.map(|mount| volume(mount, "ext4", "40 MiB"));
    [volume("/", "ext4", "100 MiB")].into_iter().chain(further).collect()
}

/// An image that has no directories where these are mounted.
fn without_mount_points(beyond: &Beyond) -> System {
    System::with(|root| {
        plant(root);
        for directory in ["usr", "var", "home"] {
            fs::remove_dir_all(root.join(directory)).unwrap();
        }
        write(root, "usr", b"a file\n");
        link(beyond.directory(), &root.join("var"));
        link("/srv/users", &root.join("home"));
        fs::create_dir_all(root.join("srv/users")).unwrap();
        link("/", &root.join("opt"));
    })
}

#[test]
fn what_an_image_has_instead_of_a_mount_point_does_not_replace_it() {
    let target = Target::new();
    let system = without_mount_points(&target.beyond);
    let text = target.describe("clean", &[system.image()], &volumes(["/usr", "/var", "/home"]));
    let ended = target.provision(&text, WITHOUT, exit::IMAGE);
    ended.says(&["is incomplete: 3 entries failed", "usr", "var", "home"]);
    let root = target.bare.mount(2);
    for point in ["usr", "var", "home"] {
        assert!(root.join(point).symlink_metadata().unwrap().is_dir(), "{point}");
    }
    assert_eq!(says_complete(&root), Some(false));
    for number in 3..=5 {
        assert_eq!(target.bare.mount(number).names("/"), ["lost+found"]);
    }
}

#[test]
fn a_mount_point_that_was_a_link_before_leads_nowhere_else() {
    let target = Target::new();
    let system = without_mount_points(&target.beyond);
    let describe = |policy, mounts| target.describe(policy, &[system.image()], &volumes(mounts));
    let _ = target.provision(&describe("clean", ["none"; 3]), WITHOUT, exit::DONE);
    let taken = "where it leads another file system is mounted already";
    for (mounts, why) in [
        (["/usr", "none", "none"], "Not a directory"),
        (["none", "/var", "none"], "No such file"),
        (["none", "/var/x", "none"], "No such file"),
        // On the root, of which nothing would be seen any more.
        (["none", "/opt", "none"], taken),
        (["none", "/srv/users", "/home"], taken),
    ] {
        let ended = target.provision(&describe("verify", mounts), WITHOUT, exit::DISK);
        ended.says(&["cannot mount", why]);
    }
    // A link in the tree means a place in the tree.
    write(&system.source(), "srv/users/file", b"of a user\n");
    let _ = target.provision(&describe("verify", ["none", "none", "/home"]), WITHOUT, exit::DONE);
    assert_eq!(target.bare.mount(5).text("/file"), "of a user\n");
    assert_eq!(says_complete(&target.bare.mount(2)), Some(true));
}

#[test]
fn an_image_is_not_led_out_of_the_tree_by_the_one_before() {
    let target = Target::new();
    let more = System::with(|root| write(root, "bin/more", b"more\n"));
    let outside = target.beyond.directory().to_str().unwrap();
    for (to, place) in
        [("/srv", Some("srv/more/bin/more")), (outside, None), (&format!("../../..{outside}"), None)]
    {
        let base = System::with(|root| {
            plant(root);
            fs::create_dir(root.join("srv")).unwrap();
            link(to, &root.join("opt"));
        });
        let images = [image("system", &base.url(), "/"), image("system", &more.url(), "/opt/more")];
        let text = target.describe("clean", &images, &[volume("/", "ext4", "remaining")]);
        match place {
            Some(place) => {
                let _ = target.provision(&text, WITHOUT, exit::DONE);
                assert_eq!(target.bare.mount(2).text(place), "more\n");
            }
            None => target.provision(&text, WITHOUT, exit::DISK).says(&["cannot make /opt/more"]),
        }
    }
}
