//! Reads the file list, entry by entry. Each entry says only how it differs from the one before, so the
//! decoder carries the previous values from entry to entry and from segment to segment.

use std::collections::HashMap;
use std::sync::Arc;

use super::acl::{self, Acl};
use super::admit::{Admitted, Candidate};
use super::builder::{Builder, Part, keep_acl};
use super::entry::{Entry, Extras, HardLink, Kind, NO_TARGET, State};
use super::fields::Previous;
use super::fields29::{self, INODE_MEMORY, Inodes};
use super::links::Link;
use super::name::{self, SafePath};
use super::options::ListOptions;
use super::prune;
use super::segment::Segment;
use super::sort;
use super::tree::Announced;
use super::xattr::{self, XattrItem, XattrSet};
use crate::error::{Error, Malformed, Result, printable};
use crate::limits;
use crate::wire::flags::{entry as flag, io_error, mode};
use crate::wire::{Cursor, Parse};

/// All flags that an entry of protocol 30 to 32 can have, but for [`flag::SAME_ACCESS_TIME`], which
/// an option adds.
const KNOWN_FLAGS: u32 = (1 << 14) - 1;

/// The decoder of all segments of a transfer.
pub struct ListDecoder {
    pub(super) options: ListOptions,
    previous: Previous,
    scratch: Vec<u8>,
    announced: Announced,
    link_groups: HashMap<u32, u16>,
    inodes: Inodes,
    pub(super) acls: Vec<Arc<Acl>>,
    pub(super) default_acls: Vec<Arc<Acl>>,
    pub(super) xattrs: Vec<Arc<XattrSet>>,
    pub(super) user_names: u64,
    pub(super) group_names: u64,
    next_index: u64,
    pub(super) entries: u64,
    pub(super) live_memory: u64,
    pub(super) building: Option<Builder>,
}

impl ListDecoder {
    /// A decoder for a transfer with these options.
    pub fn new(options: ListOptions) -> Self {
        let next_index = u64::from(options.inc_recurse);
        Self {
            options,
            previous: Previous::default(),
            scratch: Vec::new(),
            announced: Announced::default(),
            link_groups: HashMap::new(),
            inodes: Inodes::new(),
            acls: Vec::new(),
            default_acls: Vec::new(),
            xattrs: Vec::new(),
            user_names: 0,
            group_names: 0,
            next_index,
            entries: 0,
            live_memory: 0,
            building: None,
        }
    }

    /// Begins the first segment.
    pub fn begin(&mut self) {
        self.building = Some(Builder::new(self.next_index as u32, None, SafePath::root(), &self.options));
    }

    /// Begins the segment of the directory with this number.
    ///
    /// # Errors
    /// The directory was not announced, or its content came before.
    pub fn begin_directory(&mut self, number: u32) -> Result<()> {
        let path = self.announced.take(number)?;
        self.live_memory = self.live_memory.saturating_sub(directory_memory(&path));
        self.building = Some(Builder::new(self.next_index as u32, Some(number), path, &self.options));
        Ok(())
    }

    /// Directories whose content has not come yet.
    pub fn open_directories(&self) -> usize {
        self.announced.open()
    }

    /// Tells that a segment's memory is free again.
    pub fn forget(&mut self, memory: u64) {
        self.live_memory = self.live_memory.saturating_sub(memory);
    }

