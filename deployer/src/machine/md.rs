//! The arrays that are running: what they are made of, and how they are.

use std::fs;
use std::path::PathBuf;

use super::{BlockDevice, block_devices};
use crate::command::{Command, find};
use crate::stop::Stop;

/// An array that the kernel runs, or holds without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunningArray {
    /// The name that its members have for it; else the kernel's.
    pub(crate) name: String,
    pub(crate) node: PathBuf,
    /// Nodes of the devices that it stands on.
    pub(crate) members: Vec<PathBuf>,
    /// `raid1`, …; nothing if it is not running.
    pub(crate) level: Option<String>,
    /// Whether it runs with all its members.
    pub(crate) whole: bool,
    /// In bytes.
    pub(crate) bytes: u64,
}

/// All of them.
pub(crate) fn arrays() -> Vec<RunningArray> {
    block_devices().filter(|device| device.sys().join("md").is_dir()).map(|device| array(&device)).collect()
}

fn array(device: &BlockDevice) -> RunningArray {
    let slaves = fs::read_dir(device.sys().join("slaves")).into_iter().flatten().flatten();
    let member = |entry: fs::DirEntry| BlockDevice::by_sys_name(&entry.file_name().to_string_lossy()).node();
    let state = device.attribute("md/array_state").unwrap_or_default();
    let runs = !matches!(state.as_str(), "" | "clear" | "inactive");
    RunningArray {
        name: name(device),
        node: device.node(),
        members: slaves.map(member).collect(),
        level: device.attribute("md/level").filter(|level| runs && !level.is_empty()),
        whole: runs && device.attribute("md/degraded").as_deref() == Some("0"),
        bytes: device.bytes,
    }
}

/// The name that the members have for an array: links to it may have other names. Else that of a link, or the kernel's.
pub(super) fn name(array: &BlockDevice) -> String {
    let exported = || {
        find("mdadm".as_ref())?;
        let export = Command::new("mdadm").args(["--detail", "--export"]).arg(array.node());
        name_of_members(&export.run(&Stop::default()).ok()?)
    };
    let linked = || {
        let own = fs::canonicalize(array.node()).ok()?;
        let mut links = fs::read_dir("/dev/md").into_iter().flatten().flatten();
        let link = links.find(|link| fs::canonicalize(link.path()).ok().as_ref() == Some(&own))?;
        Some(link.file_name().to_string_lossy().into_owned())
    };
    exported().or_else(linked).unwrap_or_else(|| array.name.clone())
}

/// `MD_NAME=host:name`.
fn name_of_members(export: &str) -> Option<String> {
    let value = export.lines().find_map(|line| line.strip_prefix("MD_NAME="))?;
    Some(without_host(value).to_owned()).filter(|name| !name.is_empty())
}

/// The name of an array, from what its members have: `host:name`.
pub(crate) fn without_host(label: &str) -> &str {
    label.rsplit_once(':').map_or(label, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_told_by_the_names_that_their_members_have() {
        let export = "MD_LEVEL=raid1\nMD_DEVICES=2\nMD_NAME=any:root\nMD_UUID=1:2:3:4\n";
        assert_eq!(name_of_members(export).as_deref(), Some("root"));
        assert_eq!(name_of_members("MD_NAME=root").as_deref(), Some("root"));
        assert_eq!(name_of_members(""), None);
    }
}
