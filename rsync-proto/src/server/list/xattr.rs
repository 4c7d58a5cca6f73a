//! Extended attributes in the file list: the set of each file, sorted by name. A set is sent once, and then known by its
//! number; of a long value, only the sum is sent and kept.

use std::collections::HashMap;
use std::ffi::CStr;
use std::sync::Arc;

use rustix::io::Errno;

use super::handle::{Attributes, Handle};
use crate::checksum::xattr_sum;
use crate::filter::XattrRules;
use crate::server::failure::Failure;
use crate::wire::{Cursor, Parse, put};

/// Longest value that comes with the list, in bytes.
const MAX_INLINE: usize = 32;
/// Most bytes of all sets that are kept.
const MAX_SETS: usize = 128 * 1024 * 1024;

/// Access control lists are attributes of this namespace, and are sent as what they are.
const SYSTEM: &[u8] = b"system.";
/// In what rsync keeps what only root may give a file.
const HIDDEN: &[u8] = b"user.rsync.%";

/// Which attributes are sent.
#[derive(Debug)]
pub(super) struct Taken {
    /// Those that hide what a file pretends to be.
    pub hidden: bool,
    /// What the client's rules say of names.
    pub rules: Option<XattrRules>,
}

impl Taken {
    fn takes(&self, name: &[u8]) -> bool {
        !name.starts_with(SYSTEM)
            && (self.hidden || !name.starts_with(HIDDEN))
            && !self.rules.as_ref().is_some_and(|rules| rules.exclude(name))
    }
}

/// Sets as they were sent.
#[derive(Debug, Default)]
pub(super) struct SentSets {
    numbers: HashMap<Arc<[u8]>, u32>,
    sets: Vec<Arc<[u8]>>,
    memory: usize,
}

impl SentSets {
    /// Reads the attributes of a file into `set`, in the form in which they go out.
    pub fn read(
        attributes: &mut Attributes,
        taken: &Taken,
        handle: Handle<'_>,
        set: &mut Vec<u8>,
    ) -> Result<(), Errno> {
        set.clear();
        attributes.list(handle)?;
        if attributes.names.is_empty() {
            set.push(0);
            return Ok(());
        }
        let all = std::mem::take(&mut attributes.names);
        let mut names: Vec<&CStr> = all
            .split_inclusive(|byte| *byte == 0)
            .filter_map(|name| CStr::from_bytes_with_nul(name).ok())
            .filter(|name| taken.takes(name.to_bytes()))
            .collect();
        names.sort_unstable();
        let mut count = 0;
        let mut items = Vec::new();
        let read = names.iter().try_for_each(|name| {
            // One that is gone by now was never there.
            if attributes.get(handle, name)? {
                put_item(&mut items, name, &attributes.value);
                count += 1;
            }
            Ok(())
        });
        attributes.names = all;
        put::varint(set, count);
        set.extend_from_slice(&items);
        read
    }

    /// Writes a set that was read, or its number. Returns the number.
    pub fn put(&mut self, out: &mut Vec<u8>, set: &[u8]) -> Result<u32, Failure> {
        if let Some(number) = self.numbers.get(set) {
            put::varint(out, *number as i32);
            return Ok(*number);
        }
        self.memory += set.len() + 64;
        if self.memory > MAX_SETS {
            return Err(Failure::Limit { what: "extended attributes, in bytes,", limit: MAX_SETS as u64 });
        }
        put::varint(out, 0);
        out.extend_from_slice(set);
        let number = self.sets.len() as u32 + 1;
        let kept: Arc<[u8]> = set.into();
        self.sets.push(Arc::clone(&kept));
        self.numbers.insert(kept, number);
        Ok(number)
    }

    /// How many attributes a set has.
    pub fn len(&self, number: u32) -> usize {
        self.set(number).and_then(|mut set| set.varint().ok()).map_or(0, |count| count as usize)
    }

    /// The name of the attribute at a place in a set, counted from 1.
    pub fn name(&self, number: u32, position: u32) -> Option<&CStr> {
        let mut set = self.set(number)?;
        let count = set.varint().ok()? as u32;
        if position == 0 || position > count {
            return None;
        }
        (0..position).try_fold(None, |_, _| read_name(&mut set).map(Some)).ok()?
    }

    fn set(&self, number: u32) -> Option<Cursor<'_>> {
        let set = self.sets.get((number as usize).checked_sub(1)?)?;
        Some(Cursor::new(set))
    }
}

fn put_item(items: &mut Vec<u8>, name: &CStr, value: &[u8]) {
    let name = name.to_bytes_with_nul();
    put::varint(items, name.len() as i32);
    put::varint(items, value.len() as i32);
    items.extend_from_slice(name);
    if value.len() > MAX_INLINE {
        items.extend_from_slice(&xattr_sum(value));
    } else {
        items.extend_from_slice(value);
    }
}

/// Reads an attribute, of which only the name is kept.
fn read_name<'a>(set: &mut Cursor<'a>) -> Parse<&'a CStr> {
    let name_len = set.varint()? as usize;
    let len = set.varint()? as usize;
    let name = CStr::from_bytes_with_nul(set.take(name_len)?).expect("written with its only NUL");
    set.take(if len > MAX_INLINE { 16 } else { len })?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(items: &[(&CStr, &[u8])]) -> Vec<u8> {
        let mut set = vec![items.len() as u8];
        items.iter().for_each(|(name, value)| put_item(&mut set, name, value));
        set
    }

    #[test]
    fn a_set_is_sent_once() {
        let mut sent = SentSets::default();
        let long = [7; 60];
        let some = set(&[(c"user.long", &long), (c"user.short", b"value")]);
        let mut out = Vec::new();
        assert_eq!(sent.put(&mut out, &some).unwrap(), 1);
        assert_eq!(out[..14], *b"\x00\x02\x0a\x3cuser.long\0");
        assert_eq!(out[30..], *b"\x0b\x05user.short\0value");
        out.clear();
        assert_eq!(sent.put(&mut out, &set(&[])).unwrap(), 2);
        assert_eq!(sent.put(&mut out, &some).unwrap(), 1);
        assert_eq!(out, [0, 0, 1]);
        assert_eq!((sent.len(1), sent.len(2), sent.len(3), sent.len(0)), (2, 0, 0, 0));
        assert_eq!(sent.name(1, 1), Some(c"user.long"));
        assert_eq!(sent.name(1, 2), Some(c"user.short"));
        for (number, position) in [(1, 0), (1, 3), (2, 1), (3, 1), (0, 1)] {
            assert!(sent.name(number, position).is_none(), "{number} {position}");
        }
    }

    #[test]
    fn some_names_are_not_sent() {
        let taken = |hidden| Taken { hidden, rules: None };
        for name in [&b"user.a"[..], b"trusted.a", b"security.capability", b"user.rsync.a"] {
            assert!(taken(false).takes(name));
        }
        assert!(!taken(true).takes(b"system.posix_acl_access"));
        assert!(!taken(false).takes(b"user.rsync.%stat") && taken(true).takes(b"user.rsync.%stat"));
    }
}
