//! The tree on this machine: compares entries with what is there and makes what is not.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, Stat, linkat, makedev, mkdirat, mknodat, openat, readlinkat,
    renameat, statat, symlinkat, unlinkat,
};
use rustix::io::{Errno, pread, read};

use super::attributes::Policy;
use super::handle::{self, Root, as_os, temporary_name};
use super::node::Node;
use super::sink::{Content, LocalSink};
use crate::checksum::{BlockSummer, FileSummer};
use crate::delta::{BlockLayout, put_block_sums};
use crate::destination::{Destination, Failure, Verdict};
use crate::error::{Error, Result};
use crate::flist::{EntryRef, Kind, SafePath, Segment};
use crate::options::Options;
use crate::report::Changes;
use crate::wire::flags::{item, mode};

/// How much of a basis is read at once, in bytes.
const READ_SIZE: usize = 256 * 1024;

/// What a [`LocalTree`] needs to know.
#[derive(Debug, Clone)]
pub struct LocalTreeOptions {
    /// The options of the transfer.
    pub options: Options,
    /// How blocks are summed; its algorithm also verifies whole files.
    pub summer: BlockSummer,
}

/// A directory of this machine as the destination of a pull.
#[derive(Debug)]
pub struct LocalTree {
    path: PathBuf,
    options: Options,
    summer: BlockSummer,
    policy: Arc<Policy>,
    root: OnceLock<Root>,
    /// The name that a single file gets here in place of its own.
    alias: OnceLock<Box<[u8]>>,
}

/// A directory that is being filled.
#[derive(Debug)]
pub struct LocalDir {
    /// Missing in a dry run where the directory is not there.
    fd: Option<OwnedFd>,
    /// Nothing can be in it but what this transfer made.
    fresh: bool,
    /// New entries inherit an access control list.
    gives_list: bool,
    changes: Changes,
    /// Something in it was made, so that its time is no longer its own.
    disturbed: AtomicBool,
}

impl LocalDir {
    /// The handle; only for directories that are there.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_ref().expect("a dry run touches nothing").as_fd()
    }

    /// What `name` is, if it is anything.
    pub(super) fn stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
        let Some(fd) = self.fd.as_ref().filter(|_| !self.fresh) else { return Ok(None) };
        match statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

pub(super) fn is_file(stat: &Stat) -> bool {
    kind(stat) == Some(Kind::File)
}

fn kind(stat: &Stat) -> Option<Kind> {
    Kind::from_mode(stat.st_mode)
}

impl LocalTree {
    /// A tree at `path`. Its last component may be missing: it is made when the transfer begins.
    pub fn new(path: impl Into<PathBuf>, settings: LocalTreeOptions) -> Self {
        let LocalTreeOptions { options, summer } = settings;
        Self {
            path: path.into(),
            policy: Arc::new(Policy::new(&options)),
            options,
            summer,
            root: OnceLock::new(),
            alias: OnceLock::new(),
        }
    }

    fn root(&self) -> &Root {
        self.root.get().expect("a transfer begins before anything else")
    }

    fn name<'a>(&'a self, entry: EntryRef<'a>) -> &'a [u8] {
        self.alias.get().map_or(entry.name(), |alias| alias)
    }

    fn local_error(&self, action: &'static str, error: impl Into<io::Error>) -> Error {
        Error::Local { action, path: self.path.clone(), source: error.into() }
    }

