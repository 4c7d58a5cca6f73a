//! Room on each file system: what is too small is seen before anything is touched, and what is just large enough
//! is deployed.

use std::fs::{self, File};
use std::path::Path;

use end_to_end::bare::{BareDisk, Mounted};
use end_to_end::deploy::{
    Desk, System, assert_deployed, assert_nothing_mounted, description, disk, exit, image, plant, volume,
    with, write,
};
use end_to_end::random::Random;
use end_to_end::refusal::Refusal;
use rustix::fs::{StatVfs, statvfs};
use serde_json::{Value, json};

const WITHOUT: &[&str] = &["--no-boot-loader"];

/// Where the file systems are mounted that are filled with a large file, and the one that is filled with small ones.
const LARGE: [(&str, u32); 3] = [("/srv/ext", 3), ("/srv/xfs", 4), ("/srv/btrfs", 5)];
const SMALL: (&str, u32) = ("/srv/small", 6);

fn volumes() -> Vec<Value> {
    vec![
        volume("/", "ext4", "64 MiB"),
        volume("/srv/ext", "ext4", "96 MiB"),
        volume("/srv/xfs", "xfs", "300 MiB"),
        volume("/srv/btrfs", "btrfs", "128 MiB"),
        volume("/srv/small", "ext4", "20 MiB"),
    ]
}

/// A disk whose file systems have been made, with what each of them has to give.
struct Made {
    bare: BareDisk,
    desk: Desk,
    free: Vec<StatVfs>,
}

impl Made {
    fn new() -> Self {
        let (bare, desk) = (BareDisk::new(660), Desk::new());
        let text = description(
            "clean",
            &[image("system", "rsync://127.0.0.1:1/tree/", "/")],
            &[disk(&bare, &volumes())],
        );
        let ended = desk.end(desk.start("partition", &text, &[])).expect(exit::DONE);
        drop(ended);
        // XFS lays some of its room aside where it is writable.
        let look =
            |(_, number): &(&str, u32)| statvfs(Mounted::writable(&[(&bare, *number, "/")]).root()).unwrap();
        let free = LARGE.iter().chain([&SMALL]).map(look).collect();
        Self { bare, desk, free }
    }

    /// A system whose files take so many parts of a hundred of the room and of the inodes.
    fn system(&self, percent: u64, plant_large: impl Fn(&Path, &str, u64)) -> System {
        System::with(|root| {
            plant(root);
            for ((place, _), free) in LARGE.iter().zip(&self.free) {
                plant_large(root, &format!("{place}/large")[1..], room(place, free) * percent / 100);
            }
            let inodes = self.free[LARGE.len()].f_ffree * percent / 100;
            for number in 0..inodes {
                write(root, &format!("srv/small/{}/{number}", number / 500), b"");
            }
        })
    }

    fn describe(&self, policy: &str, system: &System) -> Value {
        description(policy, &[system.image()], &[disk(&self.bare, &volumes())])
    }

    fn tree(&self) -> Mounted {
        let mut parts = vec![(&self.bare, 2, "/")];
        parts.extend(LARGE.iter().chain([&SMALL]).map(|(place, number)| (&self.bare, *number, *place)));
        Mounted::new(&parts)
    }
}

/// What root can still write.
fn room(place: &str, told: &StatVfs) -> u64 {
    // Ext4 keeps a part of it for root; of what Btrfs calls free, files get less.
    let blocks = if place.ends_with("ext") { told.f_bfree } else { told.f_bavail };
    blocks * told.f_frsize
}

/// Takes room on a file system, but none on the server.
fn hole(root: &Path, path: &str, length: u64) {
    write(root, path, b"");
    File::options().write(true).open(root.join(path)).unwrap().set_len(length).unwrap();
}

