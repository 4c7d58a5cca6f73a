//! What is offered to the server as a basis: the blocks of one file, or of several as if they were one.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::fstat;
use rustix::io::pread;

use super::basis::{LocalBasis, READ_SIZE};
use super::buffer;
use super::dir::LocalDir;
use super::tree::LocalTree;
use crate::checksum::BlockSummer;
use crate::delta::{BlockLayout, Offer, SHORT_BLOCK, SHORTEST_BLOCK, block_len, put_block_sums};
use crate::destination::{MoreSums, Offering};
use crate::flist::EntryRef;

/// Sums go out in pieces of about this size, in bytes.
const PIECE: usize = 64 * 1024;
/// No more is read for one, in bytes: the server waits for it.
const PIECE_READ: usize = 16 * 1024 * 1024;

/// A basis that can be read. Of several files, each but the last counts as far as its whole blocks reach: a server
/// expects a shorter one at the end only.
pub(super) struct OpenBasis {
    parts: Vec<Part>,
    block_len: u32,
}

struct Part {
    file: OwnedFd,
    /// Where it ends in the whole.
    end: u64,
}

impl OpenBasis {
    fn new(files: Vec<(OwnedFd, u64)>, block_len: impl FnOnce(u64) -> u32) -> Self {
        let block_len = block_len(files.iter().map(|(_, size)| size).sum());
        let last = files.len() - 1;
        let mut end = 0;
        let parts = files.into_iter().enumerate().map(|(number, (file, size))| {
            end += if number == last { size } else { size - size % u64::from(block_len) };
            Part { file, end }
        });
        Self { parts: parts.collect(), block_len }
    }

    /// The first file of it.
    pub(super) fn first(&self) -> &OwnedFd {
        &self.parts[0].file
    }

    /// Length of all of it, in bytes, as it was when it was opened.
    pub(super) fn len(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.end)
    }

    /// The file that has what lies at this offset, where it lies there, and how many bytes follow in it that belong to the
    /// whole. Nothing at the end.
    pub(super) fn at(&self, offset: u64) -> Option<(&OwnedFd, u64, u64)> {
        let number = self.parts.iter().position(|part| offset < part.end)?;
        let start = number.checked_sub(1).map_or(0, |before| self.parts[before].end);
        let part = &self.parts[number];
        Some((&part.file, offset - start, part.end - offset))
    }

    /// Reads what lies at this offset, at least a byte; none at the end, or where a file was cut meanwhile.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if let [single] = &self.parts[..] {
            return Ok(pread(&single.file, buffer, offset)?);
        }
        let Some((file, offset, left)) = self.at(offset) else { return Ok(0) };
        let most = buffer.len().min(left.try_into().unwrap_or(usize::MAX));
        Ok(pread(file, &mut buffer[..most], offset)?)
    }

    /// Whether as much was there as was to be read.
    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<bool> {
        while !buffer.is_empty() {
            let len = self.read_at(buffer, offset)?;
            if len == 0 {
                return Ok(false);
            }
            buffer = &mut buffer[len..];
            offset += len as u64;
        }
        Ok(true)
    }
}

impl LocalTree {
    /// Opens the basis of the entry `name`. Of several files, those that are gone are left out.
    pub(super) fn open_basis(
        &self,
        dir: &LocalDir,
        name: &[u8],
        basis: &LocalBasis,
    ) -> io::Result<OpenBasis> {
        let open = |basis| {
            let file = self.open_single(dir, name, basis)?;
            let size = fstat(&file)?.st_size as u64;
            Ok::<_, io::Error>((file, size))
        };
        let files = match basis {
            LocalBasis::Several(several) => {
                let files: Vec<_> = several.iter().filter_map(|basis| open(basis).ok()).collect();
                if files.is_empty() {
                    return Err(io::ErrorKind::NotFound.into());
                }
                files
            }
            single => vec![open(single)?],
        };
        Ok(OpenBasis::new(files, |size| {
            let shortest = if basis.is_another() { SHORTEST_BLOCK } else { SHORT_BLOCK };
            self.options.content.block_size.unwrap_or_else(|| block_len(size, shortest))
        }))
    }

    fn open_single(&self, dir: &LocalDir, name: &[u8], basis: &LocalBasis) -> io::Result<OwnedFd> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        match basis {
            LocalBasis::Own => self.open_content(dir.fd(), name),
            LocalBasis::Partial => {
                self.open_content(self.places().partial_dir(dir).ok_or_else(gone)?.as_fd(), name)
            }
            LocalBasis::Alternate(place) => {
                self.open_content(dir.alternate(place.number).ok_or_else(gone)?, name)
            }
            LocalBasis::Similar { alternate: None, name } => self.open_content(dir.fd(), name),
            LocalBasis::Similar { alternate: Some(number), name } => {
                self.open_content(dir.alternate(*number).ok_or_else(gone)?, name)
            }
            LocalBasis::Elsewhere { directory, name } => {
                self.open_content(self.root().open(directory)?.as_fd(), name)
            }
            LocalBasis::Several(_) => unreachable!("several are not several again"),
        }
    }

    /// What to say of a basis. What cannot be read is of no use, and the file comes whole.
    pub(super) fn offer_of(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        basis: &LocalBasis,
        again: bool,
    ) -> io::Result<Offering> {
        let opened = self.open_basis(dir, self.name(entry), basis)?;
        let size = opened.len();
        let layout = BlockLayout::with_blocks(opened.block_len, size, again, self.summer.kind.sum_len());
        let Some(layout) = layout.filter(|layout| layout.count > 0) else { return Ok(Offering::default()) };
        if self.options.content.append.is_some() && !again {
            // Only what is at the entry's own place can be gone on with.
            let offer = match basis {
                LocalBasis::Own if size < entry.size() => Offer { layout, kept: size, ..Offer::NONE },
                _ => Offer::NONE,
            };
            return Ok(offer.into());
        }
        let stopped = Arc::clone(&self.stopped);
        let mut more = BlockSums { basis: opened, layout, summer: self.summer, at: 0, stopped };
        let Some(sums) = more.next() else { return Ok(Offering::default()) };
        let left = u64::from(layout.count) * more.sum_len() as u64 - sums.len() as u64;
        let offer = Offer { layout, sums, more: left, kept: 0 };
        Ok(Offering { offer, more: (left > 0).then(|| Box::new(more) as MoreSums) })
    }
}

