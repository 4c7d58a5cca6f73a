//! What the destination holds, wherever: a file that a missing one can be made of may have another path.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, RawDir, StatxFlags, fstat, makedev, statx};

use super::basis::LocalBasis;
use super::handle::{Root, is_temporary_name};
use crate::flist::SafePath;

/// Shorter files come whole as fast, in bytes.
const WORTHWHILE: u64 = 512;
/// Most files that are looked at for one that is missing, of each size and time or name.
const MOST_LOOKED_AT: usize = 32;
/// Files are of use for each other if the larger one has at most so many times the size.
const MOST_TIMES: u64 = 8;
/// So many files are enough.
const MOST_FILES: usize = 4_000_000;

/// The files of a tree that everybody may read, in several orders. What some may not read is no basis of a file with
/// another name, which others may read: the server can choose which parts of the basis that gets.
#[derive(Debug, Default)]
pub(super) struct OldTree {
    directories: Vec<SafePath>,
    /// All names, one behind the other.
    names: Vec<u8>,
    files: Vec<OldFile>,
    keys: RandomState,
    by_name: Order,
    by_content: Order,
    by_place: Order,
}

#[derive(Debug)]
struct OldFile {
    directory: u32,
    name: Range<u32>,
    size: u64,
    mtime: i64,
}

/// What files are looked for by, and their numbers; files of one key lie together, the smallest first.
type Order = Vec<(u64, u32)>;

impl OldTree {
    /// Lists the tree below the root. What cannot be read is not in it.
    pub(super) fn of(root: &Root, go_on: impl Fn() -> bool) -> Self {
        let mut tree = Self::default();
        let mut to_do = vec![SafePath::root()];
        let mut buffer = vec![std::mem::MaybeUninit::uninit(); 32 * 1024];
        while let Some(path) = to_do.pop().filter(|_| go_on() && tree.files.len() < MOST_FILES) {
            let Ok(directory) = root.open(&path) else { continue };
            // What of it came is of use.
            let _ = tree.list(&directory, &path, &mut to_do, &mut buffer, &go_on);
        }
        tree.sort();
        tree
    }

    fn list(
        &mut self,
        directory: &OwnedFd,
        path: &SafePath,
        to_do: &mut Vec<SafePath>,
        buffer: &mut [std::mem::MaybeUninit<u8>],
        go_on: &impl Fn() -> bool,
    ) -> io::Result<()> {
        let device = fstat(directory)?.st_dev;
        let number = self.directories.len() as u32;
        let before = self.files.len();
        let mut entries = RawDir::new(directory.try_clone()?, buffer);
        while let Some(entry) = entries.next().filter(|_| go_on() && self.files.len() < MOST_FILES) {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let kind = entry.file_type();
            if !matches!(kind, FileType::RegularFile | FileType::Directory | FileType::Unknown) {
                continue;
            }
            // Nothing is mounted for this, and no other machine is asked.
            let how = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
            let Ok(stat) = statx(directory, entry.file_name(), how, StatxFlags::BASIC_STATS) else {
                continue;
            };
            let (mode, size) = (u32::from(stat.stx_mode), stat.stx_size);
            if FileType::from_raw_mode(mode) == FileType::Directory {
                // Of what is mounted, only disks: what the kernel makes up or other machines have has no device.
                let is_here = makedev(stat.stx_dev_major, stat.stx_dev_minor) == device;
                if mode & 0o001 != 0 && (is_here || stat.stx_dev_major != 0) {
                    to_do.push(path.join(name));
                }
            } else if FileType::from_raw_mode(mode) == FileType::RegularFile
                && mode & 0o004 != 0
                && size >= WORTHWHILE
                && !is_temporary_name(name)
            {
                if self.files.len() == before {
                    self.directories.push(path.clone());
                }
                let start = self.names.len() as u32;
                self.names.extend_from_slice(name);
                let name = start..self.names.len() as u32;
                let mtime = stat.stx_mtime.tv_sec;
                self.files.push(OldFile { directory: number, name, size, mtime });
            }
        }
        Ok(())
    }

