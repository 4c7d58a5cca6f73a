//! A picture of a tree, entry by entry: everything that a copy has to keep.
//!
//! Not for saying how two pictures differ (see [`crate::diff`]). Times of access and of birth are not in it:
//! no copy keeps them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use twox_hash::XxHash3_128;

use crate::at::{Place, Time, Walked, walk};

/// XFS shows an ACL a second time, as an attribute in its own form.
const XFS_ACL: &[u8] = b"trusted.SGI_ACL_";

/// Stands for a time at which a test ran.
pub const MOMENT: Time = (i64::MAX, 0);

/// A tree as it was.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// By path relative to the root, which itself has the empty path.
    pub entries: BTreeMap<Vec<u8>, Entry>,
    /// The names that share an inode within the tree, for each path that has such others.
    pub groups: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>,
}

impl Snapshot {
    /// Without what `other` does not have: a pull that deletes nothing leaves more than its source holds.
    #[must_use]
    pub fn restricted_to(mut self, other: &Self) -> Self {
        self.entries.retain(|path, _| other.entries.contains_key(path));
        self
    }

    /// Without hard links, for trees that hold surplus names of the same files.
    #[must_use]
    pub fn without_groups(mut self) -> Self {
        self.groups.clear();
        self
    }
}

/// What stands under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is, with what only this kind has.
    pub kind: Kind,
    /// All twelve bits.
    pub mode: u32,
    /// The owner's number.
    pub user: u32,
    /// The group's number.
    pub group: u32,
    /// The time of modification.
    pub time: Time,
    /// Extended attributes, ACLs among them.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What changes when something was done to the entry even if it looks as before. No copy keeps it.
    pub identity: Identity,
}

/// The kinds of entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file, with its length and the hash of its content.
    File {
        /// In bytes.
        size: u64,
        /// Of the whole content.
        hash: u128,
    },
    /// A symbolic link, with its target.
    Symlink(Vec<u8>),
    /// A character device, with its number.
    Character(u64),
    /// A block device, with its number.
    Block(u64),
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
}

/// Inode number and time of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Another file stands here if this is another.
    pub inode: u64,
    /// Somebody did something to the inode if this is later.
    pub changed: Time,
}

impl Snapshot {
    /// Takes the picture. Nobody may change the tree meanwhile.
    ///
    /// # Panics
    /// If something in it cannot be read.
    #[must_use]
    pub fn take(root: &Path) -> Self {
        Self::try_take(root).unwrap_or_else(|error| panic!("{} cannot be pictured: {error}", root.display()))
    }

    /// Takes the picture, with every time between `since` and now replaced by [`MOMENT`]: what a program
    /// dates with its own clock cannot be the same twice.
    ///
    /// # Panics
    /// As [`Snapshot::take`].
    #[must_use]
    pub fn take_since(root: &Path, since: SystemTime) -> Self {
        let mut snapshot = Self::take(root);
        let seconds = |time: SystemTime| {
            let elapsed = time.duration_since(UNIX_EPOCH).expect("the clock is later than 1970");
            i64::try_from(elapsed.as_secs()).expect("the clock is not that late")
        };
        // File systems take the time from a clock that ticks a few hundred times a second, so theirs may be
        // earlier.
        let moment = seconds(since) - 1..=seconds(SystemTime::now()) + 1;
        for entry in snapshot.entries.values_mut().filter(|entry| moment.contains(&entry.time.0)) {
            entry.time = MOMENT;
        }
        snapshot
    }

    fn try_take(root: &Path) -> io::Result<Self> {
        let mut snapshot = Self::default();
        let mut inodes: BTreeMap<(u64, u64), BTreeSet<Vec<u8>>> = BTreeMap::new();
        walk(root, &mut |walked| {
            let context = |error: io::Error| {
                io::Error::new(error.kind(), format!("{}: {error}", walked.path.escape_ascii()))
            };
            let entry = entry(&walked).map_err(context)?;
            if entry.kind != Kind::Directory && walked.metadata.nlink() > 1 {
                let inode = (walked.metadata.dev(), walked.metadata.ino());
                inodes.entry(inode).or_default().insert(walked.path.clone());
            }
            snapshot.entries.insert(walked.path, entry);
            Ok(())
        })?;
        // A name whose other names are outside of the tree is alone in it.
        for group in inodes.into_values().filter(|group| group.len() > 1) {
            for path in &group {
                snapshot.groups.insert(path.clone(), group.clone());
            }
        }
        Ok(snapshot)
    }

    /// The paths that are in both pictures but were replaced or touched in between, with what happened to
    /// each.
    #[must_use]
    pub fn touched_since(&self, before: &Self) -> BTreeMap<Vec<u8>, &'static str> {
        let mut touched = BTreeMap::new();
        for (path, entry) in &self.entries {
            let Some(old) = before.entries.get(path) else { continue };
            if entry.identity.inode != old.identity.inode {
                touched.insert(path.clone(), "replaced by another inode");
            } else if entry.identity.changed != old.identity.changed {
                touched.insert(path.clone(), "inode changed");
            }
        }
        touched
    }
}

fn entry(walked: &Walked) -> io::Result<Entry> {
    let metadata = &walked.metadata;
    let kind = metadata.file_type();
    let kind = if kind.is_dir() {
        Kind::Directory
    } else if kind.is_file() {
        Kind::File { size: metadata.len(), hash: hash(&walked.place)? }
    } else if kind.is_symlink() {
        Kind::Symlink(std::fs::read_link(walked.place.path())?.as_os_str().as_bytes().to_vec())
    } else if kind.is_char_device() {
        Kind::Character(metadata.rdev())
    } else if kind.is_block_device() {
        Kind::Block(metadata.rdev())
    } else if kind.is_fifo() {
        Kind::Fifo
    } else {
        Kind::Socket
    };
    Ok(Entry {
        kind,
        mode: metadata.mode() & 0o7777,
        user: metadata.uid(),
        group: metadata.gid(),
        time: (metadata.mtime(), metadata.mtime_nsec()),
        xattrs: walked.place.xattrs()?.into_iter().filter(|(name, _)| !name.starts_with(XFS_ACL)).collect(),
        identity: Identity { inode: metadata.ino(), changed: (metadata.ctime(), metadata.ctime_nsec()) },
    })
}

fn hash(place: &Place) -> io::Result<u128> {
    let mut file = File::open(place.path())?;
    let mut hasher = XxHash3_128::new();
    let mut buffer = vec![0; 1 << 17];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish_128()),
            length => hasher.write(&buffer[..length]),
        }
    }
}
