//! Makes a vfat image of files. It is always FAT 16: everybody reads it, and between it and FAT 12 there
//! are sizes about which implementations disagree. The crate that reads these images in the tests could write them
//! too, but gives `.` and `..` long names, which fsck.fat takes for damage.

use std::collections::HashSet;

use super::tree::{Content, Node, fold};
use super::{LABEL, LIMIT};
use crate::model::MIB;

/// Bytes of a sector.
const SECTOR: usize = 512;
/// Bytes of a directory entry.
const ENTRY: usize = 32;
/// UTF-16 units of a name that an entry holds.
const UNITS: usize = 13;
/// More clusters than any FAT 12 has.
const FEWEST_CLUSTERS: usize = 4200;
/// Above this, clusters of one sector would be more than FAT 16 has.
const SMALL: usize = 32 << 20;
/// Clusters that are left.
const ROOM: usize = 256;
/// Equal input gives equal output, so this is not random.
const VOLUME_ID: u32 = 0x434f_4e46;
/// The first day that FAT knows, the first of January 1980.
const DAY: u16 = 1 << 5 | 1;

const VOLUME: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
const ARCHIVE: u8 = 0x20;
/// What tells a part of a long name from other entries.
const LONG: u8 = 0x0f;

/// Makes the image, if the files fit into one.
pub(super) fn make(nodes: Vec<Node>) -> Option<Vec<u8>> {
    let mut writer = Writer::new(Shape::of(&nodes)?);
    writer.directory(nodes, writer.shape.root(), 0, entry(&padded(LABEL), VOLUME, 0, 0).to_vec());
    Some(writer.image)
}

/// How an image is laid out: boot sector, two tables, root directory, clusters.
struct Shape {
    /// Bytes of the image.
    size: usize,
    /// Bytes of a cluster.
    cluster: usize,
    root_entries: usize,
}

impl Shape {
    /// The smallest that holds the files, if there is one.
    fn of(nodes: &[Node]) -> Option<Self> {
        // The label has an entry as well.
        let root_entries = (entries(nodes) + 1).next_multiple_of(SECTOR / ENTRY).max(512);
        let limit = LIMIT as usize;
        (0..=limit).step_by(MIB as usize).find_map(|size| {
            let cluster = if size <= SMALL { SECTOR } else { 4 * SECTOR };
            let shape = Self { size, cluster, root_entries };
            let room = if size < limit { ROOM } else { 0 };
            let wanted = (clusters(nodes, cluster) + room).max(FEWEST_CLUSTERS);
            (shape.data() + wanted * cluster <= size).then_some(shape)
        })
    }

    /// Bytes of a table. Its last entries may be for clusters that the tables themselves displace.
    fn table(&self) -> usize {
        (2 * (self.size / self.cluster + 2)).next_multiple_of(SECTOR)
    }

    /// Where the root directory is.
    fn root(&self) -> usize {
        SECTOR + 2 * self.table()
    }

    /// Where the first cluster is.
    fn data(&self) -> usize {
        self.root() + self.root_entries * ENTRY
    }
}

/// Entries of a directory: one for each name, and those for its long form.
fn entries(nodes: &[Node]) -> usize {
    nodes.iter().map(|node| 1 + node.name.encode_utf16().count().div_ceil(UNITS)).sum()
}

/// Bytes of a directory below the root, which has entries for itself and its parent.
fn listing(nodes: &[Node]) -> usize {
    (2 + entries(nodes)) * ENTRY
}

fn clusters(nodes: &[Node], cluster: usize) -> usize {
    let of = |node: &Node| match &node.content {
        Content::File(content) => content.len().div_ceil(cluster),
        Content::Directory(nodes) => listing(nodes).div_ceil(cluster) + clusters(nodes, cluster),
    };
    nodes.iter().map(of).sum()
}

struct Writer {
    image: Vec<u8>,
    shape: Shape,
    /// The first cluster that is free; the first of all has the number 2.
    next: usize,
}

impl Writer {
    fn new(shape: Shape) -> Self {
        let mut writer = Self { image: vec![0; shape.size], next: 2, shape };
        writer.boot_sector();
        writer.link(0, 0xfff8);
        writer.link(1, 0xffff);
        writer
    }

