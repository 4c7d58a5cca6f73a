//! The few calls that the compiler cannot check: the kernel's partitions, network cards, a mount namespace, and what
//! a child does before it becomes another program. The only room with unsafe code.
#![allow(unsafe_code)]

mod network;

use std::ffi::{CStr, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use rustix::ioctl::{self, Opcode};
use rustix::process::Signal;
use rustix::thread::UnshareFlags;

pub(crate) use self::network::{add_default_route, add_host_route, bring_up, set_address};

/// `BLKPG` of the kernel's `linux/blkpg.h`.
const BLKPG: Opcode = 0x1269;
const ADD_PARTITION: i32 = 1;
const DELETE_PARTITION: i32 = 2;

#[repr(C)]
struct PartitionArgument {
    start: i64,
    length: i64,
    number: i32,
    names: [u8; 128],
}

#[repr(C)]
struct BlkpgArgument {
    operation: i32,
    flags: i32,
    length: i32,
    data: *mut c_void,
}

/// Makes partition `number` of the disk known to the kernel; start and length in bytes.
pub(crate) fn add_partition(disk: impl AsFd, number: u32, start: u64, length: u64) -> io::Result<()> {
    blkpg(disk, ADD_PARTITION, number, start, length)
}

/// Makes the kernel forget partition `number` of the disk.
pub(crate) fn delete_partition(disk: impl AsFd, number: u32) -> io::Result<()> {
    blkpg(disk, DELETE_PARTITION, number, 0, 0)
}

fn blkpg(disk: impl AsFd, operation: i32, number: u32, start: u64, length: u64) -> io::Result<()> {
    let too_large = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let mut partition = PartitionArgument {
        start: start.try_into().map_err(too_large)?,
        length: length.try_into().map_err(too_large)?,
        number: number.try_into().map_err(too_large)?,
        names: [0; 128],
    };
    let argument = BlkpgArgument {
        operation,
        flags: 0,
        length: size_of::<PartitionArgument>() as i32,
        data: (&raw mut partition).cast(),
    };
    // SAFETY: the opcode takes a pointer to this structure, which leads to a partition that lives longer than
    // the call; the kernel only reads both.
    unsafe { ioctl::ioctl(disk, ioctl::Setter::<BLKPG, BlkpgArgument>::new(argument))? };
    Ok(())
}

/// Gives this process a mount namespace of its own: what is mounted from now on is seen by it and its children
/// only, and is gone with the last of them, however they end. What others unmount is unmounted here too, so that no disk
/// is kept busy, where the system shares its mounts.
pub(crate) fn private_mounts() -> io::Result<()> {
    // SAFETY: no file descriptors are unshared.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS)? };
    let flags = rustix::mount::MountPropagationFlags::DOWNSTREAM | rustix::mount::MountPropagationFlags::REC;
    Ok(rustix::mount::mount_change("/", flags)?)
}

/// `listxattrat` (Linux 6.13), which no library has yet.
const LISTXATTRAT: libc::c_long = 465;

/// Lists the names of the extended attributes of a file in a directory, without following a symlink.
pub(crate) fn list_xattrs(dir: BorrowedFd<'_>, name: &CStr, into: &mut [u8]) -> io::Result<usize> {
    let (dir, flags) = (dir.as_raw_fd(), libc::AT_SYMLINK_NOFOLLOW);
    // SAFETY: the name ends with a NUL, and the kernel writes no more than the buffer is long.
    let len = unsafe { libc::syscall(LISTXATTRAT, dir, name.as_ptr(), flags, into.as_mut_ptr(), into.len()) };
    usize::try_from(len).map_err(|_| io::Error::last_os_error())
}

/// A file descriptor that this process was given, as another one that is its own.
pub(crate) fn inherited(number: i32) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(rustix::io::Errno::BADF.into());
    }
    // SAFETY: it is borrowed for this call only, which finds out whether it is open.
    let given = unsafe { BorrowedFd::borrow_raw(number) };
    Ok(rustix::io::fcntl_dupfd_cloexec(given, 3)?)
}

/// What becomes of a child before its program starts: it ends with this process, and sees `root` as its root.
pub(crate) fn prepare_child(command: &mut Command, root: Option<PathBuf>) {
    let parent = rustix::process::getpid();
    let prepare = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have ended just before, of which nobody tells.
        if rustix::process::getppid() != Some(parent) {
            return Err(rustix::io::Errno::SRCH.into());
        }
        if let Some(root) = &root {
            rustix::process::chroot(root)?;
            rustix::process::chdir("/")?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are made; converting the path to a C string uses the stack
    // for paths of this length, and the value was allocated before the fork.
    unsafe { command.pre_exec(prepare) };
}
