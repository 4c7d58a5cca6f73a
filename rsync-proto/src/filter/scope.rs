//! The rules in effect at a place of the receiving side. A scope is made from that of the directory above by reading
//! the merge files of the directory; it is cheap to clone, and does not change.

use std::io;
use std::sync::Arc;

use super::error::FilterError;
use super::parse::{Parsed, Style, each_rule, place_of};
use super::pattern::{Pattern, Place};
use super::rule::{Marks, Subject, base_name};
use super::{Filters, MAX_FILES, cvs};
use crate::error::printable;

/// A merge file that is looked for when a directory is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeFile<'a> {
    /// The file of this name in the directory that is entered.
    Here(&'a [u8]),
    /// The file with this absolute path: above the root of the transfer, or named by another merge file.
    At(&'a [u8]),
}

/// Reads a merge file; nothing if there is none.
pub type ReadMerge<'a> = dyn FnMut(MergeFile<'_>) -> io::Result<Option<Vec<u8>>> + 'a;

/// What the rules say of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The first rule that matches excludes it: here, it is protected from deletion.
    Excluded,
    /// The first rule that matches includes it.
    Included,
    /// No rule matches.
    Unmatched,
}

/// The rules in effect in a directory.
#[derive(Debug, Clone)]
pub struct Scope {
    shared: Arc<Shared>,
    /// The directory, below the root of the transfer. Not kept where no merge files are looked for.
    dir: Arc<[u8]>,
    merges: Arc<[Merge]>,
}

/// What all scopes of a transfer have in common.
#[derive(Debug)]
struct Shared {
    items: Vec<Item>,
    /// The absolute path of the root of the transfer, without slashes at its ends.
    root: Box<[u8]>,
    from0: bool,
    delete_excluded: bool,
    cvs: Arc<[Judge]>,
}

#[derive(Debug, Clone)]
enum Item {
    Judge(Judge),
    /// The rules of a merge file, by its number.
    Merge(usize),
    Cvs(Arc<[Judge]>),
}

#[derive(Debug, Clone)]
struct Judge {
    pattern: Pattern,
    include: bool,
    negated: bool,
    perishable: bool,
}

/// A file that is looked for in each directory, and the rules that it has given so far.
#[derive(Debug, Clone)]
struct Merge {
    name: Arc<[u8]>,
    marks: Marks,
    /// A name with directories is looked for in those once, when the first directory is entered.
    start: Option<Arc<[u8]>>,
    rules: Option<Arc<List>>,
}

/// Rules of one file, and those of the files in the directories above.
#[derive(Debug)]
struct List {
    items: Vec<Item>,
    inherited: Option<Arc<List>>,
}

impl Filters {
    /// The rules on the receiving side, before any directory is entered: not even the root of the transfer, whose
    /// absolute path is `root`.
    pub fn receiver(&self, root: &[u8], delete_excluded: bool) -> Scope {
        let cvs: Arc<[Judge]> = self.cvs_judges(Marks::default()).into();
        let mut items = Vec::new();
        let mut merges = Vec::new();
        let own = self.rules.len();
        for (at, rule) in self.with_cvs().iter().enumerate() {
            // What -C adds is never limited to the server's side.
            let is_merge = matches!(rule.subject, Subject::DirMerge(_));
            let marks = rule.marks.with_sides(delete_excluded && at < own, is_merge);
            if marks.only_for_sender() || marks.xattr {
                continue;
            }
            items.push(match &rule.subject {
                Subject::Pattern(pattern) => Item::Judge(Judge::new(pattern.clone(), marks)),
                Subject::Cvs(_) => Item::Cvs(self.cvs_judges(marks).into()),
                Subject::DirMerge(name) => {
                    merges.push(Merge::new(name, rule.marks));
                    Item::Merge(merges.len() - 1)
                }
            });
        }
        let root = root.strip_prefix(b"/").unwrap_or(root);
        let root = root.strip_suffix(b"/").unwrap_or(root).into();
        let shared = Shared { items, root, from0: self.from0, delete_excluded, cvs };
        Scope { shared: Arc::new(shared), dir: Arc::default(), merges: merges.into() }
    }

