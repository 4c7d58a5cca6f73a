//! What both daemons serve: the tree of [`starts`], and beside it links, owners, attributes, nodes, rules, names that are
//! patterns and a crowd of directories.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::Path;

use end_to_end::acl::{ACCESS, Acl, DEFAULT};
use end_to_end::at::walk;
use end_to_end::random::Random;
use end_to_end::starts;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, lsetxattr, makedev, mknodat, utimensat,
};

/// Files that rules are about, and rules of directories.
const RULED: &[(&str, &str)] = &[
    (".rsync-filter", "- *.tmp\n+ keep.log\n- *.log\n"),
    (".cvsignore", "cvs-*\n"),
    ("rules/a.c", "1"),
    ("rules/a.o", "2"),
    ("rules/a.tmp", "3"),
    ("rules/keep.log", "4"),
    ("rules/other.log", "5"),
    ("rules/core", "6"),
    ("rules/cvs-1", "7"),
    ("rules/src/.rsync-filter", "+ b.tmp\n- /secret\n- deep/\n"),
    ("rules/src/.words", "x.o y.o !\nz.o"),
    ("rules/src/b.tmp", "8"),
    ("rules/src/c.tmp", "9"),
    ("rules/src/secret", "10"),
    ("rules/src/x.o", "11"),
    ("rules/src/z.o", "12"),
    ("rules/src/deep/secret", "13"),
    ("rules/src/deep/only.o", "14"),
    ("rules/objects/x.o", "15"),
    ("rules/objects/deeper/y.o", "16"),
    ("rules/var/cache/big", "17"),
    ("rules/var/cache/.keep", "18"),
    ("rules/var/log/keep.log", "19"),
];

/// Names in which a shell sees patterns, and others that match them.
const PATTERNS: &[&str] =
    &["star*", "[bracket]", "back\\slash", "starboard", "b", "one.txt", "two.txt", "-dash"];

/// Fills the source.
pub fn plant(root: &Path) {
    starts::plant(root);
    for (name, text) in RULED {
        write(root, name, text.as_bytes());
    }
    for empty in ["rules/empty/one", "rules/empty/two/three"] {
        fs::create_dir_all(root.join(empty)).expect("a directory can be made");
    }
    for name in PATTERNS {
        write(root, &format!("patterns/{name}"), name.as_bytes());
    }
    write(root, "list", b"# a comment\na/one\n; another\nb\nno/such\nhard/one\n");
    write(root, "list0", b"a/one\0name with spaces\0c\0");
    crowd(root);
    links(root);
    attributes(root);
    date(root);
}

/// Enough directories for a list that comes in many segments.
fn crowd(root: &Path) {
    let mut random = Random::new(44);
    for number in 0..40 {
        for name in ["x", "y/z"] {
            let length = random.below(2000);
            write(root, &format!("crowd/{:02}-{number}/{name}", number % 7), &random.text(length));
        }
    }
}

/// Symlinks, and files with several names. None of the symlinks here leads out of the tree but those in `links/out`.
fn links(root: &Path) {
    fs::create_dir_all(root.join("links/out")).expect("a directory can be made");
    for (name, target) in [
        ("links/file", "../a/two"),
        ("links/directory", "../a/deep"),
        ("links/dangling", "nothing"),
        ("links/again", "file"),
        ("links/here", "."),
        ("links/out/above", "../../../outside"),
        ("links/out/absolute", "/etc/hostname"),
        ("links/out/round", "../../b/../../source/a"),
        ("links/out/munged", "/rsyncd-munged//etc/hostname"),
    ] {
        symlink(target, root.join(name)).expect("a link can be made");
    }
    write(root, "hard/one", b"a file with four names\n");
    for name in ["hard/two", "a/hard", "crowd/hard"] {
        fs::hard_link(root.join("hard/one"), root.join(name)).expect("a link can be made");
    }
    symlink("one", root.join("hard/symlink")).expect("a link can be made");
    fs::hard_link(root.join("hard/symlink"), root.join("hard/symlink-2")).expect("a link can be made");
}

