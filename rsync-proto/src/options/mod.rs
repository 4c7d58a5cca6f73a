//! What a caller asks for: the options of a transfer that both sides must know, and those that only the
//! receiving side acts on.

mod attributes;
mod content;
mod deletion;
mod owners;
mod reports;
mod selection;
mod transport;

use std::fmt;

use crate::checksum::ChecksumKind;
use crate::error::{Error, Result};
use crate::filter::Filters;
use crate::limits::Limits;
pub use selection::{FilesFrom, NameList, Selection};

pub use attributes::{Attributes, Privileges};
pub use content::{
    AlternateKind, Alternates, Append, BACKUP_SUFFIX, Content, DELAYED_DIR, Fuzzy, MAX_ALTERNATES,
};
pub use deletion::{DeleteWhen, Deletion};
pub use owners::{IdRules, Rule, To};
pub use reports::Reports;
pub use transport::{CompressionChoice, RemoteArguments, Transport};
pub(crate) use transport::{Method, not_compiled_in};

/// Oldest protocol version that is spoken.
pub const MIN_PROTOCOL: u8 = 29;
/// Newest protocol version that is spoken.
pub const MAX_PROTOCOL: u8 = 32;

/// Checksums in place of negotiated ones. Servers know those of their release: MD5 and MD4 always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChecksumChoice {
    /// Of what is transferred.
    pub transfer: ChecksumKind,
    /// Of whole files that are compared before anything is transferred (`-c`).
    pub files: ChecksumKind,
}

/// As it is asked for: one name, or two with a comma between them.
impl fmt::Display for ChecksumChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.transfer.name())?;
        match self.transfer == self.files {
            true => Ok(()),
            false => write!(f, ",{}", self.files.name()),
        }
    }
}

impl From<ChecksumKind> for ChecksumChoice {
    fn from(kind: ChecksumKind) -> Self {
        Self { transfer: kind, files: kind }
    }
}

/// What to transfer and how. Names are those of rsync's options.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Descend into directories (`-r`).
    pub recursive: bool,
    /// Send directories without descending (`-d`).
    pub dirs: bool,
    /// Take symlinks as symlinks (`-l`).
    pub links: bool,
    /// Set permissions (`-p`).
    pub perms: bool,
    /// Set modification times (`-t`).
    pub times: bool,
    /// Leave times of directories alone (`-O`).
    pub omit_dir_times: bool,
    /// Set owners (`-o`), if allowed to.
    pub owner: bool,
    /// Set groups (`-g`).
    pub group: bool,
    /// Make devices (`--devices`), if allowed to.
    pub devices: bool,
    /// Make FIFOs and sockets (`--specials`).
    pub specials: bool,
    /// Keep hard links (`-H`).
    pub hard_links: bool,
    /// Set access control lists (`-A`). Needs `perms`.
    pub acls: bool,
    /// Set extended attributes (`-X`).
    pub xattrs: bool,
    /// Use the server's numbers of users and groups, not their names (`--numeric-ids`).
    pub numeric_ids: bool,
    /// Attributes that are changed on the way, and those that few transfers keep.
    pub attributes: Attributes,
    /// Compare files by checksum (`-c`).
    pub checksum: bool,
    /// Transfer files even if size and time agree (`-I`).
    pub ignore_times: bool,
    /// Take files of equal size as equal (`--size-only`).
    pub size_only: bool,
    /// What of the tree is asked for, and what of the destination is protected from deletion.
    pub filters: Filters,
    /// Leave directories out that would be empty (`-m`).
    pub prune_empty_dirs: bool,
    /// Transfer files whole, without a basis (`-W`).
    pub whole_file: bool,
    /// Which entries take part.
    pub selection: Selection,
    /// Change nothing (`-n`).
    pub dry_run: bool,
    /// Let the server send the file list in segments.
    pub inc_recursive: bool,
    /// Checksums in place of a negotiated one (`--checksum-choice`).
    pub checksum_choice: Option<ChecksumChoice>,
    /// How content travels: compression, and the bound on its speed.
    pub transport: Transport,
    /// Highest protocol version to speak (`--protocol`).
    pub protocol: u8,
    /// Pass over extended attributes and access control lists that a local file system does not have at all, in place of
    /// failing the entry: for trees over several file systems, of which one is FAT. rsync has no such option.
    pub lenient_attributes: bool,
    /// How chatty the server shall be (`-v`), 0 to 9.
    pub verbose: u8,
    /// What the server shall tell in particular (`--info`).
    pub reports: Reports,
    /// The timeout that the server shall use as well, in seconds (`--timeout`); 0 for none.
    pub server_timeout: u32,
    /// How content comes and where it is put.
    pub content: Content,
    /// What is removed because the server does not have it.
    pub deletion: Deletion,
    /// Bounds on what the server may send.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            recursive: false,
            dirs: false,
            links: false,
            perms: false,
            times: false,
            omit_dir_times: false,
            owner: false,
            group: false,
            devices: false,
            specials: false,
            hard_links: false,
            acls: false,
            xattrs: false,
            numeric_ids: false,
            attributes: Attributes::default(),
            checksum: false,
            ignore_times: false,
            size_only: false,
            filters: Filters::default(),
            prune_empty_dirs: false,
            whole_file: false,
            selection: Selection::default(),
            dry_run: false,
            inc_recursive: true,
            checksum_choice: None,
            transport: Transport::default(),
            protocol: MAX_PROTOCOL,
            lenient_attributes: false,
            verbose: 0,
            reports: Reports::default(),
            server_timeout: 0,
            content: Content::default(),
            deletion: Deletion::default(),
            limits: Limits::default(),
        }
    }
}

