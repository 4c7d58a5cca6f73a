//! What is to be: disks, partitions, volume groups, arrays, file systems, images. Plain, checked values, whatever
//! description they came from and whatever machine they are for.

pub mod layout;
mod size;
mod sum;

use std::fmt;
use std::path::{Path, PathBuf};

use rsync_proto::handshake::Digest;
use rsync_proto::{Options, Timeouts};
use uuid::Uuid;

pub use size::{MIB, Size, human};
pub use sum::{Checks, Sum, SumKind};

/// A checked description.
#[derive(Debug, Clone)]
pub struct Description {
    /// What to do about what is there.
    pub policy: Policy,
    /// The disks, in the order of the description.
    pub disks: Vec<Disk>,
    /// Volume groups.
    pub groups: Vec<Group>,
    /// Mirrors.
    pub arrays: Vec<Array>,
    /// The trees that are deployed; never empty.
    pub trees: Vec<Tree>,
    /// The images, in the order of the description.
    pub images: Vec<Image>,
    /// Kernel parameters of the deployed systems.
    pub kernel_params: String,
    /// What a pull keeps and how it compares.
    pub pull: PullOptions,
    /// The files for the config drive, if there is to be one.
    pub config_drive: Option<ConfigSource>,
}

/// What to do about what is on the disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// It must match the description; only what does not keep its data is made anew.
    Verify,
    /// The described disks are laid out anew.
    Clean,
    /// As `Verify` without the comparison if anything keeps its data, else as `Clean`.
    NailgunLegacy,
}

impl Policy {
    /// Its name in descriptions.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Verify => "verify",
            Policy::Clean => "clean",
            Policy::NailgunLegacy => "nailgun_legacy",
        }
    }
}

/// How a disk is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskId {
    /// The kernel's name: `sda`.
    Name(String),
    /// A path: absolute, or under `/dev`.
    Path(PathBuf),
    /// Host, channel, target and unit.
    Scsi(String),
}

impl fmt::Display for DiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DiskId::Name(name) => f.write_str(name),
            DiskId::Path(path) => write!(f, "{}", path.display()),
            DiskId::Scsi(address) => write!(f, "SCSI {address}"),
        }
    }
}

/// A disk that is laid out.
#[derive(Debug, Clone)]
pub struct Disk {
    /// How it is found.
    pub id: DiskId,
    /// How much of it may be used, in bytes.
    pub size: u64,
    /// What it is divided into, the unnamed parts included, in the order on the disk.
    pub volumes: Vec<Volume>,
    /// Where in the description it is.
    pub path: String,
}

/// A part of a disk.
#[derive(Debug, Clone)]
pub struct Volume {
    /// How large.
    pub size: Size,
    /// What for.
    pub role: Role,
    /// Its partition GUID, if it is to have a certain one.
    pub guid: Option<Uuid>,
    /// Where in the description it is.
    pub path: String,
}

/// The label of the file system with the common boot loader.
pub const BOOT_MENU_LABEL: &str = "boot-menu";

/// What a part of a disk is for.
#[derive(Debug, Clone)]
pub enum Role {
    /// Room for the boot loader of a BIOS.
    BiosGrub,
    /// The file system of the common boot loader.
    BootMenu,
    /// The config drive.
    ConfigDrive,
    /// A file system or swap.
    FileSystem(FileSystem),
    /// A member of the array with this index.
    Member(usize),
    /// Physical volume of the group with this index.
    Physical {
        /// The group.
        group: usize,
        /// Bytes of it that are left to LVM.
        reserved: u64,
    },
    /// Space that is kept free.
    Reserved,
}

/// A mirror.
#[derive(Debug, Clone)]
pub struct Array {
    /// Its name under `/dev/md`.
    pub name: String,
    /// What is on it.
    pub file_system: FileSystem,
}

/// A volume group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its volumes.
    pub volumes: Vec<LogicalVolume>,
    /// Where in the description it is.
    pub path: String,
}

/// A logical volume.
#[derive(Debug, Clone)]
pub struct LogicalVolume {
    /// Its name.
    pub name: String,
    /// How large.
    pub size: Size,
    /// What is on it.
    pub file_system: FileSystem,
    /// Where in the description it is.
    pub path: String,
}

