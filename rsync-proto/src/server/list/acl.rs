//! Access control lists, from the form in which the kernel keeps them to that of the file list. Each is sent once, and
//! then known by its number.

use std::collections::HashMap;

use super::owners::{Owners, put_name};
use crate::server::failure::Failure;
use crate::wire::put;

/// Names of the attributes that have them.
pub(super) const ACCESS: &std::ffi::CStr = c"system.posix_acl_access";
pub(super) const DEFAULT: &std::ffi::CStr = c"system.posix_acl_default";

const VERSION: u32 = 2;
const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

/// Flags of a list: which of the four parts it has, in their order, and whether it has names.
const HAS_NAMES: u8 = 1 << 4;
const NAME_FOLLOWS: u32 = 1 << 0;
const IS_USER: u32 = 1 << 1;

/// Most lists of a transfer; more distinct ones are no honest tree's.
const MAX_LISTS: u32 = 1_000_000;

/// A list as it goes out: what follows from the mode of the file is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Acl {
    /// Of the owner, the group, the mask and all others.
    parts: [Option<u8>; 4],
    names: Vec<(bool, u32, u8)>,
}

impl Acl {
    /// The access list of a file, whose attribute has this value.
    pub fn access(value: &[u8], mode: u32) -> Self {
        let mut acl = Self::parse(value);
        let group_bits = Some((mode >> 3 & 7) as u8);
        let [user, group, mask, other] = &mut acl.parts;
        (*user, *other) = (None, None);
        if mask.is_none() || *group == group_bits {
            *group = None;
        }
        if !acl.names.is_empty() && *mask == group_bits {
            *mask = None;
        }
        acl
    }

    /// The list that entries of a directory get.
    pub fn inherited(value: &[u8]) -> Self {
        Self::parse(value)
    }

    /// A value that is none is an empty list: then the mode says it all.
    fn parse(value: &[u8]) -> Self {
        let mut acl = Self::default();
        let Some(entries) = value.strip_prefix(&VERSION.to_le_bytes()) else { return acl };
        let (entries, _) = entries.as_chunks::<8>();
        for &[t0, t1, p0, p1, i0, i1, i2, i3] in entries {
            let permissions = (u16::from_le_bytes([p0, p1]) & 7) as u8;
            let id = u32::from_le_bytes([i0, i1, i2, i3]);
            match u16::from_le_bytes([t0, t1]) {
                USER_OBJ => acl.parts[0] = Some(permissions),
                GROUP_OBJ => acl.parts[1] = Some(permissions),
                MASK => acl.parts[2] = Some(permissions),
                OTHER => acl.parts[3] = Some(permissions),
                USER => acl.names.push((true, id, permissions)),
                GROUP => acl.names.push((false, id, permissions)),
                _ => {}
            }
        }
        acl
    }

    fn put(&self, out: &mut Vec<u8>, owners: &mut Option<Owners>, inline: bool) {
        let has = |(at, part): (usize, &Option<u8>)| u8::from(part.is_some()) << at;
        let parts = self.parts.iter().enumerate().map(has).fold(0, |flags, bit| flags | bit);
        out.push(parts | if self.names.is_empty() { 0 } else { HAS_NAMES });
        self.parts.iter().flatten().for_each(|part| put::varint(out, i32::from(*part)));
        if self.names.is_empty() {
            return;
        }
        put::varint(out, self.names.len() as i32);
        for (is_user, id, permissions) in &self.names {
            let names = owners.as_mut().map(|all| if *is_user { &mut all.users } else { &mut all.groups });
            let name = names.and_then(|names| names.first(*id)).filter(|_| inline);
            let access = u32::from(*permissions) << 2
                | if *is_user { IS_USER } else { 0 }
                | if name.is_some() { NAME_FOLLOWS } else { 0 };
            put::varint(out, *id as i32);
            put::varint(out, access as i32);
            if let Some(name) = name {
                put_name(out, name);
            }
        }
    }
}

