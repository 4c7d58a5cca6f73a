//! How content comes and where it is put: what may serve as a basis, how files are written, and what becomes of
//! those that they replace.

use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};
use crate::limits;

/// The directory of files that wait for the end of a transfer, where none is named (`--delay-updates`).
pub const DELAYED_DIR: &str = ".~tmp~";
/// What the names of backups end in, where neither a suffix nor a directory is named (`--backup`).
pub const BACKUP_SUFFIX: &str = "~";
/// Most directories that are looked into for files that are there already; the reference's own bound.
pub const MAX_ALTERNATES: usize = 20;

/// How content comes and where it is put. Names are those of rsync's options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Content {
    /// Write into the file that is there, in place of a new one beside it (`--inplace`). A transfer that is
    /// interrupted leaves such a file half old and half new.
    pub inplace: bool,
    /// Files that are shorter here are taken as the beginning of what comes (`--append`, `--append-verify`). Writes
    /// in place.
    pub append: Option<Append>,
    /// Make holes of runs of zeros (`-S`).
    pub sparse: bool,
    /// Reserve the room of a file before it is written (`--preallocate`).
    pub preallocate: bool,
    /// Keep what came of a file when the transfer is interrupted (`--partial`).
    pub partial: bool,
    /// Keep it there (`--partial-dir`): a directory beside the file if relative.
    pub partial_dir: Option<PathBuf>,
    /// Put all files into place at the end (`--delay-updates`).
    pub delay_updates: bool,
    /// Where files are written before they are complete (`--temp-dir`), relative to the destination.
    pub temp_dir: Option<PathBuf>,
    /// Keep what is replaced or deleted (`--backup`).
    pub backup: bool,
    /// Keep it there (`--backup-dir`), relative to the destination.
    pub backup_dir: Option<PathBuf>,
    /// What the names of backups end in (`--suffix`).
    pub suffix: Option<Vec<u8>>,
    /// Wait until a file is on the disk before it gets its name (`--fsync`).
    pub fsync: bool,
    /// Length of the blocks that a basis is cut into, in bytes (`-B`), in place of one that fits its size.
    pub block_size: Option<u32>,
    /// Where to look for a similar file as a basis, where there is none of the same name (`-y`).
    pub fuzzy: Fuzzy,
    /// Where files may be that are not at the destination.
    pub alternates: Option<Alternates>,
}

/// Where a similar file is looked for that may serve as a basis of a missing one. Each place includes those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fuzzy {
    /// Nowhere.
    #[default]
    Nowhere,
    /// In the directory that it is missing from (`-y`).
    Directory,
    /// In the same directory of the [`Alternates`] (`-yy`).
    Alternates,
    /// Anywhere at the destination (`--fuzzy=tree`): a file of the same name, of the same size and time, or of the same
    /// path but for a version in it. The destination is listed when the first file is missed, which takes some 100
    /// bytes of memory for each file of it. Deletion comes too early before or during the transfer:
    /// [`DeleteWhen::Delay`](super::DeleteWhen::Delay) leaves what may be of use.
    Tree,
}

impl Fuzzy {
    /// What one more `-y` comes to.
    #[must_use]
    pub fn more(self) -> Self {
        match self {
            Self::Nowhere => Self::Directory,
            Self::Directory => Self::Alternates,
            more => more,
        }
    }
}

/// What is done about files that are shorter than they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Append {
    /// What is there is trusted (`--append`).
    Trusting,
    /// What is there takes part in the sum over the whole file (`--append-verify`).
    Verifying,
}

/// Directories with files that need not be transferred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternates {
    /// What is done with a file that is there.
    pub kind: AlternateKind,
    /// The directories, relative to the destination; at most [`MAX_ALTERNATES`].
    pub dirs: Vec<PathBuf>,
}

/// What is done with a file that is in an alternate directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlternateKind {
    /// It is left out at the destination (`--compare-dest`).
    Compare,
    /// It is copied (`--copy-dest`).
    Copy,
    /// It is linked (`--link-dest`).
    Link,
}

