//! What a client asks for, item by item.

use super::super::failure::Failure;
use super::super::talk::Line;
use crate::limits::{MAX_PATH, MAX_XATTRS};
use crate::wire::flags::item;
use crate::wire::{Cursor, Index, IndexCodec, Parse, put};

/// The kind of basis that is meant where none is told: the file itself.
const ITSELF: u8 = 0x80;
/// What an interrupted transfer left of the file.
const PARTIAL: u8 = 0x81;
/// Numbers in counts of deletions: files, directories, symlinks, devices, special files.
const DELETED_KINDS: usize = 5;

/// What comes next from a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The end of a segment or phase.
    Done,
    /// Something about an entry.
    File(Request),
}

/// What is said about an entry; goes back with the answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub index: u32,
    pub flags: u16,
    basis: Option<u8>,
    name: Option<Vec<u8>>,
}

/// Reads what comes next. Counts of deletions go back to the client right away: its other half waits for them.
///
/// # Errors
/// It is nothing that may stand there.
pub(super) fn next(
    line: &mut Line,
    coming: &mut IndexCodec,
    going: &mut IndexCodec,
) -> Result<Next, Failure> {
    loop {
        match line.read(|cursor| coming.read(cursor))? {
            Index::Done => return Ok(Next::Done),
            Index::File(index) => return Ok(Next::File(line.read(|cursor| Request::read(cursor, index))?)),
            Index::DeleteStats => {
                let counts = line.read(|cursor| {
                    let mut counts = [0; DELETED_KINDS];
                    for count in &mut counts {
                        *count = cursor.varint()?;
                    }
                    Ok(counts)
                })?;
                going.write(line.out(), Index::DeleteStats);
                counts.into_iter().for_each(|count| put::varint(line.out(), count));
                line.push()?;
            }
            other => {
                return Err(Failure::Violation(format!(
                    "it sent an index that only servers send: {other:?}"
                )));
            }
        }
    }
}

impl Request {
    fn read(cursor: &mut Cursor<'_>, index: u32) -> Parse<Self> {
        let flags = cursor.u16()?;
        let basis = if flags & item::BASIS_TYPE_FOLLOWS != 0 { Some(cursor.u8()?) } else { None };
        let name = match flags & item::NAME_FOLLOWS {
            0 => None,
            _ => Some(cursor.vstring("a name in a request", MAX_PATH)?.to_vec()),
        };
        Ok(Self { index, flags, basis, name })
    }

    pub fn wants_content(&self) -> bool {
        self.flags & item::TRANSFER != 0
    }

    /// Whether values of extended attributes are spoken of. Where clients cannot have it otherwise, not of what is only a
    /// further name of a file.
    pub fn speaks_of_xattrs(&self, optimisation: bool) -> bool {
        let further = item::NAME_FOLLOWS | item::LOCAL_CHANGE;
        self.flags & item::REPORT_XATTR != 0 && !(optimisation && self.flags & further == further)
    }

    /// Whether the client builds on the file itself.
    pub fn builds_on_itself(&self) -> bool {
        self.basis.unwrap_or(ITSELF) == ITSELF
    }

    /// Whether the client builds on what an interrupted transfer left.
    pub fn builds_on_partial(&self) -> bool {
        self.basis == Some(PARTIAL)
    }

    /// Begins the answer.
    pub fn echo(&self, out: &mut Vec<u8>, going: &mut IndexCodec) {
        going.write(out, Index::File(self.index));
        put::u16(out, self.flags);
        out.extend(self.basis);
        if let Some(name) = &self.name {
            put::vstring(out, name);
        }
    }
}

/// Reads the numbers of the attributes whose values are wanted, of a set of `count`.
///
/// # Errors
/// They are none of the set.
pub(super) fn xattr_numbers(line: &mut Line, count: usize) -> Result<Vec<u32>, Failure> {
    let mut numbers = Vec::new();
    let mut last = 0i32;
    loop {
        let step = line.read(|cursor| cursor.varint())?;
        if step == 0 {
            return Ok(numbers);
        }
        let number = last.checked_add(step).and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| (1..=count).contains(&(*number as usize)));
        let Some(number) = number.filter(|_| numbers.len() < count.min(MAX_XATTRS)) else {
            let rule = format!("it asked for an extended attribute that is not among {count}");
            return Err(Failure::Violation(rule));
        };
        last = number as i32;
        numbers.push(number);
    }
}
