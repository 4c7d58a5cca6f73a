//! A tree with everything in it that an operating system image could hold and that copies get wrong, the same
//! on every run.
//!
//! Not a large tree, and not a tree that nobody could make: see [`crate::os_tree`] for a real one.
//!
//! `names`, `files`, `metadata` and `links` plant one kind of difficulty each, through a `Planter`.

use std::path::Path;

mod files;
mod links;
mod metadata;
mod names;
mod planter;

use planter::Planter;

/// What to plant. The parts that some file system or some set of options cannot keep may be left out.
#[derive(Debug, Clone)]
pub struct Options {
    /// Another seed makes another tree of the same shape: other content, times and so on.
    pub seed: u64,
    /// How many files the crowded directory holds.
    pub crowd: usize,
    /// A path as long as a path may be.
    pub longest_path: bool,
    /// Large files.
    pub large_files: bool,
    /// Devices, FIFOs and sockets.
    pub special_files: bool,
    /// Owners other than root, with numbers up to the largest.
    pub owners: bool,
    /// Times before 1970 and after 2038.
    pub far_times: bool,
    /// Extended attributes.
    pub xattrs: bool,
    /// Attributes and link targets of about a page and device numbers of more than eighteen bits, which not
    /// every file system can keep.
    pub wide_values: bool,
    /// ACLs.
    pub acls: bool,
}

impl Options {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self {
            seed: 1,
            crowd: 3000,
            longest_path: true,
            large_files: true,
            special_files: true,
            owners: true,
            far_times: true,
            xattrs: true,
            wide_values: true,
            acls: true,
        }
    }

    /// Every kind of difficulty, but few and small files: for tests that pull many times.
    #[must_use]
    pub fn small() -> Self {
        Self { crowd: 40, longest_path: false, large_files: false, ..Self::all() }
    }
}

/// Plants the tree in the empty directory `root`.
///
/// # Panics
/// If the file system cannot keep something; the message names it.
pub fn plant(root: &Path, options: &Options) {
    let mut planter = Planter::new(root, options.seed);
    names::plant(&mut planter, options);
    files::plant(&mut planter, options);
    metadata::plant(&mut planter, options);
    links::plant(&mut planter, options);
    planter.finish();
}
