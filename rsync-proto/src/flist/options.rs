//! What was asked for and agreed on, as far as it decides what stands in the file list.

use super::asked::Asked;
use super::builder::Part;
use crate::chmod::ModeChanges;
use crate::filter::ListFilter;
use crate::limits::Limits;

/// What stands in front of the target of a link that shall lead nowhere.
const MUNGED: &[u8] = b"/rsyncd-munged/";

/// How to read a file list.
#[derive(Debug, Clone)]
pub struct ListOptions {
    /// Protocol version, 29 to 32.
    pub protocol: u8,
    /// Directories are descended into.
    pub recursive: bool,
    /// Directories come without their content.
    pub dirs: bool,
    /// Flags are varints (compatibility flag).
    pub varint_flags: bool,
    /// The list comes in segments, one for each directory.
    pub inc_recurse: bool,
    /// The end of a segment may carry I/O errors where flags are not varints.
    pub safe_flist: bool,
    /// Lists of names include that of number 0.
    pub id0_names: bool,
    /// Owners were asked for.
    pub owner: bool,
    /// Groups were asked for.
    pub group: bool,
    /// Owners and groups come as numbers only.
    pub numeric_ids: bool,
    /// Link targets were asked for.
    pub links: bool,
    /// Devices were asked for.
    pub devices: bool,
    /// FIFOs and sockets were asked for.
    pub specials: bool,
    /// Hard links were asked for.
    pub hard_links: bool,
    /// Access control lists were asked for.
    pub acls: bool,
    /// Extended attributes were asked for.
    pub xattrs: bool,
    /// Access times were asked for.
    pub access_times: bool,
    /// Changes of permissions that entries show.
    pub chmod: ModeChanges,
    /// Length of the whole-file sums that were asked for with the list; 0 for none.
    pub sum_len: usize,
    /// What filter rules do with the list.
    pub filter: ListFilter,
    /// Targets of links are made to lead nowhere.
    pub munge_links: bool,
    /// What names were asked for.
    pub asked: Asked,
    /// Bounds of the whole list.
    pub limits: Limits,
}

impl ListOptions {
    pub(super) fn after_entries(&self) -> Part {
        if !self.inc_recurse && !self.numeric_ids && (self.owner || self.acls) {
            return Part::Users;
        }
        self.after_users()
    }

    pub(super) fn after_users(&self) -> Part {
        if !self.inc_recurse && !self.numeric_ids && (self.group || self.acls) {
            return Part::Groups;
        }
        self.after_groups()
    }

    /// The target of a symlink as it is kept.
    pub(super) fn munged(&self, target: &[u8]) -> Vec<u8> {
        if self.munge_links && !target.is_empty() { [MUNGED, target].concat() } else { target.to_vec() }
    }
}
