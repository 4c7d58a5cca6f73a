//! How a transfer begins here: the root is opened, and whatever other directories the options name.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustix::fs::{Mode, fstat};

use super::backup::Backups;
use super::handle::{self, Root};
use super::on_demand::OnDemand;
use super::partial::PartialDir;
use super::place::Places;
use super::tree::LocalTree;
use crate::error::{Error, Result};
use crate::flist::{Kind, Segment};

impl LocalTree {
    pub(super) fn local_error(&self, action: &'static str, error: impl Into<io::Error>) -> Error {
        Error::Local { action, path: self.path.clone(), source: error.into() }
    }

    /// A directory takes everything; a single file may also go to a file's name.
    pub(super) fn open_destination(&self, first: &Segment) -> Result<(Option<OwnedFd>, bool)> {
        let single = first.len() == 1 && first.entry(0).kind() != Kind::Directory;
        let trailing_slash = self.path.as_os_str().as_encoded_bytes().ends_with(b"/");
        match handle::open_root(&self.path) {
            Ok(fd) => Ok((Some(fd), false)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if single && !trailing_slash {
                    return self.open_parent().map(|fd| (Some(fd), false));
                }
                if self.options.dry_run {
                    return Ok((None, true));
                }
                self.make_root()?;
                let fd = handle::open_root(&self.path).map_err(|error| self.local_error("open", error))?;
                // What is made on the way counts as having been there.
                Ok((Some(fd), trailing_slash || !self.options.selection.mkpath))
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory && single && !trailing_slash => {
                self.open_parent().map(|fd| (Some(fd), false))
            }
            Err(source) => Err(Error::Destination {
                action: "put several files or a directory into",
                path: self.path.clone(),
                source,
            }),
        }
    }

    fn make_root(&self) -> Result<()> {
        let made = match self.options.selection.mkpath {
            true => std::fs::create_dir_all(&self.path),
            false => rustix::fs::mkdir(&self.path, Mode::from_raw_mode(0o777)).map_err(io::Error::from),
        };
        made.map_err(|error| self.local_error("make the directory", error))
    }

    fn open_parent(&self) -> Result<OwnedFd> {
        let name = self
            .path
            .file_name()
            .ok_or_else(|| Error::Misuse(format!("{} does not name a file", self.path.display())))?;
        let _ = self.alias.set(name.as_encoded_bytes().into());
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        if self.options.selection.mkpath && !self.options.dry_run {
            std::fs::create_dir_all(parent).map_err(|error| self.local_error("make the way to", error))?;
        }
        handle::open_root(parent).map_err(|source| Error::Destination {
            action: "open the directory",
            path: parent.to_owned(),
            source,
        })
    }

    /// A directory of the caller's, relative to the destination.
    fn beside(&self, dir: &Path) -> PathBuf {
        self.path.join(dir)
    }

    /// Places in the destination that files pass through and come from: nothing in them is deleted.
    pub(super) fn places_in_use(&self) -> Vec<Vec<u8>> {
        let content = &self.options.content;
        let alternates = content.alternates.iter().flat_map(|alternates| alternates.dirs.iter().cloned());
        let partial = content.partial_dir().filter(|dir| dir.is_absolute());
        let named =
            alternates.chain(content.backup_dir.clone()).chain(content.temp_dir.clone()).chain(partial);
        let Some(root) = real(&self.path) else { return Vec::new() };
        named
            .filter_map(|dir| real(&self.beside(&dir)))
            .filter_map(|dir| Some(dir.strip_prefix(&root).ok()?.as_os_str().as_encoded_bytes().to_vec()))
            // The destination itself is used in any case.
            .filter(|place| !place.is_empty())
            .collect()
    }

    /// Opens the directories that files pass through. Nothing is made in a dry run, and nothing is needed there.
    pub(super) fn open_places(&self, root: Option<&Root>) -> Result<Places> {
        let content = &self.options.content;
        let dry = self.options.dry_run;
        let open = |dir: &Path| {
            let path = self.beside(dir);
            handle::open_root(&path)
                .map_err(|error| Error::Misuse(format!("--temp-dir={}: {error}", path.display())))
        };
        let partial = match content.partial_dir() {
            Some(_) if dry => PartialDir::None,
            Some(dir) if dir.is_absolute() => PartialDir::Common(OnDemand::new(self.beside(&dir))),
            Some(dir) => PartialDir::Beside(dir.into_os_string().into_encoded_bytes().into()),
            None => PartialDir::None,
        };
        let backups = match (&content.backup_dir, root) {
            _ if dry || !content.backs_up() => None,
            (Some(dir), Some(root)) => {
                let source = root.as_fd().try_clone_to_owned();
                let source = source.map_err(|error| self.local_error("open", error))?;
                let path = self.beside(dir);
                let kept = OnDemand::new(path.clone());
                let same = kept
                    .existing()
                    .and_then(|there| there.map_or(Ok(false), |there| same_directory(&there, &source)))
                    .map_err(|source| Error::Local { action: "open the --backup-dir", path, source })?;
                if same && content.suffix().is_empty() {
                    return Err(Error::Misuse(format!(
                        "--backup-dir={} is the destination itself, where a backup would have the name of its file: \
                         name another directory, or a --suffix",
                        dir.display()
                    )));
                }
                Some(Backups { suffix: content.suffix().into(), root: (!same).then_some((kept, source)) })
            }
            _ => Some(Backups { suffix: content.suffix().into(), root: None }),
        };
        Ok(Places {
            policy: Arc::clone(&self.policy),
            temporary: content.temp_dir.as_deref().filter(|_| !dry).map(open).transpose()?,
            partial,
            keeps_partial: content.keeps_partial() && !dry,
            backups,
            fsync: content.fsync,
            names_later: OnceLock::new(),
            delayed: content.delay_updates.then(Default::default),
        })
    }

    fn open_alternate(&self, dir: &Path) -> io::Result<OwnedFd> {
        let path = self.beside(dir);
        match handle::open_root(&path) {
            // In a dry run the destination may be missing, from which the way would lead.
            Err(_) if self.options.dry_run && self.root.get().is_none() => {
                handle::open_root(&without_dots(&path))
            }
            opened => opened,
        }
    }

    /// Opens the alternate directories. Those that are not there are left out, with a word about them.
    pub(super) fn open_alternates(&self) -> (Vec<Option<Root>>, Vec<String>) {
        let mut odd = Vec::new();
        let Some(alternates) = &self.options.content.alternates else { return (Vec::new(), odd) };
        let mut open = |dir: &PathBuf| match self.open_alternate(dir) {
            Ok(fd) => Some(Root::new(fd)),
            Err(error) => {
                let option = alternates.kind.option();
                odd.push(match error.kind() {
                    io::ErrorKind::NotFound => format!("{option} arg does not exist: {}", dir.display()),
                    io::ErrorKind::NotADirectory => format!("{option} arg is not a dir: {}", dir.display()),
                    _ => format!("cannot open {} for {option}: {error}", dir.display()),
                });
                None
            }
        };
        (alternates.dirs.iter().map(&mut open).collect(), odd)
    }
}

/// A path whose `..` take back what stands in front of them, whatever that would be.
fn without_dots(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir if cleaned.file_name().is_some() => drop(cleaned.pop()),
            other => cleaned.push(other),
        }
    }
    cleaned
}

fn same_directory(one: &OwnedFd, other: &OwnedFd) -> io::Result<bool> {
    let (one, other) = (fstat(one)?, fstat(other)?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

/// The path without symlinks, of which the last components may be missing.
pub(super) fn real(path: &Path) -> Option<PathBuf> {
    if let Ok(real) = path.canonicalize() {
        return Some(real);
    }
    match path.components().next_back()? {
        Component::Normal(name) => Some(real(path.parent()?)?.join(name)),
        _ => None,
    }
}