#[test]
fn a_system_that_fits_just_so_is_deployed() {
    let made = Made::new();
    let pattern = Random::new(5).bytes(1 << 20);
    let system = made.system(90, |root, path, length| {
        let content: Vec<u8> = pattern.iter().copied().cycle().take(length as usize).collect();
        write(root, path, &content);
    });
    let _ = made.desk.provision(&made.describe("clean", &system), WITHOUT).expect(exit::DONE);
    assert_nothing_mounted(&[&made.bare]);
    let tree = made.tree();
    assert_deployed(&system.source(), &tree);
    for ((place, _), free) in LARGE.iter().zip(&made.free) {
        let (left, all) = (room(place, &statvfs(tree.join(place)).unwrap()), room(place, free));
        assert!(left * 5 < all, "{place} was expected to be nearly full, {left} bytes of {all} are left");
    }
    drop(tree);
    // What is there already needs no more room.
    let _ = made.desk.provision(&made.describe("verify", &system), WITHOUT).expect(exit::DONE);
    assert_deployed(&system.source(), &made.tree());
}

#[test]
fn a_system_that_does_not_fit_is_refused_for_each_file_system() {
    let made = Made::new();
    let system = made.system(103, hole);
    let node = |number| made.bare.partition(number).display().to_string();
    let mut words: Vec<String> =
        LARGE.iter().map(|(place, number)| format!("{place} ({}): the files need ", node(*number))).collect();
    words.push(format!("{} ({}): there are ", SMALL.0, node(SMALL.1)));
    words.push(" files and directories, it has ".to_owned());
    words.push("not ready; nothing was changed".to_owned());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let all = [&made.bare];
    let refusal = Refusal::of(&made.desk, &all);
    for policy in ["clean", "verify"] {
        let ended = refusal.expect(&made.describe(policy, &system), exit::REFUSED, &words);
        let root = format!("/ ({})", node(2));
        assert!(!ended.outcome.stderr.contains(&root), "what is large enough is not told\n{}", ended.outcome);
    }
}

#[test]
fn images_that_share_a_file_system_need_room_together() {
    let (bare, desk) = (BareDisk::new(160), Desk::new());
    let system = System::with(|root| {
        plant(root);
        hole(root, "usr/hole", 60 << 20);
    });
    let other = System::with(|root| hole(root, "hole", 60 << 20));
    let images = [system.image(), image("system", &other.url(), "/opt/other")];
    let whole = [disk(&bare, &[volume("/", "ext4", "128 MiB")])];
    let alone = description("clean", &images[..1], &whole);
    let _ = desk.look("plan", &alone, WITHOUT).expect(exit::DONE);
    let place = format!("/ ({}): the files need ", bare.partition(2).display());
    let ended =
        Refusal::of(&desk, &[&bare]).expect(&description("clean", &images, &whole), exit::REFUSED, &[&place]);
    // Together with the few files beside the holes.
    assert!(ended.outcome.stderr.contains("need 12"), "{}", ended.outcome);
    fs::remove_file(other.source().join("hole")).unwrap();
    let _ = desk.provision(&description("clean", &images, &whole), WITHOUT).expect(exit::DONE);
}

#[test]
fn systems_that_share_a_file_system_need_room_there_once() {
    let (bare, desk) = (BareDisk::new(440), Desk::new());
    let pattern = Random::new(6).bytes(35 << 20);
    let systems = ["one", "two"].map(|name| {
        let system = System::with(|root| {
            plant(root);
            write(root, &format!("home/{name}"), &pattern);
        });
        (name, system)
    });
    let images = systems.each_ref().map(|(name, system)| image(name, &system.url(), "/"));
    let of = |name| with(volume("/", "ext4", "96 MiB"), "images", json!([name]));
    let shared = with(volume("/home", "ext4", "112 MiB"), "images", json!(["one", "two"]));
    let text = description("clean", &images, &[disk(&bare, &[of("one"), of("two"), shared])]);
    let _ = desk.provision(&text, WITHOUT).expect(exit::DONE);
    let home = Mounted::new(&[(&bare, 5, "/")]);
    for (name, _) in &systems {
        assert_eq!(fs::read(home.join(name)).unwrap(), pattern, "{name}");
    }
}
