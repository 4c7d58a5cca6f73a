//! What trees may have in the way.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("deployer-inside-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn links_stay_in_the_tree() {
    let scratch = Scratch::new("links");
    let tree = scratch.0.join("tree");
    fs::create_dir_all(tree.join("real")).unwrap();
    fs::create_dir(scratch.0.join("outside")).unwrap();
    symlink("/real", tree.join("etc")).unwrap();
    symlink("../outside", tree.join("up")).unwrap();
    let root = Root::open(&tree).unwrap();
    root.write("/etc/fstab", "a line\n").unwrap();
    assert_eq!(fs::read_to_string(tree.join("real/fstab")).unwrap(), "a line\n");
    assert_eq!(root.read("etc/fstab").unwrap().as_deref(), Some("a line\n"));
    assert!(root.write("/up/x", "").is_err());
    assert_eq!(fs::read_dir(scratch.0.join("outside")).unwrap().count(), 0);
}

#[test]
fn what_others_rename_is_in_the_way_of_no_link() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let scratch = Scratch::new("renames");
    fs::create_dir_all(scratch.0.join("tree/a/b")).unwrap();
    symlink("../../a/../a/b/../../a/b", scratch.0.join("tree/link")).unwrap();
    fs::write(scratch.0.join("one"), "").unwrap();
    let root = Root::open(&scratch.0.join("tree")).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                fs::rename(scratch.0.join("one"), scratch.0.join("two")).unwrap();
                fs::rename(scratch.0.join("two"), scratch.0.join("one")).unwrap();
            }
        });
        let found = (0..20_000).find_map(|_| root.resolve(Path::new("/link"), OFlags::PATH).err());
        done.store(true, Ordering::SeqCst);
        assert_eq!(found, None);
    });
}

#[test]
fn a_link_in_place_of_a_file_is_replaced() {
    let scratch = Scratch::new("replace");
    fs::write(scratch.0.join("victim"), "stays").unwrap();
    symlink("victim", scratch.0.join("file")).unwrap();
    let root = Root::open(&scratch.0).unwrap();
    root.write("/file", "new").unwrap();
    assert_eq!(fs::read_to_string(scratch.0.join("victim")).unwrap(), "stays");
    assert_eq!(fs::read_to_string(scratch.0.join("file")).unwrap(), "new");
    assert_eq!(root.names("/").unwrap(), ["file", "victim"]);
}

#[test]
fn what_the_tree_has_in_the_way_is_not_written_through() {
    let scratch = Scratch::new("way");
    fs::write(scratch.0.join("victim"), "stays").unwrap();
    let temporary = scratch.0.join("fstab.deployer-new");
    let root = Root::open(&scratch.0).unwrap();
    fs::hard_link(scratch.0.join("victim"), &temporary).unwrap();
    root.write("/fstab", "new").unwrap();
    symlink("victim", &temporary).unwrap();
    root.write("/fstab", "newer").unwrap();
    // Nobody writes to it, so to open it would take for ever.
    rustix::fs::mknodat(CWD, &temporary, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    root.write("/fstab", "newest").unwrap();
    assert_eq!(fs::read_to_string(scratch.0.join("victim")).unwrap(), "stays");
    assert_eq!(fs::read_to_string(scratch.0.join("fstab")).unwrap(), "newest");
    assert_eq!(root.names("/").unwrap(), ["fstab", "victim"]);
    rustix::fs::mknodat(CWD, scratch.0.join("fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    assert!(root.read("/fifo").is_err());
}

#[test]
fn only_directories_and_files_are_left_for_programs_of_this_machine() {
    let scratch = Scratch::new("specials");
    let deep = scratch.0.join("grub/deep");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("file"), "stays").unwrap();
    symlink("/", deep.join("up")).unwrap();
    symlink("deep/file", scratch.0.join("grub/link")).unwrap();
    rustix::fs::mknodat(CWD, deep.join("fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let root = Root::open(&scratch.0).unwrap();
    root.remove_specials(Path::new("/grub")).unwrap();
    assert_eq!(root.names("/grub").unwrap(), ["deep"]);
    assert_eq!(root.names("/grub/deep").unwrap(), ["file"]);
    root.remove_specials(Path::new("/missing")).unwrap();
    root.remove(Path::new("/grub/deep/file")).unwrap();
    root.remove(Path::new("/grub/deep/file")).unwrap();
    root.remove(Path::new("/missing/file")).unwrap();
    assert!(root.names("/grub/deep").unwrap().is_empty());
}

#[test]
fn a_file_keeps_its_permissions_and_a_new_one_has_the_usual_ones() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new("mode");
    let mode = |name: &str| fs::metadata(scratch.0.join(name)).unwrap().permissions().mode() & 0o777;
    fs::write(scratch.0.join("old"), "").unwrap();
    fs::set_permissions(scratch.0.join("old"), PermissionsExt::from_mode(0o640)).unwrap();
    let root = Root::open(&scratch.0).unwrap();
    root.write("/old", "x").unwrap();
    root.write("/new", "x").unwrap();
    assert_eq!((mode("old"), mode("new")), (0o640, 0o644));
}

#[test]
fn what_is_missing_is_nothing() {
    let scratch = Scratch::new("missing");
    let root = Root::open(&scratch.0).unwrap();
    assert_eq!(root.read("/etc/os-release").unwrap(), None);
    assert!(root.names("/boot").unwrap().is_empty() && !root.has("/boot"));
    root.rename("/EFI/BOOT", "OLD").unwrap();
}

#[test]
fn a_file_is_written_in_place_within_its_length() {
    use std::os::unix::fs::MetadataExt;
    let scratch = Scratch::new("place");
    fs::write(scratch.0.join("file"), "0123456789").unwrap();
    let node = || fs::metadata(scratch.0.join("file")).unwrap().ino();
    let before = node();
    let root = Root::open(&scratch.0).unwrap();
    root.overwrite("/file", 3, b"abc").unwrap();
    assert_eq!(root.bytes("/file").unwrap().as_deref(), Some(&b"012abc6789"[..]));
    assert_eq!(node(), before);
    assert!(root.overwrite("/file", 8, b"abc").is_err() && root.overwrite("/none", 0, b"").is_err());
    assert_eq!(root.read("/file").unwrap().as_deref(), Some("012abc6789"));
    root.symlink(Path::new("/a/b"), "elsewhere").unwrap();
    root.symlink(Path::new("/a/b"), "../file").unwrap();
    assert_eq!(fs::read_to_string(scratch.0.join("a/b")).unwrap(), "012abc6789");
    assert!(root.symlink(Path::new("/file"), "elsewhere").is_err());
}