    fn sort(&mut self) {
        let mut place = Vec::new();
        for (number, file) in self.files.iter().enumerate() {
            let name = &self.names[file.name.start as usize..file.name.end as usize];
            without_versions(&self.directories[file.directory as usize], name, &mut place);
            let number = number as u32;
            self.by_name.push((self.keys.hash_one(name), number));
            self.by_content.push((self.keys.hash_one((file.size, file.mtime)), number));
            self.by_place.push((self.keys.hash_one(&place[..]), number));
        }
        for order in [&mut self.by_name, &mut self.by_content, &mut self.by_place] {
            order.sort_unstable_by_key(|(key, number)| (*key, self.files[*number as usize].size, *number));
        }
    }

    fn name(&self, file: &OldFile) -> &[u8] {
        &self.names[file.name.start as usize..file.name.end as usize]
    }

    fn directory(&self, file: &OldFile) -> &SafePath {
        &self.directories[file.directory as usize]
    }

    /// Files of this key, those whose size is the closest.
    fn near(&self, order: &Order, key: u64, size: u64) -> impl Iterator<Item = &OldFile> {
        let start = order.partition_point(|entry| entry.0 < key);
        let end = order.partition_point(|entry| entry.0 <= key);
        let files = &order[start..end];
        let here = files.partition_point(|entry| self.files[entry.1 as usize].size < size);
        let first = here.saturating_sub(MOST_LOOKED_AT / 2);
        let last = files.len().min(first + MOST_LOOKED_AT);
        files[first..last].iter().map(|entry| &self.files[entry.1 as usize])
    }

    /// The file that one which is missing is most likely to have much in common with.
    pub(super) fn find(
        &self,
        directory: &SafePath,
        name: &[u8],
        size: u64,
        mtime: i64,
    ) -> Option<LocalBasis> {
        if size < WORTHWHILE {
            return None;
        }
        let is_other = |file: &&OldFile| self.name(file) != name || self.directory(file) != directory;
        let best = |order, key| -> Option<&OldFile> {
            let near = |file: &&OldFile| file.size.max(size) / file.size.min(size) <= MOST_TIMES;
            let files = self.near(order, key, size).filter(is_other).filter(near);
            files.max_by_key(|file| {
                let is_named_so = self.name(file) == name;
                let in_common = components_in_common(self.directory(file), directory);
                (is_named_so, in_common, std::cmp::Reverse(file.size.abs_diff(size)))
            })
        };
        let same_content = best(&self.by_content, self.keys.hash_one((size, mtime)))
            .filter(|file| (file.size, file.mtime) == (size, mtime));
        let mut place = Vec::new();
        let moved = same_content.filter(|file| self.name(file) == name);
        let found = moved
            .or_else(|| {
                without_versions(directory, name, &mut place);
                let mut other = Vec::new();
                best(&self.by_place, self.keys.hash_one(&place[..])).filter(|file| {
                    without_versions(self.directory(file), self.name(file), &mut other);
                    other == place
                })
            })
            .or(same_content)
            .or_else(|| {
                best(&self.by_name, self.keys.hash_one(name)).filter(|file| self.name(file) == name)
            })?;
        let (directory, name) = (self.directory(found).clone(), Arc::from(self.name(found)));
        Some(LocalBasis::Elsewhere { directory, name })
    }
}

/// How many directories two paths have in common at their end, and at their beginning.
fn components_in_common(a: &SafePath, b: &SafePath) -> (usize, usize) {
    let (a, b): (Vec<_>, Vec<_>) = (a.components().collect(), b.components().collect());
    let ends = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let begins = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    (ends, begins)
}

