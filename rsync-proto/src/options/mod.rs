//! What a caller asks for: the options of a transfer that both sides must know, and those that only the
//! receiving side acts on.

mod reports;

pub use reports::Reports;

use crate::checksum::ChecksumKind;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Oldest protocol version that is spoken.
pub const MIN_PROTOCOL: u8 = 30;
/// Newest protocol version that is spoken.
pub const MAX_PROTOCOL: u8 = 32;

/// What to transfer and how. Names are those of rsync's options.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Descend into directories (`-r`).
    pub recursive: bool,
    /// Send directories without descending (`-d`); for listings.
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
    /// Compare files by checksum (`-c`).
    pub checksum: bool,
    /// Transfer files even if size and time agree (`-I`).
    pub ignore_times: bool,
    /// Take files of equal size as equal (`--size-only`).
    pub size_only: bool,
    /// Transfer files whole, without a basis (`-W`).
    pub whole_file: bool,
    /// Change nothing (`-n`).
    pub dry_run: bool,
    /// Let the server send the file list in segments.
    pub inc_recursive: bool,
    /// Checksum of the transfer, in place of a negotiated one (`--checksum-choice`).
    pub checksum_choice: Option<ChecksumKind>,
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
            checksum: false,
            ignore_times: false,
            size_only: false,
            whole_file: false,
            dry_run: false,
            inc_recursive: true,
            checksum_choice: None,
            protocol: MAX_PROTOCOL,
            lenient_attributes: false,
            verbose: 0,
            reports: Reports::default(),
            server_timeout: 0,
            limits: Limits::default(),
        }
    }
}

impl Options {
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
        if self.acls && !self.perms {
            return Err(Error::Misuse(
                "access control lists (-A) need permissions (-p) to be kept".to_owned(),
            ));
        }
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
        Ok(())
    }
}
