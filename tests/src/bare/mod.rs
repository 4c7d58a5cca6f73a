//! A bare disk for one test: a loop device over a sparse file in memory, with whatever partitions the program
//! under test gives it.
//!
//! Not for a single file system: see [`crate::disk`].

mod mounted;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FlockOperation, flock};
use twox_hash::XxHash3_128;

use crate::scratch::Scratch;
pub use mounted::{Mounted, wait_until_free};

/// Bytes that are looked at in one piece.
const PAGE: usize = 4096;

/// A disk that lasts as long as this value.
#[derive(Debug)]
pub struct BareDisk {
    device: PathBuf,
    mebibytes: u64,
    image: PathBuf,
    /// Holds the backing file unless it is somebody else's, and is dropped after the device has let go of it.
    scratch: Scratch,
}

impl BareDisk {
    /// An empty disk. The backing file is sparse: memory is used for what is written.
    ///
    /// # Panics
    /// Without root, and without a free loop device.
    #[must_use]
    pub fn new(mebibytes: u64) -> Self {
        Self::attached(mebibytes, &[])
    }

    /// An empty disk that cannot be written.
    ///
    /// # Panics
    /// As [`BareDisk::new`].
    #[must_use]
    pub fn read_only(mebibytes: u64) -> Self {
        // Not by `blockdev --setro`: the device would stay so for its next user.
        Self::attached(mebibytes, &["--read-only"])
    }

    fn attached(mebibytes: u64, options: &[&str]) -> Self {
        let scratch = Scratch::new();
        let image = scratch.join("image");
        let file = File::create(&image).expect("a backing file can be made in memory");
        file.set_len(mebibytes << 20).expect("a backing file can be sparse");
        let mut losetup = Command::new("losetup");
        let device = output(losetup.args(["--find", "--show", "--partscan"]).args(options).arg(&image));
        Self { device: device.into(), mebibytes, image, scratch }
    }

    /// The disk of a machine that is off, with the partitions that it has.
    ///
    /// # Panics
    /// As [`BareDisk::new`], and if it has no partitions.
    #[must_use]
    pub fn over(image: &Path) -> Self {
        let length = fs::metadata(image).expect("the disk is there").len();
        let device = output(Command::new("losetup").args(["--find", "--show", "--partscan"]).arg(image));
        let scratch = Scratch::with_size(64);
        let disk = Self { device: device.into(), mebibytes: length >> 20, image: image.to_owned(), scratch };
        // Not every kernel reads tables.
        if disk.known_partitions() == 0 {
            disk.with("partx", &["--add"]);
        }
        disk
    }

    /// Its node.
    #[must_use]
    pub fn node(&self) -> &Path {
        &self.device
    }

    /// Its name as descriptions have it.
    ///
    /// # Panics
    /// Never: nodes have names.
    #[must_use]
    pub fn name(&self) -> &str {
        self.device.file_name().and_then(|name| name.to_str()).expect("loop devices have plain names")
    }

    /// Its size.
    #[must_use]
    pub fn mebibytes(&self) -> u64 {
        self.mebibytes
    }

    /// The node of a partition.
    #[must_use]
    pub fn partition(&self, number: u32) -> PathBuf {
        format!("{}p{number}", self.device.display()).into()
    }

    /// The partitions that the kernel knows.
    ///
    /// # Panics
    /// If the kernel does not know the disk.
    #[must_use]
    pub fn known_partitions(&self) -> usize {
        let names = fs::read_dir(format!("/sys/block/{}", self.name())).expect("the kernel knows the disk");
        let own = |name: &fs::DirEntry| name.path().join("partition").exists();
        names.flatten().filter(own).count()
    }