/// The sums of a basis, in pieces of about [`PIECE`] bytes, or what [`PIECE_READ`] bytes come to. They end early if the file
/// became shorter or cannot be read, or the transfer was stopped.
struct BlockSums {
    basis: OpenBasis,
    layout: BlockLayout,
    summer: BlockSummer,
    /// Where the next block begins.
    at: u64,
    stopped: Arc<AtomicBool>,
}

impl BlockSums {
    /// What a block comes to, in bytes.
    fn sum_len(&self) -> usize {
        4 + self.layout.sum_len as usize
    }
}

impl Iterator for BlockSums {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let block_len = self.layout.block_len as usize;
        let left = (self.basis.len() - self.at).div_ceil(block_len as u64);
        let most = (PIECE / self.sum_len()).min(PIECE_READ / block_len).max(1);
        let blocks = left.min(most as u64) as usize;
        let mut sums = Vec::with_capacity(blocks * self.sum_len());
        buffer::with(READ_SIZE.max(block_len) / block_len * block_len, |buffer| {
            while sums.len() < blocks * self.sum_len() {
                let most = buffer.len().min((blocks - sums.len() / self.sum_len()) * block_len);
                let len = (self.basis.len() - self.at).min(most as u64) as usize;
                let stopped = self.stopped.load(Ordering::Relaxed);
                if stopped || !self.basis.read_exact_at(&mut buffer[..len], self.at).ok()? {
                    return None;
                }
                for block in buffer[..len].chunks(block_len) {
                    put_block_sums(&mut sums, &self.summer, &self.layout, block);
                }
                self.at += len as u64;
            }
            (!sums.is_empty()).then_some(sums)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(content: &[u8]) -> (OwnedFd, u64) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        (file.into(), content.len() as u64)
    }

    fn all(basis: &OpenBasis) -> Vec<u8> {
        let mut content = vec![0; basis.len() as usize];
        assert!(basis.read_exact_at(&mut content, 0).unwrap());
        content
    }

    #[test]
    fn several_files_are_one_as_far_as_whole_blocks_reach() {
        let files = vec![file(&[1; 2500]), file(&[2; 999]), file(&[3; 1000]), file(&[4; 30])];
        let basis = OpenBasis::new(files, |_| 1000);
        assert_eq!(basis.len(), 3030);
        assert_eq!(all(&basis), [vec![1; 2000], vec![3; 1000], vec![4; 30]].concat());
        let mut buffer = [0; 100];
        assert_eq!(basis.read_at(&mut buffer, 1990).unwrap(), 10, "a file ends there");
        assert_eq!(basis.read_at(&mut buffer, 3030).unwrap(), 0);
        assert_eq!(basis.read_at(&mut buffer, 1 << 40).unwrap(), 0);
    }

    #[test]
    fn sums_come_in_pieces_and_end_where_the_file_does() {
        let content: Vec<u8> = (0..3_000_001_u32).map(|i| ((i * 7) >> 5) as u8).collect();
        let (file, size) = file(&content);
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        let writable = std::fs::File::options().write(true).open(path).unwrap();
        let summer = BlockSummer {
            kind: crate::checksum::ChecksumKind::Md5,
            seed: 5,
            seed_first: true,
            seeds_files: false,
        };
        let layout = BlockLayout::with_blocks(300, size, true, 16).unwrap();
        let basis = OpenBasis::new(vec![(file, size)], |_| 300);
        let mut sums = BlockSums { basis, layout, summer, at: 0, stopped: Arc::default() };
        let pieces: Vec<Vec<u8>> = sums.by_ref().collect();
        let mut whole = Vec::new();
        content.chunks(300).for_each(|block| put_block_sums(&mut whole, &summer, &layout, block));
        assert!(pieces.len() == 4 && pieces.iter().all(|piece| piece.len() <= PIECE));
        assert!(pieces.concat() == whole);
        sums.at = 0;
        writable.set_len(2_000_000).unwrap();
        let cut = sums.collect::<Vec<_>>().concat();
        assert!(!cut.is_empty() && cut.len() < whole.len() && whole.starts_with(&cut));
    }

    #[test]
    fn one_file_is_itself() {
        let basis = OpenBasis::new(vec![file(&[1; 2500])], |size| block_len(size, SHORTEST_BLOCK));
        assert_eq!((basis.len(), basis.block_len), (2500, SHORTEST_BLOCK));
        assert_eq!(all(&basis), [1; 2500]);
        assert!(!basis.read_exact_at(&mut [0; 2], 2499).unwrap());
    }
}
