//! A session from beginning to end that a server may honestly lead, made out of an input: a small tree, what a client
//! wants of it and has already, and all that the server says.

use std::collections::{BTreeMap, VecDeque};

use rsync_proto::delta::BlockLayout;
use rsync_proto::handshake::Agreed;
use rsync_proto::scripted::{Item, Part, Script, segments, sorted};
use rsync_proto::wire::frame::Tag;

use crate::choices::Choices;
use crate::describe::{expected, link_groups};
use crate::packer::packer;
use crate::player::{Want, pattern};
use crate::shape;

/// A part of a file's content.
enum Piece {
    Literal(Vec<u8>),
    /// Blocks of the basis in a row.
    Blocks(u32, u32),
}

/// A file that is asked for.
struct File {
    want: Want,
    pieces: Vec<Piece>,
    content: Vec<u8>,
    refused: bool,
    /// The first time it comes with a wrong sum.
    wrong: bool,
}

/// The session.
pub struct Story {
    pub agreed: Agreed,
    pub script: Script,
    /// What to ask for, by path.
    pub wants: BTreeMap<Vec<u8>, Want>,
    /// The entries as a client has to show them, in order.
    pub entries: Vec<String>,
    /// What each file that is sent has to come to.
    pub contents: BTreeMap<Vec<u8>, Vec<u8>>,
    pub refused: Vec<Vec<u8>>,
    /// What comes with a wrong sum before.
    pub wrong: Vec<Vec<u8>>,
}

impl Story {
    pub fn new(choices: &mut Choices<'_>) -> Self {
        let mut agreed = shape::read(choices);
        agreed.list = shape::of_all(agreed.list);
        // The scripted server does not know access times.
        agreed.list.access_times = false;
        (agreed.list.acls, agreed.list.xattrs) = (false, false);
        let mut files = BTreeMap::new();
        let items = tree(choices, &agreed, &mut files);
        let cut = if agreed.list.inc_recurse { segments(&items) } else { vec![(None, items)] };
        let groups = link_groups(&cut, agreed.list.inc_recurse);
        let mut entries = Vec::new();
        for (_, items) in &cut {
            let dir = items.first().map_or(&b""[..], |item| item.split().0);
            for item in sorted(items, dir) {
                let group = groups.iter().find(|(path, _)| *path == item.path).map(|(_, group)| *group);
                entries.push(expected(&item, group, &agreed.list));
            }
        }
        let script = tell(choices, &agreed, &cut, &files);
        let (mut wants, mut contents) = (BTreeMap::new(), BTreeMap::new());
        let (mut refused, mut wrong) = (Vec::new(), Vec::new());
        for (path, file) in files {
            wants.insert(path.clone(), file.want);
            if file.refused {
                refused.push(path);
            } else {
                wrong.extend(file.wrong.then(|| path.clone()));
                contents.insert(path, file.content);
            }
        }
        Self { agreed, script, wants, entries, contents, refused, wrong }
    }
}

fn tree(choices: &mut Choices<'_>, agreed: &Agreed, files: &mut BTreeMap<Vec<u8>, File>) -> Vec<Item> {
    let mut items = vec![Item::dir(".")];
    let mut directories = vec![String::new()];
    for number in 0..choices.below(9) {
        let parent = choices.below(directories.len());
        let name = ["f", "dir.", "A", "long-name-of-a-file-"][choices.below(4)];
        let path = format!("{}{name}{number}", directories[parent]);
        match choices.below(8) {
            0 => {
                directories.push(format!("{path}/"));
                items.push(Item::dir(&path));
            }
            1 => items.push(Item::symlink(&path, &b"../somewhere/else"[..1 + choices.below(16)])),
            2 if agreed.list.hard_links => {
                let at = choices.below(items.len());
                if items[at].is_dir() {
                    continue;
                }
                items[at].link = Some(at as u32);
                let again = Item { path: path.into_bytes(), ..items[at].clone() };
                items.push(again);
            }
            more => {
                let wanted = more > 2;
                let file = file(choices, agreed);
                let mut item = Item::file(&path, file.content.len() as i64);
                item.sum = vec![number as u8; agreed.list.sum_len];
                item.mtime += number as i64;
                items.push(item);
                if wanted {
                    files.insert(path.into_bytes(), file);
                }
            }
        }
    }
    // With incremental recursion, the first of a group of links to be sent need not be the first here.
    let cut = if agreed.list.inc_recurse { segments(&items) } else { vec![(None, items.clone())] };
    for (path, link) in link_groups(&cut, agreed.list.inc_recurse) {
        if !link.first {
            files.remove(&path);
        }
    }
    items
}

