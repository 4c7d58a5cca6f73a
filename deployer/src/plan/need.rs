//! What is going to be on each file system, and whether it fits: seen before anything is touched.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rsync_proto::flist::{EntryRef, Kind};
use serde::Serialize;

use super::{FsPlan, Plan, Problem};
use crate::model::{FsKind, MIB, MountPoint, human};

/// Files take whole blocks of this size.
const BLOCK: u64 = 4096;
/// Symlinks up to this length take no block.
const SHORT_LINK: usize = 59;
/// What is kept free for logs, the boot loader's files and the like: a part of what the images need.
const SPARE: u64 = 50;

/// What is going to be on a file system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Need {
    /// In bytes, in whole blocks.
    pub(crate) bytes: u64,
    /// Files, directories and whatever else takes an inode.
    pub(crate) inodes: u64,
}

/// What a file system can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Capacity {
    /// In bytes.
    pub(crate) bytes: u64,
    /// Nothing where inodes are made as they are needed.
    pub(crate) inodes: Option<u64>,
}

/// Adds up what an image puts on each mount of a tree.
pub(crate) struct Tally {
    mounts: Vec<MountPoint>,
    target: MountPoint,
    needs: Vec<Need>,
    /// Groups of names of one file, with each mount that they are on.
    linked: HashSet<(u32, usize)>,
    /// The mount that the first name of each group is on.
    first: HashMap<u32, usize>,
    /// Copies that have to be made because names of one file are on several mounts.
    split: u64,
}

impl Tally {
    /// For an image that goes to `target` in a tree with these mounts.
    pub(crate) fn new(mounts: Vec<MountPoint>, target: MountPoint) -> Self {
        let needs = vec![Need::default(); mounts.len()];
        Self { mounts, target, needs, linked: HashSet::new(), first: HashMap::new(), split: 0 }
    }

    /// Counts an entry of the image's list.
    pub(crate) fn add(&mut self, entry: EntryRef<'_>) {
        let path = entry.path();
        let bytes = match entry.kind() {
            Kind::File => entry.size(),
            Kind::Directory => BLOCK,
            Kind::Symlink if entry.link_target().len() > SHORT_LINK => BLOCK,
            _ => 0,
        };
        let link_group = entry.hard_link().map(|link| link.group);
        self.count(Path::new(OsStr::from_bytes(path.as_bytes())), bytes, link_group);
    }

    fn count(&mut self, path: &Path, bytes: u64, link_group: Option<u32>) {
        let path = self.target.as_path().join(path);
        // The deepest mount is the one that holds it.
        let holds = |(_, mount): &(usize, &MountPoint)| mount.holds(&path);
        let deepest = self.mounts.iter().enumerate().filter(holds).max_by_key(|(_, mount)| mount.depth());
        let Some((index, _)) = deepest else { return };
        if let Some(group) = link_group {
            if !self.linked.insert((group, index)) {
                return;
            }
            self.split += u64::from(*self.first.entry(group).or_insert(index) != index);
        }
        self.needs[index].bytes += bytes.div_ceil(BLOCK) * BLOCK;
        self.needs[index].inodes += 1;
    }

    /// The sums, in the order of the mounts, and how many copies hard links across mounts become.
    pub(crate) fn finish(self) -> (Vec<Need>, u64) {
        (self.needs, self.split)
    }
}

/// What a file system of this kind can hold that is made on so many bytes: a little less than it will.
pub(crate) fn capacity(kind: FsKind, bytes: u64) -> Capacity {
    match kind {
        FsKind::Ext2 | FsKind::Ext3 | FsKind::Ext4 => ext(kind, bytes),
        FsKind::Xfs => {
            // The log; trees of free space; what is kept for later.
            let taken = 72 * MIB + (bytes / 16).min(64 * MIB) + bytes / 50;
            Capacity { bytes: bytes.saturating_sub(taken), inodes: None }
        }
        FsKind::Btrfs => {
            let taken = 17 * MIB + 2 * btrfs_metadata(bytes);
            Capacity { bytes: bytes.saturating_sub(taken), inodes: None }
        }
        FsKind::Vfat => Capacity { bytes: bytes.saturating_sub(bytes / 100 + MIB), inodes: None },
        FsKind::Swap => Capacity { bytes: 0, inodes: None },
    }
}

/// What mkfs.btrfs lays aside for metadata on so many bytes, which is kept twice.
fn btrfs_metadata(bytes: u64) -> u64 {
    (bytes / 20).clamp(32 * MIB, 256 * MIB)
}

