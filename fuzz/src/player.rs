//! Plays the generator and the workers of a client, and looks at everything that a session hands out: whatever the
//! server says, nothing of it may come unasked, lead out of the root, or be more than what was said or announced.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use rsync_proto::compression::{CompressionKind, Inflate};
use rsync_proto::delta::{BlockLayout, Offer, put_block_sums};
use rsync_proto::error::{Error, Result};
use rsync_proto::flist::{EntryRef, Kind, Segment, XattrSet};
use rsync_proto::handshake::Agreed;
use rsync_proto::limits::MAX_TIME;
use rsync_proto::session::{Command, Event, Request, Session, Wanted};
use rsync_proto::wire::flags::item;

use crate::allowed::assert_allowed;
use crate::describe::describe;
use crate::names::is_safe;

/// With so much content a session is left: a few bytes can become many, and all of them are in memory here.
const ENOUGH: usize = 4 << 20;

/// What to ask for of an entry.
#[derive(Debug, Clone, Default)]
pub struct Want {
    pub content: bool,
    /// What lies here already.
    pub basis: Vec<u8>,
    pub xattrs: bool,
}

impl Want {
    /// The flags that the request goes out with.
    pub fn flags(&self) -> u16 {
        item::REPORT_CHANGE
            | if self.content { item::TRANSFER } else { 0 }
            | if self.xattrs { item::REPORT_XATTR } else { 0 }
    }

    /// How the basis is cut; the second time with whole sums.
    pub fn layout(&self, agreed: &Agreed, again: bool) -> BlockLayout {
        if self.basis.is_empty() {
            return BlockLayout::NONE;
        }
        let sum_len = agreed.summer.kind.sum_len();
        BlockLayout::with_blocks(700, self.basis.len() as u64, again, sum_len).expect("it is small")
    }
}

/// All that a real client asks for that has nothing yet, or for each file a basis like it.
pub fn everything(entry: EntryRef<'_>, with_basis: bool) -> Option<Want> {
    let first = entry.hard_link().is_none_or(|link| link.first);
    let content = entry.kind() == Kind::File && first;
    let basis = if content && with_basis { pattern(entry.size().min(4_000) as usize) } else { Vec::new() };
    let xattrs = entry.xattrs().is_some_and(|set| !set.is_complete());
    (content || xattrs).then_some(Want { content, basis, xattrs })
}

/// Some content of this length, the same each time.
pub fn pattern(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9u32;
    let byte = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        b"etaoin shrdlu\n,."[(state >> 9) as usize % 16]
    };
    (0..len).map(byte).collect()
}

/// A file that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub path: Vec<u8>,
    pub content: Vec<u8>,
    /// Its sum is the one that the server sent.
    pub verified: bool,
}

/// How much of each had come when a chunk was taken in.
#[derive(Debug, Clone, Copy)]
pub struct Reached {
    pub entries: usize,
    pub files: usize,
    /// The files, and the one that had only begun.
    pub begun: usize,
    /// Bytes of the course.
    pub course: usize,
}

/// How a session went.
#[derive(Debug)]
pub struct Played {
    /// The entries, in order.
    pub entries: Vec<String>,
    pub files: Vec<File>,
    pub not_sent: Vec<Vec<u8>>,
    /// Values of extended attributes that came on request.
    pub values: Vec<(Vec<u8>, Vec<u8>)>,
    /// Everything that happened, without messages.
    pub course: String,
    pub messages: String,
    /// How far it was behind each chunk without an error.
    pub reached: Vec<Reached>,
    /// What came of a file that is not complete.
    pub partial: usize,
    /// It was left because there was enough.
    pub left: bool,
    pub result: Result<()>,
}

impl Played {
    /// Asserts that two ways to cut the same bytes come to the same. Where deflated data is damaged, it depends on the cut
    /// how much of it is unpacked before, and so which of several faults is found first.
    pub fn assert_same(&self, other: &Self, agreed: &Agreed) {
        if self.left || other.left {
            return;
        }
        let summary = |played: &Self| {
            let deflated = matches!(agreed.compression, Some(CompressionKind::Zlib | CompressionKind::Zlibx));
            let end = match &played.result {
                Err(_) if deflated => "an error".to_owned(),
                result => format!("{result:?} {}", played.partial),
            };
            format!("{}{}{end}", played.course, played.messages)
        };
        let (one, two) = (summary(self), summary(other));
        let different = one.lines().zip(two.lines()).find(|(one, two)| one != two);
        assert!(one == two, "it depends on how the bytes are cut: {different:#?}");
    }
}