fn attributes(root: &Path) {
    for (name, mode, owner) in [
        ("owned/named", 0o664, (2, 2)),
        ("owned/odd", 0o647, (12_345, 54_321)),
        ("owned/set-id", 0o4755, (1, 1)),
        ("owned/closed", 0, (65_534, 65_534)),
        ("owned/largest", 0o600, (u32::MAX - 1, u32::MAX - 1)),
        ("owned/dir/file", 0o640, (7, 0)),
    ] {
        write(root, name, name.as_bytes());
        lchown(root.join(name), Some(owner.0), Some(owner.1)).expect("an owner can be set");
        chmod(&root.join(name), mode);
    }
    chmod(&root.join("owned/dir"), 0o3750);
    lchown(root.join("links/dangling"), Some(1), Some(2)).expect("an owner can be set");
    fs::create_dir(root.join("nodes")).expect("a directory can be made");
    for (name, kind, device) in [
        ("nodes/fifo", FileType::Fifo, (0, 0)),
        ("nodes/socket", FileType::Socket, (0, 0)),
        ("nodes/null", FileType::CharacterDevice, (1, 3)),
        ("nodes/another", FileType::CharacterDevice, (1, 300)),
        ("nodes/loop", FileType::BlockDevice, (7, 1)),
    ] {
        mknodat(CWD, root.join(name), kind, Mode::from_raw_mode(0o640), makedev(device.0, device.1))
            .expect("a node can be made");
    }
    let mut random = Random::new(45);
    let (long, longer) = (random.bytes(200), random.bytes(3000));
    for (name, attribute, value) in [
        ("a/one", "user.note", &b"short"[..]),
        ("a/one", "user.long", &long),
        ("a/two", "user.long", &long),
        ("a/two", "user.b", b""),
        ("a/two", "trusted.note", b"of root"),
        ("big", "user.longer", &longer),
        ("b", "user.directory", b"value"),
        ("links/dangling", "trusted.symlink", b"of a link"),
        ("hard/one", "user.names", b"four of them, and more than thirty-two bytes"),
        ("c/only", "user.rsync.%stat", b"104755 0,0 0:0"),
    ] {
        lsetxattr(root.join(name), attribute, value, XattrFlags::empty()).expect("an attribute can be set");
    }
    let acl = |user| Acl {
        owner: 6,
        users: vec![(user, 5)],
        group: 4,
        groups: vec![(2, 1), (40_000, 6)],
        mask: 5,
        other: 0,
    };
    for (name, attribute, user) in
        [("a/two", ACCESS, 1), ("a/deep", ACCESS, 1), ("a/deep", DEFAULT, 50_000), ("b/empty", ACCESS, 7)]
    {
        lsetxattr(root.join(name), attribute, &acl(user).encode(), XattrFlags::empty())
            .expect("an ACL can be set");
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode can be set");
}

fn write(root: &Path, name: &str, content: &[u8]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("it lies in the tree")).expect("a directory can be made");
    fs::write(path, content).expect("memory is large enough");
}

/// Gives everything a time of its own, with nanoseconds, and an access time that reading does not change. What
/// [`starts`] has dated stays.
fn date(root: &Path) {
    let mut entries = Vec::new();
    walk(root, &mut |walked| {
        let seconds = walked.metadata.mtime();
        entries.push((String::from_utf8(walked.path).expect("names are text"), seconds));
        Ok(())
    })
    .expect("a tree can be walked");
    for (number, (path, seconds)) in (0..).zip(&entries) {
        let dated = (1_500_000_000..1_500_001_000).contains(seconds) && !path.is_empty();
        let modified = if dated {
            Timespec { tv_sec: *seconds, tv_nsec: 0 }
        } else {
            Timespec { tv_sec: 1_510_000_000 + number, tv_nsec: number * 1001 }
        };
        let accessed = Timespec { tv_sec: 2_000_000_000 + number, tv_nsec: 0 };
        let times = Timestamps { last_access: accessed, last_modification: modified };
        utimensat(CWD, root.join(path), &times, AtFlags::SYMLINK_NOFOLLOW).expect("times can be set");
    }
}