impl Options {
    /// The checksum of whole files that are compared before anything is transferred (`-c`), where that of the
    /// transfer is `transfer`.
    pub(crate) fn file_checksum(&self, transfer: ChecksumKind) -> ChecksumKind {
        self.checksum_choice.map_or(transfer, |choice| choice.files)
    }

    /// `-a`: everything that makes up an ordinary tree, but for hard links, access control lists and
    /// extended attributes.
    pub fn archive() -> Self {
        Self {
            recursive: true,
            links: true,
            perms: true,
            times: true,
            owner: true,
            group: true,
            devices: true,
            specials: true,
            ..Self::default()
        }
    }

    /// Whether the server may send the list in segments: not where something needs the whole of it.
    pub fn takes_segments(&self) -> bool {
        self.recursive
            && self.inc_recursive
            && !self.prune_empty_dirs
            && !self.deletion.needs_whole_list()
            && !self.content.delay_updates
    }

    /// Whether names of users on this machine count.
    #[cfg(feature = "fs")]
    pub(crate) fn looks_up_users(&self) -> bool {
        !self.numeric_ids && (self.owner || self.acls) || self.attributes.users.names_somebody()
    }

    /// Whether names of groups on this machine count.
    #[cfg(feature = "fs")]
    pub(crate) fn looks_up_groups(&self) -> bool {
        !self.numeric_ids && (self.group || self.acls) || self.attributes.groups.names_somebody()
    }

    /// Whether times of directories are left alone: backups beside what they are made of change them anyway.
    #[cfg(feature = "fs")]
    pub(crate) fn omits_dir_times(&self) -> bool {
        self.omit_dir_times || self.content.backs_up() && self.content.backup_dir.is_none()
    }

    /// With the rules that other options bring with them: directories of partial files are neither sent nor deleted, and
    /// backups are not deleted.
    pub fn with_implied_rules(&self) -> Self {
        let mut options = self.clone();
        if let Some(dir) = self.content.partial_dir().filter(|dir| !dir.is_absolute()) {
            let name = dir.as_os_str().as_encoded_bytes();
            options.filters.hide_partial_dir(name);
            if self.deletion.excluded {
                options.filters.protect_partial_dir(name);
            }
        }
        let beside = self.content.backs_up() && self.content.backup_dir.is_none();
        if beside && self.deletion.when.is_some() && !self.deletion.excluded {
            options.filters.protect_backups(self.content.suffix());
        }
        options
    }

    /// Refuses combinations that cannot work.
    ///
    /// # Errors
    /// [`Error::Misuse`] that names the options.
    pub fn check(&self) -> Result<()> {
        if !(MIN_PROTOCOL..=MAX_PROTOCOL).contains(&self.protocol) {
            return Err(Error::Misuse(format!(
                "protocol version {} is not spoken here, only {MIN_PROTOCOL} to {MAX_PROTOCOL}",
                self.protocol
            )));
        }
        self.transport.check()?;
        if self.acls && !self.perms {
            return Err(Error::Misuse(
                "access control lists (-A) need permissions (-p) to be kept".to_owned(),
            ));
        }
        self.attributes.check(self.owner, self.group)?;
        if self.ignore_times && self.size_only {
            return Err(Error::Misuse(
                "--ignore-times and --size-only contradict each other: choose one".to_owned(),
            ));
        }
        if self.checksum && self.size_only {
            return Err(Error::Misuse(
                "--checksum and --size-only contradict each other: choose one".to_owned(),
            ));
        }
        if self.whole_file && self.content.append.is_some() {
            return Err(Error::Misuse(
                "--append and --whole-file contradict each other: choose one".to_owned(),
            ));
        }
        let takes_dirs = self.recursive || self.dirs || self.selection.files_from.is_some();
        if self.deletion.when.is_some() && !takes_dirs {
            return Err(Error::Misuse("--delete needs directories to delete in: add -r or -d".to_owned()));
        }
        if self.deletion.when.is_some() && matches!(self.selection.files_from, Some(FilesFrom::Server { .. }))
        {
            return Err(Error::Misuse(
                "--delete with a list of names that only the server has would let it say what to delete: \
                 bring the list here (--files-from=FILE)"
                    .to_owned(),
            ));
        }
        self.content.check()?;
        self.selection.check()
    }
}
