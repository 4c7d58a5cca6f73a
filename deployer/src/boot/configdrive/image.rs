//! What an image is. Images come from anywhere and are read with that in mind: no number in them is believed
//! before it is compared with what is there.

use super::{ConfigDriveError, Kind, LABEL};

/// Where the primary volume descriptor of ISO 9660 is.
const DESCRIPTOR: usize = 32768;
/// Bytes of a logical block of ISO 9660.
const ISO_BLOCK: u64 = 2048;
/// How many clusters of a root directory are looked through; the chain can be a circle.
const MOST_ROOT_CLUSTERS: usize = 100;
/// Bytes of a directory entry of FAT.
const ENTRY: u64 = 32;

/// What an image says of itself.
struct Volume {
    kind: Kind,
    label: Option<String>,
    /// In bytes.
    size: u64,
}

/// Checks that an image is a whole config drive.
pub(super) fn check(image: &[u8], origin: &str) -> Result<Kind, ConfigDriveError> {
    let origin = origin.to_owned();
    let Some(Volume { kind, label, size }) = iso(image).or_else(|| fat(image)) else {
        return Err(ConfigDriveError::Foreign { origin, found: describe(image) });
    };
    if !label.as_deref().is_some_and(|label| label.eq_ignore_ascii_case(LABEL)) {
        let found = label.map_or_else(|| "no label".to_owned(), |label| format!("the label {label:?}"));
        return Err(ConfigDriveError::Label { origin, kind, found });
    }
    let have = image.len() as u64;
    if size > have {
        return Err(ConfigDriveError::Incomplete { origin, kind, have, wanted: size });
    }
    Ok(kind)
}

fn iso(image: &[u8]) -> Option<Volume> {
    let descriptor = image.get(DESCRIPTOR..DESCRIPTOR + 2048)?;
    if &descriptor[1..6] != b"CD001" {
        return None;
    }
    let label = text(&descriptor[40..72]);
    let blocks = number(descriptor, 80, 4)?;
    Some(Volume { kind: Kind::Iso9660, label, size: blocks * ISO_BLOCK })
}

/// The label is the one in the root directory: blkid, and so cloud-init, ignores the other one in the boot
/// sector.
fn fat(image: &[u8]) -> Option<Volume> {
    let boot = image.get(..512)?;
    let field = |offset, bytes| number(boot, offset, bytes);
    let (sector, sectors_per_cluster) = (field(11, 2)?, field(13, 1)?);
    let (reserved, tables, root_entries) = (field(14, 2)?, field(16, 1)?, field(17, 2)?);
    let sane = boot[510..] == [0x55, 0xaa]
        && sector.is_power_of_two()
        && (512..=4096).contains(&sector)
        && sectors_per_cluster.is_power_of_two()
        && reserved > 0
        && tables > 0
        && (boot[21] == 0xf0 || boot[21] >= 0xf8);
    if !sane {
        return None;
    }
    let first_set = |short, long| Some(if short == 0 { field(long, 4)? } else { short });
    let short_table = field(22, 2)?;
    let is_fat32 = short_table == 0;
    let table = reserved * sector;
    let root = table + tables * first_set(short_table, 36)? * sector;
    let data = root + (root_entries * ENTRY).next_multiple_of(sector);
    let size = first_set(field(19, 2)?, 32)? * sector;
    if size <= data {
        return None;
    }
    let mut label = None;
    if is_fat32 {
        let bytes = sectors_per_cluster * sector;
        let mut cluster = field(44, 4)?;
        for _ in 0..MOST_ROOT_CLUSTERS {
            // Numbers from the end of the range mark the end of the chain, and 0 and 1 nothing at all.
            let Some(index) = cluster.checked_sub(2) else { break };
            let Some(part) = slice(image, data + index * bytes, bytes) else { break };
            label = root_label(part);
            let Some(next) = slice(image, table + 4 * cluster, 4) else { break };
            cluster = number(next, 0, 4)? & 0x0fff_ffff;
            if label.is_some() {
                break;
            }
        }
    } else {
        label = slice(image, root, data - root).and_then(root_label);
    }
    Some(Volume { kind: Kind::Vfat, label, size })
}

/// The label in a part of a root directory.
fn root_label(part: &[u8]) -> Option<String> {
    let entries = part.chunks_exact(ENTRY as usize).take_while(|entry| entry[0] != 0);
    // A volume label, not a part of a long name, which has this bit as well; and not deleted.
    let mut labels = entries.filter(|entry| entry[0] != 0xe5 && entry[11] & 0x1f == 0x08);
    text(&labels.next()?[..11])
}

/// A padded text.
fn text(bytes: &[u8]) -> Option<String> {
    let text = bytes.split(|byte| *byte == 0).next()?.trim_ascii_end();
    (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
}

/// A little-endian number.
fn number(bytes: &[u8], offset: usize, length: usize) -> Option<u64> {
    let digits = bytes.get(offset..offset + length)?;
    Some(digits.iter().rev().fold(0, |number, digit| number << 8 | u64::from(*digit)))
}

fn slice(image: &[u8], start: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(start).ok()?;
    image.get(start..start.checked_add(usize::try_from(length).ok()?)?)
}

/// What something is that was to be something else, for the message.
pub(super) fn describe(bytes: &[u8]) -> String {
    /// Characters and bytes that are shown.
    const SHOWN: usize = 32;
    let start = &bytes[..bytes.len().min(512)];
    let lower = start.trim_ascii_start().to_ascii_lowercase();
    match () {
        () if bytes.is_empty() => return "empty".to_owned(),
        () if bytes.iter().all(|byte| *byte == 0) => return "nothing but zeros".to_owned(),
        () if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") => {
            return "an HTML page".to_owned();
        }
        () if start.starts_with(&[0x1f, 0x8b]) => return "gzip once more".to_owned(),
        () if start.starts_with(b"QFI\xfb") => return "a qcow2 image".to_owned(),
        () if start.starts_with(b"PK\x03\x04") => return "a ZIP archive".to_owned(),
        () => {}
    }
    // A character may be cut at the end of what is looked at.
    let readable = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => "",
    };
    let plain = |letter: char| !letter.is_control() || letter.is_whitespace();
    if !readable.is_empty() && readable.chars().all(plain) {
        let begin: String = readable.chars().take(SHOWN).collect();
        return format!("text that begins with {begin:?}");
    }
    let begin: Vec<String> = start.iter().take(SHOWN / 2).map(|byte| format!("{byte:02x}")).collect();
    format!("something that begins with the bytes {}", begin.join(" "))
}