    fn cvs_judges(&self, marks: Marks) -> Vec<Judge> {
        cvs::patterns(&self.cvs_home, &self.cvs_variable)
            .into_iter()
            .map(|(text, perishable)| Judge {
                perishable: perishable || marks.perishable,
                ..Judge::new(Pattern::new(text, false, place_of(marks, &Place::Root)), marks)
            })
            .collect()
    }
}

impl Scope {
    /// Whether no name is protected here or below.
    pub fn is_empty(&self) -> bool {
        self.shared.items.is_empty()
    }

    /// What the rules say of an entry, whose path is relative to the root of the transfer. `doomed` tells that its
    /// directory is going to be deleted: perishable rules do not count then.
    pub fn verdict(&self, path: &[u8], is_dir: bool, doomed: bool) -> Verdict {
        if path.is_empty() {
            return Verdict::Unmatched;
        }
        match self.judge(&self.shared.items, path, is_dir, doomed) {
            None => Verdict::Unmatched,
            Some(true) => Verdict::Included,
            Some(false) => Verdict::Excluded,
        }
    }

    /// Whether an entry is protected from deletion. As [`Self::verdict`].
    pub fn protects(&self, path: &[u8], is_dir: bool, doomed: bool) -> bool {
        self.verdict(path, is_dir, doomed) == Verdict::Excluded
    }

    fn judge(&self, items: &[Item], path: &[u8], is_dir: bool, doomed: bool) -> Option<bool> {
        let root = &self.shared.root;
        items.iter().find_map(|item| match item {
            Item::Judge(judge) => judge.says(path, is_dir, doomed, root),
            Item::Cvs(judges) => judges.iter().find_map(|judge| judge.says(path, is_dir, doomed, root)),
            Item::Merge(number) => {
                let mut list = self.merges[*number].rules.as_ref();
                while let Some(rules) = list {
                    let said = self.judge(&rules.items, path, is_dir, doomed);
                    if said.is_some() {
                        return said;
                    }
                    list = rules.inherited.as_ref();
                }
                None
            }
        })
    }

    /// The scope inside the directory `name` of this one; an empty name is the root of the transfer. A path leads
    /// down several directories at once, whose own merge files are not looked at.
    ///
    /// # Errors
    /// A merge file cannot be read, or holds what is no rule. Then it is not known what is protected.
    pub fn enter(&self, name: &[u8], read: &mut ReadMerge<'_>) -> Result<Scope, FilterError> {
        if self.merges.is_empty() {
            return Ok(self.clone());
        }
        let dir = match (&*self.dir, name) {
            (_, b"") => Arc::clone(&self.dir),
            (b"", name) => name.into(),
            (dir, name) => [dir, b"/", name].concat().into(),
        };
        let mut entering = Entering { shared: &self.shared, dir: &dir, merges: self.merges.to_vec(), read };
        // Files may name further ones, which are looked for in this directory already.
        let mut number = 0;
        while number < entering.merges.len() {
            entering.look_for(number)?;
            number += 1;
        }
        let merges = entering.merges.into();
        Ok(Scope { shared: Arc::clone(&self.shared), dir, merges })
    }
}

impl Judge {
    fn new(pattern: Pattern, marks: Marks) -> Self {
        Self { pattern, include: marks.include, negated: marks.negated, perishable: marks.perishable }
    }

    /// Whether it includes the entry, if it matches.
    fn says(&self, path: &[u8], is_dir: bool, doomed: bool, root: &[u8]) -> Option<bool> {
        if doomed && self.perishable {
            return None;
        }
        (self.pattern.matches(path, is_dir, root) != self.negated).then_some(self.include)
    }
}

impl Merge {
    fn new(name: &[u8], marks: Marks) -> Self {
        let start = name.contains(&b'/').then(|| name.into());
        Self { name: base_name(name).into(), marks, start, rules: None }
    }
}

/// A scope that is being made.
struct Entering<'a, 'r> {
    shared: &'a Shared,
    dir: &'a [u8],
    merges: Vec<Merge>,
    read: &'a mut ReadMerge<'r>,
}

impl Entering<'_, '_> {
    fn look_for(&mut self, number: usize) -> Result<(), FilterError> {
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
        let joined =
            if start.starts_with(b"/") { start.to_vec() } else { [&here, b"/".as_slice(), start].concat() };
        let first = clean(&joined[..joined.len() - name.len()]);
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
        let marks = marks.with_sides(self.shared.delete_excluded, false);
        if !marks.only_for_sender() && !marks.xattr {
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
