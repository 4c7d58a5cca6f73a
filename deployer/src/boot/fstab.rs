//! fstab: what the deployed system mounts.

use std::fmt::Write;

use crate::model::{FileSystem, FsKind};

/// A file system with the UUID by which it is found.
pub(crate) struct Line<'a> {
    pub(crate) uuid: &'a str,
    pub(crate) file_system: &'a FileSystem,
}

/// The text of fstab.
pub(crate) fn text(lines: &[Line<'_>]) -> String {
    let mut text = String::from("# <file system> <mount point> <type> <options> <dump> <pass>\n");
    for Line { uuid, file_system } in lines {
        let place = match &file_system.mount {
            Some(mount) => mount.to_string(),
            None if file_system.kind == FsKind::Swap => "none".to_owned(),
            None => continue,
        };
        let sign = if file_system.fstab_enabled { "" } else { "#" };
        let (kind, options) = (file_system.kind.name(), &file_system.fstab_options);
        let _ = writeln!(text, "{sign}UUID={uuid} {place} {kind} {options} 0 {}", pass(file_system));
    }
    text
}

/// When it is checked at the start: the root first. Some kinds check themselves.
fn pass(file_system: &FileSystem) -> u8 {
    let root = file_system.mount.as_ref().is_some_and(crate::model::MountPoint::is_root);
    match file_system.kind {
        FsKind::Ext2 | FsKind::Ext3 | FsKind::Ext4 | FsKind::Vfat => {
            if root {
                1
            } else {
                2
            }
        }
        FsKind::Xfs | FsKind::Btrfs | FsKind::Swap => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MountPoint;

    #[test]
    fn lines_name_uuids() {
        let file_system = |kind, mount: Option<&str>, enabled| FileSystem {
            kind,
            mount: mount.map(|mount| MountPoint::parse(mount).unwrap()),
            label: None,
            keep_data: true,
            fstab_enabled: enabled,
            fstab_options: "defaults,noatime".to_owned(),
            trees: vec![0],
        };
        let systems = [
            file_system(FsKind::Ext4, Some("/"), true),
            file_system(FsKind::Xfs, Some("/var"), true),
            file_system(FsKind::Vfat, Some("/boot/efi"), false),
            file_system(FsKind::Swap, None, true),
            file_system(FsKind::Ext4, None, true),
        ];
        let uuids = ["1", "2", "3-4", "5", "6"];
        let lines: Vec<Line<'_>> =
            systems.iter().zip(uuids).map(|(file_system, uuid)| Line { uuid, file_system }).collect();
        let text = text(&lines);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "UUID=1 / ext4 defaults,noatime 0 1",
                "UUID=2 /var xfs defaults,noatime 0 0",
                "#UUID=3-4 /boot/efi vfat defaults,noatime 0 2",
                "UUID=5 none swap defaults,noatime 0 0",
            ]
        );
    }
}
