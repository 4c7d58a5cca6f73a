//! The steps of a plan: what is printed is what is executed.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use crate::model::{FsKind, human};

/// The phases of a deployment, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// Disks, arrays, groups and file systems.
    Partitioning,
    /// The config drive.
    ConfigDrive,
    /// The images, and what belongs into their trees.
    CopyImage,
    /// What makes the machine start from its disks.
    BootLoader,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Partitioning => "partitioning",
            Phase::ConfigDrive => "config drive",
            Phase::CopyImage => "copy image",
            Phase::BootLoader => "boot loader",
        })
    }
}

/// A partition that is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NewPartition {
    pub(crate) number: u32,
    pub(crate) node: PathBuf,
    /// In bytes.
    pub(crate) start: u64,
    /// In bytes.
    #[serde(rename = "bytes")]
    pub(crate) length: u64,
    /// GUID of its type.
    #[serde(rename = "type_guid", serialize_with = "as_text")]
    pub(crate) kind: Uuid,
    /// Its own GUID, where the description gives one.
    #[serde(serialize_with = "as_optional_text")]
    pub(crate) guid: Option<Uuid>,
    /// Its name in the table.
    pub(crate) name: String,
}

fn as_text<S: Serializer>(guid: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(guid)
}

fn as_optional_text<S: Serializer>(guid: &Option<Uuid>, serializer: S) -> Result<S::Ok, S::Error> {
    match guid {
        Some(guid) => serializer.collect_str(guid),
        None => serializer.serialize_none(),
    }
}

/// A span of a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Span {
    pub(crate) start: u64,
    #[serde(rename = "bytes")]
    pub(crate) length: u64,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub(crate) enum Step {
    /// Unmount what is mounted elsewhere.
    Unmount { path: PathBuf },
    /// Stop using swap.
    SwapOff { node: PathBuf },
    /// Let go of a group that lies on the disks.
    DeactivateVolumeGroup { group: String },
    /// Let go of an array that lies on the disks.
    StopArray { node: PathBuf },
    /// Put an array together that is there already.
    AssembleArray { node: PathBuf, members: Vec<PathBuf> },
    /// Make the volumes of a group usable that is there already.
    ActivateVolumeGroup { group: String },
    /// Make partitions known to the kernel that are in the table already.
    Announce { disk: PathBuf, partitions: Vec<NewPartition> },
    /// See whether what stays is what is described.
    Check {
        node: PathBuf,
        #[serde(rename = "file_system", serialize_with = "as_name")]
        kind: FsKind,
        label: Option<String>,
    },
    /// Take the code away that a BIOS starts from this disk, until the deployment is complete.
    Disarm { disk: PathBuf },
    /// Note in a system that stays that it is not complete.
    MarkIncomplete { tree: String },
    /// Put the boot loaders aside that UEFI firmware starts from this file system, until the deployment is complete.
    DisarmEfi { node: PathBuf },
    /// Find out whether anyone else has one of the disks, then take all of them away from the kernel's partitions.
    TakeOver { disks: Vec<PathBuf> },
    /// Overwrite the boot code, the table and all signatures.
    Erase { disk: PathBuf, spans: Vec<Span> },
    /// Write a partition table.
    WriteTable { disk: PathBuf, partitions: Vec<NewPartition> },
    /// Make a mirror.
    CreateArray { node: PathBuf, name: String, members: Vec<PathBuf> },
    /// Make a physical volume whose first extent begins at `data_start`, in bytes.
    CreatePhysicalVolume { node: PathBuf, data_start: u64 },
    /// Make a group.
    CreateVolumeGroup { group: String, members: Vec<PathBuf> },
    /// Make a logical volume.
    CreateLogicalVolume { group: String, name: String, extents: u64 },
    /// Make a file system or swap.
    MakeFileSystem {
        node: PathBuf,
        #[serde(rename = "file_system", serialize_with = "as_name")]
        kind: FsKind,
        label: Option<String>,
    },
    /// Write the config drive.
    WriteConfigDrive { node: PathBuf },
    /// Pull an image into its tree.
    Pull { tree: String, url: String, target: PathBuf },
    /// Write an image of a file system to a device, in the place of what is there.
    WriteImage { tree: String, url: String, target: PathBuf, node: PathBuf },
    /// Make a file system that came as an image as large as its device, with a UUID and a label of its own.
    Adopt {
        tree: String,
        node: PathBuf,
        #[serde(rename = "file_system", serialize_with = "as_name")]
        kind: FsKind,
        label: Option<String>,
    },
    /// Write fstab.
    Fstab { tree: String },
    /// Install the boot loader of a system.
    BootLoader { tree: String, disks: Vec<PathBuf> },
    /// Install the common boot loader.
    BootMenu { node: PathBuf, disks: Vec<PathBuf> },
}

