//! Names of users and groups, from `/etc/passwd` and `/etc/group` of this machine. Each number is told of once.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::sync::{Mutex, PoisonError};

use crate::wire::put;

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// Longest name that can be sent, in bytes.
const MAX_NAME: usize = 255;

/// Who told of which names.
#[derive(Debug, Default)]
pub(super) struct Owners {
    pub users: Names,
    pub groups: Names,
}

/// Names by number, and the numbers that were told of, in their order.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<u32, Box<[u8]>>,
    told: HashSet<u32>,
    order: Vec<u32>,
}

/// The files as they could be read last.
static LAST: Mutex<(Vec<u8>, Vec<u8>)> = Mutex::new((Vec::new(), Vec::new()));

/// Both files. A wall of the kernel is around the files that were there when it was made: of others that took their names,
/// nothing is seen, and what was read before counts.
pub(super) fn texts() -> (Vec<u8>, Vec<u8>) {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let (users, groups) = &mut *last;
    for (path, text) in [(USERS, users), (GROUPS, groups)] {
        match fs::read(path) {
            Ok(found) => *text = found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => text.clear(),
            Err(error) => tracing::debug!("cannot read {path}: {error}"),
        }
    }
    last.clone()
}

impl Owners {
    /// The users and groups of this machine. One without these files has none.
    pub fn of_this_machine() -> Self {
        let (users, groups) = texts();
        Self { users: Names::parse(&users), groups: Names::parse(&groups) }
    }
}

impl Names {
    /// Reads lines of `name:x:number:…`. The first name of a number counts.
    pub fn parse(text: &[u8]) -> Self {
        let mut known = HashMap::new();
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#")) {
            let mut fields = line.split(|byte| *byte == b':');
            if let (Some(name @ [_, ..]), Some(_), Some(id)) = (fields.next(), fields.next(), fields.next())
                && let Some(id) = std::str::from_utf8(id).ok().and_then(|id| id.parse::<u32>().ok())
                && name.len() <= MAX_NAME
            {
                known.entry(id).or_insert_with(|| name.into());
            }
        }
        Self { known, ..Self::default() }
    }

    /// The name of a number that is told of for the first time.
    pub fn first(&mut self, id: u32) -> Option<&[u8]> {
        let name = self.known.get(&id)?;
        if !self.told.insert(id) {
            return None;
        }
        self.order.push(id);
        Some(name)
    }

    /// Writes all names that were told of as a list, with that of number 0 at its end if the other side expects one.
    pub fn put(&self, out: &mut Vec<u8>, with_zero: bool) {
        for id in self.order.iter().filter(|id| **id != 0) {
            put::varint(out, *id as i32);
            put_name(out, &self.known[id]);
        }
        put::varint(out, 0);
        if with_zero {
            put_name(out, self.known.get(&0).map_or(b"", |name| name));
        }
    }
}

/// A name with its length in front.
pub(super) fn put_name(out: &mut Vec<u8>, name: &[u8]) {
    out.push(name.len() as u8);
    out.extend_from_slice(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_told_of_once() {
        let mut names =
            Names::parse(b"root:x:0:\n#no:x:4:\ntoor:x:0:\nbob:x:1000:u\nbad:x:y:\n:x:5:\nlast:x:7");
        assert_eq!(names.first(1000), Some(&b"bob"[..]));
        assert_eq!(names.first(1000), None);
        assert!([4, 5, 8].into_iter().all(|id| names.first(id).is_none()));
        assert_eq!(names.first(0), Some(&b"root"[..]), "the first of two");
        assert_eq!(names.first(7), Some(&b"last"[..]));
        let mut out = Vec::new();
        names.put(&mut out, true);
        assert_eq!(out, b"\x83\xe8\x03bob\x07\x04last\x00\x04root");
        out.clear();
        Names::default().put(&mut out, false);
        assert_eq!(out, [0]);
    }

    #[test]
    fn a_name_that_cannot_be_sent_is_none() {
        let line = [&b"a".repeat(256)[..], b":x:1:\nb:x:2:"].concat();
        let mut names = Names::parse(&line);
        assert_eq!(names.first(1), None);
        assert_eq!(names.first(2), Some(&b"b"[..]));
    }
}
