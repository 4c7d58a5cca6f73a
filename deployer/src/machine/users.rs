//! Who uses a disk: file systems that are mounted, swap, arrays and groups that stand on it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::BlockDevice;
use crate::command::Command;
use crate::stop::Stop;

/// Something that uses a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum User {
    /// It is mounted there.
    Mount(PathBuf),
    /// It is swap that is in use: the node.
    Swap(PathBuf),
    /// A volume of this group stands on it.
    Group(String),
    /// The array of this name stands on it, with its node.
    Array { name: String, node: PathBuf },
    /// Something else stands on it.
    Other(String),
}

/// What is mounted and swapped to.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    /// Device numbers with mount points.
    mounts: Vec<(u64, PathBuf)>,
    /// Device numbers with nodes.
    swaps: Vec<(u64, PathBuf)>,
}

impl Usage {
    /// As it is now.
    pub(crate) fn now() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
        let with_number = |(source, shown): (PathBuf, PathBuf)| Some((number(&source)?, shown));
        Self {
            mounts: mounts.lines().filter_map(mount_line).filter_map(with_number).collect(),
            swaps: swaps.lines().skip(1).filter_map(swap_line).filter_map(with_number).collect(),
        }
    }

    /// Everything that uses the device, its partitions or what stands on them.
    pub(crate) fn of(&self, device: &BlockDevice) -> Vec<User> {
        let mut users = Vec::new();
        self.collect(device, &mut users);
        for (_, partition) in device.partitions() {
            self.collect(&partition, &mut users);
        }
        users
    }

    fn collect(&self, device: &BlockDevice, users: &mut Vec<User>) {
        let mut add = |user| {
            if !users.contains(&user) {
                users.push(user);
            }
        };
        if let Some(own) = number(&device.node()) {
            self.mounts
                .iter()
                .filter(|(mounted, _)| *mounted == own)
                .for_each(|(_, at)| add(User::Mount(at.clone())));
            self.swaps
                .iter()
                .filter(|(swap, _)| *swap == own)
                .for_each(|(_, node)| add(User::Swap(node.clone())));
        }
        for entry in fs::read_dir(device.sys().join("holders")).into_iter().flatten().flatten() {
            let holder = BlockDevice::by_sys_name(&entry.file_name().to_string_lossy());
            add(what_holds(&holder));
            for user in self.of(&holder) {
                add(user);
            }
        }
    }
}

fn what_holds(holder: &BlockDevice) -> User {
    if holder.attribute("md/level").is_some() {
        return User::Array { name: array_name(holder), node: holder.node() };
    }
    match (holder.attribute("dm/uuid"), holder.attribute("dm/name")) {
        (Some(uuid), Some(name)) if uuid.starts_with("LVM-") => User::Group(group_of(&name)),
        (_, name) => User::Other(name.unwrap_or_else(|| holder.name.clone())),
    }
}

/// The name of an array: that of its link under `/dev/md`, the one that its members have, or the kernel's.
fn array_name(array: &BlockDevice) -> String {
    let own = fs::canonicalize(array.node()).ok();
    let links = fs::read_dir("/dev/md").into_iter().flatten().flatten();
    let mut names = links.filter(|link| own.is_some() && fs::canonicalize(link.path()).ok() == own);
    if let Some(link) = names.next() {
        return link.file_name().to_string_lossy().into_owned();
    }
    let export = Command::new("mdadm").args(["--detail", "--export"]).arg(array.node());
    let export = export.run(&Stop::default()).unwrap_or_default();
    name_of_members(&export).unwrap_or_else(|| array.name.clone())
}

/// `MD_NAME=host:name`.
fn name_of_members(export: &str) -> Option<String> {
    let value = export.lines().find_map(|line| line.strip_prefix("MD_NAME="))?;
    let name = value.rsplit_once(':').map_or(value, |(_, name)| name);
    (!name.is_empty()).then(|| name.to_owned())
}

/// The group of a logical volume, from the device mapper's name: `group-volume`, with dashes in names doubled.
fn group_of(name: &str) -> String {
    let doubled = name.replace("--", "\0");
    doubled.split('-').next().unwrap_or_default().replace('\0', "-")
}

fn number(node: &Path) -> Option<u64> {
    let meta = fs::metadata(node).ok()?;
    (meta.rdev() != 0).then(|| meta.rdev())
}

/// Source and mount point of a line of `mountinfo`. Some file systems hide the number of their device there, so
/// it is the source that counts.
fn mount_line(line: &str) -> Option<(PathBuf, PathBuf)> {
    let (before, after) = line.split_once(" - ")?;
    let at = before.split(' ').nth(4)?;
    let source = after.split(' ').nth(1)?;
    source.starts_with('/').then(|| (unescape(source), unescape(at)))
}

fn swap_line(line: &str) -> Option<(PathBuf, PathBuf)> {
    let mut words = line.split_whitespace();
    let (node, kind) = (words.next()?, words.next()?);
    (kind == "partition").then(|| (unescape(node), unescape(node)))
}

/// Blanks and the like are written as a backslash with three octal digits.
fn unescape(text: &str) -> PathBuf {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        match rest.get(at + 1..at + 4).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                plain.push(byte.into());
                rest = &rest[at + 4..];
            }
            None => {
                plain.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    plain.push_str(rest);
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel_are_understood() {
        let line = "36 35 0:33 / /mnt/a\\040b rw,relatime shared:1 - btrfs /dev/sda3 rw,space_cache";
        assert_eq!(mount_line(line), Some(("/dev/sda3".into(), "/mnt/a b".into())));
        assert_eq!(mount_line("22 1 0:20 / /proc rw - proc proc rw"), None);
        let line = "/dev/sda2                               partition\t8388604\t\t0\t\t-2";
        assert_eq!(swap_line(line), Some(("/dev/sda2".into(), "/dev/sda2".into())));
        assert_eq!(swap_line("/swapfile  file 100 0 -2"), None);
    }

    #[test]
    fn arrays_are_told_by_the_names_that_their_members_have() {
        let export = "MD_LEVEL=raid1\nMD_DEVICES=2\nMD_NAME=any:root\nMD_UUID=1:2:3:4\n";
        assert_eq!(name_of_members(export).as_deref(), Some("root"));
        assert_eq!(name_of_members("MD_NAME=root").as_deref(), Some("root"));
        assert_eq!(name_of_members(""), None);
    }

    #[test]
    fn groups_are_told_by_the_names_of_their_volumes() {
        assert_eq!(group_of("home-home"), "home");
        assert_eq!(group_of("my--vg-my--lv"), "my-vg");
    }
}