fn as_name<S: Serializer>(kind: &FsKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

impl Step {
    /// The phase that it belongs to.
    pub(crate) fn phase(&self) -> Phase {
        match self {
            Step::WriteConfigDrive { .. } => Phase::ConfigDrive,
            Step::Pull { .. } | Step::WriteImage { .. } | Step::Adopt { .. } | Step::Fstab { .. } => {
                Phase::CopyImage
            }
            Step::BootLoader { .. } | Step::BootMenu { .. } => Phase::BootLoader,
            _ => Phase::Partitioning,
        }
    }

    /// The node that is there after it, and was not before.
    pub(crate) fn makes_node(&self) -> Option<PathBuf> {
        match self {
            Step::CreateArray { node, .. } | Step::AssembleArray { node, .. } => Some(node.clone()),
            Step::CreateLogicalVolume { group, name, .. } => {
                Some(PathBuf::from(format!("/dev/{group}/{name}")))
            }
            _ => None,
        }
    }

    /// Whether anything on the disks is changed by it.
    pub(crate) fn changes(&self) -> bool {
        !matches!(
            self,
            Step::Unmount { .. }
                | Step::SwapOff { .. }
                | Step::DeactivateVolumeGroup { .. }
                | Step::StopArray { .. }
                | Step::AssembleArray { .. }
                | Step::ActivateVolumeGroup { .. }
                | Step::Announce { .. }
                | Step::Check { .. }
                | Step::TakeOver { .. }
        )
    }

    /// Whether data that was there is gone after it.
    pub(crate) fn destroys(&self) -> bool {
        matches!(
            self,
            Step::Erase { .. }
                | Step::WriteTable { .. }
                | Step::CreateArray { .. }
                | Step::CreatePhysicalVolume { .. }
                | Step::MakeFileSystem { .. }
                | Step::WriteConfigDrive { .. }
                | Step::WriteImage { .. }
        )
    }
}

fn list(nodes: &[PathBuf]) -> String {
    nodes.iter().map(|node| node.display().to_string()).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Unmount { path } => write!(f, "unmount {}", path.display()),
            Step::SwapOff { node } => write!(f, "stop swapping to {}", node.display()),
            Step::DeactivateVolumeGroup { group } => write!(f, "deactivate the volume group {group}"),
            Step::StopArray { node } => write!(f, "stop the array {}", node.display()),
            Step::AssembleArray { node, members } => {
                write!(f, "assemble the array {} from {}", node.display(), list(members))
            }
            Step::ActivateVolumeGroup { group } => write!(f, "activate the volume group {group}"),
            Step::Announce { disk, partitions } => {
                let disk = disk.display();
                write!(f, "make {} partitions of {disk} known to the kernel", partitions.len())
            }
            Step::Check { node, kind, .. } => {
                write!(f, "check that {} holds {}", node.display(), kind.name())
            }
            Step::Disarm { disk } => {
                write!(f, "erase the boot code of {} until the deployment is complete", disk.display())
            }
            Step::DisarmEfi { node } => {
                let node = node.display();
                write!(f, "put the EFI boot loaders on {node} aside until the deployment is complete")
            }
            Step::MarkIncomplete { tree } => write!(f, "note in {tree} that it is not complete"),
            Step::TakeOver { disks } => write!(f, "take {} out of use", list(disks)),
            Step::Erase { disk, .. } => write!(f, "erase {}: boot code, table, signatures", disk.display()),
            Step::WriteTable { disk, partitions } => {
                write!(f, "write a GPT with {} partitions to {}", partitions.len(), disk.display())
            }
            Step::CreateArray { node, members, .. } => {
                write!(f, "make the mirror {} from {}", node.display(), list(members))
            }
            Step::CreatePhysicalVolume { node, .. } => {
                write!(f, "make the physical volume {}", node.display())
            }
            Step::CreateVolumeGroup { group, members } => {
                write!(f, "make the volume group {group} from {}", list(members))
            }
            Step::CreateLogicalVolume { group, name, extents } => {
                let size = human(extents * crate::model::layout::EXTENT);
                write!(f, "make the logical volume {group}/{name} of {size}")
            }
            Step::MakeFileSystem { node, kind, label, .. } => {
                write!(f, "make {} on {}", kind.name(), node.display())?;
                label.as_ref().map_or(Ok(()), |label| write!(f, ", labelled {label:?}"))
            }
            Step::WriteConfigDrive { node } => write!(f, "write the config drive to {}", node.display()),
            Step::Pull { tree, url, target } => write!(f, "pull {url} into {tree}:{}", target.display()),
            Step::WriteImage { tree, url, target, node } => {
                write!(f, "write {url} to {}, for {tree}:{}", node.display(), target.display())
            }
            Step::Adopt { node, kind, label, .. } => {
                write!(
                    f,
                    "make the {} on {} as large as that, with a new UUID",
                    kind.name(),
                    node.display()
                )?;
                label.as_ref().map_or(Ok(()), |label| write!(f, " and the label {label:?}"))
            }
            Step::Fstab { tree } => write!(f, "write {tree}:/etc/fstab"),
            Step::BootLoader { tree, disks } => {
                write!(f, "install the boot loader of {tree} on {}", list(disks))
            }
            Step::BootMenu { disks, .. } => write!(f, "install the common boot loader on {}", list(disks)),
        }
    }
}
