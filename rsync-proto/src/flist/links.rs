//! Hard links of a file list in protocols 30 and later: the first entry of a group is sent whole, the others name its
//! index.

use std::collections::HashMap;

use super::builder::Builder;
use super::entry::{HardLink, Kind};
use super::fields::{Fields, Previous};
use super::options::ListOptions;
use crate::error::Error;
use crate::wire::flags::entry as flag;
use crate::wire::{Cursor, Parse};

/// What the flags say about hard links.
pub(super) enum Link {
    None,
    /// Belongs to a group: whose first entry this is, or which came in an earlier segment.
    Member(Option<u32>),
    /// Is in all but its name and attributes the same as the entry at this position of this segment.
    Copy(usize),
    /// What there is to say follows with the inode.
    Inode,
}

impl Link {
    pub(super) fn membership(&self, flags: u32, own_index: u32) -> Option<HardLink> {
        match self {
            Link::Member(Some(group)) => Some(HardLink { group: *group, first: false }),
            Link::Member(None) if flags & flag::HARD_LINK_FIRST != 0 => {
                Some(HardLink { group: own_index, first: true })
            }
            _ => None,
        }
    }
}

impl Builder {
    pub(super) fn hard_link_target(
        &self,
        flags: u32,
        options: &ListOptions,
        groups: &HashMap<u32, u16>,
        cursor: &mut Cursor<'_>,
    ) -> Parse<Link> {
        if options.is_old() {
            return Ok(Link::Inode);
        }
        if flags & flag::HARD_LINKED == 0 {
            return Ok(Link::None);
        }
        if !options.hard_links {
            return Err(Error::Violation("it sent hard links, which were not asked for".to_owned()).into());
        }
        if flags & flag::HARD_LINK_FIRST != 0 {
            return Ok(Link::Member(None));
        }
        let group = cursor.varint()? as u32;
        if !groups.contains_key(&group) {
            return Err(Error::Violation(format!("it sent a hard link to the unknown group {group}")).into());
        }
        match group.checked_sub(self.segment.first_index) {
            Some(position) => Ok(Link::Copy(position as usize)),
            None => Ok(Link::Member(Some(group))),
        }
    }

    /// The values of the group's first entry. Entries are not sorted before all are there, so its position
    /// is that in which it came.
    pub(super) fn copied(&self, position: usize, previous: &Previous) -> (Fields, Vec<u8>, Vec<u8>) {
        let first = &self.segment.entries[position];
        let mode = u32::from(first.mode);
        let kind = Kind::from_mode(mode).expect("checked when the mode was read");
        let view = self.segment.entry(position);
        let fields = Fields {
            mtime: first.mtime,
            nanoseconds: first.nanoseconds,
            access_time: view.access_time().unwrap_or(previous.access_time),
            mode,
            uid: first.uid,
            gid: first.gid,
            device_major: if kind.is_device() { (first.payload >> 32) as u32 } else { previous.device_major },
            // The target is copied as well; only a length may stand alone.
            payload: if kind == Kind::Symlink { first.payload & 0xffff } else { first.payload },
            link: Some(HardLink { group: self.segment.first_index + position as u32, first: false }),
            link_device: previous.link_device,
        };
        (fields, view.link_target().to_vec(), view.checksum().to_vec())
    }
}
