//! The parts of a disk that are taken without being named.

use crate::model::{Description, Disk, MIB, Role, Size, Volume, human};

/// At the head of every disk, for the boot loader of a BIOS.
const BIOS_GRUB: u64 = 24 * MIB;
/// On the first disk, for the common boot loader.
const BOOT_MENU: u64 = 100 * MIB;
/// At the end of the first disk, for the config drive.
const CONFIG_DRIVE: u64 = 64 * MIB;
/// What the label of a config drive has to be.
pub(super) const CONFIG_LABEL: &str = "config-2";

/// Adds what is taken without being named.
pub(super) fn add(description: &mut Description) {
    let fixed = |bytes, role, path: &str| Volume {
        size: Size::Bytes(bytes),
        role,
        guid: None,
        path: path.to_owned(),
    };
    let labelled = |volume: &Volume| match &volume.role {
        Role::FileSystem(file_system) => file_system.label.as_deref() == Some(CONFIG_LABEL),
        _ => false,
    };
    if description.config_drive.is_some() {
        let described =
            description.disks.iter_mut().flat_map(|disk| &mut disk.volumes).find(|volume| labelled(volume));
        match described {
            Some(volume) => volume.role = Role::ConfigDrive,
            None => {
                if let Some(disk) = description.disks.first_mut() {
                    disk.volumes.push(fixed(CONFIG_DRIVE, Role::ConfigDrive, &disk.path));
                }
            }
        }
    }
    let menu = description.has_boot_menu();
    for (index, disk) in description.disks.iter_mut().enumerate() {
        if menu && index == 0 {
            disk.volumes.insert(0, fixed(BOOT_MENU, Role::BootMenu, &disk.path));
        }
        disk.volumes.insert(0, fixed(BIOS_GRUB, Role::BiosGrub, &disk.path));
    }
}

/// What of the sizes of a disk nobody has written, for a complaint about their sum.
pub(super) fn spelled_out(disk: &Disk) -> String {
    let part = |volume: &Volume| {
        let name = match volume.role {
            Role::BiosGrub => "the boot loader",
            Role::BootMenu => "the common boot loader",
            Role::ConfigDrive => "the config drive",
            _ => return None,
        };
        match volume.size {
            // A config drive that is described has a path of its own.
            Size::Bytes(bytes) if volume.path == disk.path => Some(format!("{} for {name}", human(bytes))),
            _ => None,
        }
    };
    let parts: Vec<String> = disk.volumes.iter().filter_map(part).collect();
    format!("; that includes {}", parts.join(" and "))
}
