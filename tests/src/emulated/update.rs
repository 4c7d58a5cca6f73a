//! What a distribution does to an image on its server from one month to the next: libraries are built anew, a package comes,
//! its list of packages changes.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::deploy::write;
use crate::random::Random;
use crate::witness;

/// Where most of what a system runs is.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
/// How many of them are built anew.
const ANEW: usize = 40;
/// How much of each changes.
const CHANGE: usize = 4096;
const MIB: usize = 1 << 20;

/// What changed.
#[derive(Debug, Clone, Copy)]
pub struct Update {
    /// How many files have other content, or are new.
    pub files: u64,
    /// What of their content was nowhere before, in bytes.
    pub bytes: u64,
    /// How long these files are together, in bytes.
    pub size: u64,
}

impl Update {
    /// Changes an image. Its witness says `words` from then on; `mebibytes` of new files come.
    ///
    /// # Panics
    /// If it cannot be changed.
    #[must_use]
    pub fn of(root: &Path, words: &str, mebibytes: u64) -> Self {
        let mut random = Random::new(12);
        let mut update = Self { files: 0, bytes: 0, size: 0 };
        // What stands behind the parts of a program is not looked at when it is started.
        for library in largest(&root.join(LIBRARIES)).into_iter().take(ANEW) {
            update.append(&library, &random.bytes(CHANGE));
        }
        update
            .append(&root.join("var/lib/dpkg/status"), b"\nPackage: updated\nStatus: install ok installed\n");
        let words = format!("{words}\n");
        write(root, witness::WORDS, words.as_bytes());
        update.count(words.len() as u64, words.len() as u64);
        for number in 0..mebibytes {
            write(root, &format!("usr/lib/updated/file-{number:02}"), &random.bytes(MIB));
            update.count(MIB as u64, MIB as u64);
        }
        update
    }

    fn append(&mut self, path: &Path, content: &[u8]) {
        let file = OpenOptions::new().append(true).open(path);
        file.and_then(|mut file| file.write_all(content)).expect("a file of the image can be written to");
        let length = fs::metadata(path).expect("it is there").len();
        self.count(content.len() as u64, length);
    }

    fn count(&mut self, bytes: u64, size: u64) {
        self.files += 1;
        self.bytes += bytes;
        self.size += size;
    }
}

/// Files of a directory, the largest first.
fn largest(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the image has it").flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut files: Vec<(u64, PathBuf)> =
        files.map(|entry| (entry.metadata().expect("it is there").len(), entry.path())).collect();
    files.sort_by(|a, b| b.cmp(a));
    files.into_iter().map(|(_, path)| path).collect()
}
