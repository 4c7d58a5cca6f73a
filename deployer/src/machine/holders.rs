//! Who uses a disk: file systems that are mounted, swap, arrays and groups that stand on it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::makedev;

use super::{BlockDevice, md};

/// How long something unseen may hold a disk.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something that uses a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    /// It is mounted there; a mount of several devices has one number on all of them.
    Mount { at: PathBuf, id: u64 },
    /// It is swap that is in use: the node.
    Swap(PathBuf),
    /// A volume of this group stands on it.
    VolumeGroup(String),
    /// The array of this name stands on it, with its node.
    Array { name: String, node: PathBuf },
    /// Something else stands on it.
    Other(String),
    /// The kernel gives it to nobody else, and does not say who has it.
    Unseen,
}

/// What is mounted and swapped to.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    /// Device numbers with what is mounted of them.
    mounts: Vec<(u64, Mount)>,
    /// Device numbers with nodes.
    swaps: Vec<(u64, PathBuf)>,
}

/// A mount: where it is, and the kernel's number for it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    at: PathBuf,
    id: u64,
}

impl Usage {
    /// As it is now.
    ///
    /// # Errors
    /// The kernel does not tell; nobody may take that for nothing.
    pub(crate) fn now() -> io::Result<Self> {
        let mut usage = Self::default();
        for line in fs::read("/proc/self/mountinfo")?.split(|byte| *byte == b'\n') {
            if let Some(MountLine { number, source, mount }) = mount_line(line) {
                // Some kinds of file systems have a number of their own; the source of others has no node.
                let by_source = device_number(&source);
                usage
                    .mounts
                    .extend(by_source.filter(|by_source| *by_source != number).map(|it| (it, mount.clone())));
                usage.mounts.push((number, mount));
            }
        }
        usage.add_siblings();
        match fs::read("/proc/swaps") {
            Ok(swaps) => {
                for node in swaps.split(|byte| *byte == b'\n').skip(1).filter_map(swap_line) {
                    usage.swaps.extend(device_number(&node).map(|number| (number, node)));
                }
            }
            // A kernel that cannot swap.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(usage)
    }

    /// A Btrfs on several devices is mounted by one of them.
    fn add_siblings(&mut self) {
        for file_system in fs::read_dir("/sys/fs/btrfs").into_iter().flatten().flatten() {
            let devices = fs::read_dir(file_system.path().join("devices")).into_iter().flatten().flatten();
            let numbers: Vec<u64> = devices
                .filter_map(|device| BlockDevice::by_sys_name(&device.file_name().to_string_lossy()).number())
                .collect();
            let mounts: Vec<Mount> = self
                .mounts
                .iter()
                .filter(|(number, _)| numbers.contains(number))
                .map(|(_, mount)| mount.clone())
                .collect();
            for number in numbers {
                for mount in &mounts {
                    let of_this = (number, mount.clone());
                    if !self.mounts.contains(&of_this) {
                        self.mounts.push(of_this);
                    }
                }
            }
        }
    }

    /// Everything that uses the device, its partitions or what stands on them.
    pub(crate) fn of(&self, device: &BlockDevice) -> Vec<Holder> {
        let mut holders = Vec::new();
        self.collect(device, &mut holders);
        for (_, partition) in device.partitions() {
            self.collect(&partition, &mut holders);
        }
        holders
    }

    /// Whether the device or a partition of it, which nobody seems to hold, is held all the same. What a deployment leaves
    /// behind that was killed ends by itself, so it gets some time.
    pub(crate) fn has_unseen(&self, device: &BlockDevice) -> bool {
        let started = Instant::now();
        loop {
            let mut free =
                device.partitions().into_iter().map(|(_, partition)| partition).collect::<Vec<_>>();
            // A disk is held with each of its partitions.
            if self.of(device).is_empty() {
                free.push(device.clone());
            }
            let unseen = free.iter().any(|part| self.of(part).is_empty() && part.is_taken());
            if !unseen || started.elapsed() >= PATIENCE {
                return unseen;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn collect(&self, device: &BlockDevice, holders: &mut Vec<Holder>) {
        if let Some(own) = device.number() {
            // What is mounted twice at one place is unmounted twice.
            holders.extend(
                self.mounts
                    .iter()
                    .filter(|(number, _)| *number == own)
                    .map(|(_, mount)| Holder::Mount { at: mount.at.clone(), id: mount.id }),
            );
            holders.extend(
                self.swaps
                    .iter()
                    .filter(|(number, _)| *number == own)
                    .map(|(_, node)| Holder::Swap(node.clone())),
            );
        }
        for entry in fs::read_dir(device.sys().join("holders")).into_iter().flatten().flatten() {
            let holder = BlockDevice::by_sys_name(&entry.file_name().to_string_lossy());
            let further = [vec![what_holds(&holder)], self.of(&holder)].concat();
            // An array stands on several partitions of a disk, and a group's volumes do.
            let fresh: Vec<Holder> = further.into_iter().filter(|holder| !holders.contains(holder)).collect();
            holders.extend(fresh);
        }
    }
}

fn what_holds(holder: &BlockDevice) -> Holder {
    if holder.sys().join("md").is_dir() {
        return Holder::Array { name: md::name(holder), node: holder.node() };
    }
    match (holder.attribute("dm/uuid"), holder.attribute("dm/name")) {
        (Some(uuid), Some(name)) if uuid.starts_with("LVM-") => Holder::VolumeGroup(group_of(&name)),
        (_, name) => Holder::Other(name.unwrap_or_else(|| holder.name.clone())),
    }
}

/// The group of a logical volume, from the device mapper's name: `group-volume`, with dashes in names doubled.
fn group_of(name: &str) -> String {
    let doubled = name.replace("--", "\0");
    doubled.split('-').next().unwrap_or_default().replace('\0', "-")
}

/// The number of the device at a node.
pub(crate) fn device_number(node: &Path) -> Option<u64> {
    let meta = fs::metadata(node).ok()?;
    (meta.rdev() != 0).then(|| meta.rdev())
}

#[derive(Debug, PartialEq, Eq)]
struct MountLine {
    number: u64,
    source: PathBuf,
    mount: Mount,
}

fn mount_line(line: &[u8]) -> Option<MountLine> {
    let mut words = line.split(|byte| *byte == b' ');
    let id = str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let (major, minor) = str::from_utf8(words.nth(1)?).ok()?.split_once(':')?;
    let number = makedev(major.parse().ok()?, minor.parse().ok()?);
    let at = unescape(words.nth(1)?);
    let source = unescape(words.skip_while(|word| *word != b"-").nth(2)?);
    Some(MountLine { number, source, mount: Mount { at, id } })
}

fn swap_line(line: &[u8]) -> Option<PathBuf> {
    let mut words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let (node, kind) = (words.next()?, words.next()?);
    (kind == b"partition").then(|| unescape(node))
}

/// Blanks and the like are written as a backslash with three octal digits.
fn unescape(text: &[u8]) -> PathBuf {
    let mut plain = Vec::new();
    let mut rest = text;
    while let Some((first, others)) = rest.split_first() {
        let digits = others.get(..3).and_then(|digits| str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(|_| *first == b'\\') {
            Some(byte) => {
                plain.push(byte);
                rest = &others[3..];
            }
            None => {
                plain.push(*first);
                rest = others;
            }
        }
    }
    OsString::from_vec(plain).into()
}

/// Whether two nodes lead to one device.
pub(crate) fn same_device(one: &Path, other: &Path) -> bool {
    one.as_os_str().as_bytes() == other.as_os_str().as_bytes()
        || device_number(one).is_some_and(|number| device_number(other) == Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel_are_understood() {
        let line = b"36 35 0:33 / /mnt/a\\040b rw,relatime shared:1 - btrfs /dev/sda3 rw,space_cache";
        let mount = Mount { at: "/mnt/a b".into(), id: 36 };
        let expected = MountLine { number: makedev(0, 33), source: "/dev/sda3".into(), mount };
        assert_eq!(mount_line(line), Some(expected));
        let root = mount_line(b"23 1 8:1 / / rw - ext4 /dev/root rw").unwrap();
        assert_eq!((root.number, root.mount.at), (makedev(8, 1), "/".into()));
        let line = b"/dev/sda2                               partition\t8388604\t\t0\t\t-2";
        assert_eq!(swap_line(line), Some("/dev/sda2".into()));
        assert_eq!(swap_line(b"/swapfile  file 100 0 -2"), None);
        assert_eq!(mount_line(b""), None);
    }

    #[test]
    fn names_that_are_no_text_are_names() {
        let line = b"36 35 8:3 / /mnt/\xff\\134 rw - ext4 /dev/sda3 rw";
        assert_eq!(mount_line(line).unwrap().mount.at.as_os_str().as_bytes(), b"/mnt/\xff\\");
    }

    #[test]
    fn groups_are_told_by_the_names_of_their_volumes() {
        assert_eq!(group_of("home-home"), "home");
        assert_eq!(group_of("my--vg-my--lv"), "my-vg");
    }
}
