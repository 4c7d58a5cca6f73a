//! A destination in memory: what an embedder without a file system would write.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::{fs, io};

use bytes::Bytes;
use end_to_end::daemon::Daemon;
use end_to_end::scratch::Scratch;
use rsync_proto::checksum::StrongSum;
use rsync_proto::destination::{
    Destination, DirChanges, Failure, Incoming, Linking, Making, Received, Sink, Verdict,
};
use rsync_proto::flist::{EntryRef, SafePath, Segment};
use rsync_proto::report::Changes;
use rsync_proto::{Options, Result};

use super::{client, run};

/// Files in memory: what an embedder without a file system would write.
#[derive(Default)]
struct Memory {
    files: Arc<Mutex<HashMap<SafePath, Vec<u8>>>>,
}

struct MemoryFile {
    path: SafePath,
    content: Vec<u8>,
    checksum: rsync_proto::checksum::ChecksumKind,
    files: Arc<Mutex<HashMap<SafePath, Vec<u8>>>>,
}

impl Sink for MemoryFile {
    fn literal(&mut self, bytes: Bytes) -> io::Result<()> {
        self.content.extend_from_slice(&bytes);
        Ok(())
    }

    fn matched(&mut self, _: u64, _: u64) -> io::Result<()> {
        Err(io::Error::other("no basis was offered"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(self, sum: &StrongSum, _: EntryRef<'_>) -> Result<Received, Failure> {
        if rsync_proto::checksum::FileSummer::of(self.checksum, &self.content) != *sum {
            return Ok(Received::Mismatch);
        }
        self.files.lock().expect("no thread panics with the lock").insert(self.path, self.content);
        Ok(Received::Complete)
    }
}

impl Destination for Memory {
    type Dir = ();
    type Sink = MemoryFile;
    type Basis = ();

    fn begin(&self, _: &Segment) -> Result<()> {
        Ok(())
    }

    fn learn(&self, _: &Segment) {}

    fn make_dir(&self, (): &(), _: EntryRef<'_>) -> Result<Making, Failure> {
        Ok(Making::Done(DirChanges::default()))
    }

    fn open_dir(&self, _: EntryRef<'_>, _: Changes) -> Result<(), Failure> {
        Ok(())
    }

    fn leave(&self, (): &(), _: EntryRef<'_>) -> Result<(), Failure> {
        Ok(())
    }

    fn look(&self, (): &(), _: EntryRef<'_>) -> Result<Verdict<()>, Failure> {
        Ok(Verdict::Content { changes: Changes::NEW, basis: None })
    }

    fn touch(&self, (): &(), _: EntryRef<'_>, _: Changes) -> Result<(), Failure> {
        Ok(())
    }

    fn make(&self, (): &(), _: EntryRef<'_>) -> Result<(), Failure> {
        Ok(())
    }

    fn link(&self, _: &SafePath, (): &(), _: EntryRef<'_>) -> Result<Linking, Failure> {
        Ok(Linking::There)
    }

    fn receive(&self, _: &Arc<()>, entry: EntryRef<'_>, _: Incoming<'_, ()>) -> Result<MemoryFile, Failure> {
        Ok(MemoryFile {
            path: entry.path(),
            content: Vec::new(),
            checksum: rsync_proto::checksum::ChecksumKind::Md5,
            files: Arc::clone(&self.files),
        })
    }
}

#[test]
fn a_tree_can_go_into_memory() {
    let source = Scratch::new();
    let inner = source.directory("a");
    fs::write(inner.join("b"), "content").expect("a file can be made");
    fs::write(source.join("empty"), "").expect("a file can be made");
    let daemon = Daemon::serving(source.path());
    let mut options = Options::default();
    options.recursive = true;
    options.checksum_choice = Some(rsync_proto::checksum::ChecksumKind::Md5.into());
    let memory = Memory::default();
    let files = Arc::clone(&memory.files);
    let summary =
        run(client(&daemon, options).pull_into(|_| Ok(memory))).expect("the pull was expected to succeed");
    assert_eq!(summary.transferred, 2, "both files were expected to come");
    let files = files.lock().expect("no thread panics with the lock");
    let path = SafePath::new(b"a/b").expect("a safe path");
    assert_eq!(
        files.get(&path).map(Vec::as_slice),
        Some(&b"content"[..]),
        "the content was expected in memory"
    );
}
