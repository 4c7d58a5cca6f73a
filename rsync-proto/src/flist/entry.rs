//! What the file list says about one file, checked.

use std::sync::Arc;

use super::acl::Acl;
use super::name::SafePath;
use super::segment::Segment;
use super::xattr::XattrSet;
use crate::wire::flags::mode;

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// Character device.
    CharDevice,
    /// Block device.
    BlockDevice,
    /// FIFO.
    Fifo,
    /// Socket.
    Socket,
}

impl Kind {
    /// The kind that the type bits of a mode say; nothing for bits that no kind has.
    pub fn from_mode(bits: u32) -> Option<Self> {
        Some(match bits & mode::TYPE {
            mode::REGULAR => Self::File,
            mode::DIRECTORY => Self::Directory,
            mode::SYMLINK => Self::Symlink,
            mode::CHAR_DEVICE => Self::CharDevice,
            mode::BLOCK_DEVICE => Self::BlockDevice,
            mode::FIFO => Self::Fifo,
            mode::SOCKET => Self::Socket,
            _ => return None,
        })
    }

    /// The type bits of a mode that say this kind.
    pub fn type_bits(self) -> u32 {
        match self {
            Self::File => mode::REGULAR,
            Self::Directory => mode::DIRECTORY,
            Self::Symlink => mode::SYMLINK,
            Self::CharDevice => mode::CHAR_DEVICE,
            Self::BlockDevice => mode::BLOCK_DEVICE,
            Self::Fifo => mode::FIFO,
            Self::Socket => mode::SOCKET,
        }
    }

    /// Whether this is a character or block device.
    pub fn is_device(self) -> bool {
        matches!(self, Self::CharDevice | Self::BlockDevice)
    }

    /// Whether this is a FIFO or a socket.
    pub fn is_special(self) -> bool {
        matches!(self, Self::Fifo | Self::Socket)
    }
}

/// Place of a link target that was not asked for.
pub(super) const NO_TARGET: u64 = !0xffff;

/// One entry as it is stored: names and link targets lie in the segment's arena, rare attributes in its
/// table of extras, so that an ordinary entry takes 48 bytes and its name.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub mtime: i64,
    /// Size of a file, device number, place of a link target, or number and size of a directory.
    pub payload: u64,
    pub name_at: u32,
    pub dir: u32,
    pub nanoseconds: u32,
    pub uid: u32,
    pub gid: u32,
    pub extra: u32,
    pub mode: u16,
    pub name_len: u8,
    pub state: State,
}

/// What became of an entry when its segment was complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// A name of its own.
    Active,
    /// The same, for a directory whose content is not part of the list.
    Bare,
    /// A directory on the way to what was asked for, whose attributes and content were not.
    Implied,
    /// The root of the transfer, sent as `.`.
    Root,
    /// The same, without its content.
    BareRoot,
    /// The same, without its attributes.
    ImpliedRoot,
    /// A second entry with the same name and kind: it keeps its index and takes no part.
    Duplicate,
    /// A directory that would be empty, where those are not wanted: it keeps its index and takes no part.
    Pruned,
}

impl State {
    /// The state of an entry as it comes.
    pub fn new(root: bool, bare: bool, implied: bool) -> Self {
        match (root, bare, implied) {
            (false, false, false) => Self::Active,
            (false, true, false) => Self::Bare,
            (false, _, true) => Self::Implied,
            (true, false, false) => Self::Root,
            (true, true, false) => Self::BareRoot,
            (true, _, true) => Self::ImpliedRoot,
        }
    }

    pub fn is_root(self) -> bool {
        matches!(self, Self::Root | Self::BareRoot | Self::ImpliedRoot)
    }

    /// For a directory: whether what lies in it is part of the list.
    pub fn has_content(self) -> bool {
        matches!(self, Self::Active | Self::Root)
    }

    pub fn is_implied(self) -> bool {
        matches!(self, Self::Implied | Self::ImpliedRoot)
    }

    /// Whether it is an entry with a name, and the first of it.
    pub fn is_named(self) -> bool {
        matches!(self, Self::Active | Self::Bare | Self::Implied)
    }
}