/// Something that mkfs makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// What it is.
    pub kind: FsKind,
    /// Where it is mounted.
    pub mount: Option<MountPoint>,
    /// Its label.
    pub label: Option<String>,
    /// Whether what is on it stays under policies that keep data.
    pub keep_data: bool,
    /// Its line in fstab counts; else it stands there commented out.
    pub fstab_enabled: bool,
    /// Its mount options.
    pub fstab_options: String,
    /// The trees that it belongs to: indices.
    pub trees: Vec<usize>,
}

/// Kinds of file systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum FsKind {
    Ext2,
    Ext3,
    Ext4,
    Xfs,
    Btrfs,
    Vfat,
    Swap,
}

impl FsKind {
    /// All, by the names of descriptions.
    pub const NAMES: &'static [(&'static str, FsKind)] = &[
        ("ext2", FsKind::Ext2),
        ("ext3", FsKind::Ext3),
        ("ext4", FsKind::Ext4),
        ("xfs", FsKind::Xfs),
        ("btrfs", FsKind::Btrfs),
        ("vfat", FsKind::Vfat),
        ("swap", FsKind::Swap),
        // Further names of older descriptions.
        ("fat32", FsKind::Vfat),
        ("fat16", FsKind::Vfat),
        ("dosfs", FsKind::Vfat),
    ];

    /// Its name, as the kernel and fstab have it.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).expect("every kind has a name").0
    }

    /// Whether it can have this label.
    ///
    /// # Errors
    /// What it takes, and what was found.
    pub fn takes_label(self, label: &str) -> Result<(), String> {
        let (kind, longest) = (self.name(), self.longest_label());
        if label.len() > longest {
            return Err(format!(
                "expected at most {longest} bytes for {kind}, found {}: {label:?}",
                label.len()
            ));
        }
        // Names of FAT, from which its labels come.
        let taken = |letter: &char| !letter.is_ascii() || "*?.,;:/\\|+=<>[]\"".contains(*letter);
        match label.chars().find(taken).filter(|_| self == FsKind::Vfat) {
            Some(letter) => {
                Err(format!("expected a label for {kind}, which has no {letter:?}; found {label:?}"))
            }
            None => Ok(()),
        }
    }

    /// The most bytes of a label.
    fn longest_label(self) -> usize {
        match self {
            FsKind::Ext2 | FsKind::Ext3 | FsKind::Ext4 => 16,
            FsKind::Xfs => 12,
            FsKind::Btrfs => 255,
            FsKind::Vfat => 11,
            FsKind::Swap => 15,
        }
    }
}

/// An absolute path without `.`, `..` or doubled slashes: where something is mounted, or lies in a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MountPoint(PathBuf);

impl MountPoint {
    /// The root of a tree.
    pub fn root() -> Self {
        Self(PathBuf::from("/"))
    }

    /// Takes an absolute path; slashes at its end and doubled ones do not count. Characters that fstab could
    /// not hold are refused.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err("it must begin with a slash".to_owned());
        }
        if text.chars().any(|letter| letter.is_control() || letter.is_whitespace() || letter == '\\') {
            return Err("it may not hold blanks, backslashes or control characters".to_owned());
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        if parts.iter().any(|part| matches!(*part, "." | "..")) {
            return Err("it may not hold . or ..".to_owned());
        }
        Ok(Self(PathBuf::from(format!("/{}", parts.join("/")))))
    }

    /// As a path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// Directories between it and the root.
    pub fn depth(&self) -> usize {
        self.0.components().count()
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.depth() == 1
    }

    /// Whether `other` is it or lies in it.
    pub fn holds(&self, other: &Path) -> bool {
        other.starts_with(&self.0)
    }
}

impl fmt::Display for MountPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.display())
    }
}

/// A tree of files that is deployed: an operating system, or a part that trees share.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The name of the image that makes it.
    pub name: String,
    /// Whether it is an operating system: an image goes to its root.
    pub has_root: bool,
}