    fn boot_sector(&mut self) {
        let shape = &self.shape;
        let sectors = shape.size / SECTOR;
        let (short, long) = if sectors < 0x1_0000 { (sectors, 0) } else { (0, sectors) };
        let boot = &mut self.image[..SECTOR];
        // Code that does nothing, for firmware that runs it.
        boot[..3].copy_from_slice(&[0xeb, 0x3c, 0x90]);
        boot[62..64].copy_from_slice(&[0xeb, 0xfe]);
        boot[3..11].copy_from_slice(b"deployer");
        boot[13] = (shape.cluster / SECTOR) as u8;
        // Number of tables, kind of medium, number of the drive, and the mark of the fields behind it.
        (boot[16], boot[21], boot[36], boot[38]) = (2, 0xf8, 0x80, 0x29);
        let mut set = |offset: usize, value: usize| {
            boot[offset..offset + 2].copy_from_slice(&(value as u16).to_le_bytes());
        };
        set(11, SECTOR);
        // Sectors before the tables.
        set(14, 1);
        set(17, shape.root_entries);
        set(19, short);
        set(22, shape.table() / SECTOR);
        // Sectors of a track and heads, which mean nothing but must not be zero.
        set(24, 32);
        set(26, 64);
        boot[32..36].copy_from_slice(&(long as u32).to_le_bytes());
        boot[39..43].copy_from_slice(&VOLUME_ID.to_le_bytes());
        boot[43..54].copy_from_slice(&padded(LABEL));
        boot[54..62].copy_from_slice(b"FAT16   ");
        boot[510..].copy_from_slice(&[0x55, 0xaa]);
    }

    /// Sets the entry of a cluster in both tables.
    fn link(&mut self, cluster: usize, value: u16) {
        for table in [SECTOR, SECTOR + self.shape.table()] {
            self.put(table + 2 * cluster, &value.to_le_bytes());
        }
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) {
        self.image[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    /// Takes clusters for so many bytes: the first one, 0 if there is none, and where it is.
    fn allocate(&mut self, bytes: usize) -> (u16, usize) {
        let first = self.next;
        let offset = self.shape.data() + (first - 2) * self.shape.cluster;
        self.next += bytes.div_ceil(self.shape.cluster);
        for cluster in first..self.next {
            let following = if cluster + 1 == self.next { 0xffff } else { cluster as u16 + 1 };
            self.link(cluster, following);
        }
        (if bytes == 0 { 0 } else { first as u16 }, offset)
    }

    /// Writes a directory to `offset`, with all that is in it. `own` is its first cluster, and `written` its
    /// first entries.
    fn directory(&mut self, nodes: Vec<Node>, offset: usize, own: u16, mut written: Vec<u8>) {
        let names: HashSet<String> = nodes.iter().map(|node| fold(&node.name)).collect();
        let mut aliases = (0u32..).map(|number| format!("CFG~{number:04}"));
        for Node { name, content } in nodes {
            let (attributes, first, length) = match content {
                Content::File(content) => {
                    let (first, place) = self.allocate(content.len());
                    self.put(place, &content);
                    (ARCHIVE, first, content.len() as u32)
                }
                Content::Directory(nodes) => {
                    let (first, place) = self.allocate(listing(&nodes));
                    let this = entry(b".          ", DIRECTORY, first, 0);
                    let parent = entry(b"..         ", DIRECTORY, own, 0);
                    self.directory(nodes, place, first, [this, parent].concat());
                    (DIRECTORY, first, 0)
                }
            };
            // Files are found by both of their names, so the short name of one may not be the long name of
            // another.
            let alias = aliases.by_ref().find(|alias| !names.contains(alias));
            let short = padded(&alias.expect("there are more numbers than names"));
            written.extend(long(&name, &short));
            written.extend(entry(&short, attributes, first, length));
        }
        self.put(offset, &written);
    }
}

fn padded(text: &str) -> [u8; 11] {
    let mut padded = [b' '; 11];
    padded[..text.len()].copy_from_slice(text.as_bytes());
    padded
}

fn entry(name: &[u8; 11], attributes: u8, cluster: u16, length: u32) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    entry[..11].copy_from_slice(name);
    entry[11] = attributes;
    // When it was made, read and written.
    for day in [16, 18, 24] {
        entry[day..day + 2].copy_from_slice(&DAY.to_le_bytes());
    }
    entry[26..28].copy_from_slice(&cluster.to_le_bytes());
    entry[28..].copy_from_slice(&length.to_le_bytes());
    entry
}

/// The entries for a long name, the last part first. They belong to the short one by its checksum.
fn long(name: &str, short: &[u8; 11]) -> Vec<u8> {
    let checksum = short.iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
    let units: Vec<u16> = name.encode_utf16().collect();
    let count = units.len().div_ceil(UNITS);
    let part = |(index, part): (usize, &[u16])| {
        let mut entry = [0; ENTRY];
        let last = if index + 1 == count { 0x40 } else { 0 };
        entry[0] = (index + 1) as u8 | last;
        (entry[11], entry[13]) = (LONG, checksum);
        // A name that does not fill its entries ends with a zero.
        let padding = std::iter::once(0).chain(std::iter::repeat(0xffff));
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
        for (place, unit) in places.zip(part.iter().copied().chain(padding)) {
            entry[place..place + 2].copy_from_slice(&unit.to_le_bytes());
        }
        entry
    };
    units.chunks(UNITS).enumerate().map(part).rev().flatten().collect()
}