/// Attributes that few entries have, or that many entries share.
#[derive(Debug, Clone, Default)]
pub(super) struct Extras {
    pub link: Option<HardLink>,
    pub acl: Option<Arc<Acl>>,
    pub default_acl: Option<Arc<Acl>>,
    pub xattrs: Option<Arc<XattrSet>>,
}

impl Extras {
    pub fn same(&self, other: &Self) -> bool {
        fn same<T>(a: Option<&Arc<T>>, b: Option<&Arc<T>>) -> bool {
            a.map(Arc::as_ptr) == b.map(Arc::as_ptr)
        }
        self.link == other.link
            && same(self.acl.as_ref(), other.acl.as_ref())
            && same(self.default_acl.as_ref(), other.default_acl.as_ref())
            && same(self.xattrs.as_ref(), other.xattrs.as_ref())
    }
}

/// Membership in a group of hard links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HardLink {
    /// Names the group: the index of its first entry.
    pub group: u32,
    /// Whether this is that first entry.
    pub first: bool,
}

/// An entry of the file list, seen through its segment.
#[derive(Clone, Copy)]
pub struct EntryRef<'a> {
    pub(super) segment: &'a Segment,
    pub(super) position: usize,
}

impl<'a> EntryRef<'a> {
    fn raw(&self) -> &'a Entry {
        &self.segment.entries[self.position]
    }

    fn extras(&self) -> Option<&'a Extras> {
        self.segment.extras.get(self.raw().extra as usize)
    }

    /// The segment that it is part of.
    pub fn segment(&self) -> &'a Segment {
        self.segment
    }

    /// Whether what lies in this directory is part of the list: not for directories that are named on the way to what
    /// was asked for.
    pub fn has_content(&self) -> bool {
        self.kind() == Kind::Directory && self.raw().state.has_content()
    }

    /// The index that the protocol knows the entry by.
    pub fn index(&self) -> u32 {
        self.segment.first_index() + self.position as u32
    }

    /// Its position in the segment.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Whether this is the root of the transfer.
    pub fn is_root(&self) -> bool {
        self.raw().state.is_root()
    }

    /// Whether this is a directory that comes only because something in it was asked for.
    pub fn is_implied(&self) -> bool {
        self.raw().state.is_implied()
    }

    /// Whether this is a second entry of the same name, which takes no part.
    pub fn is_duplicate(&self) -> bool {
        self.raw().state == State::Duplicate
    }

    /// Whether it takes no part, as a duplicate or as a directory that would be empty.
    pub fn is_left_out(&self) -> bool {
        matches!(self.raw().state, State::Duplicate | State::Pruned)
    }

    /// The last component of the path; empty for the root of the transfer.
    pub fn name(&self) -> &'a [u8] {
        let entry = self.raw();
        &self.segment.arena[entry.name_at as usize..][..usize::from(entry.name_len)]
    }

    /// The directory that it lies in.
    pub fn parent(&self) -> &'a SafePath {
        &self.segment.dirs[self.raw().dir as usize]
    }

    /// Tells directories of one segment apart without comparing paths.
    pub fn parent_number(&self) -> u32 {
        self.raw().dir
    }

    /// The path below the root of the transfer.
    pub fn path(&self) -> SafePath {
        if self.is_root() { SafePath::root() } else { self.parent().join(self.name()) }
    }

    /// The kind of the file.
    pub fn kind(&self) -> Kind {
        Kind::from_mode(u32::from(self.raw().mode)).expect("checked when the entry was read")
    }

    /// Permissions with set-id and sticky bits, after the changes that were asked for.
    pub fn permissions(&self) -> u32 {
        let (sent, kind) = (u32::from(self.raw().mode) & mode::PERMISSIONS, self.kind());
        if self.segment.chmod.is_empty() || kind == Kind::Symlink {
            return sent;
        }
        self.segment.chmod.apply(sent, kind == Kind::Directory)
    }

    /// Type and permissions.
    pub fn mode(&self) -> u32 {
        u32::from(self.raw().mode) & mode::TYPE | self.permissions()
    }

    /// Size in bytes; 0 for all but regular files.
    pub fn size(&self) -> u64 {
        if self.kind() == Kind::File { self.raw().payload } else { 0 }
    }

    /// Size in bytes as a listing shows it: that of directories (up to 4 GiB) and symlinks too.
    pub fn listed_size(&self) -> u64 {
        match self.kind() {
            Kind::File => self.size(),
            Kind::Directory => self.raw().payload & u64::from(u32::MAX),
            Kind::Symlink => self.raw().payload & 0xffff,
            _ => 0,
        }
    }

    /// Size in bytes as it counts in that of the whole list: symlinks have one, even where their targets were not
    /// asked for.
    pub fn counted_size(&self) -> u64 {
        if self.kind() == Kind::Symlink { self.listed_size() } else { self.size() }
    }

    /// Modification time: seconds since 1970, and nanoseconds (0 before protocol 31).
    pub fn mtime(&self) -> (i64, u32) {
        (self.raw().mtime, self.raw().nanoseconds)
    }

    /// Access time in seconds since 1970, where it was asked for (never for directories).
    pub fn access_time(&self) -> Option<i64> {
        let bytes = self
            .segment
            .arena
            .get(self.behind_name()..)?
            .first_chunk()
            .filter(|_| self.access_time_len() > 0)?;
        Some(i64::from_le_bytes(*bytes))
    }

    /// Where the arena holds what follows the name: the access time, then the whole-file sum.
    fn behind_name(&self) -> usize {
        self.raw().name_at as usize + usize::from(self.raw().name_len)
    }

    /// Whether access times were asked for.
    pub fn has_access_times(&self) -> bool {
        self.segment.has_access_times
    }

    fn access_time_len(&self) -> usize {
        if self.segment.has_access_times && self.kind() != Kind::Directory { size_of::<i64>() } else { 0 }
    }

    /// The owner's number on the server.
    pub fn uid(&self) -> u32 {
        self.raw().uid
    }

    /// The group's number on the server.
    pub fn gid(&self) -> u32 {
        self.raw().gid
    }

    /// Major and minor number of a device; 0 for all others.
    pub fn device(&self) -> (u32, u32) {
        let payload = self.raw().payload;
        if self.kind().is_device() { ((payload >> 32) as u32, payload as u32) } else { (0, 0) }
    }

    /// Target of a symlink; empty for all others, and where links were not asked for.
    pub fn link_target(&self) -> &'a [u8] {
        let payload = self.raw().payload;
        if self.kind() == Kind::Symlink && payload & NO_TARGET != NO_TARGET {
            &self.segment.arena[(payload >> 16) as usize..][..(payload & 0xffff) as usize]
        } else {
            &[]
        }
    }

    /// The number by which a later segment names this directory (incremental recursion only).
    pub fn announced_number(&self) -> Option<u32> {
        (self.kind() == Kind::Directory && self.segment.incremental)
            .then(|| (self.raw().payload >> 32) as u32)
    }

    /// The [`Self::parent_number`] of what lies in this directory (without incremental recursion).
    pub fn own_number(&self) -> u32 {
        if self.kind() == Kind::Directory { (self.raw().payload >> 32) as u32 } else { 0 }
    }

    /// The whole-file sum, where sums were asked for with the list; empty otherwise.
    pub fn checksum(&self) -> &'a [u8] {
        if self.kind() != Kind::File {
            return &[];
        }
        &self.segment.arena[self.behind_name() + self.access_time_len()..][..self.segment.sum_len]
    }

    /// The group of hard links that it belongs to.
    pub fn hard_link(&self) -> Option<HardLink> {
        self.extras().and_then(|extras| extras.link)
    }

    /// The access control list, where they were asked for (never for symlinks).
    pub fn acl(&self) -> Option<&'a Arc<Acl>> {
        self.extras().and_then(|extras| extras.acl.as_ref())
    }

    /// The access control list that entries of this directory get (directories only).
    pub fn default_acl(&self) -> Option<&'a Arc<Acl>> {
        self.extras().and_then(|extras| extras.default_acl.as_ref())
    }

    /// The extended attributes, where they were asked for.
    pub fn xattrs(&self) -> Option<&'a Arc<XattrSet>> {
        self.extras().and_then(|extras| extras.xattrs.as_ref())
    }
}