fn file(choices: &mut Choices<'_>, agreed: &Agreed) -> File {
    let basis = if choices.flag() { pattern(choices.below(3_000)) } else { Vec::new() };
    let want = Want { content: true, basis, xattrs: false };
    let BlockLayout { count, block_len, .. } = want.layout(agreed, false);
    let (mut pieces, mut content) = (Vec::new(), Vec::new());
    for _ in 0..choices.below(6) {
        let kind = choices.below(4);
        if count > 0 && kind == 0 {
            let first = choices.below(count as usize) as u32;
            let last = (first + choices.below(3) as u32).min(count - 1);
            let end = want.basis.len().min((last as usize + 1) * block_len as usize);
            content.extend_from_slice(&want.basis[first as usize * block_len as usize..end]);
            pieces.push(Piece::Blocks(first, last));
            continue;
        }
        let len = 1 + choices.below(40);
        let bytes = match kind {
            1 => choices.bytes(len).to_vec(),
            2 => vec![choices.u8(); len * 50],
            _ => pattern(len * 20),
        };
        if !bytes.is_empty() {
            content.extend_from_slice(&bytes);
            pieces.push(Piece::Literal(bytes));
        }
    }
    let (refused, wrong) = match choices.below(8) {
        7 => (true, false),
        number => (false, number == 6),
    };
    File { want, pieces, content, refused, wrong }
}

/// All that the server says.
fn tell(
    choices: &mut Choices<'_>,
    agreed: &Agreed,
    cut: &[(Option<u32>, Vec<Item>)],
    files: &BTreeMap<Vec<u8>, File>,
) -> Script {
    let mut script = Script::new(agreed);
    let level = choices.u8();
    if let Some(kind) = agreed.compression {
        script.pack_with(packer(kind, agreed.protocol, level));
    }
    // What was asked for and has no answer yet, in order, and whether it was asked for again.
    let mut open: VecDeque<(&[u8], bool)> = VecDeque::new();
    let mut last = None;
    for (number, items) in cut {
        match number {
            None => script.list(items, 0),
            Some(number) => script.segment(*number, items),
        };
        let mut asked: Vec<&[u8]> =
            items.iter().map(|item| &item.path[..]).filter(|path| files.contains_key(*path)).collect();
        asked.sort_by_key(|path| place(&script, path));
        last = asked.last().copied().or(last);
        open.extend(asked.into_iter().map(|path| (path, false)));
        // Old lists are whole, and so are the answers to what is asked for of them.
        let answers = if agreed.protocol < 30 { open.len() } else { choices.below(open.len() + 1) };
        for _ in 0..answers {
            answer_next(choices, &mut script, agreed, &mut open, files);
        }
    }
    let ends_early = choices.flag();
    if ends_early {
        script.list_end();
    }
    if let Some(last) = last {
        script.marker(std::str::from_utf8(last).expect("names here are text"));
    }
    while let Some(path) = answer_next(choices, &mut script, agreed, &mut open, files) {
        // Each that is asked for again has a marker of its own.
        script.marker(std::str::from_utf8(path).expect("names here are text"));
    }
    if !ends_early {
        script.list_end();
    }
    // One for each segment but the last, and one for each phase.
    script.done(cut.len() - 1 + 3).goodbye(agreed.protocol);
    script
}

fn place(script: &Script, path: &[u8]) -> u32 {
    script.place(std::str::from_utf8(path).expect("names here are text"))
}

/// Answers the oldest request, whose path comes back. After a wrong sum it is asked for again.
fn answer_next<'a>(
    choices: &mut Choices<'_>,
    script: &mut Script,
    agreed: &Agreed,
    open: &mut VecDeque<(&'a [u8], bool)>,
    files: &BTreeMap<Vec<u8>, File>,
) -> Option<&'a [u8]> {
    let (path, again) = open.pop_front()?;
    let file = &files[path];
    answer(choices, script, agreed, path, file, again);
    if file.wrong && !again {
        open.push_back((path, true));
    }
    Some(path)
}

fn answer(
    choices: &mut Choices<'_>,
    script: &mut Script,
    agreed: &Agreed,
    path: &[u8],
    file: &File,
    again: bool,
) {
    let index = place(script, path);
    if file.refused {
        script.no_send(index);
        return;
    }
    if agreed.protocol >= 30 && choices.below(6) == 5 {
        script.message(Tag::Info, b"a message\n");
    }
    let layout = file.want.layout(agreed, again);
    script.begin_answer(index, file.want.flags()).layout(layout);
    let block_len = layout.block_len as usize;
    let basis: Vec<&[u8]> = file.want.basis.chunks(block_len.max(1)).collect();
    let packs = agreed.compression.is_some();
    let mut pieces = file.pieces.iter().peekable();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Literal(bytes) => {
                let mut literal = bytes.clone();
                // Where they are packed, literals without anything between them are one.
                while let Some(Piece::Literal(more)) =
                    pieces.next_if(|piece| packs && matches!(piece, Piece::Literal(_)))
                {
                    literal.extend_from_slice(more);
                }
                script.part(Part::Literal(&literal));
            }
            Piece::Blocks(first, last) => {
                script.matched(*first, &basis[*first as usize..=*last as usize]);
            }
        }
    }
    if file.wrong && !again {
        script.end_of_file(b"what it was a moment ago");
    } else {
        script.end_of_file(&file.content);
    }
}
