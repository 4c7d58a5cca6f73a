//! What happens on the server between two pulls: a tree is changed in every way that an update has to notice,
//! the same way on every run.
//!
//! Not for the destination, and not for trees that are being read.

use std::path::Path;

mod changes;
mod update;

use update::Update;

/// What may happen.
#[derive(Debug, Clone)]
pub struct Options {
    /// Another seed picks other entries.
    pub seed: u64,
    /// How often each kind of change happens.
    pub times: usize,
    /// Directories that are not empty may become something else: rsync does not follow that without
    /// `--delete`.
    pub clashes: bool,
    /// Devices may be made.
    pub special_files: bool,
    /// Extended attributes may be changed.
    pub xattrs: bool,
    /// ACLs may be changed.
    pub acls: bool,
    /// Content may be changed behind the back of size and time, which only a comparison of sums can find.
    pub hidden: bool,
}

impl Options {
    /// Everything that the quick check can find.
    #[must_use]
    pub fn all() -> Self {
        Self {
            seed: 2,
            times: 3,
            clashes: true,
            special_files: true,
            xattrs: true,
            acls: true,
            hidden: false,
        }
    }
}

/// Changes the tree, and says what was done, one line for each change.
///
/// # Panics
/// If the file system refuses a change.
pub fn mutate(root: &Path, options: &Options) -> Vec<String> {
    let mut update = Update::new(root, options);
    for _ in 0..options.times {
        // What reaches far comes last, or there would be nothing left for what is particular about an entry.
        update.metadata();
        update.hard_links();
        update.contents();
        update.kinds();
        update.names();
    }
    update.finish()
}