type Ticket = (u32, u64);

/// What was asked for.
struct Asked {
    path: Vec<u8>,
    size: u64,
    want: Want,
    xattrs: Option<Arc<XattrSet>>,
    /// There was a hold besides.
    held: bool,
    /// It came with a wrong sum before.
    again: bool,
}

struct Current {
    ticket: Ticket,
    asked: Asked,
    content: Vec<u8>,
    /// Takes much memory, so it is made when it is needed.
    inflate: Option<Box<Inflate>>,
    /// Matched bytes at the end that deflated data may refer to, and were not shown to it yet.
    unseen: usize,
}

/// A client in the middle of a session.
pub struct Player<'a> {
    pub session: Session<Ticket>,
    agreed: &'a Agreed,
    wants: &'a dyn Fn(EntryRef<'_>) -> Option<Want>,
    /// What was asked for and has no answer, by ticket.
    open: BTreeMap<Ticket, Asked>,
    tickets: u64,
    current: Option<Current>,
    seen: BTreeSet<Vec<u8>>,
    directories: BTreeSet<Vec<u8>>,
    sets: Vec<Arc<XattrSet>>,
    next_index: u32,
    fed: usize,
    chunks: usize,
    events: usize,
    unpacked: usize,
    finished: bool,
    played: Played,
}

impl<'a> Player<'a> {
    pub fn new(agreed: &'a Agreed, wants: &'a dyn Fn(EntryRef<'_>) -> Option<Want>) -> Self {
        Self {
            session: Session::new(agreed),
            agreed,
            wants,
            open: BTreeMap::new(),
            tickets: 0,
            current: None,
            seen: BTreeSet::new(),
            directories: BTreeSet::from([Vec::new()]),
            sets: Vec::new(),
            next_index: 0,
            fed: 0,
            chunks: 0,
            events: 0,
            unpacked: 0,
            finished: false,
            played: Played {
                entries: Vec::new(),
                files: Vec::new(),
                not_sent: Vec::new(),
                values: Vec::new(),
                course: String::new(),
                messages: String::new(),
                reached: Vec::new(),
                partial: 0,
                left: false,
                result: Ok(()),
            },
        }
    }

    /// Takes in one chunk and does all that follows from it. What is to be sent is handed to `send`.
    pub fn feed(&mut self, chunk: &[u8], send: &mut dyn FnMut(&[u8])) -> Result<()> {
        self.fed += chunk.len();
        self.chunks += 1;
        self.session.feed(Bytes::copy_from_slice(chunk));
        while let Some(event) = self.session.poll()? {
            self.happened(event)?;
            send(&self.session.take_output());
            if self.unpacked > ENOUGH {
                self.played.left = true;
                return Ok(());
            }
        }
        // Every event but pieces of content takes a byte of its own at least.
        assert!(self.events <= self.fed + self.chunks, "{} events of {} bytes", self.events, self.fed);
        let Played { entries, files, course, .. } = &self.played;
        let (entries, files, course) = (entries.len(), files.len(), course.len());
        self.played.reached.push(Reached { entries, files, begun: self.begun(), course });
        Ok(())
    }

    /// How many files have begun.
    pub fn begun(&self) -> usize {
        self.played.files.len() + usize::from(self.current.is_some())
    }

    /// Takes in all chunks and the end of the connection.
    pub fn play<'b>(mut self, chunks: impl IntoIterator<Item = &'b [u8]>) -> Played {
        self.session.take_output();
        let mut result = Ok(());
        for chunk in chunks {
            result = self.feed(chunk, &mut |_| ());
            if result.is_err() || self.played.left {
                break;
            }
        }
        self.end(result)
    }

    /// The end of the connection, after this.
    pub fn end(mut self, result: Result<()>) -> Played {
        self.played.result = result.and_then(|()| self.session.end_of_input());
        self.played.partial = self.current.as_ref().map_or(0, |current| current.content.len());
        if let Err(Error::Misuse(text)) = &self.played.result {
            panic!("what a server says is no misuse of ours: {text}");
        }
        if self.played.result.is_ok() && !self.played.left {
            assert!(self.finished, "it succeeds without an end");
            assert!(self.current.is_none(), "it succeeds in the middle of a file");
            assert!(self.open.is_empty(), "it succeeds without answers to {:?}", self.open.keys());
        }
        for set in std::mem::take(&mut self.sets) {
            for xattr in &set.items {
                self.played.values.extend(xattr.value().map(|value| (xattr.name.to_vec(), value.to_vec())));
            }
        }
        self.played
    }

