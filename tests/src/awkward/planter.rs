//! Makes one entry at a time and sees to it that each has a time that depends on nothing but the seed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::FileType;

use crate::acl::Acl;
use crate::at::{Place, Time, Tree};
use crate::random::Random;

/// Times lie in the years from here, so that none of them is the moment of the test.
const FIRST_TIME: i64 = 1_400_000_000;
const TIME_SPAN: usize = 250_000_000;

pub(super) struct Planter {
    tree: Tree,
    pub(super) random: Random,
    /// Directories get their times last: every entry made in one changes its time.
    directories: Vec<(Vec<u8>, Time)>,
}

impl Planter {
    pub(super) fn new(root: &Path, seed: u64) -> Self {
        let tree = Tree::open(root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
        let mut planter = Self { tree, random: Random::new(seed), directories: Vec::new() };
        let time = planter.some_time();
        planter.directories.push((Vec::new(), time));
        planter
    }

    pub(super) fn finish(self) {
        for (path, time) in self.directories.iter().rev() {
            must(path, "time", self.tree.at(path).set_time(*time));
        }
    }

    pub(super) fn directory(&mut self, path: &[u8]) {
        must(path, "directory", self.tree.at(path).make_directory());
        let time = self.some_time();
        self.directories.push((path.to_vec(), time));
    }

    pub(super) fn file(&mut self, path: &[u8], content: &[u8]) {
        self.make(path, "file", |place| place.write(content));
    }

    /// A file with a line of its own.
    pub(super) fn small_file(&mut self, path: &[u8]) {
        let content = self.random.text(60);
        self.file(path, &content);
    }

    /// A file of `length` bytes that holds `content` at `offset`, and holes.
    pub(super) fn hole(&mut self, path: &[u8], offset: usize, content: &[u8], length: usize) {
        self.make(path, "file with holes", |place| {
            let file = File::create(place.path())?;
            file.set_len(bytes(length))?;
            file.write_all_at(content, bytes(offset))
        });
    }

    pub(super) fn symlink(&mut self, path: &[u8], target: &[u8]) {
        self.make(path, "symlink", |place| place.make_symlink(target));
    }

    pub(super) fn node(&mut self, path: &[u8], kind: FileType, major: u32, minor: u32) {
        self.make(path, "special file", |place| place.make_node(kind, major, minor));
    }

    /// Another name for what is at `existing`.
    pub(super) fn link(&mut self, path: &[u8], existing: &[u8]) {
        let existing = self.tree.at(existing);
        must(path, "hard link", self.tree.at(path).make_link_to(&existing));
    }

    pub(super) fn mode(&mut self, path: &[u8], mode: u32) {
        must(path, "mode", self.tree.at(path).set_mode(mode));
    }

    /// Before mode and attributes: the kernel clears some of them.
    pub(super) fn owner(&mut self, path: &[u8], user: u32, group: u32) {
        must(path, "owner", self.tree.at(path).set_owner(user, group));
    }

    pub(super) fn time(&mut self, path: &[u8], time: Time) {
        match self.directories.iter_mut().find(|(directory, _)| directory == path) {
            Some((_, kept)) => *kept = time,
            None => must(path, "time", self.tree.at(path).set_time(time)),
        }
    }

    pub(super) fn xattr(&mut self, path: &[u8], name: &str, value: &[u8]) {
        must(path, name, self.tree.at(path).set_xattr(name.as_bytes(), value));
    }

    pub(super) fn acl(&mut self, path: &[u8], attribute: &str, acl: &Acl) {
        self.xattr(path, attribute, &acl.encode());
    }

    fn make(&mut self, path: &[u8], what: &str, make: impl FnOnce(&Place) -> io::Result<()>) {
        let place = self.tree.at(path);
        must(path, what, make(&place));
        must(path, "time", place.set_time(self.some_time()));
    }

    fn some_time(&mut self) -> Time {
        let seconds = self.random.below(TIME_SPAN);
        let nanoseconds = self.random.below(1_000_000_000);
        let signed = |number| i64::try_from(number).expect("below 10⁹ fits");
        (FIRST_TIME + signed(seconds), signed(nanoseconds))
    }
}

fn bytes(number: usize) -> u64 {
    u64::try_from(number).expect("a usize fits in 64 bits")
}

fn must(path: &[u8], what: &str, result: io::Result<()>) {
    result.unwrap_or_else(|error| {
        panic!("{}: {what} was expected to be possible here: {error}", path.escape_ascii())
    });
}
