//! Enters a directory: looks for merge files and takes in their rules.

use std::sync::Arc;

use super::MAX_FILES;
use super::error::FilterError;
use super::parse::{Parsed, Style, each_rule, place_of};
use super::pattern::{Pattern, Place};
use super::rule::{Marks, base_name};
use super::scope::{Item, Judge, List, Merge, MergeFile, ReadMerge, Shared};
use crate::error::printable;

/// A scope that is being made.
pub(super) struct Entering<'a, 'r> {
    pub shared: &'a Shared,
    pub dir: &'a [u8],
    pub merges: Vec<Merge>,
    pub read: &'a mut ReadMerge<'r>,
}

impl Entering<'_, '_> {
    pub fn look_for(&mut self, number: usize) -> Result<(), FilterError> {
        if self.merges[number].marks.no_inherit {
            self.merges[number].rules = None;
            self.merges[number].start = None;
        }
        if let Some(start) = self.merges[number].start.take() {
            self.look_above(number, &start)?;
        }
        let name = Arc::clone(&self.merges[number].name);
        let Some(text) = self.read(MergeFile::Here(&name), &name)? else { return Ok(()) };
        let place = match self.dir {
            b"" => Place::Root,
            dir => Place::Below(dir.into()),
        };
        let shown = if self.dir.is_empty() { name.to_vec() } else { [self.dir, b"/", &name].concat() };
        self.add(number, &text, &shown, &place, None)
    }

    /// Looks for the file in the directory that its name tells, and in those between that and the one that is
    /// entered, if it lies above.
    fn look_above(&mut self, number: usize, start: &[u8]) -> Result<(), FilterError> {
        let name = Arc::clone(&self.merges[number].name);
        let here = absolute(self.shared, self.dir);
        let first = clean(&start[..start.len() - name.len()]);
        let Some(below) = here.strip_prefix(&first[..]) else { return Ok(()) };
        if !below.is_empty() && !below.starts_with(b"/") {
            return Ok(());
        }
        let levels = (0..below.len()).filter(|at| below[*at] == b'/').map(|at| first.len() + at);
        for level in levels {
            let dir = &here[..level];
            let path = [dir, b"/", &name].concat();
            let Some(text) = self.read(MergeFile::At(&path), &path)? else { continue };
            // Without its leading slash, `dir` is the beginning of the root's path, or leads below it.
            let dir = dir.strip_prefix(b"/").unwrap_or(dir);
            let root = &*self.shared.root;
            let place = match dir.strip_prefix(root).map(|below| below.strip_prefix(b"/").unwrap_or(below)) {
                _ if dir.is_empty() && !root.is_empty() => Place::FileSystem,
                Some(b"") => Place::Root,
                Some(below) => Place::Below(below.into()),
                None => Place::Above(dir.len() + 1),
            };
            self.add(number, &text, &path, &place, Some(&path[..path.len() - name.len()]))?;
        }
        Ok(())
    }

    fn read(&mut self, file: MergeFile<'_>, shown: &[u8]) -> Result<Option<Vec<u8>>, FilterError> {
        (self.read)(file).map_err(|error| FilterError::unreadable(shown, shown, &error))
    }

    /// Puts the rules of a file in front of those that the merge has.
    fn add(
        &mut self,
        number: usize,
        text: &[u8],
        shown: &[u8],
        place: &Place,
        above: Option<&[u8]>,
    ) -> Result<(), FilterError> {
        let mut list = List { items: Vec::new(), inherited: self.merges[number].rules.clone() };
        let marks = self.merges[number].marks;
        self.collect(&mut list, marks, text, shown, place, above, 0)?;
        if list.items.is_empty() {
            self.merges[number].rules = list.inherited;
        } else {
            self.merges[number].rules = Some(Arc::new(list));
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "files name files: all of it is handed on")]
    fn collect(
        &mut self,
        list: &mut List,
        container: Marks,
        text: &[u8],
        shown: &[u8],
        place: &Place,
        above: Option<&[u8]>,
        depth: usize,
    ) -> Result<(), FilterError> {
        let from0 = self.shared.from0;
        each_rule(text, shown, container, Style::Prefixed, from0, &mut |parsed| {
            match parsed {
                Parsed::Clear => *list = List { items: Vec::new(), inherited: None },
                Parsed::Pattern(marks, text) => self.judge(list, marks, &text, place),
                Parsed::Cvs(..) => list.items.push(Item::Cvs(Arc::clone(&self.shared.cvs))),
                Parsed::DirMerge(marks, name) => {
                    self.exclude_itself(list, marks, &name);
                    let mut marks = marks;
                    let mut name = name;
                    if name.len() > 1 && name.ends_with(b"/") {
                        marks.directory = true;
                        name.pop();
                    }
                    if !self.merges.iter().any(|known| *known.name == *base_name(&name)) {
                        list.items.push(Item::Merge(self.merges.len()));
                        // From a file above, it is looked for from there on.
                        let from = above.filter(|_| !name.starts_with(b"/")).unwrap_or_default();
                        self.merges.push(Merge::new(&[from, &name].concat(), marks));
                    }
                }
                Parsed::Merge(marks, name) => {
                    self.exclude_itself(list, marks, &name);
                    let path = self.merged_path(&name, above);
                    if depth == MAX_FILES {
                        return Err(FilterError::new(&name, "files of rules name each other without end"));
                    }
                    let Some(text) = self.read(MergeFile::At(&path), &path)? else {
                        return Err(FilterError::new(&name, format!("there is no {}", printable(&path))));
                    };
                    self.collect(list, marks, &text, &path, &Place::Root, above, depth + 1)?;
                }
            }
            Ok(())
        })
    }

    fn judge(&self, list: &mut List, marks: Marks, text: &[u8], place: &Place) {
        if self.shared.counts(marks) && !marks.xattr {
            let pattern = Pattern::new(text, marks.directory, place_of(marks, place));
            list.items.push(Item::Judge(Judge::new(pattern, marks)));
        }
    }

    fn exclude_itself(&self, list: &mut List, marks: Marks, name: &[u8]) {
        if marks.excludes_itself {
            list.items.push(Item::Judge(Judge::new(
                Pattern::new(base_name(name), false, Place::Root),
                Marks::default(),
            )));
        }
    }

    /// A file that is named in a merge file: without a directory, it lies at the root of the transfer.
    fn merged_path(&self, name: &[u8], above: Option<&[u8]>) -> Vec<u8> {
        let from = match above {
            _ if name.starts_with(b"/") => Vec::new(),
            Some(above) => above.to_vec(),
            None if name.contains(&b'/') => absolute(self.shared, self.dir),
            None => absolute(self.shared, b""),
        };
        clean(&[&from[..], b"/", name].concat())
    }
}

/// The absolute path of a directory below the root of the transfer; nothing for the root of the file system.
fn absolute(shared: &Shared, dir: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(shared.root.len() + dir.len() + 2);
    for part in [&*shared.root, dir] {
        if !part.is_empty() {
            path.push(b'/');
            path.extend_from_slice(part);
        }
    }
    path
}

/// An absolute path without `.`, `..`, doubled slashes and a slash at the end; nothing for the root.
fn clean(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => out.truncate(out.iter().rposition(|byte| *byte == b'/').unwrap_or(0)),
            name => {
                out.push(b'/');
                out.extend_from_slice(name);
            }
        }
    }
    out
}