impl AlternateKind {
    /// The option's name.
    pub fn option(self) -> &'static str {
        match self {
            Self::Compare => "--compare-dest",
            Self::Copy => "--copy-dest",
            Self::Link => "--link-dest",
        }
    }
}

impl Content {
    /// Whether files are written where they stand.
    pub(crate) fn writes_in_place(&self) -> bool {
        self.inplace || self.append.is_some()
    }

    /// Whether files are left out that other directories have (`--compare-dest`).
    #[cfg(feature = "tokio")]
    pub(crate) fn compares_alternates(&self) -> bool {
        self.alternates.as_ref().is_some_and(|alternates| alternates.kind == AlternateKind::Compare)
    }

    /// Whether files of other directories are linked to (`--link-dest`).
    #[cfg(feature = "tokio")]
    pub(crate) fn links_alternates(&self) -> bool {
        self.alternates.as_ref().is_some_and(|alternates| alternates.kind == AlternateKind::Link)
    }

    /// Whether what is replaced or deleted is kept.
    pub(crate) fn backs_up(&self) -> bool {
        self.backup || self.backup_dir.is_some()
    }

    /// What the names of backups end in.
    pub fn suffix(&self) -> &[u8] {
        match (&self.suffix, &self.backup_dir) {
            (Some(suffix), _) => suffix,
            (None, Some(_)) => b"",
            (None, None) => BACKUP_SUFFIX.as_bytes(),
        }
    }

    /// Where files that are not complete, or wait for the end, are kept.
    pub fn partial_dir(&self) -> Option<PathBuf> {
        let delayed = || self.delay_updates.then(|| DELAYED_DIR.into());
        self.partial_dir.clone().or_else(delayed)
    }

    /// Whether an interrupted file is kept.
    #[cfg(feature = "fs")]
    pub(crate) fn keeps_partial(&self) -> bool {
        self.partial || self.partial_dir.is_some()
    }

    /// Refuses what cannot work together.
    ///
    /// # Errors
    /// [`Error::Misuse`] that names the options.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |message: String| Err(Error::Misuse(message));
        let in_place = if self.append.is_some() { "--append" } else { "--inplace" };
        if self.writes_in_place() && self.partial_dir.is_some() {
            return refuse(format!("{in_place} writes no partial files: leave --partial-dir out"));
        }
        if self.writes_in_place() && self.delay_updates {
            return refuse(format!("{in_place} cannot delay updates: leave --delay-updates out"));
        }
        if self.delay_updates && self.partial_dir.as_deref().is_some_and(Path::is_absolute) {
            return refuse(
                "--delay-updates cannot wait in one --partial-dir for all directories, where files of the same name \
                 meet: name a --partial-dir without a slash"
                    .to_owned(),
            );
        }
        let beside = self.partial_dir.as_deref().filter(|dir| !dir.is_absolute());
        if let Some(dir) = beside {
            let mut components = dir.components();
            if !matches!((components.next(), components.next()), (Some(Component::Normal(_)), None)) {
                return refuse(format!(
                    "--partial-dir takes a single name, beside each file, or an absolute path, not {}",
                    dir.display()
                ));
            }
        }
        if self.backs_up() && self.backup_dir.is_none() && self.suffix().is_empty() {
            return refuse("--suffix cannot be empty without --backup-dir".to_owned());
        }
        if self.suffix().contains(&b'/') || self.suffix().contains(&0) {
            return refuse("--suffix cannot contain a slash or a NUL".to_owned());
        }
        if self.block_size.is_some_and(|size| size == 0 || size > limits::MAX_BLOCK) {
            return refuse(format!("--block-size takes 1 to {} bytes", limits::MAX_BLOCK));
        }
        if let Some(alternates) = &self.alternates
            && alternates.dirs.len() > MAX_ALTERNATES
        {
            return refuse(format!(
                "{} takes at most {MAX_ALTERNATES} directories",
                alternates.kind.option()
            ));
        }
        Ok(())
    }
}