/// An image: where from and where to.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its name in the description.
    pub name: String,
    /// The trees that it is pulled into: one, or several that share it.
    pub trees: Vec<usize>,
    /// Whether its tree is the one that boots when nobody chooses.
    pub boot: bool,
    /// Its name, for the list of boot entries.
    pub image_name: String,
    /// Its UUID, for the list of boot entries.
    pub image_uuid: String,
    /// Where it comes from, as it was written.
    pub url: String,
    /// Where it goes in the tree.
    pub target: MountPoint,
    /// What it has to be, if it is a file.
    pub checks: Checks,
    /// Where in the description it is.
    pub path: String,
}

/// How images are pulled.
#[derive(Debug, Clone)]
pub struct PullOptions {
    /// What is kept and how it is compared.
    pub options: Options,
    /// How long to wait for the server.
    pub timeouts: Timeouts,
    /// How often to connect again.
    pub retries: u32,
    /// Where the password is.
    pub password_file: Option<PathBuf>,
    /// With a weaker digest the password is not given.
    pub least_digest: Option<Digest>,
    /// Port, where the URL names none.
    pub port: Option<u16>,
    /// What was said of the way to the server.
    pub ways: Ways,
    /// What stands around a transfer.
    pub walls: Walls,
}

/// The way to a server, as far as it was said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ways {
    /// The remote shell, with its arguments.
    pub rsh: Option<String>,
    /// What a remote shell runs on the server.
    pub rsync_path: Option<String>,
    /// A socket behind which a daemon is.
    pub unix_socket: Option<PathBuf>,
    /// Authorities that are trusted over TLS, in PEM.
    pub tls_ca: Option<PathBuf>,
    /// The own certificate, in PEM.
    pub tls_cert: Option<PathBuf>,
    /// Its key, in PEM; nothing if it is in the same file.
    pub tls_key: Option<PathBuf>,
}

/// Walls around a transfer, by which the kernel keeps it within its destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Walls {
    /// Where the kernel has them.
    #[default]
    Possible,
    /// There is no transfer without them.
    Demanded,
    /// None.
    None,
}

/// Where the files of the config drive come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigSource {
    /// A directory on this machine.
    Directory(PathBuf),
    /// A URL that leads to an image, or to one in gzip and base64.
    Url(String),
    /// An image, in gzip and base64.
    Encoded(String),
}

impl Description {
    /// Every file system with what it is on: partitions, then arrays, then logical volumes.
    pub fn file_systems(&self) -> impl Iterator<Item = &FileSystem> {
        let partitions =
            self.disks.iter().flat_map(|disk| &disk.volumes).filter_map(|volume| match &volume.role {
                Role::FileSystem(file_system) => Some(file_system),
                _ => None,
            });
        let arrays = self.arrays.iter().map(|array| &array.file_system);
        let logical = self.groups.iter().flat_map(|group| &group.volumes).map(|volume| &volume.file_system);
        partitions.chain(arrays).chain(logical)
    }

    /// The images of a tree, those that go nearer to the root first.
    pub fn images_of(&self, tree: usize) -> Vec<&Image> {
        let mut images: Vec<&Image> =
            self.images.iter().filter(|image| image.trees.contains(&tree)).collect();
        images.sort_by_key(|image| image.target.depth());
        images
    }

    /// The operating systems.
    pub fn systems(&self) -> impl Iterator<Item = usize> {
        (0..self.trees.len()).filter(|tree| self.trees[*tree].has_root)
    }

    /// Whether there is any operating system, which then wants a boot loader.
    pub fn has_system(&self) -> bool {
        self.systems().next().is_some()
    }

    /// Whether several operating systems share the machine, and a common boot loader.
    pub fn has_boot_menu(&self) -> bool {
        self.systems().count() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_have_one_spelling() {
        for (text, meant) in [("/", "/"), ("//", "/"), ("/var/", "/var"), ("/a//b", "/a/b")] {
            assert_eq!(MountPoint::parse(text).unwrap().to_string(), meant);
        }
        for text in ["", "var", "/a/../b", "/./a", "/a b", "/a\tb", "/a\\040b"] {
            assert!(MountPoint::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_mount_holds_what_lies_in_it() {
        assert!(MountPoint::root().is_root());
        let var = MountPoint::parse("/var").unwrap();
        assert!(var.holds(Path::new("/var/lib")) && !var.holds(Path::new("/variable")));
    }
}