    /// Reads the next item of the segment that was begun. Returns the segment, and the server's I/O error
    /// bits, when it is complete.
    ///
    /// # Errors
    /// More bytes are needed, or the server sends what cannot be, was not asked for, or breaks a limit.
    ///
    /// # Panics
    /// No segment was begun.
    pub fn read(&mut self, cursor: &mut Cursor<'_>) -> Parse<Option<(Segment, u32)>> {
        let part = self.building.as_ref().expect("a segment was begun").part;
        match part {
            Part::Entries => match self.read_flags(cursor)? {
                Some(flags) => self.read_entry(flags, cursor)?,
                None => {
                    let io_error = self.read_end(cursor)?;
                    let builder = self.building.as_mut().expect("a segment was begun");
                    builder.io_error = io_error;
                    builder.part = self.options.after_entries();
                }
            },
            Part::Users | Part::Groups => self.read_id_name(part, cursor)?,
            Part::UserZero | Part::GroupZero => self.read_zero_name(part, cursor)?,
            Part::IoError => {
                let io_error = fields29::read_io_error(cursor)?;
                let builder = self.building.as_mut().expect("a segment was begun");
                builder.io_error = io_error;
                builder.part = Part::Complete;
            }
            Part::Complete => unreachable!("a complete segment is handed out"),
        }
        if self.building.as_ref().is_some_and(|builder| builder.part == Part::Complete) {
            let builder = self.building.take().expect("just looked at");
            let io_error = builder.io_error;
            return Ok(Some((self.complete(builder)?, io_error)));
        }
        Ok(None)
    }

    /// The flags of the next entry; nothing at the end of the list. In the latter case the cursor stands
    /// before whatever tells about I/O errors.
    fn read_flags(&mut self, cursor: &mut Cursor<'_>) -> Parse<Option<u32>> {
        if self.options.varint_flags {
            let flags = cursor.varint()? as u32;
            return Ok((flags != 0).then_some(flags));
        }
        let mut flags = u32::from(cursor.u8()?);
        if flags == 0 {
            return Ok(None);
        }
        if flags & flag::EXTENDED != 0 {
            flags |= u32::from(cursor.u8()?) << 8;
        }
        // The end with an I/O error is told by flags that no entry has.
        if flags == flag::EXTENDED | flag::END_WITH_ERROR {
            if !self.options.safe_flist {
                let found = "an end with errors, which was not agreed on".to_owned();
                return Err(Malformed::new("the flags of a list entry", found).into());
            }
            let error = cursor.varint()? as u32;
            self.building.as_mut().expect("a segment was begun").io_error = error & io_error::KNOWN;
            return Ok(None);
        }
        Ok(Some(flags))
    }

    fn read_end(&mut self, cursor: &mut Cursor<'_>) -> Parse<u32> {
        if self.options.varint_flags {
            return Ok(cursor.varint()? as u32 & io_error::KNOWN);
        }
        Ok(self.building.as_ref().expect("a segment was begun").io_error)
    }

