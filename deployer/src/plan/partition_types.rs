//! Types of partitions, as the table has them.

use uuid::{Uuid, uuid};

use crate::model::{FileSystem, FsKind, Role, Volume};

const LINUX: Uuid = uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4");
const BIOS_BOOT: Uuid = uuid!("21686148-6449-6e6f-744e-656564454649");
const EFI_SYSTEM: Uuid = uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
const BASIC_DATA: Uuid = uuid!("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7");
const SWAP: Uuid = uuid!("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f");
const RAID: Uuid = uuid!("a19d880f-05fc-4d3b-a006-743f0f84911e");
const LVM: Uuid = uuid!("e6d6d379-f507-44c2-a23c-238f2a3df928");

/// Whether it is an EFI system partition.
pub(crate) fn is_efi(file_system: &FileSystem) -> bool {
    let place = file_system.mount.as_ref().map(ToString::to_string);
    file_system.kind == FsKind::Vfat && matches!(place.as_deref(), Some("/boot/efi" | "/efi"))
}

/// The type of a partition.
pub(super) fn kind(volume: &Volume) -> Uuid {
    match &volume.role {
        Role::BiosGrub => BIOS_BOOT,
        Role::ConfigDrive => BASIC_DATA,
        Role::Member(_) => RAID,
        Role::Physical { .. } => LVM,
        Role::BootMenu | Role::Reserved => LINUX,
        Role::FileSystem(file_system) if is_efi(file_system) => EFI_SYSTEM,
        Role::FileSystem(file_system) => match file_system.kind {
            FsKind::Swap => SWAP,
            FsKind::Vfat => BASIC_DATA,
            _ => LINUX,
        },
    }
}