    fn log(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.played.course, "{line}").expect("memory takes all");
    }

    fn happened(&mut self, event: Event<Ticket>) -> Result<()> {
        let content = matches!(event, Event::Literal(_) | Event::Matched { .. } | Event::Deflated(_));
        self.events += usize::from(!content);
        assert!(!self.finished || !content, "content behind the end");
        match event {
            Event::Segment(segment) => self.scan(&segment),
            Event::ListEnd => self.log(format_args!("list end")),
            Event::FileBegins(ticket) => {
                assert!(self.current.is_none(), "a file begins in another");
                let asked = self.open.remove(&ticket).expect("content that nobody asked for");
                assert!(asked.want.content, "content of what only attributes were asked for");
                self.log(format_args!("begins {ticket:?}"));
                self.current = Some(Current { ticket, asked, content: Vec::new(), inflate: None, unseen: 0 });
            }
            Event::Literal(piece) => {
                assert!(!piece.is_empty() && self.agreed.compression != Some(CompressionKind::Zlib));
                self.append(&piece);
            }
            Event::Deflated(piece) => {
                assert_eq!(self.agreed.compression, Some(CompressionKind::Zlib));
                self.inflate(piece)?;
            }
            Event::Matched { offset, len } => {
                let current = self.current.as_mut().expect("content outside of files");
                let from = usize::try_from(offset).expect("the basis is small");
                let block = current.asked.want.basis[from..from + len as usize].to_vec();
                assert!(!block.is_empty());
                if self.agreed.compression == Some(CompressionKind::Zlib) {
                    current.inflate.as_mut().map_or(Ok(()), |inflate| inflate.pause())?;
                    if current.content.len() + block.len() > current.asked.size as usize {
                        return Err(Error::Violation("more than announced".to_owned()));
                    }
                    current.unseen += block.len();
                }
                self.append(&block);
            }
            Event::FileEnds { sum, .. } => {
                let mut current = self.current.take().expect("the end of a file that did not begin");
                current.inflate.as_mut().map_or(Ok(()), |inflate| inflate.pause())?;
                let own = self.agreed.summer.file_sum().of(&current.content);
                let verified = is_same(own.as_bytes(), sum.as_bytes());
                let len = current.content.len();
                self.log(format_args!("ends {:?}: {len} bytes, {verified}", current.ticket));
                let Current { ticket, asked, content, .. } = current;
                self.played.files.push(File { path: asked.path.clone(), content, verified });
                if verified || asked.again {
                    self.settle(ticket, asked.held);
                } else {
                    // What held the entry goes over to the new request, which is made before.
                    self.ask(ticket.0, Asked { again: true, ..asked });
                    self.session.command(Command::Release(ticket.0));
                }
            }
            Event::Attributes(ticket) => {
                let asked = self.open.remove(&ticket).expect("attributes that nobody asked for");
                assert!(asked.want.xattrs && !asked.want.content);
                self.log(format_args!("attributes {ticket:?}"));
                self.settle(ticket, asked.held);
            }
            Event::NotSent(ticket) => {
                let asked = self.open.remove(&ticket).expect("a refusal of what nobody asked for");
                self.log(format_args!("not sent {ticket:?}"));
                self.played.not_sent.push(asked.path);
                self.settle(ticket, asked.held);
            }
            Event::Message(severity, text) => {
                assert!(text.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control()), "{text:?}");
                writeln!(self.played.messages, "{severity:?} {text}").expect("memory takes all");
            }
            Event::ServerTimeout(seconds) => {
                writeln!(self.played.messages, "timeout {seconds}").expect("memory takes all");
            }
            Event::Finished(stats) => {
                assert!(!self.finished && self.current.is_none());
                self.finished = true;
                self.log(format_args!("finished {stats:?}"));
            }
        }
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) {
        self.unpacked += bytes.len();
        let current = self.current.as_mut().expect("content outside of files");
        current.content.extend_from_slice(bytes);
        assert!(current.content.len() as u64 <= current.asked.size, "more content than was announced");
    }

    /// As a worker does it: it is the destination that has the blocks which deflated data refers to.
    fn inflate(&mut self, mut piece: Bytes) -> Result<()> {
        let current = self.current.as_mut().expect("content outside of files");
        if current.unseen > 0 {
            let len = current.unseen.min(Inflate::WINDOW);
            let known = current.content[current.content.len() - len..].to_vec();
            current.inflate.get_or_insert_default().remember(&known)?;
            current.unseen = 0;
        }
        loop {
            let current = self.current.as_mut().expect("content outside of files");
            let Some(unpacked) = current.inflate.get_or_insert_default().next(&mut piece)? else {
                return Ok(());
            };
            if current.content.len() + unpacked.len() > current.asked.size as usize {
                return Err(Error::Violation("more than announced".to_owned()));
            }
            self.append(&unpacked);
        }
    }

    fn scan(&mut self, segment: &Segment) {
        assert!(segment.first_index() >= self.next_index, "indexes are used twice");
        self.next_index = segment.first_index() + segment.len() as u32;
        let bound = 2 * self.agreed.list.limits.list_bytes;
        assert!(segment.memory() < bound, "a segment takes {} bytes", segment.memory());
        self.log(format_args!("segment {} of {:?}", segment.first_index(), segment.directory()));
        for entry in segment.iter() {
            self.look(entry);
        }
        for entry in segment.iter().filter(|entry| !entry.is_left_out()) {
            let Some(want) = (self.wants)(entry) else { continue };
            let xattrs = entry.xattrs().filter(|_| want.xattrs).cloned();
            self.sets.extend(xattrs.clone());
            // As where others may wait for the entry: names of one file.
            let held = entry.index() % 2 == 1;
            if held {
                self.session.command(Command::Hold(entry.index()));
            }
            let (path, size) = (entry.path().as_bytes().to_vec(), entry.size());
            self.ask(entry.index(), Asked { path, size, want, xattrs, held, again: false });
        }
        self.session.command(Command::Scanned(segment.first_index()));
    }

    /// What is checked of an entry has to be so.
    fn look(&mut self, entry: EntryRef<'_>) {
        let path = entry.path().as_bytes().to_vec();
        assert!(is_safe(&path), "the path {path:?}");
        assert!(self.directories.contains(entry.parent().as_bytes()), "{path:?} lies in no directory");
        assert!(entry.is_left_out() || self.seen.insert(path.clone()), "{path:?} is there twice");
        if !entry.is_left_out() {
            assert_allowed(&self.agreed.list, entry);
        }
        if entry.kind() == Kind::Directory {
            self.directories.insert(path);
        }
        let (seconds, nanoseconds) = entry.mtime();
        assert!(nanoseconds < 1_000_000_000 && seconds.unsigned_abs() <= MAX_TIME as u64);
        assert!(entry.link_target().len() <= 4095 && !entry.link_target().contains(&0));
        assert!(entry.hard_link().is_none_or(|link| {
            link.group <= entry.segment().first_index() + entry.segment().len() as u32
                && entry.kind() != Kind::Directory
        }));
        assert!(entry.uid() != u32::MAX && entry.gid() != u32::MAX);
        let line = describe(entry);
        self.log(format_args!("{line}"));
        self.played.entries.push(line);
    }

    fn ask(&mut self, index: u32, asked: Asked) {
        self.tickets += 1;
        let ticket = (index, self.tickets);
        let want = &asked.want;
        let layout = want.layout(self.agreed, asked.again);
        let mut sums = Vec::new();
        for block in want.basis.chunks(layout.block_len.max(1) as usize) {
            put_block_sums(&mut sums, &self.agreed.summer, &layout, block);
        }
        let content = Wanted::Content { offer: Offer { layout, sums, ..Offer::NONE }, size: asked.size };
        self.session.command(Command::Ask(Request {
            index,
            changes: item::REPORT_CHANGE,
            wanted: if want.content { content } else { Wanted::Attributes },
            xattrs: asked.xattrs.clone().filter(|set| !asked.again || !set.is_complete()),
            ticket,
        }));
        self.open.insert(ticket, asked);
    }

    /// Nothing more will be asked about it.
    fn settle(&mut self, ticket: Ticket, held: bool) {
        (0..1 + u8::from(held)).for_each(|_| self.session.command(Command::Release(ticket.0)));
    }
}

/// Whether two sums are the same, told in a way that shows the fuzzer neither of them: it would put the right one into
/// its input, and content that nobody has would be verified.
fn is_same(own: &[u8], sent: &[u8]) -> bool {
    own.len() == sent.len() && own.iter().zip(sent).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}
