//! An image as it comes: unpacked for whoever writes it, summed as it was sent.

use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard};

use super::content::{self, Content};
use super::packing::{self, Packing};
use super::source::{Line, Source};
use super::sum::Summer;
use super::{ImageError, Trouble};
use crate::model::{Checks, Sum};
use crate::stop::Stop;

/// An image of which the beginning has come.
pub(crate) struct ImageStream {
    address: String,
    packing: Packing,
    content: Content,
    /// What was read ahead to know the content.
    head: Cursor<Vec<u8>>,
    unpacked: Box<dyn Read + Send>,
    sent: Arc<Mutex<Sent>>,
    checks: Checks,
    stop: Stop,
    /// Bytes that were read.
    len: u64,
}

/// What is sent.
struct Sent {
    source: Source,
    stop: Stop,
    len: u64,
    sums: Vec<(Sum, Summer)>,
    /// Why reading failed: what unpacks does not tell.
    failure: Option<Trouble>,
}

/// What comes, for whoever unpacks it.
struct Tap(Arc<Mutex<Sent>>);

impl Read for Tap {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut sent = lock(&self.0);
        let result = if sent.stop.is_wanted() { Err(Trouble::Stopped) } else { sent.source.read(into) };
        match result {
            Ok(len) => {
                sent.len += len as u64;
                sent.sums.iter_mut().for_each(|(_, summer)| summer.update(&into[..len]));
                Ok(len)
            }
            Err(trouble) => {
                sent.failure = Some(trouble);
                Err(io::Error::other("the image cannot be read"))
            }
        }
    }
}

fn lock(sent: &Mutex<Sent>) -> MutexGuard<'_, Sent> {
    sent.lock().expect("no thread panics with the lock")
}

impl ImageStream {
    /// Opens an image and looks at its beginning.
    ///
    /// # Errors
    /// It is not to be had, or is no image of a file system.
    pub(crate) fn open(line: &Line, checks: &Checks, stop: &Stop) -> Result<Self, ImageError> {
        let address = line.address().to_string();
        Self::begin(line, checks, stop, address.clone()).map_err(|trouble| ImageError { address, trouble })
    }

    fn begin(line: &Line, checks: &Checks, stop: &Stop, address: String) -> Result<Self, Trouble> {
        let source = Source::open(line, !checks.sums.is_empty(), stop)?;
        other_length(source.len(), checks)?;
        let sums = checks.sums.iter().map(|sum| (sum.clone(), Summer::begin(sum.kind))).collect();
        let sent = Sent { source, stop: stop.clone(), len: 0, sums, failure: None };
        let sent = Arc::new(Mutex::new(sent));
        let failed = |packing: Packing, source: io::Error| {
            lock(&sent).failure.take().unwrap_or(Trouble::Packing { packing, source })
        };
        let mut tap = Tap(Arc::clone(&sent));
        let mut mark = Vec::new();
        let read = tap.by_ref().take(packing::MARK as u64).read_to_end(&mut mark);
        read.map_err(|source| failed(Packing::Raw, source))?;
        let packing = Packing::of(&mark);
        let mut unpacked = packing.unpack(Cursor::new(mark).chain(tap));
        let mut head = Vec::new();
        let read = unpacked.by_ref().take(content::HEAD as u64).read_to_end(&mut head);
        read.map_err(|source| failed(packing, source))?;
        let content = Content::of(&head).map_err(|found| Trouble::Foreign { found })?;
        let whole = lock(&sent).source.len().filter(|_| packing == Packing::Raw);
        if let Some(found) = whole.filter(|found| *found < content.len) {
            return Err(Trouble::Cut { found, expected: content.len });
        }
        let checks = checks.clone();
        Ok(Self {
            address,
            packing,
            content,
            head: Cursor::new(head),
            unpacked,
            sent,
            checks,
            stop: stop.clone(),
            len: 0,
        })
    }

    /// The file system in it.
    pub(crate) fn content(&self) -> Content {
        self.content
    }

    /// How long it is unpacked, as far as can be known: at least its file system.
    pub(crate) fn len(&self) -> u64 {
        let packed = match self.packing {
            Packing::Raw => lock(&self.sent).source.len().unwrap_or(0),
            _ => 0,
        };
        packed.max(self.content.len)
    }

    /// Who may end it.
    pub(super) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Bytes that were sent so far.
    pub(crate) fn sent(&self) -> u64 {
        lock(&self.sent).len
    }

    /// What is wrong with it, with its address.
    pub(crate) fn error(&self, trouble: Trouble) -> ImageError {
        ImageError { address: self.address.clone(), trouble }
    }

    /// Reads on. Less than was asked for comes at the end only.
    pub(super) fn fill(&mut self, into: &mut [u8]) -> Result<usize, Trouble> {
        let mut filled = 0;
        while filled < into.len() {
            let rest = &mut into[filled..];
            let read = match self.head.read(rest) {
                Ok(0) => self.unpacked.read(rest),
                read => read,
            };
            match read {
                Ok(0) => break,
                Ok(len) => filled += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        self.len += filled as u64;
        Ok(filled)
    }

    fn failed(&self, source: io::Error) -> Trouble {
        let failure = lock(&self.sent).failure.take();
        failure.unwrap_or(Trouble::Packing { packing: self.packing, source })
    }

    /// After all of it was read: whether it is what it was said to be.
    pub(super) fn check(&mut self) -> Result<(), Trouble> {
        // What may stand behind what was packed is a part of its sum.
        io::copy(&mut Tap(Arc::clone(&self.sent)), &mut io::sink()).map_err(|error| self.failed(error))?;
        let mut sent = lock(&self.sent);
        other_length(Some(sent.len), &self.checks)?;
        for (sum, summer) in sent.sums.drain(..) {
            let found = summer.finish();
            if found != sum.digest {
                let (found, expected) = (hex(&found), hex(&sum.digest));
                return Err(Trouble::OtherSum { kind: sum.kind, found, expected });
            }
        }
        match self.len < self.content.len {
            true => Err(Trouble::Cut { found: self.len, expected: self.content.len }),
            false => Ok(()),
        }
    }
}

fn other_length(found: Option<u64>, checks: &Checks) -> Result<(), Trouble> {
    match (found, checks.len) {
        (Some(found), Some(expected)) if found != expected => Err(Trouble::OtherLength { found, expected }),
        _ => Ok(()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