/// A path with one mark in the place of each number and each series of numbers, such as `6.1.0-25`.
fn without_versions(directory: &SafePath, name: &[u8], into: &mut Vec<u8>) {
    into.clear();
    let bytes = directory.as_bytes().iter().chain(b"/").chain(name);
    for byte in bytes {
        match byte {
            b'0'..=b'9' => match &into[..] {
                [.., b'#'] => {}
                [.., b'#', b'.' | b'-' | b'_' | b'+' | b'~' | b':'] => drop(into.pop()),
                _ => into.push(b'#'),
            },
            // It would pass for a number.
            b'#' => into.push(b'_'),
            other => into.push(*other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::local::handle::open_root;

    fn write(top: &Path, path: &str, size: usize, seconds: u64) {
        let path = top.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, vec![7; size]).unwrap();
        let file = fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }

    fn tree(top: &Path) -> OldTree {
        OldTree::of(&Root::new(open_root(top).unwrap()), || true)
    }

    fn found(tree: &OldTree, directory: &str, name: &str, size: u64, seconds: i64) -> Option<String> {
        let directory = SafePath::new(directory.as_bytes()).unwrap();
        match tree.find(&directory, name.as_bytes(), size, seconds)? {
            LocalBasis::Elsewhere { directory, name } => {
                Some(format!("{directory}/{}", String::from_utf8(name.to_vec()).unwrap()))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_missing_file_is_found_where_it_was() {
        let scratch = tempfile::tempdir().unwrap();
        let top = scratch.path();
        write(top, "lib/modules/6.1.0-9-amd64/kernel/fs/ext4/ext4.ko", 5000, 1);
        write(top, "lib/modules/6.1.0-9-amd64/kernel/fs/ext4/ext3.ko", 5100, 1);
        write(top, "lib/modules/6.1.0-9-amd64/kernel/fs/xfs/xfs.ko", 9000, 1);
        write(top, "usr/share/a/NOTES", 3000, 1);
        write(top, "usr/share/b/NOTES", 4000, 2);
        write(top, "usr/share/b/renamed", 7777, 77);
        write(top, "usr/share/b/small", 100, 3);
        let tree = tree(top);
        let next = "lib/modules/6.1.0-11.2-amd64/kernel/fs/ext4";
        assert_eq!(
            found(&tree, next, "ext4.ko", 5200, 9).as_deref(),
            Some("lib/modules/6.1.0-9-amd64/kernel/fs/ext4/ext4.ko"),
            "another version, and not the closest in size"
        );
        assert_eq!(
            found(&tree, "usr/share/c", "NOTES", 4100, 9).as_deref(),
            Some("usr/share/b/NOTES"),
            "the closest in size of those that are named so"
        );
        assert_eq!(
            found(&tree, "usr/share/c", "NOTES", 3000, 1).as_deref(),
            Some("usr/share/a/NOTES"),
            "moved"
        );
        assert_eq!(
            found(&tree, "opt", "new name", 7777, 77).as_deref(),
            Some("usr/share/b/renamed"),
            "renamed"
        );
        assert_eq!(found(&tree, "opt", "new name", 7777, 78), None);
        assert_eq!(found(&tree, "opt", "NOTES", 400_000, 78), None, "far larger");
        assert_eq!(found(&tree, next, "ext4.ko", 400_000, 78), None, "far larger, at the same place");
        assert_eq!(found(&tree, "opt", "small", 100, 3), None, "not worth it");
    }

    #[test]
    fn what_not_everybody_may_read_is_no_basis() {
        use std::os::unix::fs::PermissionsExt;
        let scratch = tempfile::tempdir().unwrap();
        let top = scratch.path();
        for path in ["open/key", "closed/key", "etc/key"] {
            write(top, path, 5000, 1);
        }
        fs::set_permissions(top.join("closed"), fs::Permissions::from_mode(0o750)).unwrap();
        fs::set_permissions(top.join("etc/key"), fs::Permissions::from_mode(0o640)).unwrap();
        let found_of = |top| found(&tree(top), "new", "key", 5000, 1);
        assert_eq!(found_of(top).as_deref(), Some("open/key"));
        fs::remove_file(top.join("open/key")).unwrap();
        assert_eq!(found_of(top), None);
    }

    #[test]
    fn many_of_one_name_are_not_all_looked_at() {
        let scratch = tempfile::tempdir().unwrap();
        for number in 0..200 {
            write(scratch.path(), &format!("{}/same", "x".repeat(1 + number)), 600 + number, 1);
        }
        let tree = tree(scratch.path());
        assert_eq!(tree.near(&tree.by_name, tree.keys.hash_one(b"same".as_slice()), 700).count(), 32);
        let expected = format!("{}/same", "x".repeat(151));
        assert_eq!(found(&tree, "new", "same", 750, 9), Some(expected));
    }

    #[test]
    fn versions_are_numbers_and_what_joins_them() {
        let without = |directory: &str, name: &str| {
            let mut into = Vec::new();
            without_versions(&SafePath::new(directory.as_bytes()).unwrap(), name.as_bytes(), &mut into);
            String::from_utf8(into).unwrap()
        };
        assert_eq!(without("lib/6.1.0-25-amd64/x86", "a.ko"), "lib/#-amd#/x#/a.ko");
        assert_eq!(without("lib/6.1.158-1", "a"), without("lib/7", "a"));
        assert_eq!(without("a", "lib.so.1.2.3"), "a/lib.so.#");
        assert_ne!(without("a", "b#"), without("a", "b1"));
    }
}