/// Lists that were sent: those of access, or those that are inherited.
#[derive(Debug, Default)]
pub(super) struct SentAcls {
    numbers: HashMap<Acl, u32>,
    /// The number of the list that says nothing, which most files have.
    plain: Option<u32>,
}

impl SentAcls {
    /// Writes a list, or its number.
    pub fn put(
        &mut self,
        out: &mut Vec<u8>,
        acl: Acl,
        owners: &mut Option<Owners>,
        inline: bool,
    ) -> Result<(), Failure> {
        let is_plain = acl.names.is_empty() && acl.parts == [None; 4];
        let known = if is_plain { self.plain } else { self.numbers.get(&acl).copied() };
        if let Some(number) = known {
            put::varint(out, number as i32);
            return Ok(());
        }
        let number = self.numbers.len() as u32 + 1;
        if number > MAX_LISTS {
            return Err(Failure::Limit { what: "access control lists", limit: MAX_LISTS.into() });
        }
        put::varint(out, 0);
        acl.put(out, owners, inline);
        if is_plain {
            self.plain = Some(number);
        }
        self.numbers.insert(acl, number);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::list::owners::Names;

    fn value(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut value = VERSION.to_le_bytes().to_vec();
        for (tag, permissions, id) in entries {
            value.extend(tag.to_le_bytes());
            value.extend(permissions.to_le_bytes());
            value.extend(id.to_le_bytes());
        }
        value
    }

    fn put(sent: &mut SentAcls, acl: &Acl, inline: bool) -> Vec<u8> {
        let users = Names::parse(b"daemon:x:1:");
        let mut owners = Some(Owners { users, groups: Names::default() });
        let mut out = Vec::new();
        sent.put(&mut out, acl.clone(), &mut owners, inline).unwrap();
        out
    }

    #[test]
    fn what_the_mode_says_is_left_out() {
        let mut sent = SentAcls::default();
        assert_eq!(put(&mut sent, &Acl::access(b"", 0o644), true), [0, 0]);
        let plain = value(&[(USER_OBJ, 6, !0), (GROUP_OBJ, 4, !0), (OTHER, 4, !0)]);
        assert_eq!(put(&mut sent, &Acl::access(&plain, 0o644), true), [1]);
        let named =
            value(&[(USER_OBJ, 6, !0), (USER, 6, 9), (GROUP_OBJ, 0, !0), (MASK, 6, !0), (OTHER, 4, !0)]);
        let acl = Acl::access(&named, 0o664);
        assert_eq!(put(&mut sent, &acl, true), [0, 0x12, 0, 1, 9, 6 << 2 | 2], "the group differs");
        assert_eq!(put(&mut sent, &acl, true), [2]);
        let mask = value(&[(USER_OBJ, 6, !0), (GROUP_OBJ, 6, !0), (MASK, 6, !0), (OTHER, 4, !0)]);
        assert_eq!(put(&mut sent, &Acl::access(&mask, 0o664), true), [0, 4, 6], "a mask without names stays");
    }

    #[test]
    fn a_default_list_stands_for_itself() {
        let list =
            value(&[(USER_OBJ, 7, !0), (USER, 7, 1), (GROUP_OBJ, 5, !0), (MASK, 7, !0), (OTHER, 5, !0)]);
        let mut sent = SentAcls::default();
        let documented = b"\x00\x1f\x07\x05\x07\x05\x01\x01\x1f\x06daemon";
        assert_eq!(put(&mut sent, &Acl::inherited(&list), true), documented);
        let mut sent = SentAcls::default();
        assert_eq!(put(&mut sent, &Acl::inherited(&list), false), b"\x00\x1f\x07\x05\x07\x05\x01\x01\x1e");
        assert_eq!(put(&mut sent, &Acl::inherited(b""), false), [0, 0]);
    }
}
