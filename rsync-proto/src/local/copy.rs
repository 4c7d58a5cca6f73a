//! Copies files within this machine, where no link or rename leads: content with its holes, and attributes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    FileType, Mode, OFlags, SeekFrom, Stat, copy_file_range, fstat, mknodat, openat, readlinkat, seek,
    symlinkat,
};
use rustix::io::{Errno, read};

use super::basis::{READ_SIZE, open_file};
use super::dir::kind;
use super::node::Node;
use super::seen::Attributes;
use super::write::Writer;
use crate::flist::Kind;
use crate::wire::flags::mode;

/// Copies a regular file to a name that is not taken, with all of its attributes. Returns the copy.
pub(super) fn copy_file(
    from_dir: BorrowedFd<'_>,
    from: &[u8],
    to_dir: BorrowedFd<'_>,
    to: &[u8],
) -> io::Result<OwnedFd> {
    let source = open_file(from_dir, from)?;
    let target = create(to_dir, to)?;
    copy_content(&source, &target)?;
    copy_attributes(&Node::borrowed(source.as_fd()), &Node::borrowed(target.as_fd()), &fstat(&source)?)?;
    Ok(target)
}

/// A new file, for its maker alone.
pub(super) fn create(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(dir, name, flags, Mode::from_raw_mode(0o600))?)
}

/// Copies what is in a file without a name to a name that is not taken.
pub(super) fn copy_of_nameless(
    file: BorrowedFd<'_>,
    dir: BorrowedFd<'_>,
    name: &[u8],
) -> io::Result<OwnedFd> {
    let source = file.try_clone_to_owned()?;
    seek(&source, SeekFrom::Start(0))?;
    let target = create(dir, name)?;
    copy_content(&source, &target)?;
    Ok(target)
}

/// Copies what is in a file into an empty one; by the kernel where it can.
pub(super) fn copy_content(source: &OwnedFd, target: &OwnedFd) -> io::Result<()> {
    let size = fstat(source)?.st_size as u64;
    let mut left = size;
    while left > 0 {
        match copy_file_range(source, None, target, None, left.min(1 << 30) as usize) {
            // It became shorter meanwhile, or is of a kind whose size says nothing.
            Ok(0) => return Ok(()),
            Ok(len) => left = left.saturating_sub(len as u64),
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if left == size => {
                return copy_by_hand(source, target);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn copy_by_hand(source: &OwnedFd, target: &OwnedFd) -> io::Result<()> {
    let mut writer = Writer::new(target.try_clone()?, true, false);
    let mut buffer = vec![0; READ_SIZE];
    loop {
        match read(source, &mut buffer[..])? {
            0 => return writer.end(),
            len => writer.bytes(&buffer[..len])?,
        }
    }
}

/// Copies what is no regular file and no directory to a name that is not taken.
pub(super) fn copy_other(
    from_dir: BorrowedFd<'_>,
    from: &[u8],
    to_dir: BorrowedFd<'_>,
    to: &[u8],
    stat: &Stat,
) -> io::Result<()> {
    let node = |kind| mknodat(to_dir, to, kind, Mode::from_raw_mode(0o600), stat.st_rdev);
    match kind(stat) {
        Some(Kind::Symlink) => symlinkat(readlinkat(from_dir, from, Vec::new())?, to_dir, to)?,
        Some(Kind::CharDevice) => node(FileType::CharacterDevice)?,
        Some(Kind::BlockDevice) => node(FileType::BlockDevice)?,
        Some(Kind::Fifo) => node(FileType::Fifo)?,
        Some(Kind::Socket) => node(FileType::Socket)?,
        Some(Kind::File | Kind::Directory) | None => {
            return Err(io::Error::other("it is of another kind by now"));
        }
    }
    copy_attributes(&Node::hold(from_dir, from)?, &Node::hold(to_dir, to)?, stat)
}

/// Gives one file the attributes of another: owner, extended attributes with access control lists, mode, time. Only
/// root can keep owners.
pub(super) fn copy_attributes<F: AsFd, T: AsFd>(from: &Node<F>, to: &Node<T>, stat: &Stat) -> io::Result<()> {
    if rustix::process::geteuid().is_root() {
        to.set_owner(Some(stat.st_uid), Some(stat.st_gid))?;
    }
    let names = from.xattr_names()?;
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        if let Some(value) = from.xattr(name)? {
            // What the other file system does not have is left behind.
            let _ = to.set_xattr(name, &value);
        }
    }
    if kind(stat) != Some(Kind::Symlink) {
        to.set_mode(stat.st_mode & mode::PERMISSIONS)?;
    }
    to.set_times(None, Some((stat.st_mtime, stat.st_mtime_nsec as u32)))
}