    fn read_entry(&mut self, flags: u32, cursor: &mut Cursor<'_>) -> Parse<()> {
        let known = match self.options.is_old() {
            true => fields29::KNOWN_FLAGS,
            false if self.options.access_times => KNOWN_FLAGS | flag::SAME_ACCESS_TIME,
            false => KNOWN_FLAGS,
        };
        if flags & !known != 0 {
            let found = format!("{flags:#x}, with bits that were not asked for");
            return Err(Malformed::new("the flags of a list entry", found).into());
        }
        if flags & (flag::HARD_LINKED | flag::HARD_LINK_FIRST) == flag::HARD_LINK_FIRST {
            let found = "the first of a group of hard links that is no hard link".to_owned();
            return Err(Malformed::new("the flags of a list entry", found).into());
        }
        self.read_name(flags, cursor)?;
        let builder = self.building.as_mut().expect("a segment was begun");
        let root = self.scratch == b".";
        let (dir_path, name) = if root {
            (&b""[..], &b""[..])
        } else {
            name::split(self.options.asked.below_root(&self.scratch))?
        };
        let dir = builder.parents.find(dir_path)?;
        let at = builder.segment.arena.len();
        let mut users = Vec::new();

        let mut inode = None;
        let abbreviated = builder.hard_link_target(flags, &self.options, &self.link_groups, cursor)?;
        let (fields, target, sum) = match abbreviated {
            Link::Copy(position) => builder.copied(position, &self.previous),
            Link::Inode => {
                let mut fields = self.previous.start();
                self.options.read_old_fields(flags, cursor, &mut fields)?;
                let target = self.options.read_target(fields.mode, cursor)?;
                let index = builder.next_index();
                inode = self.options.read_inode(flags, cursor, &mut fields, &self.inodes, index)?;
                let sum = self.options.read_sum(fields.mode, cursor)?;
                (fields, self.options.munged(target), sum.to_vec())
            }
            Link::None | Link::Member(_) => {
                let mut fields = self.previous.start();
                self.options.read_fields(flags, cursor, &mut fields, &mut users)?;
                let target = self.options.read_target(fields.mode, cursor)?;
                fields.link = abbreviated.membership(flags, builder.next_index());
                let sum = self.options.read_sum(fields.mode, cursor)?;
                (fields, self.options.munged(target), sum.to_vec())
            }
        };
        let kind = Kind::from_mode(fields.mode).expect("checked when the mode was read");
        let is_directory = kind == Kind::Directory;
        let candidate = Candidate { path: &self.scratch, dir: dir_path, name, root, flags, is_directory };
        let Admitted { bare, implied } = self.options.admit(builder, &candidate)?;
        let type_bits = (fields.mode & mode::TYPE) as u16;
        match fields.link {
            Some(_) if is_directory => {
                return Err(Error::Violation("it sent hard links of directories".to_owned()).into());
            }
            Some(HardLink { group, first: false }) if self.link_groups.get(&group) != Some(&type_bits) => {
                let rule = format!("it links \"{}\" to a file of another kind", printable(&self.scratch));
                return Err(Error::Violation(rule).into());
            }
            _ => {}
        }
        let acl = if self.options.acls && kind != Kind::Symlink {
            let access = acl::read(cursor, self.acls.len())?;
            let default = if kind == Kind::Directory {
                Some(acl::read(cursor, self.default_acls.len())?)
            } else {
                None
            };
            Some((access, default))
        } else {
            None
        };
        let xattrs = if self.options.xattrs { Some(xattr::read(cursor, self.xattrs.len())?) } else { None };

        // The entry is whole: from here on nothing can be short, and everything takes effect.
        let mut extras = Extras { link: fields.link, ..Extras::default() };
        if let Some((access, default)) = acl {
            let memory = &mut self.live_memory;
            extras.acl = Some(keep_acl(access, &mut self.acls, &mut users, memory));
            extras.default_acl =
                default.map(|item| keep_acl(item, &mut self.default_acls, &mut users, memory));
        }
        if let Some(item) = xattrs {
            extras.xattrs = Some(match item {
                XattrItem::Known(number) => Arc::clone(&self.xattrs[number]),
                XattrItem::New(set) => {
                    self.live_memory += set.memory();
                    self.xattrs.push(Arc::new(set));
                    Arc::clone(&self.xattrs[self.xattrs.len() - 1])
                }
            });
        }
        let mut link_memory = 0;
        if let Some(HardLink { group, first: true }) = fields.link {
            self.link_groups.insert(group, type_bits);
            if let Some(inode) = inode {
                self.inodes.insert(inode, group);
                link_memory = INODE_MEMORY;
            }
        }
        let segment = &mut builder.segment;
        segment.arena.extend_from_slice(name);
        if segment.has_access_times && kind != Kind::Directory {
            segment.arena.extend_from_slice(&fields.access_time.to_le_bytes());
        }
        segment.arena.extend_from_slice(&sum);
        let mut path_memory = 0;
        let payload = match kind {
            // Without its target, only the length of a link is known.
            Kind::Symlink if target.is_empty() => NO_TARGET | fields.payload.min(0xffff),
            Kind::Symlink => {
                let place = (segment.arena.len() as u64) << 16 | target.len() as u64;
                segment.arena.extend_from_slice(&target);
                place
            }
            Kind::Directory if !self.options.inc_recurse && !root => {
                let path = builder.parents.get(dir).join(name);
                // The path is kept twice, to go from it to its number and back.
                path_memory = 2 * directory_memory(&path);
                u64::from(builder.parents.add(path)) << 32 | fields.payload
            }
            _ => fields.payload,
        };
        let extra = segment.keep_extras(extras);
        segment.entries.push(Entry {
            mtime: fields.mtime,
            payload,
            name_at: u32::try_from(at).map_err(|_| limit("the size of a file list", u64::from(u32::MAX)))?,
            dir,
            nanoseconds: fields.nanoseconds,
            uid: fields.uid,
            gid: fields.gid,
            extra,
            mode: fields.mode as u16,
            name_len: name.len() as u8,
            state: State::new(root, bare, implied),
        });
        builder.has_root |= root;
        let grown =
            size_of::<Entry>() as u64 + (builder.segment.arena.len() - at) as u64 + path_memory + link_memory;
        builder.memory += grown;
        self.live_memory += grown;
        self.previous.take_over(&fields, &mut self.scratch);
        self.entries += 1;
        self.keep_names(users)
    }

