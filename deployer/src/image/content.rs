//! What an image holds, by its superblock: the file system that it is, and how long that is.

use crate::model::FsKind;

/// So much of an image has all that is looked at here, in bytes: the superblock of Btrfs lies deepest.
pub(super) const HEAD: usize = BTRFS + 4096;

const EXT: usize = 1024;
const BTRFS: usize = 64 * 1024;

/// A file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) kind: FsKind,
    /// In bytes.
    pub(crate) len: u64,
}

/// What stands in a little-endian superblock.
struct Little<'a>(&'a [u8]);

impl Little<'_> {
    fn u16(&self, at: usize) -> u16 {
        self.bytes(at).map_or(0, u16::from_le_bytes)
    }

    fn u32(&self, at: usize) -> u32 {
        self.bytes(at).map_or(0, u32::from_le_bytes)
    }

    fn u64(&self, at: usize) -> u64 {
        self.bytes(at).map_or(0, u64::from_le_bytes)
    }

    fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..at + N)?.try_into().ok()
    }
}

impl Content {
    /// What an image is that begins so.
    ///
    /// # Errors
    /// In words, what it is instead.
    pub(crate) fn of(head: &[u8]) -> Result<Self, String> {
        xfs(head).or_else(|| btrfs(head)).unwrap_or_else(|| ext(head).ok_or_else(|| describe(head)))
    }
}

/// `ext4/super.rst` of the kernel's documentation. Which of the three it is, is decided as blkid does, by the features
/// that the older ones do not have.
fn ext(head: &[u8]) -> Option<Content> {
    let block = Little(head.get(EXT..EXT + 1024)?);
    if block.u16(0x38) != 0xef53 {
        return None;
    }
    let (compatible, incompatible, read_only) = (block.u32(0x5c), block.u32(0x60), block.u32(0x64));
    let journal = compatible & 0x4 != 0;
    // Files' types in directories, a journal to replay, groups of descriptors; sparse superblocks, large files.
    let is_old = incompatible & !(0x2 | 0x4 | 0x10) == 0 && read_only & !(0x1 | 0x2 | 0x4) == 0;
    let kind = match (is_old, journal) {
        (true, true) => FsKind::Ext3,
        (true, false) => FsKind::Ext2,
        (false, _) => FsKind::Ext4,
    };
    let high = if incompatible & 0x80 == 0 { 0 } else { block.u32(0x150) };
    let blocks = u64::from(high) << 32 | u64::from(block.u32(0x4));
    let block_len = 1024_u64.checked_shl(block.u32(0x18))?;
    Some(Content { kind, len: blocks.checked_mul(block_len)? })
}

/// "XFS Algorithms & Data Structures", superblocks: numbers are big-endian.
fn xfs(head: &[u8]) -> Option<Result<Content, String>> {
    let number = |at: usize| Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?));
    if !head.starts_with(b"XFSB") {
        return None;
    }
    let blocks = u64::from(number(8)?) << 32 | u64::from(number(12)?);
    let len = blocks.checked_mul(number(4)?.into())?;
    Some(Ok(Content { kind: FsKind::Xfs, len }))
}

/// `uapi/linux/btrfs_tree.h` of the kernel.
fn btrfs(head: &[u8]) -> Option<Result<Content, String>> {
    let block = Little(head.get(BTRFS..BTRFS + 4096)?);
    if block.bytes(0x40) != Some(*b"_BHRfS_M") {
        return None;
    }
    if block.u64(0x88) != 1 {
        return Some(Err(format!("one of {} devices of a Btrfs", block.u64(0x88))));
    }
    Some(Ok(Content { kind: FsKind::Btrfs, len: block.u64(0x70) }))
}

/// What it may be instead.
fn describe(head: &[u8]) -> String {
    let text = head[..head.len().min(64)].trim_ascii_start().to_ascii_lowercase();
    let starts = |begin: &[u8]| text.starts_with(begin);
    if head.is_empty() {
        return "an empty file".to_owned();
    }
    if starts(b"<!doctype") || starts(b"<html") || starts(b"<?xml") || starts(b"<head") {
        return "a page for browsers, perhaps one that tells of an error or asks for a password".to_owned();
    }
    if head.starts_with(b"QFI\xfb") {
        return "a disk of a virtual machine; `qemu-img convert -O raw` unpacks it".to_owned();
    }
    if head.get(512..520) == Some(b"EFI PART") || head.get(510..512) == Some(&[0x55, 0xaa]) {
        return "an image of a whole disk, or of a file system of another kind".to_owned();
    }
    if head.get(257..262) == Some(b"ustar") {
        return "an archive of files (tar)".to_owned();
    }
    if head.starts_with(b"hsqs") {
        return "a squashfs".to_owned();
    }
    if head.iter().all(|byte| *byte == 0) {
        return "nothing but zeros at the beginning".to_owned();
    }
    "something else".to_owned()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What mkfs makes of so many MiB.
    fn made(mebibytes: u64, program: &str, options: &[&str]) -> Result<Content, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(mebibytes << 20).unwrap();
        let done = Command::new(program).args(options).arg(file.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let mut head = std::fs::read(file.path()).unwrap();
        head.truncate(HEAD);
        Content::of(&head)
    }

    #[test]
    fn file_systems_are_told_apart_with_their_lengths() {
        let found = |kind, mebibytes: u64| Ok(Content { kind, len: mebibytes << 20 });
        assert_eq!(made(16, "mkfs.ext2", &["-qF"]), found(FsKind::Ext2, 16));
        assert_eq!(made(16, "mkfs.ext3", &["-qF"]), found(FsKind::Ext3, 16));
        assert_eq!(made(16, "mkfs.ext4", &["-qF", "-b", "1024"]), found(FsKind::Ext4, 16));
        assert_eq!(made(32, "mkfs.ext4", &["-qF", "-O", "64bit"]), found(FsKind::Ext4, 32));
        assert_eq!(made(320, "mkfs.xfs", &["-q"]), found(FsKind::Xfs, 320));
        assert_eq!(made(128, "mkfs.btrfs", &["-q"]), found(FsKind::Btrfs, 128));
    }

    #[test]
    fn what_is_no_file_system_is_described() {
        let said = |head: &[u8]| Content::of(head).unwrap_err();
        assert!(said(b"\n<!DOCTYPE html><html>").contains("page for browsers"));
        assert!(said(b"QFI\xfb\0\0\0\x03").contains("qemu-img"));
        assert!(said(&[0; HEAD]).contains("zeros"));
        assert!(said(b"").contains("empty"));
        let mut disk = vec![0; HEAD];
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        assert!(said(&disk).contains("whole disk"));
    }
}
