//! The block devices that programs of a tree may see, and the nodes that every program expects.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::io::Errno;

use crate::confined::Root;
use crate::machine::BlockDevice;
use crate::plan::Plan;

/// Block devices that programs of a tree may see.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    /// Names under `/dev`, with what is there.
    nodes: Vec<(String, u64)>,
    /// Links under `/dev`, with where they lead.
    links: Vec<(String, PathBuf)>,
}

impl Devices {
    /// The disks of a plan, with everything that stands on them. `uuids` are those of file systems, by node.
    pub(crate) fn of(plan: &Plan, uuids: &[(PathBuf, String)]) -> Self {
        let mut devices = Self::default();
        for disk in &plan.disks {
            let name = disk.node.strip_prefix("/dev").unwrap_or(&disk.node).to_string_lossy().into_owned();
            devices.add(&BlockDevice::by_sys_name(&name.replace('/', "!")));
        }
        for file_system in &plan.file_systems {
            // Names of volumes and arrays are links to the kernel's nodes.
            if let Ok(real) = fs::canonicalize(&file_system.node)
                && real != file_system.node
            {
                let name = file_system.node.strip_prefix("/dev").unwrap_or(&file_system.node);
                devices.links.push((name.to_string_lossy().into_owned(), real));
            }
        }
        for (node, uuid) in uuids {
            let real = fs::canonicalize(node).unwrap_or_else(|_| node.clone());
            devices.links.push((format!("disk/by-uuid/{uuid}"), real));
        }
        devices
    }

    fn add(&mut self, device: &BlockDevice) {
        let Some(number) = device.number() else { return };
        if self.nodes.iter().any(|(name, _)| *name == device.name) {
            return;
        }
        self.nodes.push((device.name.clone(), number));
        if let Some(name) = device.attribute("dm/name") {
            self.links.push((format!("mapper/{name}"), device.node()));
        }
        for (_, partition) in device.partitions() {
            self.add(&partition);
        }
        for holder in fs::read_dir(device.sys().join("holders")).into_iter().flatten().flatten() {
            self.add(&BlockDevice::by_sys_name(&holder.file_name().to_string_lossy()));
        }
    }

    pub(super) fn make(&self, root: &Root) -> io::Result<()> {
        const CHARACTERS: [(&str, u32, u32); 8] = [
            ("null", 1, 3),
            ("zero", 1, 5),
            ("full", 1, 7),
            ("random", 1, 8),
            ("urandom", 1, 9),
            ("tty", 5, 0),
            ("console", 5, 1),
            ("mapper/control", 10, 236),
        ];
        for (name, major, minor) in CHARACTERS {
            make_node(root, name, FileType::CharacterDevice, 0o666, makedev(major, minor))?;
        }
        for (name, number) in &self.nodes {
            make_node(root, name, FileType::BlockDevice, 0o660, *number)?;
        }
        let standard = [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")];
        let standard = standard.map(|(name, target)| (name.to_owned(), PathBuf::from(target)));
        for (name, target) in standard.iter().chain(&self.links) {
            let (directory, name) = parent(root, name)?;
            match rustix::fs::symlinkat(target, &directory, name) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

fn make_node(root: &Root, name: &str, kind: FileType, mode: u32, number: u64) -> io::Result<()> {
    let (directory, name) = parent(root, name)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", directory.as_raw_fd()));
    mknodat(CWD, &path, kind, Mode::from_raw_mode(mode), number)?;
    Ok(())
}

fn parent<'a>(root: &Root, name: &'a str) -> io::Result<(OwnedFd, &'a str)> {
    let (directory, name) = name.rsplit_once('/').unwrap_or(("", name));
    Ok((root.make_directory(&Path::new("/dev").join(directory))?, name))
}