    fn read_name(&mut self, flags: u32, cursor: &mut Cursor<'_>) -> Parse<()> {
        let shared = if flags & flag::SAME_PREFIX != 0 { usize::from(cursor.u8()?) } else { 0 };
        let rest = if flags & flag::LONG_NAME != 0 {
            self.options.read_len("the length of a name", cursor)?
        } else {
            usize::from(cursor.u8()?)
        };
        if shared > self.previous.name.len() || shared + rest > limits::MAX_PATH {
            let found = format!("{shared} shared and {rest} further bytes");
            return Err(Malformed::new("the length of a name", found).into());
        }
        let rest = cursor.take(rest)?;
        self.scratch.clear();
        self.scratch.extend_from_slice(&self.previous.name[..shared]);
        self.scratch.extend_from_slice(rest);
        Ok(())
    }

    /// Sorts a segment, looks for names that occur twice, and announces its directories.
    fn complete(&mut self, builder: Builder) -> Result<Segment> {
        let Builder { parents, mut segment, memory, .. } = builder;
        self.inodes = Inodes::new();
        segment.dirs = parents.into_dirs();
        let Segment { entries, arena, dirs, .. } = &mut segment;
        entries.sort_by(|a, b| sort::order(a, b, arena, dirs));
        sort::mark_duplicates(entries, arena, dirs, self.options.asked.is_several())?;
        if let Some(scope) = self.options.filter.prune.as_ref().filter(|_| !self.options.inc_recurse) {
            prune::mark_empty(entries, arena, dirs, scope);
        }
        if self.options.inc_recurse {
            for entry in entries.iter_mut().filter(|e| u32::from(e.mode) & mode::TYPE == mode::DIRECTORY) {
                let name = &arena[entry.name_at as usize..][..usize::from(entry.name_len)];
                let path = (entry.state.is_named()).then(|| dirs[0].join(name));
                self.live_memory += path.as_ref().map_or(0, directory_memory);
                entry.payload |= u64::from(self.announced.add(path)) << 32;
            }
        }
        // With incremental recursion, the index between two segments stands for the directory itself.
        self.next_index += entries.len() as u64 + u64::from(self.options.inc_recurse);
        if self.next_index > i32::MAX as u64 {
            return Err(limit("the number of indexes", i32::MAX as u64));
        }
        segment.arena.shrink_to_fit();
        self.live_memory = self.live_memory.saturating_sub(memory) + segment.memory();
        self.check_limits()?;
        Ok(segment)
    }
}

pub(super) fn limit(what: &'static str, limit: u64) -> Error {
    Error::Limit { what, limit }
}

/// Memory of a directory that waits for its content, in bytes.
fn directory_memory(path: &SafePath) -> u64 {
    path.as_bytes().len() as u64 + 48
}
