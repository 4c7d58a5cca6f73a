//! Extended attributes in the file list: sets that entries share by number, each sent once. A value of more
//! than 32 bytes comes as its MD5 sum only; it is asked for, once in a session, by whoever lacks it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use crate::checksum::xattr_sum;
use crate::error::{Error, Malformed, printable};
use crate::limits;
use crate::wire::{Cursor, Parse, Stop};

/// Longest value that comes with the list, in bytes.
const MAX_INLINE: usize = 32;

/// The extended attributes of a file.
#[derive(Debug, Default)]
pub struct XattrSet {
    /// The attributes, in the order in which they were sent: requests count from 1 in this order.
    pub items: Vec<Xattr>,
}

impl XattrSet {
    /// Memory that the set takes once all values are here, in bytes.
    pub(super) fn memory(&self) -> u64 {
        let item = |item: &Xattr| item.name.len() + item.len + size_of::<Xattr>() + 32;
        64 + self.items.iter().map(item).sum::<usize>() as u64
    }

    /// Whether all values are here.
    pub fn is_complete(&self) -> bool {
        self.items.iter().all(|item| item.is_foreign() || item.value.get().is_some())
    }
}

/// One extended attribute.
#[derive(Debug)]
pub struct Xattr {
    /// The name with its namespace, without a NUL.
    pub name: Box<[u8]>,
    /// Length of the value in bytes.
    pub len: usize,
    sum: [u8; 16],
    value: OnceLock<Bytes>,
    requested: AtomicBool,
}

impl Xattr {
    /// Whether the attribute is of a namespace that only some file systems know: it takes no part.
    pub fn is_foreign(&self) -> bool {
        ![&b"user."[..], b"trusted.", b"security."].iter().any(|space| self.name.starts_with(space))
    }

    /// The value, once it is here.
    pub fn value(&self) -> Option<&Bytes> {
        self.value.get()
    }

    /// Whether `value` is what the server has, as far as its sum can tell.
    pub fn matches(&self, value: &[u8]) -> bool {
        match self.value.get() {
            Some(own) => own == value,
            None => value.len() == self.len && xattr_sum(value) == self.sum,
        }
    }

    /// Takes over a local value that [`Self::matches`].
    pub fn supply(&self, value: &[u8]) {
        self.value.get_or_init(|| Bytes::copy_from_slice(value));
    }

    /// Marks the value as asked for. True for the first caller, who asks; the server answers only once.
    pub(crate) fn claim_request(&self) -> bool {
        !self.is_foreign() && self.value.get().is_none() && !self.requested.swap(true, Ordering::AcqRel)
    }

    /// Takes in the value that the server sent on request. The attribute may have changed since the list was
    /// made, so neither length nor sum need to agree.
    pub(crate) fn receive(&self, value: &[u8]) {
        self.value.get_or_init(|| Bytes::copy_from_slice(value));
    }
}

/// A set in an entry: one that was sent before, or a new one.
pub(super) enum XattrItem {
    Known(usize),
    New(XattrSet),
}

/// Reads the set of one entry, of which `known` were sent before.
pub(super) fn read(cursor: &mut Cursor<'_>, known: usize) -> Parse<XattrItem> {
    let number = cursor.varint_len("the number of a set of extended attributes")?;
    if number > known {
        let rule = format!("set of extended attributes {number} was not sent, only {known}");
        return Err(Error::Violation(rule).into());
    }
    if number > 0 {
        return Ok(XattrItem::Known(number - 1));
    }
    let count = cursor.varint_len("the number of extended attributes")?;
    if count > limits::MAX_XATTRS {
        return Err(limit("the number of extended attributes of a file", limits::MAX_XATTRS));
    }
    let mut set = XattrSet { items: Vec::with_capacity(count) };
    let mut total = 0;
    for _ in 0..count {
        let name_len = cursor.varint_len("the length of an attribute's name")?;
        let len = cursor.varint_len("the length of an attribute's value")?;
        if name_len > limits::MAX_XATTR_NAME {
            return Err(limit("the length of an attribute's name", limits::MAX_XATTR_NAME));
        }
        check_value_len(len)?;
        total += name_len + len;
        if total > limits::MAX_XATTR_SET {
            return Err(limit("the size of a file's extended attributes", limits::MAX_XATTR_SET));
        }
        let name = match cursor.take(name_len)? {
            [name @ .., 0] if !name.is_empty() && !name.contains(&0) => name,
            _ => {
                let found = "one that is empty or does not end in its only NUL".to_owned();
                return Err(Malformed::new("the name of an extended attribute", found).into());
            }
        };
        if name.starts_with(b"system.") || !name.contains(&b'.') {
            let rule = format!("it sent the extended attribute \"{}\", of no namespace", printable(name));
            return Err(Error::Violation(rule).into());
        }
        let (sum, value) = if len > MAX_INLINE {
            (cursor.take(16)?.try_into().expect("16 bytes"), OnceLock::new())
        } else {
            ([0; 16], OnceLock::from(Bytes::copy_from_slice(cursor.take(len)?)))
        };
        set.items.push(Xattr { name: name.into(), len, sum, value, requested: AtomicBool::new(false) });
    }
    Ok(XattrItem::New(set))
}

/// Refuses values that the kernel would not take.
pub(crate) fn check_value_len(len: usize) -> Result<(), Stop> {
    if len > limits::MAX_XATTR_VALUE {
        return Err(limit("the length of an attribute's value", limits::MAX_XATTR_VALUE));
    }
    Ok(())
}

fn limit(what: &'static str, limit: usize) -> Stop {
    Error::Limit { what, limit: limit as u64 }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(bytes: &[u8]) -> XattrSet {
        match read(&mut Cursor::new(bytes), 0) {
            Ok(XattrItem::New(set)) => set,
            _ => panic!("a new set"),
        }
    }

    #[test]
    fn short_values_come_with_the_list_and_long_ones_as_a_sum() {
        let long = [7u8; 33];
        let mut bytes = vec![0, 2, 7, 3];
        bytes.extend(b"user.a\0abc");
        bytes.extend([7, 33]);
        bytes.extend(b"user.b\0");
        bytes.extend(xattr_sum(&long));
        let set = set(&bytes);
        assert_eq!(&*set.items[0].name, b"user.a");
        assert_eq!(&set.items[0].value().unwrap()[..], b"abc");
        let item = &set.items[1];
        assert!(!set.is_complete() && item.value().is_none());
        assert!(item.matches(&long) && !item.matches(&[7; 34]) && !item.matches(&[8; 33]));
        assert!(item.claim_request() && !item.claim_request());
        item.receive(&long);
        assert!(set.is_complete());
    }

    #[test]
    fn names_must_end_in_their_only_nul() {
        for name in [&b"user.a"[..], b"u\0er.\0", b"\0"] {
            let mut bytes = vec![0, 1, name.len() as u8, 0];
            bytes.extend(name);
            assert!(matches!(read(&mut Cursor::new(&bytes), 0), Err(Stop::Bad(_))), "{name:?}");
        }
    }

    #[test]
    fn numbers_are_checked() {
        assert!(matches!(read(&mut Cursor::new(&[2]), 2), Ok(XattrItem::Known(1))));
        assert!(read(&mut Cursor::new(&[3]), 2).is_err());
    }
}
