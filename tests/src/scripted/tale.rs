//! What a server says: honest, and with whatever a test changes of it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rsync_proto::checksum::ChecksumKind;
use rsync_proto::compression::CompressionKind;
use rsync_proto::flist::ListOptions;
use rsync_proto::handshake::Agreed;
use rsync_proto::scripted::{Item, Part, Script, agreed, plain_options, segments};
use rsync_proto::wire::flags::compat;

use super::Request;
use super::delta::{self, Step};

/// The version of the protocol, and the forms that lists have in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// 29 to 32.
    pub protocol: u8,
    /// Flags of entries are varints, and checksums are negotiated.
    pub negotiates: bool,
    /// The list comes in segments.
    pub incremental: bool,
}

impl Shape {
    /// All that there are.
    pub const ALL: [Self; 11] = [
        Self::new(29, false, false),
        Self::new(30, false, false),
        Self::new(30, false, true),
        Self::new(30, true, true),
        Self::new(31, false, false),
        Self::new(31, true, false),
        Self::new(31, false, true),
        Self::new(31, true, true),
        Self::new(32, false, true),
        Self::new(32, true, false),
        Self::new(32, true, true),
    ];
    /// That of a recent server.
    pub const RECENT: Self = Self::new(32, true, true);
    /// That of a recent server that sends the whole list first.
    pub const WHOLE: Self = Self::new(32, true, false);

    const fn new(protocol: u8, negotiates: bool, incremental: bool) -> Self {
        Self { protocol, negotiates, incremental }
    }
}

/// A moment at which something more can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Of the list of files.
    BeforeList,
    /// Of the list, where it comes in segments.
    BeforeListEnd,
    /// All of its segments.
    AfterList,
    /// Something was asked for.
    BeforeAnswers,
    /// The end of the last phase.
    BeforeLastEnd,
    /// What the server tells of itself.
    BeforeStatistics,
    /// Nothing honest follows.
    AfterAll,
}

/// The parts that a list comes in: the number of the directory, and what lies in it.
pub type Segments = Vec<(Option<u32>, Vec<Item>)>;

type CutList = Box<dyn Fn(&mut Segments) + Send + Sync>;
type Say = Box<dyn Fn(&mut Script) + Send + Sync>;
type Answer = Box<dyn Fn(&mut Script, &Request) + Send + Sync>;

/// Everything that is said in a session, in its order.
pub struct Tale {
    /// How it is said.
    pub shape: Shape,
    /// The first line, or lines.
    pub greeting: Vec<u8>,
    /// What follows the name of the module.
    pub reply: Vec<u8>,
    /// Capabilities.
    pub flags: u32,
    /// Names of checksums.
    pub checksums: Vec<u8>,
    /// Names of compressions, where the client lets the server choose.
    pub compressions: Option<Vec<u8>>,
    /// How literals are packed.
    pub compression: Option<CompressionKind>,
    /// What the client is told to have asked for, which decides what stands in the list.
    pub list: ListOptions,
    /// The tree.
    pub items: Vec<Item>,
    /// Bits of the server's errors at the end of the list.
    pub io_error: u32,
    /// What is in the files.
    pub contents: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the client is known to have of them already.
    pub bases: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The most bytes of a frame.
    pub frame: usize,
    /// After so many bytes the server hangs up.
    pub cut: Option<usize>,
    /// Behind the list, this comes again and again, for ever.
    pub flood: Vec<u8>,
    /// It comes in the list, not behind it.
    pub floods_list: bool,
    /// From the list on, a byte at a time, with a pause behind each.
    pub drip: Option<Duration>,
    /// It drips from the greeting on.
    pub drips_at_once: bool,
    /// There are statistics and a goodbye.
    pub says_goodbye: bool,
    cut_list: Option<CutList>,
    said: Vec<(Point, Say)>,
    answers: BTreeMap<Vec<u8>, Answer>,
}

