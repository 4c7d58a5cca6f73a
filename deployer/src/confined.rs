//! Files in a tree that is being deployed. Its symlinks were made by others and mean places in that tree, so every
//! path is resolved with the tree as its root: none leads to the system that does the work.

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, XattrFlags, fchmod, fchown, fgetxattr, fsetxattr,
    fstat, mkdirat, open, openat, openat2, renameat, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

/// The most that is read of one file, in bytes.
pub(crate) const MOST: u64 = 1 << 20;
/// Beside a file that is being written.
const TEMPORARY: &str = ".deployer-new";

/// How often the kernel is asked again that could not tell where `..` leads.
const ATTEMPTS: usize = 1000;

/// The root of a tree.
#[derive(Debug)]
pub(crate) struct Root {
    directory: OwnedFd,
    path: PathBuf,
}

impl Root {
    /// The tree in this directory.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let directory = open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { directory, path: path.to_owned() })
    }

    /// Where it is, as seen from outside.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let path = path.strip_prefix("/").unwrap_or(path);
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let attempt = || openat2(&self.directory, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve);
        let mut result = attempt();
        for _ in 0..ATTEMPTS {
            // A link has `..` in it, and somewhere on this machine something was renamed or mounted meanwhile.
            let Err(Errno::AGAIN) = result else { break };
            std::thread::yield_now();
            result = attempt();
        }
        match result {
            // Before Linux 5.6: links are not followed at all.
            Err(Errno::NOSYS) => self.resolve_without_links(path, flags),
            result => result,
        }
    }

    fn resolve_without_links(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut at = openat(&self.directory, ".", step, Mode::empty())?;
        let mut parts = path.components().peekable();
        while let Some(part) = parts.next() {
            let Component::Normal(name) = part else { continue };
            let flags =
                if parts.peek().is_some() { step } else { flags | OFlags::NOFOLLOW | OFlags::CLOEXEC };
            at = openat(&at, name, flags, Mode::empty())?;
        }
        Ok(at)
    }

    /// The directory at `path`, made if it is missing, with what leads to it.
    pub(crate) fn make_directory(&self, path: &Path) -> io::Result<OwnedFd> {
        let directory = OFlags::PATH | OFlags::DIRECTORY;
        let mut so_far = PathBuf::new();
        for part in path.components() {
            let Component::Normal(name) = part else { continue };
            let parent = self.resolve(&so_far, directory)?;
            match mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            so_far.push(name);
        }
        Ok(self.resolve(&so_far, directory)?)
    }

    /// Whether there is anything at `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.resolve(Path::new(path), OFlags::PATH).is_ok()
    }

    /// Whether a symlink stands at `path`.
    pub(crate) fn is_symlink(&self, path: &Path) -> bool {
        let handle = self.resolve(path, OFlags::PATH | OFlags::NOFOLLOW);
        let stat = handle.and_then(fstat);
        stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
    }

    /// The regular file at `path`. Whatever else stands there is not even opened: a device would act on it.
    fn file(&self, path: &Path, access: OFlags) -> io::Result<Option<File>> {
        let handle = match self.resolve(path, OFlags::PATH) {
            Ok(handle) => handle,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if FileType::from_raw_mode(fstat(&handle)?.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("it is no regular file"));
        }
        let link = format!("/proc/self/fd/{}", handle.as_raw_fd());
        Ok(Some(File::from(open(link, access | OFlags::CLOEXEC, Mode::empty())?)))
    }

    /// The text of the file at `path`; nothing if there is none.
    pub(crate) fn read(&self, path: &str) -> io::Result<Option<String>> {
        Ok(self.bytes(path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Names in the directory at `path`, in order; none if it is missing.
    pub(crate) fn names(&self, path: &str) -> io::Result<Vec<String>> {
        let directory = match self.resolve(Path::new(path), OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(directory) => directory,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::new(directory)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Removes what is neither a directory nor a regular file from the directory at `path` and from those in it. A program
    /// of this machine that writes there would be led elsewhere by a link, and would wait for a FIFO.
    pub(crate) fn remove_specials(&self, path: &Path) -> io::Result<()> {
        let mut open = vec![path.to_owned()];
        while let Some(path) = open.pop() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
            let directory = match self.resolve(&path, flags) {
                Err(Errno::NOENT) => continue,
                result => result?,
            };
            for entry in rustix::fs::Dir::read_from(&directory)? {
                let entry = entry?;
                let name = OsStr::from_bytes(entry.file_name().to_bytes());
                if name == "." || name == ".." {
                    continue;
                }
                let stat = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
                match FileType::from_raw_mode(stat.st_mode) {
                    FileType::Directory => open.push(path.join(name)),
                    FileType::RegularFile => {}
                    _ => unlinkat(&directory, name, AtFlags::empty())?,
                }
            }
        }
        Ok(())
    }

    /// Removes the file at `path`, if there is one.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        let parent =
            match self.resolve(path.parent().unwrap_or(Path::new("/")), OFlags::PATH | OFlags::DIRECTORY) {
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
                result => result?,
            };
        match unlinkat(&parent, path.file_name().ok_or(io::ErrorKind::InvalidInput)?, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a file into its place: whole or not at all. It has owner, permissions and security label of a regular file
    /// that was there; a symlink that was there is replaced.
    pub(crate) fn write(&self, path: &str, content: &str) -> io::Result<()> {
        let path = Path::new(path);
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = self.make_directory(path.parent().unwrap_or(Path::new("/")))?;
        let mut temporary = name.to_owned();
        temporary.push(TEMPORARY);
        // Whatever the tree has there, it is not written through.
        match unlinkat(&parent, &temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&parent, &temporary, flags, Mode::from_raw_mode(0o600))?);
        let written = file.write_all(content.as_bytes()).and_then(|()| inherit(&parent, name, &file));
        let placed = written
            .and_then(|()| file.sync_all())
            .and_then(|()| Ok(renameat(&parent, &temporary, &parent, name)?));
        if placed.is_err() {
            let _ = unlinkat(&parent, &temporary, AtFlags::empty());
        }
        placed
    }

    /// The bytes of the regular file at `path`; nothing if there is none.
    pub(crate) fn bytes(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.file(Path::new(path), OFlags::RDONLY)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Writes into the regular file at `path`, from the byte at `offset` on, onto the disk. Its blocks stay where they are,
    /// since it gets no longer.
    pub(crate) fn overwrite(&self, path: &str, offset: u64, content: &[u8]) -> io::Result<()> {
        let file = self.file(Path::new(path), OFlags::WRONLY)?.ok_or(io::ErrorKind::NotFound)?;
        if file.metadata()?.len() < offset + content.len() as u64 {
            return Err(io::Error::other("it is shorter than expected"));
        }
        file.write_all_at(content, offset)?;
        file.sync_all()
    }

    /// Makes a symlink at `path`, with what leads to it. A symlink that was there is replaced.
    pub(crate) fn symlink(&self, path: &Path, target: &str) -> io::Result<()> {
        let parent = self.make_directory(path.parent().unwrap_or(Path::new("/")))?;
        if self.is_symlink(path) {
            self.remove(path)?;
        }
        Ok(symlinkat(target, &parent, path.file_name().ok_or(io::ErrorKind::InvalidInput)?)?)
    }

    /// Gives the entry at `path` another name in its directory. Nothing if it is missing.
    pub(crate) fn rename(&self, path: &str, name: &str) -> io::Result<()> {
        let path = Path::new(path);
        let parent =
            match self.resolve(path.parent().unwrap_or(Path::new("/")), OFlags::PATH | OFlags::DIRECTORY) {
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
                result => result?,
            };
        match renameat(&parent, path.file_name().ok_or(io::ErrorKind::InvalidInput)?, &parent, name) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Gives a new file what the regular file has that it replaces.
fn inherit(directory: &OwnedFd, name: &OsStr, new: &File) -> io::Result<()> {
    const LABEL: &str = "security.selinux";
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let old = openat(directory, name, flags, Mode::empty()).ok();
    let stat = old.as_ref().and_then(|old| fstat(old).ok());
    let regular = |stat: &rustix::fs::Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let (Some(old), Some(stat)) = (old, stat.filter(regular)) else {
        return Ok(fchmod(new, Mode::from_raw_mode(0o644))?);
    };
    fchown(new, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
    fchmod(new, Mode::from_raw_mode(stat.st_mode & 0o777))?;
    let old =
        open(format!("/proc/self/fd/{}", old.as_raw_fd()), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut label = [0; 512];
    if let Ok(length) = fgetxattr(&old, LABEL, &mut label) {
        // Not every kernel lets labels be set that it does not know.
        let _ = fsetxattr(new, LABEL, &label[..length], XattrFlags::empty());
    }
    Ok(())
}

/// Where a handle leads, for calls that take paths only.
pub(crate) fn path_of(handle: impl AsFd) -> io::Result<PathBuf> {
    let link = format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd());
    let target = rustix::fs::readlinkat(CWD, link, Vec::new())?;
    Ok(PathBuf::from(OsStr::from_bytes(target.as_bytes())))
}
