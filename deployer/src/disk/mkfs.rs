//! Making file systems and swap: such as the kernels and boot loaders of older images understand, whatever the tools of
//! this machine would choose by themselves.

use std::fs;
use std::io;
use std::path::Path;

use super::DiskError;
use crate::command::{Command, CommandError};
use crate::model::FsKind;
use crate::stop::Stop;

/// What mke2fs reads instead of the machine's own settings, so that features, block size and inodes are known before.
/// Left out of ext4 are `orphan_file`, which older e2fsck refuse, and `metadata_csum_seed`, which GRUB 2.06 does not
/// read.
const MKE2FS_CONF: &str = "\
[defaults]
\tbase_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
\tdefault_mntopts = acl,user_xattr
\tenable_periodic_fsck = 0
\tblocksize = 4096
\tinode_size = 256
\tinode_ratio = 16384
[fs_types]
\text3 = {
\t\tfeatures = has_journal
\t}
\text4 = {
\t\tfeatures = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
\t}
\tfloppy = {
\t\tinode_ratio = 4096
\t}
\tsmall = {
\t\tinode_ratio = 4096
\t}
\tbig = {
\t\tinode_ratio = 32768
\t}
\thuge = {
\t\tinode_ratio = 65536
\t}
";
const MKE2FS_CONF_PATH: &str = "/run/deployer/mke2fs.conf";

/// Features of XFS that are on in newer tools and that boot loaders or kernels of older images do not read: the
/// option, the feature.
const NEW_IN_XFS: [(&str, &str); 3] = [("-i", "nrext64"), ("-i", "exchange"), ("-n", "parent")];
/// The same of Btrfs.
const NEW_IN_BTRFS: &str = "block-group-tree";

/// The command that makes a file system, without what depends on the version of its tool.
pub(super) fn command(node: &Path, kind: FsKind, label: Option<&str>) -> Command {
    let command = match kind {
        FsKind::Ext2 | FsKind::Ext3 | FsKind::Ext4 => Command::new(format!("mkfs.{}", kind.name()))
            .env("MKE2FS_CONFIG", MKE2FS_CONF_PATH)
            .args(["-q", "-F"]),
        FsKind::Xfs => Command::new("mkfs.xfs").args(["-q", "-f"]),
        FsKind::Btrfs => Command::new("mkfs.btrfs").args(["-q", "-f"]),
        FsKind::Vfat => Command::new("mkfs.vfat"),
        FsKind::Swap => Command::new("mkswap"),
    };
    let option = if kind == FsKind::Vfat { "-n" } else { "-L" };
    let command = match label {
        Some(label) => command.args([option, label]),
        None => command,
    };
    command.arg(node)
}

/// Makes it.
pub(crate) fn make(node: &Path, kind: FsKind, label: Option<&str>, stop: &Stop) -> Result<(), MkfsError> {
    let mut command = command(node, kind, label);
    match kind {
        FsKind::Ext2 | FsKind::Ext3 | FsKind::Ext4 => {
            let path = Path::new(MKE2FS_CONF_PATH);
            let written = fs::create_dir_all(path.parent().expect("it is in a directory"))
                .and_then(|()| write_settings(path));
            written.map_err(DiskError::new("write", path))?;
        }
        FsKind::Xfs => {
            let usage = Command::new("mkfs.xfs").say_anything(stop)?;
            for (option, feature) in known(&usage) {
                command = command.arg(option).arg(format!("{feature}=0"));
            }
        }
        FsKind::Btrfs => {
            let features = Command::new("mkfs.btrfs").args(["-O", "list-all"]).say_anything(stop)?;
            if features.contains(NEW_IN_BTRFS) {
                command = command.arg("-O").arg(format!("^{NEW_IN_BTRFS}"));
            }
        }
        FsKind::Vfat | FsKind::Swap => {}
    }
    command.run(stop)?;
    Ok(())
}

/// Puts them into their place as a whole: a deployment onto other disks may be reading them, and with half of them mke2fs
/// makes something else without a word.
fn write_settings(path: &Path) -> io::Result<()> {
    let mut new = path.to_owned().into_os_string();
    new.push(format!(".{}", std::process::id()));
    fs::write(&new, MKE2FS_CONF).and_then(|()| fs::rename(&new, path))
}

/// Those of the new features that the tool knows, by what it says about itself.
fn known(usage: &str) -> Vec<(&'static str, &'static str)> {
    let names = |feature: &str| usage.contains(&format!("{feature}=0|1"));
    NEW_IN_XFS.into_iter().filter(|(_, feature)| names(feature)).collect()
}

/// A file system was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MkfsError {
    #[error("{0}")]
    Tool(#[from] CommandError),
    #[error("{0}")]
    Disk(#[from] DiskError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_are_made_with_their_labels() {
        let make = |kind, label: Option<&str>| command(Path::new("/dev/sda2"), kind, label).to_string();
        let ext = "env MKE2FS_CONFIG=/run/deployer/mke2fs.conf";
        assert_eq!(make(FsKind::Ext4, None), format!("{ext} mkfs.ext4 -q -F /dev/sda2"));
        assert_eq!(make(FsKind::Ext3, Some("a b")), format!("{ext} mkfs.ext3 -q -F -L 'a b' /dev/sda2"));
        assert_eq!(make(FsKind::Xfs, None), "mkfs.xfs -q -f /dev/sda2");
        assert_eq!(make(FsKind::Btrfs, Some("x")), "mkfs.btrfs -q -f -L x /dev/sda2");
        assert_eq!(make(FsKind::Vfat, Some("EFI")), "mkfs.vfat -n EFI /dev/sda2");
        assert_eq!(make(FsKind::Swap, Some("swap")), "mkswap -L swap /dev/sda2");
    }

    #[test]
    fn whoever_reads_the_settings_reads_all_of_them() {
        use std::io::Read;
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("mke2fs.conf");
        fs::write(&path, "older").unwrap();
        let mut reader = fs::File::open(&path).unwrap();
        write_settings(&path).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "older");
        assert_eq!(fs::read_to_string(&path).unwrap(), MKE2FS_CONF);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_features_that_the_tool_knows_are_named() {
        assert_eq!(known("-i perblock=n|size=num,sparse=0|1,nrext64=0|1]"), [("-i", "nrext64")]);
        let newer = "nrext64=0|1,exchange=0|1] [-n size=num,parent=0|1]";
        assert_eq!(known(newer), [("-i", "nrext64"), ("-i", "exchange"), ("-n", "parent")]);
        assert!(known("Usage: mkfs.xfs").is_empty());
    }
}
