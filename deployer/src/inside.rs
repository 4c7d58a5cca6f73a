//! Files in a tree that is being deployed. Its symlinks were made by others and mean places in that tree, so every
//! path is resolved with the tree as its root: none leads to the system that does the work.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, ResolveFlags, mkdirat, open, openat, openat2, renameat, unlinkat,
};
use rustix::io::Errno;

/// The most that is read of one file, in bytes.
const MOST: u64 = 1 << 20;
/// Beside a file that is being written.
const TEMPORARY: &str = ".deployer-new";

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
        match openat2(&self.directory, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
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

    /// The file at `path`; nothing if there is none.
    pub(crate) fn read(&self, path: &str) -> io::Result<Option<String>> {
        let file = match self.resolve(Path::new(path), OFlags::RDONLY | OFlags::NONBLOCK) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
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

    /// Puts a file into its place: whole or not at all. Replaces a symlink that is there.
    pub(crate) fn write(&self, path: &str, content: &str) -> io::Result<()> {
        let path = Path::new(path);
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = self.make_directory(path.parent().unwrap_or(Path::new("/")))?;
        let mut temporary = name.to_owned();
        temporary.push(TEMPORARY);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&parent, &temporary, flags, Mode::from_raw_mode(0o644))?);
        let written = file.write_all(content.as_bytes()).and_then(|()| file.sync_all());
        let placed = written.and_then(|()| Ok(renameat(&parent, &temporary, &parent, name)?));
        if placed.is_err() {
            let _ = unlinkat(&parent, &temporary, AtFlags::empty());
        }
        placed
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

/// Where a handle leads, for calls that take paths only.
pub(crate) fn path_of(handle: impl AsFd) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd;
    let link = format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd());
    let target = rustix::fs::readlinkat(CWD, link, Vec::new())?;
    Ok(PathBuf::from(std::ffi::OsString::from(target.to_string_lossy().into_owned())))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("deployer-inside-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn links_stay_in_the_tree() {
        let scratch = Scratch::new("links");
        let tree = scratch.0.join("tree");
        fs::create_dir_all(tree.join("real")).unwrap();
        fs::create_dir(scratch.0.join("outside")).unwrap();
        symlink("/real", tree.join("etc")).unwrap();
        symlink("../outside", tree.join("up")).unwrap();
        let root = Root::open(&tree).unwrap();
        root.write("/etc/fstab", "a line\n").unwrap();
        assert_eq!(fs::read_to_string(tree.join("real/fstab")).unwrap(), "a line\n");
        assert_eq!(root.read("etc/fstab").unwrap().as_deref(), Some("a line\n"));
        assert!(root.write("/up/x", "").is_err());
        assert_eq!(fs::read_dir(scratch.0.join("outside")).unwrap().count(), 0);
    }

    #[test]
    fn a_link_in_place_of_a_file_is_replaced() {
        let scratch = Scratch::new("replace");
        fs::write(scratch.0.join("victim"), "stays").unwrap();
        symlink("victim", scratch.0.join("file")).unwrap();
        let root = Root::open(&scratch.0).unwrap();
        root.write("/file", "new").unwrap();
        assert_eq!(fs::read_to_string(scratch.0.join("victim")).unwrap(), "stays");
        assert_eq!(fs::read_to_string(scratch.0.join("file")).unwrap(), "new");
        assert_eq!(root.names("/").unwrap(), ["file", "victim"]);
    }

    #[test]
    fn what_is_missing_is_nothing() {
        let scratch = Scratch::new("missing");
        let root = Root::open(&scratch.0).unwrap();
        assert_eq!(root.read("/etc/os-release").unwrap(), None);
        assert!(root.names("/boot").unwrap().is_empty() && !root.has("/boot"));
        root.rename("/EFI/BOOT", "OLD").unwrap();
    }
}