impl fmt::Debug for Tale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tale").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl Tale {
    /// Of a small tree: directories in directories, files with and without content, a symlink.
    #[must_use]
    pub fn honest(shape: Shape) -> Self {
        let list = plain_options(shape.protocol, shape.negotiates, shape.incremental);
        let mut flags = compat::SAFE_FLIST | compat::CHECKSUM_SEED_FIX | compat::AVOID_XATTR_OPTIMISATION;
        for (set, bit) in [
            (shape.negotiates, compat::VARINT_FLAGS | compat::ID0_NAMES),
            (shape.incremental, compat::INC_RECURSE),
        ] {
            flags |= if set { bit } else { 0 };
        }
        let mut tale = Self {
            shape,
            greeting: match shape.protocol {
                29 => b"@RSYNCD: 29\n".to_vec(),
                30 => b"@RSYNCD: 30.0\n".to_vec(),
                31 => b"@RSYNCD: 31.0\n".to_vec(),
                version => format!("@RSYNCD: {version}.0 sha512 sha256 sha1 md5 md4\n").into_bytes(),
            },
            reply: b"@RSYNCD: OK\n".to_vec(),
            flags,
            checksums: b"xxh3 md5".to_vec(),
            compressions: None,
            compression: None,
            list,
            items: vec![Item::dir(".")],
            io_error: 0,
            contents: BTreeMap::new(),
            bases: BTreeMap::new(),
            frame: 4096,
            cut: None,
            flood: Vec::new(),
            floods_list: false,
            drip: None,
            drips_at_once: false,
            says_goodbye: true,
            cut_list: None,
            said: Vec::new(),
            answers: BTreeMap::new(),
        };
        tale.file("a", b"five\n");
        tale.file("b", &[b'b'; 5000]);
        tale.items.push(Item::symlink("c", "a"));
        tale.directory("d");
        tale.file("d/e", b"below\n");
        tale.directory("d/f");
        tale.file("d/f/g", b"");
        tale.directory("h");
        tale
    }

    /// One more file.
    pub fn file(&mut self, path: &str, content: &[u8]) -> &mut Item {
        self.contents.insert(path.into(), content.to_vec());
        self.items.push(Item::file(path, content.len() as i64));
        self.items.last_mut().expect("just put there")
    }

    /// Literals are packed like this, because the client asks for compression (`-z`) and the server has nothing that
    /// it likes better.
    pub fn compress(&mut self, kind: CompressionKind) {
        let liked_less = CompressionKind::ALL.into_iter().skip_while(|other| *other != kind);
        let names = liked_less.map(CompressionKind::name).collect::<Vec<_>>().join(" ");
        self.compressions = self.shape.negotiates.then(|| names.into_bytes());
        self.compression = Some(kind);
    }

    /// One more directory.
    pub fn directory(&mut self, path: &str) -> &mut Item {
        self.items.push(Item::dir(path));
        self.items.last_mut().expect("just put there")
    }

    /// One more symlink.
    pub fn symlink(&mut self, path: &str, target: &str) -> &mut Item {
        self.items.push(Item::symlink(path, target));
        self.items.last_mut().expect("just put there")
    }

    /// Only what has such a path is told of.
    pub fn retain(&mut self, keep: impl Fn(&[u8]) -> bool) {
        self.items.retain(|item| keep(&item.path));
        self.contents.retain(|path, _| keep(path));
    }

    /// The entry of this path.
    ///
    /// # Panics
    /// If there is none.
    pub fn item(&mut self, path: &str) -> &mut Item {
        let found = self.items.iter_mut().find(|item| item.path == path.as_bytes());
        found.unwrap_or_else(|| panic!("\"{path}\" is not in the tale"))
    }

    /// Something more is said at this point.
    pub fn then(&mut self, point: Point, say: impl Fn(&mut Script) + Send + Sync + 'static) {
        self.said.push((point, Box::new(say)));
    }

    /// The list, where it comes in segments, is cut otherwise.
    pub fn segments(&mut self, cut: impl Fn(&mut Segments) + Send + Sync + 'static) {
        self.cut_list = Some(Box::new(cut));
    }

    /// The file of this path is answered so.
    pub fn answers(&mut self, path: &str, answer: impl Fn(&mut Script, &Request) + Send + Sync + 'static) {
        self.answers.insert(path.into(), Box::new(answer));
    }

    pub(super) fn say(&self, point: Point, script: &mut Script) {
        self.said.iter().filter(|(at, _)| *at == point).for_each(|(_, say)| say(script));
    }

    /// With the checksum that such a server has where none is negotiated.
    pub(super) fn agreed(&self) -> Agreed {
        let mut agreed = agreed(self.list.clone());
        if self.shape.protocol >= 30 && !self.shape.negotiates {
            agreed.summer.kind = ChecksumKind::Md5;
        }
        agreed.compression = self.compression;
        agreed
    }

    pub(super) fn frame(&self, script: &mut Script) -> Vec<u8> {
        script.take_framed(self.frame)
    }

    /// The list, in segments where that is the shape. Returns how many there are.
    pub(super) fn put_list(&self, script: &mut Script) -> usize {
        if !self.shape.incremental {
            script.list(&self.items, self.io_error);
            return 1;
        }
        let mut all = segments(&self.items);
        self.cut_list.iter().for_each(|cut| cut(&mut all));
        for (number, items) in &all {
            match number {
                None => script.list(items, self.io_error),
                Some(number) => script.segment(*number, items),
            };
        }
        self.say(Point::BeforeListEnd, script);
        script.list_end();
        all.len()
    }

    pub(super) fn answer(&self, script: &mut Script, request: &Request) {
        if !request.wants_content() && request.xattrs.is_empty() {
            // A marker (protocol 29), which comes back.
            script.begin_answer(request.index, request.flags);
            return;
        }
        let path = script.path(request.index);
        if let Some(answer) = path.as_ref().and_then(|path| self.answers.get(path)) {
            return answer(script, request);
        }
        let of = |files: &BTreeMap<Vec<u8>, Vec<u8>>| {
            path.as_ref().and_then(|path| files.get(path)).cloned().unwrap_or_default()
        };
        Self::answer_honestly(script, request, &of(&self.contents), &of(&self.bases));
    }

    /// The answer to a request: the content as it is, in literals, and in references to blocks of the basis as far as
    /// that is known.
    pub fn answer_honestly(script: &mut Script, request: &Request, content: &[u8], basis: &[u8]) {
        script.begin_answer(request.index, request.flags);
        if request.wants_content() {
            script.layout(request.layout);
            for step in delta::steps(content, basis, request.layout) {
                match step {
                    Step::Literal(bytes) => {
                        script.part(Part::Literal(bytes));
                    }
                    Step::Blocks(first, blocks) => {
                        script.matched(first, &blocks);
                    }
                }
            }
            script.end_of_file(content);
        }
    }
}