    /// Where it or a partition of it is mounted, as the kernel tells it.
    ///
    /// # Panics
    /// If the kernel does not tell mounts.
    #[must_use]
    pub fn mounts(&self) -> Vec<String> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the kernel tells mounts");
        let node = self.device.to_str().expect("loop devices have plain names");
        let own =
            |word: &str| word.strip_prefix(node).is_some_and(|rest| rest.is_empty() || rest.starts_with('p'));
        mounts.lines().filter(|line| line.split(' ').any(own)).map(str::to_owned).collect()
    }

    /// A sum over everything on it, places included.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn sum(&self) -> u128 {
        self.sum_without(&(0..0))
    }

    /// The same, but for these bytes: swap that is used belongs to the kernel, which writes there when memory is short.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn sum_without(&self, left_out: &Range<u64>) -> u128 {
        self.flush();
        let file = File::open(&self.image).expect("the backing file is there");
        let end = self.mebibytes << 20;
        let mut hasher = XxHash3_128::new();
        let mut page = vec![0; PAGE];
        let mut at = 0;
        // Holes are not read: what is not there is zero.
        while let Ok(data) = rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(at)) {
            let hole = rustix::fs::seek(&file, rustix::fs::SeekFrom::Hole(data)).unwrap_or(end);
            at = data;
            while at < hole {
                file.read_exact_at(&mut page, at).expect("the backing file can be read");
                if !left_out.contains(&at) && page.iter().any(|byte| *byte != 0) {
                    hasher.write(&at.to_le_bytes());
                    hasher.write(&page);
                }
                at += PAGE as u64;
            }
        }
        hasher.finish_128()
    }

    /// The first bytes on it.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn head(&self, length: usize) -> Vec<u8> {
        self.bytes(0, length)
    }

    /// Bytes of it.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn bytes(&self, at: u64, length: usize) -> Vec<u8> {
        self.flush();
        let mut bytes = vec![0; length];
        let file = File::open(&self.image).expect("the backing file is there");
        file.read_exact_at(&mut bytes, at).expect("the backing file can be read");
        bytes
    }

    /// Overwrites bytes of it, past all partitions.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn overwrite(&self, at: u64, bytes: &[u8]) {
        let file = OpenOptions::new().write(true).open(&self.device).expect("the disk can be opened");
        file.write_all_at(bytes, at).and_then(|()| file.sync_all()).expect("the disk can be written");
    }

    fn flush(&self) {
        let file = File::open(&self.device).expect("the disk can be opened");
        file.sync_all().expect("the disk can be written back");
    }

    /// Gives its backing file to somebody else, who may write to it.
    ///
    /// # Panics
    /// If what the kernel has of it cannot be written and forgotten.
    pub fn apart<T>(&self, use_it: impl FnOnce(&Path) -> T) -> T {
        self.flush();
        let used = use_it(&self.image);
        self.with("blockdev", &["--flushbufs"]);
        used
    }

    /// Runs a program with the disk as its last argument. Returns what it printed.
    ///
    /// # Panics
    /// If it fails.
    pub fn with(&self, program: &str, arguments: &[&str]) -> String {
        output(Command::new(program).args(arguments).arg(&self.device))
    }

    /// Hands `input` to a program that has the disk as its last argument.
    ///
    /// # Panics
    /// If it fails.
    pub fn feed(&self, program: &str, arguments: &[&str], input: &str) {
        let file = self.scratch.join("input");
        fs::write(&file, input).expect("memory is large enough");
        let input = File::open(&file).expect("a new file can be opened");
        output(Command::new(program).args(arguments).arg(&self.device).stdin(input));
    }

    /// Tells the kernel of a partition, since not every kernel reads tables.
    ///
    /// # Panics
    /// If the kernel does not take it.
    pub fn announce(&self, number: u32, start: u64, length: u64) {
        let mut command = Command::new("addpart");
        command.arg(&self.device);
        output(command.args([u64::from(number), start / 512, length / 512].map(|it| it.to_string())));
    }

    /// Makes the kernel forget a partition. What is on it stays.
    ///
    /// # Panics
    /// If the kernel does not know it, or somebody uses it.
    pub fn forget(&self, number: u32) {
        output(Command::new("delpart").arg(&self.device).arg(number.to_string()));
    }

    /// The nodes of its partitions.
    ///
    /// # Panics
    /// If nodes cannot be listed.
    #[must_use]
    pub fn nodes(&self) -> Vec<String> {
        let own = format!("{}p", self.name());
        let names = fs::read_dir("/dev").expect("nodes can be listed").flatten();
        let mut names: Vec<String> =
            names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name.starts_with(&own));
        names.sort();
        names
    }

    /// Keeps others away from it, as long as the value lasts.
    ///
    /// # Panics
    /// If somebody else does.
    #[must_use]
    pub fn lock(&self) -> OwnedFd {
        let file = File::open(&self.device).expect("the disk can be opened");
        flock(&file, FlockOperation::NonBlockingLockExclusive).expect("nobody else locks the disk");
        file.into()
    }

    /// What `blkid` finds on a partition.
    ///
    /// # Panics
    /// If it finds nothing.
    #[must_use]
    pub fn content(&self, number: u32) -> BTreeMap<String, String> {
        let node = self.partition(number);
        let text = output(Command::new("blkid").args(["--probe", "--output", "export"]).arg(node));
        let pair = |line: &str| line.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
        text.lines().filter_map(pair).collect()
    }

    /// The UUID of what is on a partition.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn uuid(&self, number: u32) -> String {
        self.content(number).remove("UUID").expect("what is on a partition has a UUID")
    }

    /// Mounts a partition read-only, alone.
    ///
    /// # Panics
    /// If it cannot be mounted.
    #[must_use]
    pub fn mount(&self, number: u32) -> Mounted {
        Mounted::new(&[(self, number, "/")])
    }
}

impl Drop for BareDisk {
    fn drop(&mut self) {
        let _ = Command::new("losetup").arg("--detach").arg(&self.device).status();
    }
}

/// Runs a program. Returns what it printed, without the end of the last line.
///
/// # Panics
/// If it fails.
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} was expected to succeed: {}: {said}", output.status);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
