//! The rules as the server gets them at the start of a transfer.

use bytes::{BufMut, Bytes, BytesMut};

use super::Filters;
use super::rule::{Rule, Subject};

impl Filters {
    /// The list that the server gets, with its end. What counts on the receiving side only is not sent, and neither
    /// is what `-C` adds: the server is told of that by its letter, and adds the same.
    pub fn on_wire(&self, protocol: u8, delete_excluded: bool) -> Bytes {
        let mut out = BytesMut::new();
        for rule in self.rules.iter().filter(|rule| !rule.marks.only_for_receiver()) {
            let text = rule.on_wire(protocol, delete_excluded);
            out.put_u32_le(text.len() as u32);
            out.put_slice(&text);
        }
        out.put_u32_le(0);
        out.freeze()
    }
}

impl Rule {
    fn on_wire(&self, protocol: u8, delete_excluded: bool) -> Vec<u8> {
        let is_merge = matches!(self.subject, Subject::DirMerge(_));
        let marks = match is_merge {
            true => self.marks,
            false => self.marks.with_sides(delete_excluded, false),
        };
        let (text, directory) = match &self.subject {
            Subject::Pattern(pattern) => (pattern.text(), pattern.is_for_directories()),
            Subject::DirMerge(name) => (&**name, marks.directory),
            Subject::Cvs(text) => (&**text, marks.directory),
        };
        let kind = match marks.include {
            _ if is_merge => b':',
            true => b'+',
            false => b'-',
        };
        let only_patterns = if marks.include { b'+' } else { b'-' };
        let file = is_merge && !marks.cvs;
        let letters = [
            (marks.absolute, b'/'),
            (marks.negated, b'!'),
            (marks.cvs, b'C'),
            (file && marks.no_inherit, b'n'),
            (file && marks.words, b'w'),
            (file && marks.no_prefixes, only_patterns),
            (marks.xattr, b'x'),
            (marks.sender, b's'),
            (marks.receiver, b'r'),
            (marks.perishable && protocol >= 30, b'p'),
        ];
        let mut out = vec![kind];
        out.extend(letters.into_iter().filter_map(|(set, letter)| set.then_some(letter)));
        out.push(b' ');
        out.extend_from_slice(text);
        out.extend(directory.then_some(b'/'));
        out
    }
}
