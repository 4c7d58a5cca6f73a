//! Access control lists as they stand in a file list.

use super::list::put_short;
use crate::wire::put;

/// An access control list; permissions are numbers so that they can be wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestAcl {
    pub user: Option<i32>,
    pub group: Option<i32>,
    pub mask: Option<i32>,
    pub other: Option<i32>,
    pub names: Vec<TestAclName>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestAclName {
    pub is_user: bool,
    pub id: u32,
    pub permissions: i32,
    pub name: Option<&'static str>,
}

pub(super) fn put_acl(out: &mut Vec<u8>, known: &mut Vec<TestAcl>, acl: &TestAcl) {
    if let Some(at) = known.iter().position(|old| old == acl) {
        return put::varint(out, at as i32 + 1);
    }
    known.push(acl.clone());
    put::varint(out, 0);
    let fields = [acl.user, acl.group, acl.mask, acl.other];
    let present = (0..).zip(&fields).map(|(bit, field)| u8::from(field.is_some()) << bit).sum::<u8>();
    out.push(present | u8::from(!acl.names.is_empty()) << 4);
    fields.iter().flatten().for_each(|field| put::varint(out, *field));
    if acl.names.is_empty() {
        return;
    }
    put::varint(out, acl.names.len() as i32);
    for entry in &acl.names {
        let bits = i32::from(entry.is_user) << 1 | i32::from(entry.name.is_some());
        put::varint(out, entry.id as i32);
        put::varint(out, entry.permissions << 2 | bits);
        entry.name.iter().for_each(|name| put_short(out, name.as_bytes()));
    }
}
