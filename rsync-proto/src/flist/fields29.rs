//! What protocol 29 says differently in a file list: numbers of fixed width, times in 32 bits, and hard links told
//! by device and inode, from which the receiver forms the groups.

use std::collections::HashMap;

use super::builder::Part;
use super::entry::{HardLink, Kind};
use super::fields::Fields;
use super::options::ListOptions;
use crate::error::{Error, Malformed};
use crate::wire::flags::{entry as flag, io_error};
use crate::wire::{Cursor, Parse};

/// All flags that an entry of protocol 29 can have.
pub(super) const KNOWN_FLAGS: u32 = (1 << 12) - 1;

/// Memory of a hard link whose group is known by its inode, in bytes.
pub(super) const INODE_MEMORY: u64 = 48;

/// Where a file with several names lies on the server: device and inode.
pub(super) type Inode = (i64, i64);

/// The groups of hard links by their inode; each is named by the index of its first entry.
pub(super) type Inodes = HashMap<Inode, u32>;

impl ListOptions {
    /// Whether the list is one of protocol 29.
    pub(super) fn is_old(&self) -> bool {
        self.protocol < 30
    }

    /// A number that is a varint in newer lists.
    pub(super) fn read_number(&self, cursor: &mut Cursor<'_>) -> Parse<i32> {
        if self.is_old() { cursor.i32() } else { cursor.varint() }
    }

    /// A length that is a varint in newer lists.
    pub(super) fn read_len(&self, what: &'static str, cursor: &mut Cursor<'_>) -> Parse<usize> {
        if !self.is_old() {
            return cursor.varint_len(what);
        }
        let value = cursor.i32()?;
        usize::try_from(value)
            .map_err(|_| Malformed::new(what, format!("the negative length {value}")).into())
    }

    pub(super) fn read_old_fields(
        &self,
        flags: u32,
        cursor: &mut Cursor<'_>,
        fields: &mut Fields,
    ) -> Parse<()> {
        fields.set_size(cursor.longint()?)?;
        if flags & flag::SAME_TIME == 0 {
            // The reference reads the 32 bits without a sign, so that they last until 2106.
            fields.mtime = cursor.u32()?.into();
        }
        let kind = fields.read_mode(flags, cursor)?;
        if self.owner && flags & flag::SAME_UID == 0 {
            fields.uid = self.read_id(cursor)?;
        }
        if self.group && flags & flag::SAME_GID == 0 {
            fields.gid = self.read_id(cursor)?;
        }
        if self.devices && kind.is_device() || self.specials && kind.is_special() {
            if flags & flag::SAME_RDEV_MAJOR == 0 {
                fields.device_major = cursor.u32()?;
            }
            let in_byte = flags & flag::MINOR_IN_BYTE != 0;
            let minor = if in_byte { cursor.u8()?.into() } else { cursor.u32()? };
            fields.set_device(minor);
        }
        self.settle_payload(kind, fields);
        Ok(())
    }

    /// The inode of a file with several names, which stands behind the link's target. `own_index` names the group if
    /// this is its first entry.
    pub(super) fn read_inode(
        &self,
        flags: u32,
        cursor: &mut Cursor<'_>,
        fields: &mut Fields,
        known: &Inodes,
        own_index: u32,
    ) -> Parse<Option<Inode>> {
        if flags & flag::HARD_LINKED == 0 {
            return Ok(None);
        }
        if !self.hard_links {
            return Err(Error::Violation("it sent hard links, which were not asked for".to_owned()).into());
        }
        if Kind::from_mode(fields.mode) == Some(Kind::Directory) {
            return Err(Error::Violation("it sent hard links of directories".to_owned()).into());
        }
        if flags & flag::SAME_DEVICE == 0 {
            fields.link_device = cursor.longint()?;
        }
        let inode = (fields.link_device, cursor.longint()?);
        let group = known.get(&inode).copied();
        fields.link = Some(HardLink { group: group.unwrap_or(own_index), first: group.is_none() });
        Ok(Some(inode))
    }

    /// What follows the last name of a group, or what would be it.
    pub(super) fn after_groups(&self) -> Part {
        if self.is_old() { Part::IoError } else { Part::Complete }
    }
}

/// The server's I/O errors, behind everything else.
pub(super) fn read_io_error(cursor: &mut Cursor<'_>) -> Parse<u32> {
    Ok(cursor.u32()? & io_error::KNOWN)
}
