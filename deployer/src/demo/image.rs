//! The tree that the demonstration deploys: as a small system might look, made of bytes that do not pack.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Size of the one large file, in bytes.
const LARGE: usize = 16 * 1024 * 1024;
/// How many programs, and how many pages about them.
const PROGRAMS: u32 = 120;
const PAGES: u32 = 600;
/// The tree is that much older than what changes in it: times that differ by less than a second count as the same.
const AGE: Duration = Duration::from_secs(3600);

/// A tree in a directory of its own.
pub(super) struct Image {
    root: PathBuf,
    noise: Noise,
}

impl Image {
    /// Makes it, at a path where nothing is.
    pub(super) fn make(root: PathBuf) -> io::Result<Self> {
        let mut image = Self { root, noise: Noise(0x9e37_79b9_7f4a_7c15) };
        for dir in ["etc", "usr/bin", "usr/share/doc", "var/lib", "home"] {
            fs::create_dir_all(image.root.join(dir))?;
        }
        image.write("etc/hostname", b"demo\n")?;
        image.write("etc/release", b"version 1\n")?;
        for number in 0..PROGRAMS {
            let len = 20_000 + image.noise.below(80_000);
            image.write_noise(&format!("usr/bin/program-{number:03}"), len)?;
        }
        for number in 0..PAGES {
            let len = 500 + image.noise.below(4_000);
            image.write_noise(&format!("usr/share/doc/page-{number:03}"), len)?;
        }
        image.write_noise("var/lib/database", LARGE)?;
        fs::hard_link(image.root.join("usr/bin/program-000"), image.root.join("usr/bin/also-known-as"))?;
        symlink("../etc/hostname", image.root.join("usr/name"))?;
        Ok(image)
    }

    /// The directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Changes a little of it, and says what.
    pub(super) fn update(&mut self) -> io::Result<&'static str> {
        let now = SystemTime::now();
        let database = File::options().write(true).open(self.root.join("var/lib/database"))?;
        let (mut page, offset) = (vec![0; 4096], LARGE as u64 / 3);
        self.noise.fill(&mut page);
        database.write_all_at(&page, offset)?;
        database.set_modified(now)?;
        fs::write(self.root.join("etc/release"), "version 2\n")?;
        fs::write(self.root.join("usr/share/doc/news"), "There is a second version.\n")?;
        fs::remove_file(self.root.join("usr/share/doc/page-000"))?;
        Ok("4 KiB in the middle of a file of 16 MiB, one small file; one file is new, one is gone")
    }

    fn write_noise(&mut self, name: &str, len: usize) -> io::Result<()> {
        let mut bytes = vec![0; len];
        self.noise.fill(&mut bytes);
        self.write(name, &bytes)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create_new(self.root.join(name))?;
        file.write_all(bytes)?;
        file.set_modified(SystemTime::now() - AGE)
    }
}

/// Bytes without a pattern, the same on each run (xorshift).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}
