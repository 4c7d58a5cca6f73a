//! Plays the generator and the workers: asks for what a test wants, lets go of what is done, and writes
//! down everything that happens. It acts at once, so the same bytes lead to the same course however they
//! are cut.

use bytes::Bytes;

use crate::delta::{BlockLayout, Offer, put_block_sums};
use crate::error::{Error, Result};
use crate::flist::{EntryRef, Segment};
use crate::handshake::Agreed;
use crate::session::{Command, Event, Request, Session, Wanted};
use crate::wire::flags::item;

/// What to ask for.
#[derive(Debug, Clone)]
pub struct Want {
    pub path: &'static str,
    pub content: bool,
    /// What lies here already.
    pub basis: Vec<u8>,
    pub xattrs: bool,
}

impl Want {
    pub fn content(path: &'static str) -> Self {
        Self { path, content: true, basis: Vec::new(), xattrs: false }
    }

    pub fn delta(path: &'static str, basis: &[u8]) -> Self {
        Self { basis: basis.to_vec(), ..Self::content(path) }
    }

    pub fn xattrs(path: &'static str) -> Self {
        Self { content: false, xattrs: true, ..Self::content(path) }
    }

    /// The flags that the request goes out with.
    pub fn flags(&self) -> u16 {
        item::REPORT_CHANGE
            | if self.content { item::TRANSFER } else { 0 }
            | if self.xattrs { item::REPORT_XATTR } else { 0 }
    }
}

/// The layout of a basis; none for an empty one.
pub fn layout(basis: &[u8], agreed: &Agreed) -> BlockLayout {
    if basis.is_empty() {
        return BlockLayout::NONE;
    }
    BlockLayout::with_blocks(700, basis.len() as u64, false, agreed.summer.kind.sum_len())
        .expect("a small basis")
}

/// What was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    Literal(Vec<u8>),
    Message(String),
    Other(String),
}

/// A file's index and path.
type Ticket = (u32, String);

/// A session and its record.
pub struct Player<'a> {
    pub session: Session<Ticket>,
    pub log: Vec<Line>,
    pub sent: Vec<u8>,
    pub polls: usize,
    agreed: &'a Agreed,
    wants: &'a [Want],
    file: Option<Ticket>,
}

impl<'a> Player<'a> {
    pub fn new(agreed: &'a Agreed, wants: &'a [Want]) -> Self {
        let session = Session::new(agreed);
        let mut player =
            Self { session, log: Vec::new(), sent: Vec::new(), polls: 0, agreed, wants, file: None };
        player.take_output();
        player
    }

    fn take_output(&mut self) {
        let framed = self.session.take_output();
        self.sent.extend(&framed);
    }

    /// Takes in one chunk and does all that follows from it.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<()> {
        self.session.feed(Bytes::copy_from_slice(chunk));
        loop {
            self.polls += 1;
            match self.session.poll()? {
                Some(event) => self.happened(event),
                None => return Ok(()),
            }
            self.take_output();
        }
    }

    /// Takes in all chunks and the end of the connection.
    pub fn play<'b>(mut self, chunks: impl IntoIterator<Item = &'b [u8]>) -> Played {
        let result = chunks.into_iter().try_for_each(|chunk| self.feed(chunk));
        let result = result.and_then(|()| self.session.end_of_input());
        self.take_output();
        let io_error = self.session.io_error();
        Played { log: self.log, sent: self.sent, polls: self.polls, io_error, result }
    }

    fn happened(&mut self, event: Event<Ticket>) {
        let line = match event {
            Event::Literal(bytes) => {
                if let Some(Line::Literal(joined)) = self.log.last_mut() {
                    return joined.extend(&bytes);
                }
                return self.log.push(Line::Literal(bytes.to_vec()));
            }
            Event::Message(severity, text) => {
                return self.log.push(Line::Message(format!("{severity:?} {text}")));
            }
            Event::ServerTimeout(seconds) => {
                return self.log.push(Line::Message(format!("timeout {seconds}")));
            }
            Event::Segment(segment) => self.scan(&segment),
            Event::ListEnd => "list end".to_owned(),
            Event::FileBegins(file) => {
                let line = format!("begins {}", file.1);
                self.file = Some(file);
                line
            }
            #[cfg(feature = "zlib")]
            Event::Deflated(bytes) => format!("deflated {}", bytes.len()),
            Event::Matched { offset, len } => format!("matched {offset} + {len}"),
            Event::FileEnds { sum, .. } => {
                let file = self.file.take().expect("a file that ends has begun");
                self.release(&file);
                format!("ends {} with {sum:?}", file.1)
            }
            Event::Attributes(file) => {
                self.release(&file);
                format!("attributes {}", file.1)
            }
            Event::NotSent(file) => {
                self.release(&file);
                format!("not sent {}", file.1)
            }
            Event::Finished(stats) => format!("finished {stats:?}"),
        };
        self.log.push(Line::Other(line));
    }

    fn release(&mut self, file: &Ticket) {
        self.session.command(Command::Release(file.0));
    }

    fn scan(&mut self, segment: &Segment) -> String {
        let mut line = format!("segment {} of {:?}:", segment.first_index(), segment.directory());
        for entry in segment.iter() {
            line += &format!(" {}", entry.path());
            let want = self.wants.iter().find(|want| entry.path().as_bytes() == want.path.as_bytes());
            if let Some(want) = want.filter(|_| !entry.is_duplicate()) {
                self.ask(entry, want);
            }
        }
        self.session.command(Command::Scanned(segment.first_index()));
        line
    }

    fn ask(&mut self, entry: EntryRef<'_>, want: &Want) {
        let layout = layout(&want.basis, self.agreed);
        let mut sums = Vec::new();
        for block in want.basis.chunks(layout.block_len.max(1) as usize) {
            put_block_sums(&mut sums, &self.agreed.summer, &layout, block);
        }
        let content = Wanted::Content { offer: Offer { layout, sums, ..Offer::NONE }, size: entry.size() };
        self.session.command(Command::Ask(Request {
            index: entry.index(),
            changes: item::REPORT_CHANGE,
            wanted: if want.content { content } else { Wanted::Attributes },
            xattrs: entry.xattrs().filter(|_| want.xattrs).cloned(),
            ticket: (entry.index(), entry.path().to_string()),
        }));
    }
}

/// How a session went.
#[derive(Debug)]
pub struct Played {
    pub log: Vec<Line>,
    pub sent: Vec<u8>,
    pub polls: usize,
    pub io_error: u32,
    pub result: Result<(), Error>,
}

impl Played {
    /// Everything but messages, literals joined.
    pub fn without_messages(&self) -> Vec<Line> {
        let mut kept: Vec<Line> = Vec::new();
        for line in self.log.iter().filter(|line| !matches!(line, Line::Message(_))) {
            match (kept.last_mut(), line) {
                (Some(Line::Literal(joined)), Line::Literal(bytes)) => joined.extend(bytes),
                _ => kept.push(line.clone()),
            }
        }
        kept
    }

    /// The course as text.
    pub fn text(&self) -> String {
        let line = |line: &Line| match line {
            Line::Literal(bytes) => format!("literal {}\n", bytes.escape_ascii()),
            Line::Message(text) => format!("message {text}\n"),
            Line::Other(text) => format!("{text}\n"),
        };
        self.log.iter().map(line).collect()
    }
}