/// mke2fs makes an inode for so many bytes, depending on the size, as its usual configuration has it.
fn ext(kind: FsKind, bytes: u64) -> Capacity {
    const INODE: u64 = 256;
    let ratio = match bytes / MIB {
        0..512 => 4096,
        512..4_194_304 => 16384,
        4_194_304..16_777_216 => 32768,
        _ => 65536,
    };
    // Groups take whole blocks of inodes, and the first ones are its own.
    let inodes = (bytes / ratio - bytes / ratio / 256).saturating_sub(16);
    let journal = match (kind, bytes / MIB) {
        (FsKind::Ext2, _) => 0,
        (_, 0..8) => 0,
        (_, 8..128) => 4 * MIB,
        (_, 128..1024) => 16 * MIB,
        (_, 1024..2048) => 32 * MIB,
        (_, 2048..8192) => 64 * MIB,
        (_, 8192..16384) => 128 * MIB,
        (_, 16384..32768) => 256 * MIB,
        (_, 32768..65536) => 512 * MIB,
        _ => 1024 * MIB,
    };
    // Bitmaps, group descriptors and room for them to grow.
    let rest = bytes / 128 + 2 * MIB;
    Capacity { bytes: bytes.saturating_sub(inodes * INODE + journal + rest), inodes: Some(inodes) }
}

/// Bytes that entries take of the space of files, where inodes are made as they are needed.
fn of_entries(kind: FsKind, entries: u64, bytes: u64) -> u64 {
    match kind {
        FsKind::Xfs => entries * 512,
        // What does not fit into what is laid aside is laid aside too.
        FsKind::Btrfs => 2 * (entries * 768).saturating_sub(btrfs_metadata(bytes)),
        _ => 0,
    }
}

/// The least that mkfs takes.
pub(crate) fn least(kind: FsKind) -> u64 {
    match kind {
        FsKind::Xfs => 300 * MIB,
        FsKind::Btrfs => 110 * MIB,
        FsKind::Vfat => MIB,
        _ => MIB / 2,
    }
}

/// The most that mkfs takes.
fn most(kind: FsKind) -> u64 {
    const TIB: u64 = 1 << 40;
    match kind {
        // Block numbers of 32 bits.
        FsKind::Ext2 | FsKind::Ext3 => 16 * TIB,
        FsKind::Vfat => 2 * TIB,
        _ => u64::MAX,
    }
}

/// File systems that are too small: for mkfs, or for what is going to be on them.
pub(crate) fn too_small(plan: &Plan) -> Vec<Problem> {
    plan.file_systems.iter().flat_map(|file_system| shortage(file_system, None)).collect()
}

/// What a file system lacks. `there` tells what it can hold, where that is known; else it is what was reckoned.
pub(crate) fn shortage(file_system: &FsPlan, there: Option<Capacity>) -> Option<Problem> {
    let kind = file_system.spec.kind;
    let place = match &file_system.spec.mount {
        Some(mount) => format!("{mount} ({})", file_system.node.display()),
        None => file_system.node.display().to_string(),
    };
    if file_system.made && file_system.bytes < least(kind) {
        let (has, least) = (human(file_system.bytes), human(least(kind)));
        return Some(Problem::new(place, format!("{} needs at least {least}, there are {has}", kind.name())));
    }
    if file_system.made && file_system.bytes >= most(kind) {
        let (has, most) = (human(file_system.bytes), human(most(kind)));
        return Some(Problem::new(place, format!("{} takes less than {most}, there are {has}", kind.name())));
    }
    let need = file_system.need?;
    let offer = there.unwrap_or(file_system.capacity);
    let wanted = need.bytes + of_entries(kind, need.inodes, file_system.bytes);
    if wanted + wanted / SPARE > offer.bytes {
        let (needed, has) = (human(wanted), human(offer.bytes));
        let spare = human(wanted / SPARE);
        let message = format!("the files need {needed}, and {spare} to spare; it has {has}: make it larger");
        return Some(Problem::new(place, message));
    }
    match offer.inodes {
        Some(inodes) if need.inodes + need.inodes / SPARE > inodes => {
            let message = format!("there are {} files and directories, it has {inodes} inodes", need.inodes);
            Some(Problem::new(place, message))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_count_for_the_deepest_mount() {
        let mount = |path: &str| MountPoint::parse(path).unwrap();
        let mounts = [mount("/"), mount("/usr"), mount("/usr/share")];
        let target = mount("/usr");
        let mut tally = Tally::new(mounts.to_vec(), target);
        tally.count(Path::new("bin/a"), 1, None);
        tally.count(Path::new("share/b"), 4097, None);
        tally.count(Path::new("shared"), 0, None);
        tally.count(Path::new("one"), 4096, Some(7));
        tally.count(Path::new("two"), 4096, Some(7));
        tally.count(Path::new("share/three"), 4096, Some(7));
        let need = |bytes, inodes| Need { bytes, inodes };
        assert_eq!(tally.finish(), (vec![need(0, 0), need(8192, 3), need(12288, 2)], 1));
    }
}
