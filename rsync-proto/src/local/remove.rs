//! Looks at and removes what is at the destination and not in the file list. Directories are opened one below the
//! other and nothing is reached by a path, so that whoever moves them meanwhile leads nobody astray.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, StatxAttributes, StatxFlags, fstat, openat, statat, statx,
    unlinkat,
};
use rustix::io::{Errno, read};

use super::basis::open_file;
use super::dir::LocalDir;
use super::tree::LocalTree;
use crate::destination::{Foreign, Found, Removed};
use crate::flist::{Kind, SafePath};
use crate::report::Changes;

impl LocalTree {
    /// What may be deleted in a directory.
    pub(super) fn entries_of(&self, dir: &LocalDir) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        if dir.fd.is_none() || dir.fresh || self.is_in_use(&dir.path) {
            return Ok(found);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut buffer = vec![std::mem::MaybeUninit::uninit(); 32 * 1024];
        let mut entries = RawDir::new(openat(dir.fd(), c".", flags, Mode::empty())?, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let kind = match kind_of(entry.file_type()) {
                Some(kind) => kind,
                None => match statat(dir.fd(), entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => Kind::from_mode(stat.st_mode).unwrap_or(Kind::File),
                    Err(Errno::NOENT) => continue,
                    Err(error) => return Err(error.into()),
                },
            };
            found.push(Found { name: name.into(), kind });
        }
        Ok(found)
    }

    /// A small file of a directory, if it is there.
    pub(super) fn read_small_file(
        &self,
        dir: &LocalDir,
        name: &[u8],
        most: usize,
    ) -> io::Result<Option<Vec<u8>>> {
        if dir.fd.is_none() || dir.fresh {
            return Ok(None);
        }
        let file = match open_file(dir.fd(), name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut content = vec![0; most.min(fstat(&file)?.st_size as usize) + 1];
        let mut len = 0;
        while len < content.len() {
            match read(&file, &mut content[len..])? {
                0 => break,
                more => len += more,
            }
        }
        if len > most {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it has more than {most} bytes"),
            ));
        }
        content.truncate(len);
        Ok(Some(content))
    }

    /// Opens a directory of a directory to remove what is in it.
    pub(super) fn open_foreign_directory(
        &self,
        dir: &LocalDir,
        path: &SafePath,
    ) -> io::Result<Foreign<LocalDir>> {
        if self.is_in_use(path) {
            return Ok(Foreign::InUse);
        }
        let (_, name) = path.split_last();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(dir.fd(), name, flags, Mode::empty())?;
        if is_mount_point(&fd, dir)? {
            return Ok(Foreign::Mounted);
        }
        self.visit(fd, path, None).map(Foreign::Dir)
    }

    /// Whether a directory is one that the caller named to keep something in, or lies in such a one.
    fn is_in_use(&self, path: &SafePath) -> bool {
        let path = path.as_bytes();
        self.in_use.get().is_some_and(|places| {
            places.iter().any(|place| {
                path.strip_prefix(&place[..]).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
            })
        })
    }

    /// Removes one entry of a directory; a directory only if it is empty.
    pub(super) fn remove_entry(&self, dir: &LocalDir, name: &[u8], kind: Kind) -> io::Result<Removed> {
        if self.options.dry_run {
            return Ok(Removed::Gone);
        }
        dir.disturb();
        if kind == Kind::Directory {
            return match unlinkat(dir.fd(), name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => Ok(Removed::Gone),
                Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(Removed::NotEmpty),
                Err(Errno::BUSY) => Ok(Removed::Mounted),
                Err(error) => Err(error.into()),
            };
        }
        if let Some(backups) = self.places().backups.as_ref().filter(|backups| !backups.is_backup(name)) {
            match statat(dir.fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => backups.take_away(dir, name, &stat)?,
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
            return Ok(Removed::Gone);
        }
        match unlinkat(dir.fd(), name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(Removed::Gone),
            Err(Errno::BUSY) => Ok(Removed::Mounted),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a directory of the tree again, if it is one. Nothing in it is going to be made.
    pub(super) fn reopen_directory(&self, path: &SafePath) -> io::Result<Option<LocalDir>> {
        if self.root.get().is_none() {
            return Ok(None);
        }
        match self.open_below(path) {
            Ok((fd, before)) => self.visit(fd, path, before).map(Some),
            Err(error) if is_no_directory(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A directory that keeps its mode, which was `before` if it had to be changed for this.
    fn visit(&self, fd: OwnedFd, path: &SafePath, before: Option<u32>) -> io::Result<LocalDir> {
        let mut dir = self.dir(Some(fd), path.clone(), false, Changes::default())?;
        dir.mode_before = before.or(dir.mode_before);
        dir.is_visited = true;
        Ok(dir)
    }
}

pub(super) fn is_no_directory(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    [Errno::NOENT, Errno::NOTDIR, Errno::LOOP].iter().any(|no| number == Some(no.raw_os_error()))
}

/// Whether a file system begins at the directory that was opened in `parent`.
fn is_mount_point(fd: &OwnedFd, parent: &LocalDir) -> io::Result<bool> {
    let status = statx(fd.as_fd(), c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
    if status.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT) {
        return Ok(status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT));
    }
    // Kernels before 5.8 do not tell; there, another device does.
    Ok(fstat(fd)?.st_dev != fstat(parent.fd())?.st_dev)
}

fn kind_of(kind: FileType) -> Option<Kind> {
    Some(match kind {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::CharacterDevice => Kind::CharDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::Unknown => return None,
    })
}
