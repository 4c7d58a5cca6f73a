//! What the benchmarks work on: a list and a session as they stand on the wire, and bytes to sum.

use rsync_proto::delta::{BlockLayout, Offer};
use rsync_proto::flist::{ListDecoder, ListOptions};
use rsync_proto::handshake::Agreed;
use rsync_proto::scripted::{Item, Part, Script, agreed, plain_options};
use rsync_proto::session::{Command, Event, Request, Session, Wanted};
use rsync_proto::wire::{Cursor, flags, put};

/// Bytes without much of a pattern, the same each time.
#[must_use]
pub fn noise(len: usize) -> Vec<u8> {
    (0..len as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A directory of so many small files, as it stands on the wire.
#[must_use]
pub fn list(entries: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let same = flags::entry::SAME_UID | flags::entry::SAME_GID | flags::entry::NANOSECONDS;
    for number in 0..entries {
        let name = format!("file-{number:08}");
        put::varint(&mut bytes, same as i32);
        bytes.push(name.len() as u8);
        bytes.extend_from_slice(name.as_bytes());
        put::varlong(&mut bytes, number as i64, 3);
        put::varlong(&mut bytes, 1_700_000_000 + number as i64, 4);
        put::varint(&mut bytes, 123_456_789);
        put::u32(&mut bytes, flags::mode::REGULAR | 0o644);
    }
    bytes.extend([0, 0]);
    bytes
}

/// What a list of [`list`] is decoded with.
#[must_use]
pub fn list_options() -> ListOptions {
    plain_options(32, true, true)
}

/// Decodes it. Returns the number of entries.
///
/// # Panics
/// If it is not well-formed.
#[must_use]
pub fn decode(options: &ListOptions, list: &[u8]) -> usize {
    let mut decoder = ListDecoder::new(options.clone());
    decoder.begin();
    let mut cursor = Cursor::new(list);
    loop {
        if let Some((segment, _)) = decoder.read(&mut cursor).expect("the list is well-formed") {
            break segment.len();
        }
    }
}

/// A session with small files, whose content comes whole, and large ones, of which blocks are here.
#[derive(Debug)]
pub struct Story {
    agreed: Agreed,
    bytes: Vec<u8>,
    /// How many bytes of content it brings or refers to.
    pub content: u64,
}

const BLOCK: u32 = 4096;
const BLOCKS: u32 = 256;
const CHANGES: u32 = 3;

/// How each fourth file is cut.
fn layout() -> BlockLayout {
    BlockLayout { count: BLOCKS, block_len: BLOCK, sum_len: 2, remainder: 0 }
}

fn has_basis(number: usize) -> bool {
    number % 4 == 3
}

/// A session with so many files.
#[must_use]
pub fn story(files: usize) -> Story {
    let agreed = agreed(plain_options(32, true, false));
    let mut script = Script::new(&agreed);
    let names: Vec<String> = (0..files).map(|number| format!("file-{number:06}")).collect();
    let large = u64::from(BLOCK * BLOCKS);
    let size = |number| if has_basis(number) { large } else { 900 };
    let items = names.iter().enumerate().map(|(number, name)| Item::file(name, size(number) as i64));
    script.list(&[Item::dir(".")].into_iter().chain(items).collect::<Vec<_>>(), 0);
    let (literal, changed) = (noise(900), noise(BLOCK as usize));
    for (number, name) in names.iter().enumerate() {
        script.answer(name, flags::item::REPORT_CHANGE | flags::item::TRANSFER);
        if has_basis(number) {
            script.layout(layout());
            for block in 0..BLOCKS {
                match block % (BLOCKS / CHANGES) {
                    1 => script.part(Part::Literal(&changed)),
                    _ => script.part(Part::Block(block)),
                };
            }
        } else {
            script.layout(BlockLayout::NONE).part(Part::Literal(&literal));
        }
        // Nobody looks at the sum here.
        script.end_of_file(b"");
    }
    script.done(3).goodbye(32);
    Story { agreed, bytes: script.framed(32 * 1024, &[]), content: (0..files).map(size).sum() }
}

/// Plays it to its end, in chunks of a network's buffer. Returns how many bytes of content came of it.
///
/// # Panics
/// If it breaks the protocol.
#[must_use]
pub fn play(story: &Story) -> u64 {
    let mut session: Session<u32> = Session::new(&story.agreed);
    let bytes = bytes::Bytes::from(story.bytes.clone());
    let (mut content, mut file) = (0, 0);
    for start in (0..bytes.len()).step_by(256 * 1024) {
        session.feed(bytes.slice(start..bytes.len().min(start + 256 * 1024)));
        while let Some(event) = session.poll().expect("the session is well-formed") {
            match event {
                Event::Segment(segment) => {
                    for entry in segment.iter().filter(|entry| !entry.is_root()) {
                        // The root is the first entry.
                        let layout =
                            if has_basis(entry.index() as usize - 1) { layout() } else { BlockLayout::NONE };
                        let offer = Offer { layout, ..Offer::NONE };
                        session.command(Command::Ask(Request {
                            index: entry.index(),
                            changes: flags::item::REPORT_CHANGE,
                            wanted: Wanted::Content { offer, size: entry.size() },
                            xattrs: None,
                            ticket: entry.index(),
                        }));
                    }
                    session.command(Command::Scanned(segment.first_index()));
                }
                Event::FileBegins(index) => file = index,
                Event::Literal(bytes) => content += bytes.len() as u64,
                Event::Matched { len, .. } => content += u64::from(len),
                Event::FileEnds { .. } => session.command(Command::Release(file)),
                _ => {}
            }
            let _ = session.take_output();
        }
    }
    session.end_of_input().expect("the session is complete");
    content
}