    /// A directory takes everything; a single file may also go to a file's name.
    fn open_destination(&self, first: &Segment) -> Result<(Option<OwnedFd>, bool)> {
        let single = first.len() == 1 && first.entry(0).kind() != Kind::Directory;
        let trailing_slash = self.path.as_os_str().as_encoded_bytes().ends_with(b"/");
        match handle::open_root(&self.path) {
            Ok(fd) => Ok((Some(fd), false)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if single && !trailing_slash {
                    return self.open_parent().map(|fd| (Some(fd), false));
                }
                if self.options.dry_run {
                    return Ok((None, true));
                }
                rustix::fs::mkdir(&self.path, Mode::from_raw_mode(0o777))
                    .map_err(|error| self.local_error("make the directory", error))?;
                let fd = handle::open_root(&self.path).map_err(|error| self.local_error("open", error))?;
                Ok((Some(fd), true))
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory && single && !trailing_slash => {
                self.open_parent().map(|fd| (Some(fd), false))
            }
            Err(source) => Err(Error::Destination {
                action: "put several files or a directory into",
                path: self.path.clone(),
                source,
            }),
        }
    }

    fn open_parent(&self) -> Result<OwnedFd> {
        let name = self
            .path
            .file_name()
            .ok_or_else(|| Error::Misuse(format!("{} does not name a file", self.path.display())))?;
        let _ = self.alias.set(name.as_encoded_bytes().into());
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        handle::open_root(parent).map_err(|source| Error::Destination {
            action: "open the directory",
            path: parent.to_owned(),
            source,
        })
    }

    /// A directory whose content is about to come must be usable by whoever fills it.
    fn make_usable(&self, fd: &OwnedFd) -> io::Result<()> {
        if self.policy.identity.root || self.options.dry_run {
            return Ok(());
        }
        let stat = rustix::fs::fstat(fd)?;
        if stat.st_mode & 0o700 != 0o700 && stat.st_uid == self.policy.identity.uid {
            rustix::fs::fchmod(fd, Mode::from_raw_mode(stat.st_mode & mode::PERMISSIONS | 0o700))?;
        }
        Ok(())
    }

    fn dir(&self, fd: Option<OwnedFd>, fresh: bool, changes: Changes) -> io::Result<LocalDir> {
        let mut gives_list = false;
        if let Some(fd) = &fd {
            self.make_usable(fd)?;
            gives_list =
                self.options.acls && Node::borrowed(fd.as_fd()).xattr(super::acl::DEFAULT)?.is_some();
        }
        Ok(LocalDir { fd, fresh, gives_list, changes, disturbed: AtomicBool::new(false) })
    }

    /// What differs between an entry and a file of its kind, apart from the content.
    fn differences(
        &self,
        dir: &LocalDir,
        name: &[u8],
        entry: EntryRef<'_>,
        stat: &Stat,
    ) -> io::Result<Changes> {
        let wish = self.policy.wish(entry, Some(stat));
        self.policy.differences(&wish, stat, || Node::open(dir.fd(), name, entry.kind()))
    }

    /// Makes room for something of another kind than what is there. Only what holds no data goes now; a file
    /// or link stays until its successor replaces it.
    fn make_way(&self, dir: &LocalDir, name: &[u8], existing: &Stat) -> io::Result<()> {
        if kind(existing) != Some(Kind::Directory) {
            return Ok(());
        }
        if self.options.dry_run {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let there = openat(dir.fd(), name, flags, Mode::empty())?;
            return if is_empty(&there) { Ok(()) } else { Err(Errno::NOTEMPTY.into()) };
        }
        dir.disturbed.store(true, Ordering::Relaxed);
        Ok(unlinkat(dir.fd(), name, AtFlags::REMOVEDIR)?)
    }

    fn content_differs(
        &self,
        dir: &LocalDir,
        name: &[u8],
        entry: EntryRef<'_>,
        stat: &Stat,
    ) -> io::Result<bool> {
        if stat.st_size as u64 != entry.size() {
            return Ok(true);
        }
        if self.options.checksum {
            return Ok(self.file_sum(dir, name)?.as_bytes() != entry.checksum());
        }
        if self.options.size_only {
            return Ok(false);
        }
        Ok(self.options.ignore_times || stat.st_mtime != entry.mtime().0)
    }

    fn file_sum(&self, dir: &LocalDir, name: &[u8]) -> io::Result<crate::checksum::StrongSum> {
        let file = open_file(dir, name)?;
        let mut summer = FileSummer::new(self.summer.kind);
        let mut buffer = vec![0; READ_SIZE];
        loop {
            match read(&file, &mut buffer[..])? {
                0 => return Ok(summer.finish()),
                len => summer.update(&buffer[..len]),
            }
        }
    }

    fn look_at_file(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        existing: Option<&Stat>,
    ) -> io::Result<Verdict> {
        let name = self.name(entry);
        let Some(stat) = existing.filter(|stat| is_file(stat)) else {
            if let Some(stat) = existing {
                self.make_way(dir, name, stat)?;
            }
            return Ok(Verdict::Content { changes: Changes::NEW, basis: None });
        };
        let mut changes = self.differences(dir, name, entry, stat)?;
        changes.set(stat.st_size as u64 != entry.size(), item::REPORT_SIZE);
        if !self.content_differs(dir, name, entry, stat)? {
            return Ok(Verdict::Same(self.without_implied_mode(changes, entry, stat)));
        }
        changes.set(!self.options.times, item::REPORT_TIME);
        changes.set(self.options.checksum, item::REPORT_CHANGE);
        Ok(Verdict::Content { changes, basis: Some(stat.st_size as u64) })
    }

    fn look_at_other(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        existing: Option<&Stat>,
    ) -> io::Result<Verdict> {
        let name = self.name(entry);
        let Some(stat) = existing else { return Ok(Verdict::Make(Changes::NEW)) };
        let same_class = match (kind(stat), entry.kind()) {
            (Some(Kind::Symlink), Kind::Symlink) => true,
            (Some(there), wanted) if there.is_device() => wanted.is_device(),
            (Some(there), wanted) if there.is_special() => wanted.is_special(),
            _ => false,
        };
        if !same_class {
            self.make_way(dir, name, stat)?;
            return Ok(Verdict::Make(Changes::NEW));
        }
        let mut changes = self.differences(dir, name, entry, stat)?;
        let same = match entry.kind() {
            Kind::Symlink => readlinkat(dir.fd(), name, Vec::new())?.as_bytes() == entry.link_target(),
            wanted if wanted.is_device() => {
                let (major, minor) = entry.device();
                kind(stat) == Some(wanted) && stat.st_rdev == makedev(major, minor)
            }
            wanted => kind(stat) == Some(wanted),
        };
        if same {
            return Ok(Verdict::Same(self.without_implied_mode(changes, entry, stat)));
        }
        changes.set(true, item::REPORT_CHANGE);
        changes.set(!self.options.times, item::REPORT_TIME);
        Ok(Verdict::Make(changes))
    }

    /// A change of the access control list carries that of the permissions with it, which then is no change
    /// of its own.
    fn without_implied_mode(&self, mut changes: Changes, entry: EntryRef<'_>, stat: &Stat) -> Changes {
        let special = 0o7000;
        if changes.has(item::REPORT_ACL)
            && !self.options.dry_run
            && stat.st_mode & special == entry.permissions() & special
        {
            changes.0 &= !item::REPORT_PERMS;
        }
        changes
    }

    fn make_at(&self, dir: &LocalDir, name: &[u8], entry: EntryRef<'_>) -> io::Result<()> {
        let (major, minor) = entry.device();
        let make = |kind| mknodat(dir.fd(), name, kind, Mode::from_raw_mode(0o600), makedev(major, minor));
        Ok(match entry.kind() {
            Kind::Symlink => symlinkat(entry.link_target(), dir.fd(), name)?,
            Kind::CharDevice => make(FileType::CharacterDevice)?,
            Kind::BlockDevice => make(FileType::BlockDevice)?,
            Kind::Fifo => make(FileType::Fifo)?,
            Kind::Socket => make(FileType::Socket)?,
            Kind::File | Kind::Directory => unreachable!("these are made elsewhere"),
        })
    }

    /// Makes something under a temporary name and renames it to its own.
    fn replace(
        &self,
        dir: &LocalDir,
        name: &[u8],
        make: impl FnOnce(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        dir.disturbed.store(true, Ordering::Relaxed);
        let temporary = temporary_name(name);
        let made = make(&temporary).and_then(|()| Ok(renameat(dir.fd(), &temporary[..], dir.fd(), name)?));
        if made.is_err() {
            let _ = unlinkat(dir.fd(), &temporary[..], AtFlags::empty());
        }
        made
    }

    fn make_new(&self, dir: &LocalDir, entry: EntryRef<'_>) -> io::Result<()> {
        // Where permissions are not kept, they stay what they were, even if it was a file of another kind.
        let there = if self.options.perms { None } else { dir.stat(self.name(entry))? };
        let predecessor = there.filter(|stat| kind(stat) != Some(Kind::Directory));
        self.replace(dir, self.name(entry), |temporary| {
            self.make_at(dir, temporary, entry)?;
            let node = Node::open(dir.fd(), temporary, entry.kind())?;
            let wish = self.policy.wish(entry, predecessor.as_ref());
            let mut changes = Changes::NEW;
            changes.set(dir.gives_list || wish.has_list(), item::REPORT_ACL);
            self.policy.apply(&wish, &node, &node.stat()?, changes)
        })
    }

    fn make_directory(&self, parent: &LocalDir, entry: EntryRef<'_>) -> io::Result<Changes> {
        let name = entry.name();
        let existing = parent.stat(name)?;
        if let Some(stat) = &existing {
            if kind(stat) == Some(Kind::Directory) {
                return self.differences(parent, name, entry, stat);
            }
            if !self.options.dry_run {
                unlinkat(parent.fd(), name, AtFlags::empty())?;
            }
        }
        if !self.options.dry_run {
            parent.disturbed.store(true, Ordering::Relaxed);
            mkdirat(parent.fd(), name, Mode::from_raw_mode(0o700))?;
        }
        Ok(Changes::NEW)
    }

    fn leave_directory(&self, dir: &LocalDir, entry: EntryRef<'_>) -> io::Result<()> {
        if self.options.dry_run {
            return Ok(());
        }
        let node = Node::borrowed(dir.fd());
        let stat = node.stat()?;
        let wish = self.policy.wish(entry, (!dir.changes.is_new()).then_some(&stat));
        let mut changes = dir.changes;
        changes.set(dir.disturbed.load(Ordering::Relaxed), item::TRANSFER);
        // A new directory may have inherited lists from its parent.
        changes.set(dir.changes.is_new(), item::REPORT_ACL);
        self.policy.apply(&wish, &node, &stat, changes)
    }

    fn sums(&self, dir: &LocalDir, entry: EntryRef<'_>, full: bool) -> io::Result<(BlockLayout, Vec<u8>)> {
        let file = open_file(dir, self.name(entry))?;
        let size = rustix::fs::fstat(&file)?.st_size as u64;
        let Some(layout) = BlockLayout::for_basis(size, full, self.summer.kind.sum_len()) else {
            return Ok((BlockLayout::NONE, Vec::new()));
        };
        if layout.count == 0 {
            return Ok((BlockLayout::NONE, Vec::new()));
        }
        let mut sums = Vec::with_capacity(layout.count as usize * (4 + layout.sum_len as usize));
        let block_len = layout.block_len as usize;
        let mut buffer = vec![0; READ_SIZE.max(block_len) / block_len * block_len];
        let mut offset = 0;
        while offset < size {
            let len = (size - offset).min(buffer.len() as u64) as usize;
            if !read_exact_at(&file, &mut buffer[..len], offset)? {
                // Cut while it was read: of no use as a basis.
                return Ok((BlockLayout::NONE, Vec::new()));
            }
            for block in buffer[..len].chunks(block_len) {
                put_block_sums(&mut sums, &self.summer, &layout, block);
            }
            offset += len as u64;
        }
        Ok((layout, sums))
    }

    fn open_sink(&self, dir: &Arc<LocalDir>, entry: EntryRef<'_>, with_basis: bool) -> io::Result<LocalSink> {
        let name = self.name(entry);
        let basis = if with_basis { Some(open_file(dir, name)?) } else { None };
        dir.disturbed.store(true, Ordering::Relaxed);
        let temporary = temporary_name(name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(dir.fd(), &temporary[..], flags, Mode::from_raw_mode(0o600))?;
        Ok(LocalSink {
            policy: Arc::clone(&self.policy),
            dir: Arc::clone(dir),
            name: name.into(),
            temporary: Some(temporary),
            file,
            basis,
            checksum: self.summer.kind,
            expected_size: entry.size(),
            inherits_list: dir.gives_list,
            state: Content::new(),
        })
    }

    fn link_to(&self, leader: &SafePath, dir: &LocalDir, entry: EntryRef<'_>) -> io::Result<Option<Changes>> {
        let name = self.name(entry);
        let existing = dir.stat(name)?;
        if self.options.dry_run {
            return self.link_dry(leader, dir, entry, existing.as_ref());
        }
        let (leader_dir, leader_name) = split(leader);
        let leader_dir = self.root().open(&leader_dir)?;
        let target = statat(&leader_dir, as_os(leader_name), AtFlags::SYMLINK_NOFOLLOW)?;
        let mut changes = Changes::NEW;
        if let Some(stat) = &existing {
            if (stat.st_dev, stat.st_ino) == (target.st_dev, target.st_ino) {
                return Ok(None);
            }
            if kind(stat) == Some(entry.kind()) {
                changes = self.differences(dir, name, entry, stat)?;
                changes.set(is_file(stat) && stat.st_size as u64 != entry.size(), item::REPORT_SIZE);
            }
            self.make_way(dir, name, stat)?;
        }
        self.replace(dir, name, |temporary| {
            Ok(linkat(&leader_dir, as_os(leader_name), dir.fd(), temporary, AtFlags::empty())?)
        })?;
        Ok(Some(changes))
    }

    /// What a link would change. The leader may not be there yet; then nothing can be the same file.
    fn link_dry(
        &self,
        leader: &SafePath,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        existing: Option<&Stat>,
    ) -> io::Result<Option<Changes>> {
        let Some(stat) = existing.filter(|stat| kind(stat) == Some(entry.kind())) else {
            return Ok(Some(Changes::NEW));
        };
        let (leader_dir, leader_name) = split(leader);
        let target = self.root.get().and_then(|root| {
            statat(root.open(&leader_dir).ok()?, as_os(leader_name), AtFlags::SYMLINK_NOFOLLOW).ok()
        });
        if target.is_some_and(|target| (target.st_dev, target.st_ino) == (stat.st_dev, stat.st_ino)) {
            return Ok(None);
        }
        let mut changes = self.differences(dir, self.name(entry), entry, stat)?;
        changes.set(is_file(stat) && stat.st_size as u64 != entry.size(), item::REPORT_SIZE);
        Ok(Some(changes))
    }
}

impl Destination for LocalTree {
    type Dir = LocalDir;
    type Sink = LocalSink;

    fn begin(&self, first: &Segment) -> Result<LocalDir> {
        let (fd, fresh) = self.open_destination(first)?;
        let mut changes = Changes::default();
        if let Some(fd) = &fd {
            let again = fd.try_clone().map_err(|error| self.local_error("open", error))?;
            let root = self.root.get_or_init(|| Root::new(again));
            if !fresh && first.iter().next().is_some_and(|entry| entry.is_root()) {
                let entry = first.entry(0);
                let node = Node::borrowed(root.as_fd());
                let stat = node.stat().map_err(|error| self.local_error("look at", error))?;
                let wish = self.policy.wish(entry, Some(&stat));
                changes = self
                    .policy
                    .differences(&wish, &stat, || Ok(node))
                    .map_err(|error| self.local_error("look at", error))?;
            }
        }
        if fresh {
            changes = Changes::NEW;
        }
        let empty = fresh || fd.as_ref().is_some_and(|fd| is_empty(fd));
        self.learn(first);
        self.dir(fd, empty, changes).map_err(|error| self.local_error("open", error))
    }

    fn learn(&self, segment: &Segment) {
        self.policy.ids.learn(segment);
    }

    fn make_dir(&self, parent: &LocalDir, entry: EntryRef<'_>) -> Result<Changes, Failure> {
        if entry.is_root() {
            return Ok(parent.changes);
        }
        self.make_directory(parent, entry)
            .map_err(|error| Failure::new("make the directory", entry.path(), error))
    }

    fn open_dir(&self, entry: EntryRef<'_>, changes: Changes) -> Result<LocalDir, Failure> {
        let path = entry.path();
        let missing = self.options.dry_run && changes.is_new();
        let open = || {
            let fd = if missing { None } else { Some(self.root().open(&path)?) };
            self.dir(fd, changes.is_new(), changes)
        };
        open().map_err(|error| Failure::new("open the directory", path.clone(), error))
    }

    fn leave(&self, dir: &LocalDir, entry: EntryRef<'_>) -> Result<(), Failure> {
        self.leave_directory(dir, entry)
            .map_err(|error| Failure::new("set the attributes of", entry.path(), error))
    }

    fn look(&self, dir: &LocalDir, entry: EntryRef<'_>) -> Result<Verdict, Failure> {
        let look = || {
            let existing = dir.stat(self.name(entry))?;
            if entry.kind() == Kind::File {
                self.look_at_file(dir, entry, existing.as_ref())
            } else {
                self.look_at_other(dir, entry, existing.as_ref())
            }
        };
        look().map_err(|error| Failure::new("look at or make way for", entry.path(), error))
    }

    fn touch(&self, dir: &LocalDir, entry: EntryRef<'_>, changes: Changes) -> Result<(), Failure> {
        let touch = || {
            let node = Node::open(dir.fd(), self.name(entry), entry.kind())?;
            let stat = node.stat()?;
            let wish = self.policy.wish(entry, Some(&stat));
            self.policy.apply(&wish, &node, &stat, changes)
        };
        touch().map_err(|error| Failure::new("set the attributes of", entry.path(), error))
    }

    fn make(&self, dir: &LocalDir, entry: EntryRef<'_>) -> Result<(), Failure> {
        self.make_new(dir, entry).map_err(|error| Failure::new("make", entry.path(), error))
    }

    fn link(
        &self,
        leader: &SafePath,
        dir: &LocalDir,
        entry: EntryRef<'_>,
    ) -> Result<Option<Changes>, Failure> {
        self.link_to(leader, dir, entry)
            .map_err(|error| Failure::new("make the hard link", entry.path(), error))
    }

    fn block_sums(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        full: bool,
    ) -> Result<(BlockLayout, Vec<u8>), Failure> {
        self.sums(dir, entry, full).map_err(|error| Failure::new("read", entry.path(), error))
    }

    fn receive(
        &self,
        dir: &Arc<LocalDir>,
        entry: EntryRef<'_>,
        with_basis: bool,
    ) -> Result<LocalSink, Failure> {
        self.open_sink(dir, entry, with_basis)
            .map_err(|error| Failure::new("create a file beside", entry.path(), error))
    }
}

/// Opens a regular file, and nothing else: a device that took its place must not be touched.
fn open_file(dir: &LocalDir, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(dir.fd(), name, flags, Mode::empty())?;
    if is_file(&rustix::fs::fstat(&file)?) {
        Ok(file)
    } else {
        Err(io::Error::other("it is no longer a regular file"))
    }
}

fn read_exact_at(file: &OwnedFd, mut buffer: &mut [u8], mut offset: u64) -> io::Result<bool> {
    while !buffer.is_empty() {
        let len = pread(file, &mut *buffer, offset)?;
        if len == 0 {
            return Ok(false);
        }
        buffer = &mut buffer[len..];
        offset += len as u64;
    }
    Ok(true)
}

fn split(path: &SafePath) -> (SafePath, &[u8]) {
    let bytes = path.as_bytes();
    match bytes.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => {
            let dir = SafePath::new(&bytes[..slash]).expect("a part of a safe path is safe");
            (dir, &bytes[slash + 1..])
        }
        None => (SafePath::root(), bytes),
    }
}

fn is_empty(fd: &OwnedFd) -> bool {
    let Ok(fd) = openat(fd, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) else {
        return false;
    };
    let mut buffer = [std::mem::MaybeUninit::uninit(); 2048];
    let mut entries = RawDir::new(fd, &mut buffer);
    while let Some(entry) = entries.next() {
        match entry {
            Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
            _ => return false,
        }
    }
    true
}
