//! Access control lists as the kernel stores them: the value of `system.posix_acl_access` and
//! `system.posix_acl_default`, a version and then tag, permissions and number of each entry.

use crate::flist::Acl;

use super::ids::IdMap;

pub(super) const ACCESS: &[u8] = b"system.posix_acl_access";
pub(super) const DEFAULT: &[u8] = b"system.posix_acl_default";

const VERSION: u32 = 2;
const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;
const NO_ID: u32 = u32::MAX;

/// The list that belongs to a file of this mode; nothing where the mode says it all.
pub(super) fn access(acl: &Acl, mode: u32, ids: &IdMap) -> Option<Vec<u8>> {
    if acl.mask.is_none() && acl.names.is_empty() {
        return None;
    }
    let bits = |shift: u32| (mode >> shift & 7) as u8;
    // With a mask, the group bits of the mode are the mask's, and the group's own stand in the list if they
    // differ from them.
    Some(encode(acl, bits(6), acl.group.unwrap_or(bits(3)), Some(bits(3)), bits(0), ids))
}

/// The list that entries of a directory get; nothing where they get none.
pub(super) fn default(acl: &Acl, ids: &IdMap) -> Option<Vec<u8>> {
    let user = acl.user?;
    let group = acl.group.unwrap_or(0);
    let implied = || acl.names.iter().fold(group, |bits, name| bits | name.permissions);
    let mask = acl.mask.or_else(|| (!acl.names.is_empty()).then(implied));
    Some(encode(acl, user, group, mask, acl.other.unwrap_or(0), ids))
}

/// The permissions of a mode that this list allows to owner, group and others; nothing if it is none.
pub(super) fn allowed(list: &[u8]) -> Option<u32> {
    let entries = list.strip_prefix(&VERSION.to_le_bytes())?;
    let (mut bits, mut mask) = (0, None);
    for entry in entries.chunks_exact(8) {
        let permissions = u32::from(entry[2] & 7);
        match u16::from_le_bytes([entry[0], entry[1]]) {
            USER_OBJ => bits |= permissions << 6,
            GROUP_OBJ => bits |= permissions << 3,
            MASK => mask = Some(permissions << 3),
            OTHER => bits |= permissions,
            _ => {}
        }
    }
    // With a mask, it is what a mode shows as those of the group.
    Some(mask.map_or(bits, |mask| bits & !0o070 | mask))
}

fn encode(acl: &Acl, user: u8, group: u8, mask: Option<u8>, other: u8, ids: &IdMap) -> Vec<u8> {
    let named = |is_user: bool| {
        let mut found: Vec<(u32, u8)> = acl
            .names
            .iter()
            .filter(|name| name.is_user == is_user)
            .map(|name| (if is_user { ids.uid(name.id) } else { ids.gid(name.id) }, name.permissions))
            .collect();
        found.sort_unstable();
        found
    };
    let mut value = VERSION.to_le_bytes().to_vec();
    let mut put = |tag: u16, permissions: u8, id: u32| {
        value.extend(tag.to_le_bytes());
        value.extend(u16::from(permissions).to_le_bytes());
        value.extend(id.to_le_bytes());
    };
    put(USER_OBJ, user, NO_ID);
    named(true).into_iter().for_each(|(id, permissions)| put(USER, permissions, id));
    put(GROUP_OBJ, group, NO_ID);
    named(false).into_iter().for_each(|(id, permissions)| put(GROUP, permissions, id));
    if let Some(mask) = mask {
        put(MASK, mask, NO_ID);
    }
    put(OTHER, other, NO_ID);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flist::AclName;

    fn entries(value: &[u8]) -> Vec<(u16, u16, u32)> {
        assert_eq!(value[..4], VERSION.to_le_bytes());
        let number = |bytes: &[u8]| u16::from_le_bytes(bytes.try_into().unwrap());
        value[4..]
            .chunks(8)
            .map(|e| (number(&e[..2]), number(&e[2..4]), u32::from_le_bytes(e[4..].try_into().unwrap())))
            .collect()
    }

    #[test]
    fn what_the_mode_says_is_filled_in() {
        let ids = IdMap::new(false);
        let name = |is_user, id| AclName { is_user, id, permissions: 6 };
        let acl = Acl { names: vec![name(true, 9), name(false, 4), name(true, 3)], ..Acl::default() };
        assert_eq!(access(&Acl::default(), 0o644, &ids), None);
        assert_eq!(
            entries(&access(&acl, 0o754, &ids).unwrap()),
            [
                (USER_OBJ, 7, NO_ID),
                (USER, 6, 3),
                (USER, 6, 9),
                (GROUP_OBJ, 5, NO_ID),
                (GROUP, 6, 4),
                (MASK, 5, NO_ID),
                (OTHER, 4, NO_ID)
            ]
        );
    }

    #[test]
    fn a_default_list_stands_alone() {
        let ids = IdMap::new(false);
        let acl = Acl { user: Some(7), group: Some(5), other: Some(1), ..Acl::default() };
        assert_eq!(default(&Acl::default(), &ids), None);
        assert_eq!(
            entries(&default(&acl, &ids).unwrap()),
            [(USER_OBJ, 7, NO_ID), (GROUP_OBJ, 5, NO_ID), (OTHER, 1, NO_ID)]
        );
    }

    #[test]
    fn lists_allow_what_their_mask_shows() {
        let ids = IdMap::new(false);
        let acl = Acl { user: Some(7), group: Some(5), other: Some(1), ..Acl::default() };
        let list = default(&acl, &ids).unwrap();
        assert_eq!(allowed(&list), Some(0o751));
        let named = AclName { is_user: true, id: 9, permissions: 7 };
        let list = default(&Acl { mask: Some(2), names: vec![named], ..acl }, &ids).unwrap();
        assert_eq!(allowed(&list), Some(0o721));
        assert_eq!(allowed(&list[4..]), None);
        assert_eq!(allowed(b""), None);
    }
}
