//! Where files are kept that are not complete, or not yet at their place.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex};

use rustix::fs::{
    AtFlags, Mode, OFlags, Timespec, Timestamps, fstat, futimens, mkdirat, openat, statat, unlinkat,
};
use rustix::io::Errno;

use super::dir::{LocalDir, is_file};
use super::on_demand::OnDemand;
use super::place::Places;

/// Where files are kept that are not complete, or not yet at their place.
#[derive(Debug)]
pub(super) enum PartialDir {
    /// Under their own name.
    None,
    /// In a directory of this name beside their place.
    Beside(Box<[u8]>),
    /// In one directory for all.
    Common(OnDemand),
}

/// What is known of the directory for partial files in one directory: looked for once.
#[derive(Debug, Default)]
pub(super) struct PartialRoom(Mutex<Known>);

#[derive(Debug, Default)]
enum Known {
    #[default]
    Nothing,
    Missing,
    There(Arc<OwnedFd>),
}

impl PartialRoom {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().expect("no thread panics with the lock")
    }

    fn find(&self, dir: &LocalDir, name: &[u8]) -> Option<Arc<OwnedFd>> {
        let mut known = self.known();
        if let Known::Nothing = *known {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let found = match &dir.fd {
                Some(fd) if !dir.fresh => openat(fd, name, flags, Mode::empty()).ok(),
                _ => None,
            };
            *known = found.map_or(Known::Missing, |fd| Known::There(Arc::new(fd)));
        }
        match &*known {
            Known::There(fd) => Some(Arc::clone(fd)),
            Known::Missing | Known::Nothing => None,
        }
    }

    /// Makes it if it is missing, and if something else has its name, in place of that.
    fn make(&self, dir: &LocalDir, name: &[u8]) -> io::Result<Arc<OwnedFd>> {
        if let Some(there) = self.find(dir, name) {
            return Ok(there);
        }
        let mut known = self.known();
        let made = Arc::new(make_partial_dir(dir, name)?);
        *known = Known::There(Arc::clone(&made));
        Ok(made)
    }

    /// Removes it if nothing is in it.
    pub(super) fn remove_empty(&self, dir: &LocalDir, name: &[u8]) {
        let mut known = self.known();
        if unlinkat(dir.fd(), name, AtFlags::REMOVEDIR).is_ok() {
            *known = Known::Missing;
        }
    }
}

impl Places {
    /// The directory for partial files of `dir`, if it is there.
    pub(super) fn partial_dir(&self, dir: &LocalDir) -> Option<Arc<OwnedFd>> {
        match &self.partial {
            PartialDir::None => None,
            PartialDir::Common(common) => common.existing().ok().flatten(),
            PartialDir::Beside(name) => dir.partial.find(dir, name),
        }
    }

    /// Whether an interrupted transfer left something of a file.
    pub(super) fn has_partial(&self, dir: &LocalDir, name: &[u8]) -> bool {
        let Some(partial) = self.partial_dir(dir) else { return false };
        statat(partial, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| is_file(&stat))
    }

    /// Moves a file from where it was written to the directory for partial files.
    pub(super) fn stage(&self, dir: &LocalDir, name: &[u8], temporary: &[u8]) -> io::Result<()> {
        match &self.partial {
            PartialDir::Beside(partial) => {
                let staged = || self.rename(dir, temporary, self.waiting_room(dir, partial)?.as_fd(), name);
                match staged() {
                    // Another file was the last to leave it meanwhile, and took it along.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => staged(),
                    staged => staged,
                }
            }
            PartialDir::Common(common) => self.rename(dir, temporary, common.made()?.as_fd(), name),
            PartialDir::None => Err(io::Error::other("there is no place to wait in")),
        }
    }

    /// The directory for partial files beside their place, which nobody else may write to.
    pub(super) fn waiting_room(&self, dir: &LocalDir, partial: &[u8]) -> io::Result<Arc<OwnedFd>> {
        let to = dir.partial.make(dir, partial)?;
        // Whoever could change what waits there would choose what is put into place.
        let stat = fstat(&to)?;
        if stat.st_uid != self.policy.identity.uid || stat.st_mode & 0o022 != 0 {
            let name = crate::error::printable(partial);
            return Err(io::Error::other(format!(
                "its directory {name} is open to others, who could change it"
            )));
        }
        Ok(to)
    }

    /// Keeps what came of a file. If that fails, nothing is kept.
    pub(super) fn keep_partial(&self, dir: &LocalDir, name: &[u8], file: &OwnedFd, temporary: &[u8]) {
        // A time at which nothing was made, so that no comparison takes it for complete or for newer.
        let long_ago = Timespec { tv_sec: 0, tv_nsec: 0 };
        let times = Timestamps { last_access: long_ago, last_modification: long_ago };
        let _ = futimens(file, &times);
        let kept = match &self.partial {
            PartialDir::None => self
                .back_up(dir, name, dir.stat(name).ok().flatten().as_ref())
                .and_then(|()| self.rename(dir, temporary, dir.fd(), name)),
            _ => self.stage(dir, name, temporary),
        };
        if kept.is_err() {
            let _ = unlinkat(self.staging(dir), temporary, AtFlags::empty());
        }
    }

    /// Removes what an interrupted transfer left of a file, and its directory if nothing else is in it.
    pub(super) fn remove_partial(&self, dir: &LocalDir, name: &[u8]) {
        let Some(partial) = self.partial_dir(dir) else { return };
        if let (Ok(()), PartialDir::Beside(own)) = (unlinkat(partial, name, AtFlags::empty()), &self.partial)
        {
            dir.disturb();
            dir.partial.remove_empty(dir, own);
        }
    }
}

fn make_partial_dir(dir: &LocalDir, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || openat(dir.fd(), name, flags, Mode::empty());
    match open() {
        Ok(fd) => return Ok(fd),
        Err(Errno::NOENT) => {}
        Err(Errno::NOTDIR | Errno::LOOP) => unlinkat(dir.fd(), name, AtFlags::empty())?,
        Err(error) => return Err(error.into()),
    }
    match mkdirat(dir.fd(), name, Mode::from_raw_mode(0o700)) {
        // Another file of the same directory was quicker.
        Ok(()) | Err(Errno::EXIST) => Ok(open()?),
        Err(error) => Err(error.into()),
    }
}
