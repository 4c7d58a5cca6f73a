//! Access control lists in the file list: sets that entries share by number, each sent once.

use crate::error::{Error, Malformed};
use crate::limits;
use crate::wire::{Cursor, Parse};

const HAS_USER: u8 = 1 << 0;
const HAS_GROUP: u8 = 1 << 1;
const HAS_MASK: u8 = 1 << 2;
const HAS_OTHER: u8 = 1 << 3;
const HAS_NAMES: u8 = 1 << 4;

const NAME_FOLLOWS: u32 = 1 << 0;
const IS_USER: u32 = 1 << 1;

/// A list as it was sent. What follows from the file's mode is left out by the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acl {
    /// Permissions of the owner, where they differ from the mode's.
    pub user: Option<u8>,
    /// Permissions of the group, where they differ from the mode's.
    pub group: Option<u8>,
    /// The mask, where there is one that differs from the mode's.
    pub mask: Option<u8>,
    /// Permissions of all others, where they differ from the mode's.
    pub other: Option<u8>,
    /// Named users and groups, with their numbers on the server.
    pub names: Vec<AclName>,
}

/// What one named user or group may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AclName {
    /// A user; otherwise a group.
    pub is_user: bool,
    /// The number on the server.
    pub id: u32,
    /// Permissions: read 4, write 2, execute 1.
    pub permissions: u8,
}

/// A name that came inside a list.
pub(super) struct NamedId {
    pub is_user: bool,
    pub id: u32,
    pub name: Box<[u8]>,
}

/// A list in an entry: one that was sent before, or a new one.
pub(super) enum AclItem {
    Known(usize),
    New(Acl, Vec<NamedId>),
}

/// Reads the list of one entry, of which `known` were sent before.
pub(super) fn read(cursor: &mut Cursor<'_>, known: usize) -> Parse<AclItem> {
    let number = cursor.varint_len("the number of an access control list")?;
    if number > known {
        let rule = format!("access control list {number} was not sent, only {known}");
        return Err(Error::Violation(rule).into());
    }
    if number > 0 {
        return Ok(AclItem::Known(number - 1));
    }
    let flags = cursor.u8()?;
    if flags & !(HAS_USER | HAS_GROUP | HAS_MASK | HAS_OTHER | HAS_NAMES) != 0 {
        return Err(malformed(format!("the unknown flags {flags:#04x}")));
    }
    let mut acl = Acl::default();
    for (bit, slot) in [
        (HAS_USER, &mut acl.user),
        (HAS_GROUP, &mut acl.group),
        (HAS_MASK, &mut acl.mask),
        (HAS_OTHER, &mut acl.other),
    ] {
        if flags & bit != 0 {
            *slot = Some(permissions(cursor.varint()? as u32)?);
        }
    }
    let mut named = Vec::new();
    if flags & HAS_NAMES != 0 {
        let count = cursor.varint_len("the length of an access control list")?;
        if count > limits::MAX_ACL_ENTRIES {
            let what = "the number of entries of an access control list";
            return Err(Error::Limit { what, limit: limits::MAX_ACL_ENTRIES as u64 }.into());
        }
        for _ in 0..count {
            let id = cursor.varint()? as u32;
            let access = cursor.varint()? as u32;
            let is_user = access & IS_USER != 0;
            acl.names.push(AclName { is_user, id, permissions: permissions(access >> 2)? });
            if access & NAME_FOLLOWS != 0 {
                let len = cursor.u8()?;
                named.push(NamedId { is_user, id, name: cursor.take(usize::from(len))?.into() });
            }
        }
    }
    Ok(AclItem::New(acl, named))
}

fn permissions(value: u32) -> Parse<u8> {
    if value > 7 {
        return Err(malformed(format!("the permissions {value:#x}")));
    }
    Ok(value as u8)
}

fn malformed(found: String) -> crate::wire::Stop {
    Malformed::new("an access control list", found).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::put;

    #[test]
    fn a_list_with_names_is_read() {
        let mut bytes = vec![0, HAS_USER | HAS_MASK | HAS_NAMES, 7, 5];
        put::varint(&mut bytes, 2);
        put::varint(&mut bytes, 1000);
        put::varint(&mut bytes, (6 << 2 | IS_USER | NAME_FOLLOWS) as i32);
        bytes.extend(b"\x03bob");
        put::varint(&mut bytes, 50);
        put::varint(&mut bytes, 4 << 2);
        let Ok(AclItem::New(acl, named)) = read(&mut Cursor::new(&bytes), 0) else { panic!("a new list") };
        assert_eq!((acl.user, acl.group, acl.mask, acl.other), (Some(7), None, Some(5), None));
        assert_eq!(acl.names[0], AclName { is_user: true, id: 1000, permissions: 6 });
        assert_eq!(acl.names[1], AclName { is_user: false, id: 50, permissions: 4 });
        assert_eq!(&*named[0].name, b"bob");
    }

    #[test]
    fn numbers_flags_and_permissions_are_checked() {
        assert!(matches!(read(&mut Cursor::new(&[3]), 3), Ok(AclItem::Known(2))));
        assert!(read(&mut Cursor::new(&[4]), 3).is_err());
        assert!(read(&mut Cursor::new(&[0, 0x20]), 0).is_err());
        assert!(read(&mut Cursor::new(&[0, HAS_USER, 8]), 0).is_err());
    }
}
