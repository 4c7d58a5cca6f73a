//! Filter rules and names of files, which come in front of the list.

use std::io;

use super::super::failure::Failure;
use super::limits::{Limits, MOST_MERGES, MOST_RULE_BYTES};
use super::line::Line;
use crate::filter::Filters;
use crate::limits::MAX_PATH;

/// Longest text of a rule: a path with its prefix.
const MOST_RULE: u32 = MAX_PATH as u32 + 16;
/// What a name costs besides its bytes.
const NAME_COST: usize = 48;

/// Reads the rules that count on this side.
///
/// # Errors
/// One means nothing, or they are too many.
pub(super) fn read(line: &mut Line, cvs_exclude: bool, limits: &Limits) -> Result<Filters, Failure> {
    let mut filters = Filters::default();
    let (mut count, mut bytes) = (0, 0);
    loop {
        let text = line.read(|cursor| {
            let len = cursor.u32()?;
            // Of what is too long, nothing is waited for.
            if len > MOST_RULE { Ok(None) } else { cursor.take(len as usize).map(|text| Some(text.to_vec())) }
        })?;
        let Some(text) = text else {
            return Err(Failure::Limit { what: "a filter rule, in bytes,", limit: MOST_RULE.into() });
        };
        if text.is_empty() {
            break;
        }
        count += 1;
        bytes += text.len();
        if count > limits.rules {
            return Err(Failure::Limit { what: "the number of filter rules", limit: limits.rules as u64 });
        }
        if bytes > MOST_RULE_BYTES {
            return Err(Failure::Limit { what: "the bytes of filter rules", limit: MOST_RULE_BYTES as u64 });
        }
        let mut no_file = |_: &[u8]| {
            Err(io::Error::other(
                "the files of a client are not here, and those of the server not for it to name",
            ))
        };
        filters.add(&text, &mut no_file).map_err(|error| Failure::Refused(error.to_string()))?;
        if filters.merge_count() > MOST_MERGES {
            return Err(Failure::Limit { what: "the number of merge files", limit: MOST_MERGES as u64 });
        }
    }
    filters.set_cvs_exclude(cvs_exclude);
    Ok(filters)
}

/// Reads the names of files that a client sends.
///
/// # Errors
/// They are too many, or do not come.
pub(super) fn names(line: &mut Line, protocol: u8, limits: &Limits) -> Result<Vec<Vec<u8>>, Failure> {
    // Before 31, they come past the frames.
    if protocol < 31 {
        line.set_frames_in(false)?;
    }
    let mut names = Vec::new();
    let mut room = limits.names;
    loop {
        let name = line.read_until(0, MAX_PATH, "a name of a file")?;
        if name.is_empty() {
            break;
        }
        let cost = name.len() + NAME_COST;
        room = room
            .checked_sub(cost)
            .ok_or(Failure::Limit { what: "the list of names, in bytes,", limit: limits.names as u64 })?;
        names.push(name);
    }
    if protocol < 31 {
        line.set_frames_in(true)?;
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::wire::frame::put_data_header;

    fn framed(parts: &[&[u8]]) -> Vec<u8> {
        let mut all = Vec::new();
        for part in parts {
            put_data_header(&mut all, part.len());
            all.extend_from_slice(part);
        }
        all
    }

    fn line(input: &[u8]) -> Line {
        let mut line = Line::over(input, &Arc::default());
        line.set_frames_in(true).unwrap();
        line
    }

    fn rules(texts: &[&str]) -> Vec<u8> {
        let one = |text: &&str| [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
        [texts.iter().flat_map(one).collect(), vec![0; 4]].concat()
    }

    fn read_rules(texts: &[&str]) -> Result<Filters, Failure> {
        read(&mut line(&framed(&[&rules(texts)])), false, &Limits::default())
    }

    #[test]
    fn rules_come_back() {
        let filters =
            read_rules(&["- *.o", "+s a", "-r b", ":C .cvsignore", "-C ", ":n-s .f", "-p .~tmp~/"]).unwrap();
        let scope = filters.sender(b"");
        assert!(scope.protects(b"x.o", false, false) && scope.protects(b".~tmp~", true, false));
        assert!(!scope.protects(b"b", false, false) && scope.protects(b"core", false, false));
        assert_eq!(filters.merge_count(), 2);
        let cleared = read_rules(&["- a", "!", "- b"]).unwrap().sender(b"");
        assert!(!cleared.protects(b"a", false, false) && cleared.protects(b"b", false, false));
        let cvs = read(&mut line(&framed(&[&rules(&[])])), true, &Limits::default()).unwrap();
        assert!(cvs.sender(b"").protects(b"x.bak", false, false));
    }

    #[test]
    fn rules_are_bounded_and_name_no_files() {
        assert!(matches!(read_rules(&["what"]), Err(Failure::Refused(_))));
        let Err(Failure::Refused(why)) = read_rules(&[". /etc/passwd"]) else {
            panic!("a file of the server")
        };
        assert!(why.contains("not for it to name"), "{why}");
        let few = Limits { rules: 2, ..Limits::default() };
        let three = framed(&[&rules(&["- a", "- b", "- c"])]);
        assert!(matches!(read(&mut line(&three), false, &few), Err(Failure::Limit { limit: 2, .. })));
        let long = framed(&[&0x00ff_ffff_u32.to_le_bytes()]);
        assert!(matches!(read(&mut line(&long), false, &few), Err(Failure::Limit { .. })));
        let merges: Vec<String> = (0..40).map(|number| format!(": .f{number}")).collect();
        let merges: Vec<&str> = merges.iter().map(String::as_str).collect();
        assert!(matches!(read_rules(&merges), Err(Failure::Limit { limit: 32, .. })));
    }

    #[test]
    fn names_come_in_frames_since_31_and_past_them_before() {
        let names = |input: &[u8], protocol| {
            let mut line = line(input);
            let names = super::names(&mut line, protocol, &Limits::default());
            let next = line.read(|cursor| cursor.u8());
            (names, next.ok())
        };
        let expected = vec![b"a".to_vec(), b"b c".to_vec()];
        let (found, next) = names(&framed(&[b"a\0b", b" c\0\0", b"x"]), 31);
        assert_eq!((found.unwrap(), next), (expected.clone(), Some(b'x')));
        let (found, next) = names(&[b"a\0b c\0\0", &framed(&[b"x"])[..]].concat(), 30);
        assert_eq!((found.unwrap(), next), (expected, Some(b'x')));
        assert!(matches!(names(&framed(&[b"a\0b"]), 31).0, Err(Failure::HungUp)));
        let few = Limits { names: 100, ..Limits::default() };
        let many = super::names(&mut line(&framed(&[&b"a\0".repeat(9)])), 32, &few);
        assert!(matches!(many, Err(Failure::Limit { limit: 100, .. })));
    }
}
