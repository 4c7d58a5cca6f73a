//! Pulls a tree into memory: a destination of one's own. Lists what came, or prints a file of it.
//!
//! ```sh
//! cargo run -p rsync-proto --example memory -- rsync://images.example/debian-12/etc/
//! cargo run -p rsync-proto --example memory -- rsync://images.example/debian-12/etc/ hostname
//! ```
//!
//! It holds directories, files, symlinks and hard links, 64 MiB of content in all, and refuses everything else. It is
//! empty at the beginning, so that nothing of it is a basis for what comes, and nothing is to be deleted.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rsync_proto::checksum::{FileSum, StrongSum};
use rsync_proto::destination::{Destination, Failure, Incoming, Linking, Making, Received, Sink, Verdict};
use rsync_proto::flist::{EntryRef, Kind, SafePath, Segment};
use rsync_proto::report::{Changes, Monitor, Report, Skip};
use rsync_proto::{Client, Location, Options};

/// The most that is held, in bytes of content. The server says how large its files are, and may be wrong.
const ROOM: u64 = 64 << 20;

/// Something in the tree. Names of one file share its content.
#[derive(Clone)]
enum Node {
    Directory,
    File(Arc<Content>),
    Symlink(Vec<u8>),
}

/// The tree. The library works on it with several threads.
#[derive(Default)]
struct Tree {
    nodes: Mutex<BTreeMap<SafePath, Node>>,
    /// Bytes of content, of files that are under way too.
    used: AtomicU64,
}

impl Tree {
    fn put(&self, path: SafePath, node: Node) {
        self.nodes.lock().expect("no thread panics with the lock").insert(path, node);
    }

    fn get(&self, path: &SafePath) -> Option<Node> {
        self.nodes.lock().expect("no thread panics with the lock").get(path).cloned()
    }
}

/// The content of a file, whose room is given back with it.
struct Content {
    bytes: Vec<u8>,
    tree: Arc<Tree>,
}

impl Content {
    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let more = bytes.len() as u64;
        if self.tree.used.fetch_add(more, Ordering::Relaxed) + more > ROOM {
            self.tree.used.fetch_sub(more, Ordering::Relaxed);
            // Of this kind, an error ends the transfer: every further file would fail in the same way.
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        self.tree.used.fetch_sub(self.bytes.len() as u64, Ordering::Relaxed);
    }
}

/// Takes the content of one file.
struct File {
    path: SafePath,
    content: Content,
    sum: FileSum,
}

impl Sink for File {
    fn literal(&mut self, bytes: Bytes) -> io::Result<()> {
        // Copied: the bytes are a slice of the network's buffer, which holding on to them would keep from being used.
        self.content.push(&bytes)
    }

    fn matched(&mut self, _offset: u64, _len: u64) -> io::Result<()> {
        Err(io::Error::other("no basis was offered"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(self, sum: &StrongSum, _entry: EntryRef<'_>) -> Result<Received, Failure> {
        // The library asks for the file once more then.
        if self.sum.of(&self.content.bytes) != *sum {
            return Ok(Received::Mismatch);
        }
        let tree = Arc::clone(&self.content.tree);
        tree.put(self.path, Node::File(Arc::new(self.content)));
        Ok(Received::Complete)
    }
}

/// The destination of a pull.
struct Memory {
    tree: Arc<Tree>,
    /// How files are summed, which was agreed on with the server.
    sum: FileSum,
}

impl Destination for Memory {
    /// Paths say it all: a directory need not be held open.
    type Dir = ();
    type Sink = File;
    /// There is none.
    type Basis = ();

    fn begin(&self, _first: &Segment) -> rsync_proto::Result<()> {
        Ok(())
    }

    fn learn(&self, _segment: &Segment) {}

    fn make_dir(&self, (): &(), entry: EntryRef<'_>) -> Result<Making, Failure> {
        self.tree.put(entry.path(), Node::Directory);
        Ok(Making::Done(Changes::NEW.into()))
    }

    fn open_dir(&self, _entry: EntryRef<'_>, _changes: Changes) -> Result<(), Failure> {
        Ok(())
    }

    fn leave(&self, (): &(), _entry: EntryRef<'_>) -> Result<(), Failure> {
        Ok(())
    }

    fn look(&self, (): &(), entry: EntryRef<'_>) -> Result<Verdict<()>, Failure> {
        Ok(match entry.kind() {
            Kind::File if entry.size() > ROOM => Verdict::Skip(Skip::Other("no memory for")),
            Kind::File => Verdict::Content { changes: Changes::NEW, basis: None },
            Kind::Symlink => Verdict::Make(Changes::NEW),
            _ => Verdict::Skip(Skip::NonRegular),
        })
    }

    /// Only for what [`Self::look`] calls the same.
    fn touch(&self, (): &(), _entry: EntryRef<'_>, _changes: Changes) -> Result<(), Failure> {
        Ok(())
    }

    fn make(&self, (): &(), entry: EntryRef<'_>) -> Result<(), Failure> {
        self.tree.put(entry.path(), Node::Symlink(entry.link_target().to_vec()));
        Ok(())
    }

    fn link(&self, leader: &SafePath, (): &(), entry: EntryRef<'_>) -> Result<Linking, Failure> {
        let node = self.tree.get(leader);
        let node = node.ok_or_else(|| Failure::new("link", entry.path(), io::ErrorKind::NotFound))?;
        self.tree.put(entry.path(), node);
        Ok(Linking::Made(Changes::NEW))
    }

    fn receive(&self, _dir: &Arc<()>, entry: EntryRef<'_>, _: Incoming<'_, ()>) -> Result<File, Failure> {
        let content = Content { bytes: Vec::new(), tree: Arc::clone(&self.tree) };
        Ok(File { path: entry.path(), content, sum: self.sum })
    }
}

/// Says what is missing.
struct Complain;

impl Monitor for Complain {
    fn report(&self, report: &Report<'_>) {
        match report {
            Report::Skipped(entry, skip) => eprintln!("{}", skip.sentence(*entry)),
            Report::Failed(text) | Report::Warning(text) => eprintln!("{text}"),
            _ => {}
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: memory URL [NAME]")?;
    let name = arguments.next();

    let mut options = Options::default();
    (options.recursive, options.links, options.hard_links) = (true, true, true);
    let client = Client::new(Location::parse(&url)?, options).monitor(Arc::new(Complain));
    let tree = Arc::new(Tree::default());
    // Called when it is known what the server speaks.
    let destination = |agreed: &rsync_proto::handshake::Agreed| {
        Ok(Memory { tree: Arc::clone(&tree), sum: agreed.summer.file_sum() })
    };
    let summary = client.pull_into(destination).await?;

    match name {
        Some(name) => match tree.get(&SafePath::new(name.as_bytes())?) {
            Some(Node::File(content)) => io::stdout().lock().write_all(&content.bytes)?,
            _ => return Err(format!("{name} is no file that came").into()),
        },
        None => {
            for (path, node) in &*tree.nodes.lock().expect("no thread panics with the lock") {
                match node {
                    Node::Directory => println!("{path}/"),
                    Node::File(content) => {
                        // The tree holds one reference for each name.
                        println!(
                            "{path} {} bytes, {} names",
                            content.bytes.len(),
                            Arc::strong_count(content)
                        );
                    }
                    Node::Symlink(target) => println!("{path} -> {}", target.escape_ascii()),
                }
            }
            println!("{} bytes in memory", tree.used.load(Ordering::Relaxed));
        }
    }
    match summary.is_complete() {
        true => Ok(()),
        false => Err("some entries are missing".into()),
    }
}
