//! Draws the entries that are changed, and remembers what was done so that no change undoes another.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io;
use std::path::Path;

use super::Options;
use crate::at::{Place, Time, Tree, join, split, walk};
use crate::random::Random;

/// Times of what was changed: later than those of [`crate::awkward`], and not the moment of the test.
const FIRST_TIME: i64 = 1_700_000_000;

pub(super) struct Known {
    pub(super) path: Vec<u8>,
    pub(super) metadata: Metadata,
    /// The names of its extended attributes.
    pub(super) xattrs: Vec<Vec<u8>>,
    /// How many entries are beneath.
    pub(super) beneath: usize,
}

pub(super) struct Update<'a> {
    pub(super) tree: Tree,
    pub(super) options: &'a Options,
    pub(super) random: Random,
    pub(super) known: Vec<Known>,
    /// What was changed in itself: it is not changed again, and what is above it stays.
    pub(super) touched: BTreeSet<Vec<u8>>,
    /// What was replaced, moved or removed: nothing beneath it is what it was.
    replaced: BTreeSet<Vec<u8>>,
    /// Directories whose entries were changed, and whose time is therefore the moment of the test.
    stirred: BTreeSet<Vec<u8>>,
    log: Vec<String>,
    made: usize,
}

/// What a change does to the rest of the tree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The entry stays, and so does all that is beneath.
    Itself,
    /// The entry goes, with all that is beneath.
    Beneath,
}

impl<'a> Update<'a> {
    pub(super) fn new(root: &Path, options: &'a Options) -> Self {
        let mut known: Vec<Known> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        walk(root, &mut |walked| {
            let is_within = |above: &[u8]| {
                above.is_empty() || walked.path.strip_prefix(above).is_some_and(|rest| rest.starts_with(b"/"))
            };
            while open.last().is_some_and(|&last| !is_within(&known[last].path)) {
                open.pop();
            }
            for &above in &open {
                known[above].beneath += 1;
            }
            if walked.metadata.is_dir() {
                open.push(known.len());
            }
            let xattrs = walked.place.xattrs()?.into_iter().map(|(name, _)| name).collect();
            known.push(Known { path: walked.path, metadata: walked.metadata, xattrs, beneath: 0 });
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{} cannot be walked: {error}", root.display()));
        Self {
            tree: Tree::open(root).expect("a tree that was walked can be opened"),
            options,
            random: Random::new(options.seed),
            known,
            touched: BTreeSet::new(),
            replaced: BTreeSet::new(),
            stirred: BTreeSet::new(),
            log: Vec::new(),
            made: 0,
        }
    }

    pub(super) fn finish(mut self) -> Vec<String> {
        for path in std::mem::take(&mut self.stirred) {
            // A directory that was stirred first and removed later is gone.
            if let Ok(place) = self.tree.place(&path)
                && place.metadata().is_ok_and(|metadata| metadata.is_dir())
            {
                let time = self.some_time();
                check(&path, place.set_time(time));
            }
        }
        self.log
    }

    /// Changes one entry, and gives what stands there then a time by which the change can be seen.
    pub(super) fn change(
        &mut self,
        what: &str,
        reach: Reach,
        is: impl Fn(&Known) -> bool,
        change: impl FnOnce(&mut Self, &Place, &Metadata) -> io::Result<()>,
    ) {
        let Some(index) = self.pick(&is, reach) else { return };
        let Known { path, metadata, .. } = &self.known[index];
        let (path, metadata) = (path.clone(), metadata.clone());
        let place = self.tree.at(&path);
        check(&path, change(self, &place, &metadata));
        if place.metadata().is_ok() {
            let time = self.some_time();
            check(&path, place.set_time(time));
        }
        self.note(what, path, reach);
    }

    /// Changes one entry where it is; its time stays unless that is what is changed.
    pub(super) fn change_only(
        &mut self,
        what: &str,
        is: impl Fn(&Known) -> bool,
        change: impl FnOnce(&mut Self, &Place, &Metadata) -> io::Result<()>,
    ) {
        let Some(index) = self.pick(&is, Reach::Itself) else { return };
        let Known { path, metadata, .. } = &self.known[index];
        let (path, metadata) = (path.clone(), metadata.clone());
        let place = self.tree.at(&path);
        check(&path, change(self, &place, &metadata));
        self.touched.insert(path.clone());
        self.log.push(format!("{}: {what}", path.escape_ascii()));
    }

    /// Makes something under a new name in the directory of an entry.
    pub(super) fn beside(
        &mut self,
        what: &str,
        reach: Reach,
        is: impl Fn(&Known) -> bool,
        make: impl FnOnce(&mut Self, &Place, &Place) -> io::Result<()>,
    ) {
        let Some(index) = self.pick(&is, reach) else { return };
        let path = self.known[index].path.clone();
        self.made += 1;
        let new = join(split(&path).0, format!("new-{}", self.made).as_bytes());
        let (old, place) = (self.tree.at(&path), self.tree.at(&new));
        check(&new, make(self, &old, &place));
        self.note(&format!("{what} {}", new.escape_ascii()), path, reach);
    }

    fn note(&mut self, what: &str, path: Vec<u8>, reach: Reach) {
        self.log.push(format!("{}: {what}", path.escape_ascii()));
        self.stirred.insert(split(&path).0.to_vec());
        // The directory that holds a change has to be there when its time is set.
        match reach {
            Reach::Itself => self.touched.insert(path),
            Reach::Beneath => self.replaced.insert(path),
        };
    }

    /// Some entry that is as it was and may be changed. First a directory is drawn and then an entry in it,
    /// so that a crowded directory does not get all the changes.
    pub(super) fn pick(&mut self, is: &dyn Fn(&Known) -> bool, reach: Reach) -> Option<usize> {
        let mut directories: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
        for (index, known) in self.known.iter().enumerate() {
            if is(known) && self.is_free(&known.path, reach) {
                directories.entry(split(&known.path).0).or_default().push(index);
            }
        }
        let directories: Vec<Vec<usize>> = directories.into_values().collect();
        if directories.is_empty() {
            return None;
        }
        let candidates = &directories[self.random.below(directories.len())];
        Some(candidates[self.random.below(candidates.len())])
    }

    fn is_free(&self, path: &[u8], reach: Reach) -> bool {
        if path.is_empty() || self.touched.contains(path) {
            return false;
        }
        let mut above = path;
        while !above.is_empty() {
            if self.replaced.contains(above) {
                return false;
            }
            above = split(above).0;
        }
        let within = join(path, b"");
        let is_beneath = |set: &BTreeSet<Vec<u8>>| {
            set.range(within.clone()..).next().is_some_and(|next| next.starts_with(&within))
        };
        reach == Reach::Itself || !is_beneath(&self.touched) && !is_beneath(&self.replaced)
    }

    pub(super) fn some_time(&mut self) -> Time {
        let signed = |number| i64::try_from(number).expect("below 10⁹ fits");
        (FIRST_TIME + signed(self.random.below(9_000_000)), signed(self.random.below(1_000_000_000)))
    }
}

fn check(path: &[u8], result: io::Result<()>) {
    result.unwrap_or_else(|error| {
        panic!("{}: a change was expected to be possible: {error}", path.escape_ascii())
    });
}
