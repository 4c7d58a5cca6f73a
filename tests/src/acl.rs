//! POSIX ACLs in the form in which the kernel takes and gives them as extended attributes.
//!
//! Not for reading them: a snapshot compares the bytes.

/// The attribute that holds a file's own ACL.
pub const ACCESS: &str = "system.posix_acl_access";
/// The attribute that holds what a directory's new children inherit.
pub const DEFAULT: &str = "system.posix_acl_default";

const VERSION: u32 = 2;
const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;
/// What stands in the place of an id where the kind of entry has none.
const NO_ID: u32 = u32::MAX;

/// An ACL with a mask, which is one with more to say than the mode bits.
#[derive(Debug, Clone)]
pub struct Acl {
    /// What the owner may.
    pub owner: u16,
    /// Named users and what they may, by ascending id, as the kernel stores them.
    pub users: Vec<(u32, u16)>,
    /// What the group may, before the mask.
    pub group: u16,
    /// Named groups and what they may, by ascending id.
    pub groups: Vec<(u32, u16)>,
    /// The most that any of the named and the group may.
    pub mask: u16,
    /// What everybody else may.
    pub other: u16,
}

impl Acl {
    /// The value of the attribute.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut value = VERSION.to_le_bytes().to_vec();
        let mut entry = |tag: u16, permissions: u16, id: u32| {
            value.extend_from_slice(&tag.to_le_bytes());
            value.extend_from_slice(&permissions.to_le_bytes());
            value.extend_from_slice(&id.to_le_bytes());
        };
        // The kernel refuses any other order of the kinds.
        entry(USER_OBJ, self.owner, NO_ID);
        for &(id, permissions) in &self.users {
            entry(USER, permissions, id);
        }
        entry(GROUP_OBJ, self.group, NO_ID);
        for &(id, permissions) in &self.groups {
            entry(GROUP, permissions, id);
        }
        entry(MASK, self.mask, NO_ID);
        entry(OTHER, self.other, NO_ID);
        value
    }
}
