//! Files as the server sees them, and the order in which they are listed.

use std::collections::VecDeque;

use super::acl::TestAcl;
use crate::wire::flags::mode;

/// One file as the server sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    pub path: Vec<u8>,
    pub mode: u32,
    pub size: i64,
    pub mtime: i64,
    pub nanoseconds: i32,
    pub uid: u32,
    pub gid: u32,
    pub user: Option<&'static str>,
    pub group: Option<&'static str>,
    pub device: (u32, u32),
    pub target: Vec<u8>,
    pub sum: Vec<u8>,
    /// The group of hard links, by a number of the test's own.
    pub link: Option<u32>,
    pub acl: TestAcl,
    pub default_acl: TestAcl,
    /// Names with their closing NUL, and values.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// The directory comes without its content.
    pub no_content: bool,
    /// A directory on the way to what was asked for.
    pub implied: bool,
}

impl Item {
    pub fn new(path: impl AsRef<[u8]>, mode: u32) -> Self {
        Self { path: path.as_ref().to_vec(), mode, mtime: 1_700_000_000, ..Self::default() }
    }

    pub fn file(path: impl AsRef<[u8]>, size: i64) -> Self {
        Self { size, ..Self::new(path, mode::REGULAR | 0o644) }
    }

    pub fn dir(path: impl AsRef<[u8]>) -> Self {
        Self { size: 4096, ..Self::new(path, mode::DIRECTORY | 0o755) }
    }

    pub fn symlink(path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        let target = target.as_ref().to_vec();
        Self { size: target.len() as i64, target, ..Self::new(path, mode::SYMLINK | 0o777) }
    }

    pub fn is_dir(&self) -> bool {
        self.mode & mode::TYPE == mode::DIRECTORY
    }

    pub fn is_device(&self) -> bool {
        [mode::CHAR_DEVICE, mode::BLOCK_DEVICE].contains(&(self.mode & mode::TYPE))
    }

    pub(super) fn is_special(&self) -> bool {
        [mode::FIFO, mode::SOCKET].contains(&(self.mode & mode::TYPE))
    }

    /// Device and inode, in numbers that need both widths.
    pub(super) fn inode(&self) -> Option<(i64, i64)> {
        self.link.map(|link| (0x1_0000_0000 + i64::from(link >> 31), i64::from(link)))
    }

    /// The path of the directory that it lies in, and its name there.
    pub fn split(&self) -> (&[u8], &[u8]) {
        match self.path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&self.path[..slash], &self.path[slash + 1..]),
            None => (b"", &self.path),
        }
    }
}

/// The items in the order of their indexes: in each directory what is no directory, by its bytes, then the
/// directories as if their names ended in a slash, each followed by its content.
pub fn sorted(items: &[Item], dir: &[u8]) -> Vec<Item> {
    let mut here: Vec<&Item> =
        items.iter().filter(|item| item.path != b"." && item.split().0 == dir).collect();
    here.sort_by_key(|item| {
        let mut key = vec![u8::from(item.is_dir())];
        key.extend(item.split().1);
        key.extend(item.is_dir().then_some(b'/'));
        key
    });
    let root = items.iter().filter(|item| dir.is_empty() && item.path == b".").cloned();
    let below = here.into_iter().flat_map(|item| {
        let content = if item.is_dir() { sorted(items, &item.path) } else { Vec::new() };
        std::iter::once(item.clone()).chain(content)
    });
    root.chain(below).collect()
}

/// A tree cut into segments: the number of the directory (none for the first), and what lies in it.
pub fn segments(items: &[Item]) -> Vec<(Option<u32>, Vec<Item>)> {
    let mut found = Vec::new();
    let mut waiting = VecDeque::from([(None, Vec::new())]);
    let mut numbers = 0..;
    while let Some((number, dir)) = waiting.pop_front() {
        let inside: Vec<Item> = items.iter().filter(|item| item.split().0 == dir).cloned().collect();
        for item in sorted(&inside, &dir).into_iter().filter(Item::is_dir) {
            let number = numbers.next();
            if item.path != b"." {
                waiting.push_back((number, item.path));
            }
        }
        found.push((number, inside));
    }
    found
}
