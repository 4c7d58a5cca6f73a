//! The values of an entry that follow its name. Each may be left out where it is that of the entry before.

use super::acl::NamedId;
use super::entry::{HardLink, Kind};
use super::options::ListOptions;
use crate::error::Malformed;
use crate::limits;
use crate::wire::flags::entry as flag;
use crate::wire::{Cursor, Parse};

/// What was read so far of one entry, before anything is changed by it.
pub(super) struct Fields {
    pub(super) mtime: i64,
    pub(super) nanoseconds: u32,
    pub(super) access_time: i64,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) device_major: u32,
    pub(super) payload: u64,
    pub(super) link: Option<HardLink>,
    /// The server's device that a hard link lies on (protocol 29).
    pub(super) link_device: i64,
}

#[derive(Default)]
pub(super) struct Previous {
    pub(super) name: Vec<u8>,
    pub(super) mtime: i64,
    pub(super) access_time: i64,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) device_major: u32,
    pub(super) link_device: i64,
}

impl Previous {
    pub(super) fn start(&self) -> Fields {
        Fields {
            mtime: self.mtime,
            nanoseconds: 0,
            access_time: self.access_time,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            device_major: self.device_major,
            payload: 0,
            link: None,
            link_device: self.link_device,
        }
    }

    pub(super) fn take_over(&mut self, fields: &Fields, name: &mut Vec<u8>) {
        std::mem::swap(&mut self.name, name);
        self.mtime = fields.mtime;
        self.access_time = fields.access_time;
        self.mode = fields.mode;
        self.uid = fields.uid;
        self.gid = fields.gid;
        self.device_major = fields.device_major;
        self.link_device = fields.link_device;
    }
}

impl Fields {
    pub(super) fn set_size(&mut self, size: i64) -> Parse<()> {
        self.payload =
            u64::try_from(size).map_err(|_| Malformed::new("the size of a file", size.to_string()))?;
        Ok(())
    }

    /// The mode, where it is not that of the entry before, and what it says of the kind.
    pub(super) fn read_mode(&mut self, flags: u32, cursor: &mut Cursor<'_>) -> Parse<Kind> {
        if flags & flag::SAME_MODE == 0 {
            self.mode = cursor.u32()?;
        }
        Kind::from_mode(self.mode)
            .filter(|_| self.mode <= 0xffff)
            .ok_or_else(|| Malformed::new("the mode of a file", format!("{:#o}", self.mode)).into())
    }

    pub(super) fn set_device(&mut self, minor: u32) {
        self.payload = u64::from(self.device_major) << 32 | u64::from(minor);
    }
}

impl ListOptions {
    pub(super) fn read_fields(
        &self,
        flags: u32,
        cursor: &mut Cursor<'_>,
        fields: &mut Fields,
        names: &mut Vec<NamedId>,
    ) -> Parse<()> {
        fields.set_size(cursor.varlong(3)?)?;
        if flags & flag::SAME_TIME == 0 {
            fields.mtime = read_time("a modification time", cursor)?;
        }
        if flags & flag::NANOSECONDS != 0 {
            let nanoseconds = cursor.varint()?;
            if !(0..1_000_000_000).contains(&nanoseconds) {
                return Err(Malformed::new("the nanoseconds of a time", nanoseconds.to_string()).into());
            }
            fields.nanoseconds = nanoseconds as u32;
        }
        let kind = fields.read_mode(flags, cursor)?;
        if self.access_times && kind != Kind::Directory && flags & flag::SAME_ACCESS_TIME == 0 {
            fields.access_time = read_time("an access time", cursor)?;
        }
        if self.owner && flags & flag::SAME_UID == 0 {
            fields.uid = self.read_id(cursor)?;
            if flags & flag::USER_NAME != 0 {
                names.push(NamedId { is_user: true, id: fields.uid, name: read_short_name(cursor)? });
            }
        }
        if self.group && flags & flag::SAME_GID == 0 {
            fields.gid = self.read_id(cursor)?;
            if flags & flag::GROUP_NAME != 0 {
                names.push(NamedId { is_user: false, id: fields.gid, name: read_short_name(cursor)? });
            }
        }
        if self.devices && kind.is_device() || self.specials && kind.is_special() && self.protocol < 31 {
            if flags & flag::SAME_RDEV_MAJOR == 0 {
                fields.device_major = cursor.varint()? as u32;
            }
            fields.set_device(cursor.varint()? as u32);
        }
        self.settle_payload(kind, fields);
        Ok(())
    }

    /// Leaves of size and device number what the kind of file has room for.
    pub(super) fn settle_payload(&self, kind: Kind, fields: &mut Fields) {
        match kind {
            Kind::File | Kind::Symlink => {}
            Kind::Directory => fields.payload = fields.payload.min(u64::from(u32::MAX)),
            _ if kind.is_device() && self.devices => {}
            _ => fields.payload = 0,
        }
    }

    pub(super) fn read_target<'a>(&self, mode: u32, cursor: &mut Cursor<'a>) -> Parse<&'a [u8]> {
        if !self.links || Kind::from_mode(mode) != Some(Kind::Symlink) {
            return Ok(&[]);
        }
        let len = self.read_len("the length of a link target", cursor)?;
        if len == 0 || len > limits::MAX_LINK_TARGET {
            return Err(Malformed::new("the length of a link target", len.to_string()).into());
        }
        let target = cursor.take(len)?;
        if target.contains(&0) {
            return Err(Malformed::new("a link target", "a NUL in it".to_owned()).into());
        }
        Ok(target)
    }

    pub(super) fn read_sum<'a>(&self, mode: u32, cursor: &mut Cursor<'a>) -> Parse<&'a [u8]> {
        if self.sum_len == 0 || Kind::from_mode(mode) != Some(Kind::File) {
            return Ok(&[]);
        }
        cursor.take(self.sum_len)
    }

    /// The number of a user or group. All ones mean "leave it as it is" to the kernel, and are nobody's.
    pub(super) fn read_id(&self, cursor: &mut Cursor<'_>) -> Parse<u32> {
        match self.read_number(cursor)? as u32 {
            u32::MAX => {
                Err(Malformed::new("an owner", "the number 4294967295, which nobody has".to_owned()).into())
            }
            id => Ok(id),
        }
    }
}

fn read_time(what: &'static str, cursor: &mut Cursor<'_>) -> Parse<i64> {
    match cursor.varlong(4)? {
        time if time.unsigned_abs() > limits::MAX_TIME as u64 => {
            Err(Malformed::new(what, time.to_string()).into())
        }
        time => Ok(time),
    }
}

fn read_short_name(cursor: &mut Cursor<'_>) -> Parse<Box<[u8]>> {
    let len = cursor.u8()?;
    Ok(cursor.take(usize::from(len))?.into())
}
