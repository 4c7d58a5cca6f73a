//! Random trees: small, of every kind of entry, a function of what the numbers say.

use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use end_to_end::acl::{ACCESS, Acl, DEFAULT};
use end_to_end::random::Random;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, lsetxattr, makedev, mknodat, utimensat,
};

const ROOT: &[u8] = b"";
const LETTERS: &[u8] = b"ab.-_ 0~\\*[?#\xfc\x01";

/// Fills the empty directory.
pub fn plant(root: &Path, random: &mut Random) {
    let mut dirs = vec![root.to_owned()];
    let mut files: Vec<PathBuf> = Vec::new();
    let mut all = Vec::new();
    for _ in 0..5 + random.below(70) {
        let parent = dirs[random.below(dirs.len())].clone();
        let path = parent.join(std::ffi::OsString::from_vec(name(random)));
        if fs::symlink_metadata(&path).is_ok() {
            continue;
        }
        match random.below(12) {
            0..=2 => {
                fs::create_dir(&path).expect("memory is large enough");
                dirs.push(path.clone());
            }
            3 => symlink(["../a", "nowhere", "/etc", ".", "../../b", "b/../c"][random.below(6)], &path)
                .expect("links can be made"),
            4 => node(&path, random),
            5 if !files.is_empty() => {
                let other = &files[random.below(files.len())];
                fs::hard_link(other, &path).expect("links can be made");
                continue;
            }
            _ => {
                fs::write(&path, content(random)).expect("memory is large enough");
                files.push(path.clone());
            }
        }
        all.push(path);
    }
    for path in &all {
        dress(path, random);
    }
    // What lies in a directory changes its time.
    for path in all.iter().chain(&dirs) {
        let time = Timespec { tv_sec: random_seconds(random), tv_nsec: [0, 1, 123_456_789][random.below(3)] };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("times can be set");
    }
}

fn random_seconds(random: &mut Random) -> i64 {
    1_300_000_000 + i64::try_from(random.below(50_000_000)).expect("it is small")
}

fn name(random: &mut Random) -> Vec<u8> {
    let length = if random.below(20) == 0 { 200 } else { 1 + random.below(5) };
    let name: Vec<u8> = (0..length).map(|_| LETTERS[random.below(LETTERS.len())]).collect();
    if name == b"." || name == b".." || name == ROOT { b"dots".to_vec() } else { name }
}

fn content(random: &mut Random) -> Vec<u8> {
    let length = [0, 1, 700, 5000, 40_000, 300_000][random.below(6)];
    match random.below(4) {
        0 => random.text(length),
        1 => vec![0; length],
        2 => [random.bytes(length / 2), vec![0; length / 2]].concat(),
        _ => random.bytes(length),
    }
}

fn node(path: &Path, random: &mut Random) {
    let kinds = [FileType::Fifo, FileType::Socket, FileType::CharacterDevice, FileType::BlockDevice];
    let kind = kinds[random.below(4)];
    let device = match kind {
        FileType::Fifo | FileType::Socket => 0,
        _ => makedev([1, 8, 300][random.below(3)], [3, 70_000][random.below(2)]),
    };
    mknodat(CWD, path, kind, Mode::from_raw_mode(0o644), device).expect("nodes can be made");
}

/// Owner, attributes, ACLs and mode; in this order, since the kernel clears some of them.
fn dress(path: &Path, random: &mut Random) {
    let metadata = fs::symlink_metadata(path).expect("it was made");
    let owners = [0, 0, 0, 1, 2, 12_345, 65_534, u32::MAX - 1];
    lchown(path, Some(owners[random.below(8)]), Some(owners[random.below(8)])).expect("owners can be set");
    let plain = metadata.is_file() || metadata.is_dir();
    if random.below(3) == 0 {
        for name in ["trusted.a", "user.b", "user.c"] {
            if plain && random.below(2) == 0 || name == "trusted.a" && random.below(5) == 0 {
                let length = [0, 5, 31, 32, 33, 1500][random.below(6)];
                let value = if random.below(2) == 0 { vec![b'v'; length] } else { random.bytes(length) };
                lsetxattr(path, name, &value, XattrFlags::empty()).expect("attributes can be set");
            }
        }
    }
    if metadata.is_symlink() {
        return;
    }
    let modes = [0o644, 0o755, 0o600, 0o4755, 0o2750, 0o1777, 0o000, 0o664];
    fs::set_permissions(path, Permissions::from_mode(modes[random.below(8)])).expect("modes can be set");
    if plain && random.below(6) == 0 {
        let user = 1 + u32::try_from(random.below(3)).expect("it is small");
        let acl = Acl {
            owner: 7,
            users: vec![(user, 5)],
            group: 4,
            groups: vec![(user + 40_000, 1)],
            mask: 5,
            other: 0,
        };
        let attribute = if metadata.is_dir() && random.below(2) == 0 { DEFAULT } else { ACCESS };
        lsetxattr(path, attribute, &acl.encode(), XattrFlags::empty()).expect("ACLs can be set");
    }
}
