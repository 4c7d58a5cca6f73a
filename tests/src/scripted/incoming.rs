//! What a client says, read as far as a server has to follow it.

use std::io::{self, Read};
use std::net::TcpStream;

use rsync_proto::delta::BlockLayout;
use rsync_proto::wire::flags::item;
use rsync_proto::wire::{Cursor, Index, IndexCodec, Parse, Stop};

/// Bytes in front of each frame: its length, and its kind in the highest.
const HEADER: usize = 4;

/// What a client asks about one file.
#[derive(Debug, Clone)]
pub struct Request {
    /// Of the file.
    pub index: u32,
    /// As they came.
    pub flags: u16,
    /// Of its basis.
    pub layout: BlockLayout,
    /// Numbers of the extended attributes whose values are wanted, from 1.
    pub xattrs: Vec<i32>,
}

impl Request {
    /// Whether the content is wanted.
    #[must_use]
    pub fn wants_content(&self) -> bool {
        self.flags & item::TRANSFER != 0
    }
}

/// One thing that a client says after it has the list.
#[derive(Debug)]
pub(super) enum Incoming {
    Request(Request),
    /// It lets go of a segment, or is through with a phase.
    Done,
}

pub(super) struct Input {
    stream: TcpStream,
    /// Bytes as they came.
    raw: Vec<u8>,
    /// Bytes without frames.
    data: Vec<u8>,
    framed: bool,
    protocol: u8,
    index: IndexCodec,
}

impl Input {
    pub(super) fn new(stream: TcpStream, protocol: u8) -> Self {
        Self {
            stream,
            raw: Vec::new(),
            data: Vec::new(),
            framed: false,
            protocol,
            index: IndexCodec::new(protocol),
        }
    }

    fn more(&mut self) -> io::Result<()> {
        let mut room = [0; 16 * 1024];
        match self.stream.read(&mut room)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            len => {
                self.raw.extend(&room[..len]);
                Ok(())
            }
        }
    }

    /// A line, without its end.
    pub(super) fn line(&mut self) -> io::Result<Vec<u8>> {
        self.until(b'\n')
    }

    fn until(&mut self, end: u8) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.raw.iter().position(|byte| *byte == end) {
                let mut line: Vec<u8> = self.raw.drain(..=at).collect();
                line.pop();
                return Ok(line);
            }
            self.more()?;
        }
    }

    /// All arguments, to the empty one behind them. From protocol 30 on, frames follow.
    pub(super) fn arguments(&mut self) -> io::Result<()> {
        let end = if self.protocol < 30 { b'\n' } else { 0 };
        while !self.until(end)?.is_empty() {}
        Ok(())
    }

    /// A list of names, before the frames.
    pub(super) fn vstring(&mut self) -> io::Result<()> {
        loop {
            let mut cursor = Cursor::new(&self.raw);
            if cursor.vstring("names", 1000).is_ok() {
                let used = cursor.position();
                self.raw.drain(..used);
                return Ok(());
            }
            self.more()?;
        }
    }

    /// The filter rules, to the empty one behind them.
    pub(super) fn rules(&mut self) -> io::Result<()> {
        self.framed = self.protocol >= 30;
        loop {
            let len = self.read(|cursor, _| cursor.u32())?;
            if len == 0 {
                return Ok(());
            }
            self.read(|cursor, _| cursor.take(len as usize).map(drop))?;
        }
    }

    pub(super) fn next(&mut self) -> io::Result<Incoming> {
        self.read(|cursor, index| {
            let Index::File(number) = index.read(cursor)? else { return Ok(Incoming::Done) };
            let mut request = Request {
                index: number,
                flags: cursor.u16()?,
                layout: BlockLayout::NONE,
                xattrs: Vec::new(),
            };
            if request.flags & item::REPORT_XATTR != 0 {
                let mut last = 0;
                loop {
                    match cursor.varint()? {
                        0 => break,
                        step => last += step,
                    }
                    request.xattrs.push(last);
                }
            }
            if request.wants_content() {
                request.layout = BlockLayout::read(cursor)?;
                cursor.take(request.layout.count as usize * (4 + request.layout.sum_len as usize))?;
            }
            Ok(Incoming::Request(request))
        })
    }

    /// Whether nothing is left that could be read without waiting.
    pub(super) fn is_drained(&self) -> bool {
        self.data.is_empty() && self.raw.is_empty()
    }

    /// Reads on until the client hangs up.
    pub(super) fn drain(&mut self) {
        while self.more().is_ok() {
            self.raw.clear();
        }
    }

    /// Reads an item that is there as a whole, and waits until it is.
    fn read<T>(
        &mut self,
        mut read: impl FnMut(&mut Cursor<'_>, &mut IndexCodec) -> Parse<T>,
    ) -> io::Result<T> {
        loop {
            self.unframe();
            let mut index = self.index.clone();
            let mut cursor = Cursor::new(&self.data);
            match read(&mut cursor, &mut index) {
                Ok(item) => {
                    let used = cursor.position();
                    self.data.drain(..used);
                    self.index = index;
                    return Ok(item);
                }
                Err(Stop::Short(_)) => self.more()?,
                Err(Stop::Bad(error)) => return Err(io::Error::other(error)),
            }
        }
    }

    /// A client sends nothing but data.
    fn unframe(&mut self) {
        if !self.framed {
            self.data.append(&mut self.raw);
        }
        while let Some(header) = self.raw.first_chunk::<HEADER>() {
            let len = (u32::from_le_bytes(*header) & 0x00ff_ffff) as usize;
            if self.raw.len() < HEADER + len {
                return;
            }
            self.data.extend(&self.raw[HEADER..HEADER + len]);
            self.raw.drain(..HEADER + len);
        }
    }
}
