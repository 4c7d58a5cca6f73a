//! Reads a directory that becomes a config drive, as far as FAT can hold it.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::{ConfigDriveError, LIMIT};

/// Most files and directories: the root directory of FAT 16 has at most 65535 entries, and a name takes up to
/// 21 of them.
const MOST_FILES: usize = 2000;

/// A file or directory.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) content: Content,
}

pub(super) enum Content {
    File(Vec<u8>),
    /// In the order of names.
    Directory(Vec<Node>),
}

/// Reads what is in a directory.
pub(super) fn read(path: &Path) -> Result<Vec<Node>, ConfigDriveError> {
    let mut collector = Collector { top: path, bytes: 0, entries: 0, files: 0 };
    let nodes = collector.directory(path)?;
    if collector.files == 0 {
        return Err(ConfigDriveError::Empty { path: path.to_owned() });
    }
    Ok(nodes)
}

/// That it is more than an image holds.
pub(super) fn too_large(path: &Path) -> ConfigDriveError {
    let origin = format!("what is in {}", path.display());
    ConfigDriveError::TooLarge { origin, stage: "as an image" }
}

struct Collector<'a> {
    top: &'a Path,
    bytes: u64,
    /// Files and directories.
    entries: usize,
    files: usize,
}

impl Collector<'_> {
    fn directory(&mut self, directory: &Path) -> Result<Vec<Node>, ConfigDriveError> {
        let unread = |source| local("read the directory", directory, source);
        let mut entries = Vec::new();
        for entry in fs::read_dir(directory).map_err(unread)? {
            self.entries += 1;
            if self.entries > MOST_FILES {
                return Err(ConfigDriveError::Crowded { path: self.top.to_owned(), most: MOST_FILES });
            }
            entries.push(entry.map_err(unread)?);
        }
        entries.sort_by_key(fs::DirEntry::file_name);
        let mut nodes = Vec::new();
        let mut folded = HashSet::new();
        for entry in entries {
            let path = entry.path();
            let wrong =
                |reason: &str| ConfigDriveError::Name { path: path.clone(), reason: reason.to_owned() };
            let name = entry.file_name().into_string().map_err(|_| wrong("its name is not UTF-8"))?;
            check_name(&name).map_err(|reason| wrong(&reason))?;
            if !folded.insert(fold(&name)) {
                return Err(wrong("for FAT, which ignores case, another name beside it is the same"));
            }
            // This does not follow links.
            let kind = entry.file_type().map_err(|source| local("look at", &path, source))?;
            let content = if kind.is_dir() {
                Content::Directory(self.directory(&path)?)
            } else if kind.is_file() {
                Content::File(self.file(&path)?)
            } else {
                let found = special(kind);
                return Err(ConfigDriveError::Special { path, found });
            };
            nodes.push(Node { name, content });
        }
        Ok(nodes)
    }

    fn file(&mut self, path: &Path) -> Result<Vec<u8>, ConfigDriveError> {
        self.files += 1;
        let left = LIMIT - self.bytes;
        let mut content = Vec::new();
        let file = File::open(path).map_err(|source| local("open", path, source))?;
        file.take(left + 1).read_to_end(&mut content).map_err(|source| local("read", path, source))?;
        if content.len() as u64 > left {
            return Err(too_large(self.top));
        }
        self.bytes += content.len() as u64;
        Ok(content)
    }
}

fn local(action: &'static str, path: &Path, source: io::Error) -> ConfigDriveError {
    ConfigDriveError::Local { action, path: path.to_owned(), source }
}

fn special(kind: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match () {
        () if kind.is_symlink() => "a symbolic link",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () => "a device",
    }
}

/// Names that FAT would lose or change.
fn check_name(name: &str) -> Result<(), String> {
    if name.ends_with(['.', ' ']) {
        return Err("its name ends with a dot or a blank".to_owned());
    }
    let unfit = |letter: char| letter.is_control() || "\"*/:<>?\\|".contains(letter);
    match name.chars().find(|letter| unfit(*letter)) {
        Some(letter) => Err(format!("there may be no {letter:?} in its name")),
        None => Ok(()),
    }
}

/// How FAT compares names.
pub(super) fn fold(name: &str) -> String {
    name.to_uppercase()
}
