//! Names of users and groups, which come with entries or in lists of their own behind them, and the bounds on
//! everything that a list may hold.

use super::acl::NamedId;
use super::builder::Part;
use super::decode::{ListDecoder, limit};
use crate::error::Result;
use crate::wire::{Cursor, Parse};

impl ListDecoder {
    pub(super) fn read_id_name(&mut self, part: Part, cursor: &mut Cursor<'_>) -> Parse<()> {
        let id = self.options.read_number(cursor)? as u32;
        if id != 0 {
            return self.take_id_name(part == Part::Users, id, cursor);
        }
        let builder = self.building.as_mut().expect("a segment was begun");
        builder.part = match (part, self.options.id0_names) {
            (Part::Users, true) => Part::UserZero,
            (Part::Users, false) => self.options.after_users(),
            (_, true) => Part::GroupZero,
            (_, false) => self.options.after_groups(),
        };
        Ok(())
    }

    pub(super) fn read_zero_name(&mut self, part: Part, cursor: &mut Cursor<'_>) -> Parse<()> {
        self.take_id_name(part == Part::UserZero, 0, cursor)?;
        let builder = self.building.as_mut().expect("a segment was begun");
        builder.part =
            if part == Part::UserZero { self.options.after_users() } else { self.options.after_groups() };
        Ok(())
    }

    pub(super) fn take_id_name(&mut self, is_user: bool, id: u32, cursor: &mut Cursor<'_>) -> Parse<()> {
        let len = cursor.u8()?;
        let name = cursor.take(usize::from(len))?.into();
        self.keep_names(vec![NamedId { is_user, id, name }])
    }

    /// Takes in names of users and groups, and looks after the limits.
    pub(super) fn keep_names(&mut self, names: Vec<NamedId>) -> Parse<()> {
        let builder = self.building.as_mut().expect("a segment was begun");
        for NamedId { is_user, id, name } in names {
            let (list, total) = if is_user {
                (&mut builder.segment.users, &mut self.user_names)
            } else {
                (&mut builder.segment.groups, &mut self.group_names)
            };
            list.push((id, name));
            *total += 1;
        }
        Ok(self.check_limits()?)
    }

    pub(super) fn check_limits(&self) -> Result<()> {
        let limits = &self.options.limits;
        let sets = self.acls.len().max(self.default_acls.len()).max(self.xattrs.len()) as u64;
        for (what, value, bound) in [
            ("the number of files", self.entries, limits.entries),
            ("the memory for the file list", self.live_memory, limits.list_bytes),
            ("the number of attribute sets", sets, limits.attribute_sets),
            ("the number of users", self.user_names, limits.ids),
            ("the number of groups", self.group_names, limits.ids),
        ] {
            if value > bound {
                return Err(limit(what, bound));
            }
        }
        Ok(())
    }
}
