//! A segment that is being read, and how it keeps what entries share.

use std::sync::Arc;

use super::acl::{Acl, AclItem, NamedId};
use super::entry::Extras;
use super::name::SafePath;
use super::options::ListOptions;
use super::segment::Segment;
use super::tree::Parents;

/// No extras.
const NO_EXTRA: u32 = u32::MAX;

/// The segment that is being read.
pub(super) struct Builder {
    pub(super) part: Part,
    pub(super) parents: Parents,
    pub(super) segment: Segment,
    pub(super) memory: u64,
    pub(super) has_root: bool,
    pub(super) io_error: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Entries,
    Users,
    UserZero,
    Groups,
    GroupZero,
    IoError,
    Complete,
}

impl Builder {
    pub(super) fn new(
        first_index: u32,
        directory: Option<u32>,
        path: SafePath,
        options: &ListOptions,
    ) -> Self {
        Self {
            part: Part::Entries,
            parents: Parents::new(path),
            segment: Segment {
                first_index,
                directory,
                incremental: options.inc_recurse,
                dirs: Vec::new(),
                entries: Vec::new(),
                arena: Vec::new(),
                extras: Vec::new(),
                sum_len: options.sum_len,
                has_access_times: options.access_times,
                names_zero: options.id0_names,
                chmod: options.chmod.clone(),
                users: Vec::new(),
                groups: Vec::new(),
            },
            memory: 0,
            has_root: false,
            io_error: 0,
        }
    }

    pub(super) fn next_index(&self) -> u32 {
        self.segment.first_index + self.segment.entries.len() as u32
    }
}

impl Segment {
    pub(super) fn keep_extras(&mut self, extras: Extras) -> u32 {
        if extras.link.is_none()
            && extras.acl.is_none()
            && extras.default_acl.is_none()
            && extras.xattrs.is_none()
        {
            return NO_EXTRA;
        }
        // Neighbours mostly share all of them.
        if !self.extras.last().is_some_and(|last| last.same(&extras)) {
            self.extras.push(extras);
        }
        (self.extras.len() - 1) as u32
    }
}

pub(super) fn keep_acl(
    item: AclItem,
    kept: &mut Vec<Arc<Acl>>,
    users: &mut Vec<NamedId>,
    memory: &mut u64,
) -> Arc<Acl> {
    match item {
        AclItem::Known(number) => Arc::clone(&kept[number]),
        AclItem::New(acl, names) => {
            users.extend(names);
            *memory += 64 + 12 * acl.names.len() as u64;
            kept.push(Arc::new(acl));
            Arc::clone(&kept[kept.len() - 1])
        }
    }
}
