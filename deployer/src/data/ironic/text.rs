//! The strings of a description: what each may be, what it means, and a pattern that says the same for the schema, as
//! far as a pattern can.

use std::path::PathBuf;

use rsync_proto::Location;
use uuid::Uuid;

use crate::data::shape::{Choice, Text};
use crate::flags;
use crate::model::{ConfigSource, FsKind, MIB, MountPoint, PullOptions, Size, Sum};

/// Least and usual space that a physical volume leaves to LVM, in MiB.
const LEAST_RESERVED: u64 = 10;
pub(super) const RESERVED: u64 = 64;

const EXACT_PATTERN: &str = r"^\s*0*[1-9][0-9]*\s*([KMGTPEZY]i?B)?\s*$";

pub(super) const SIZE: Text<Size> = Text {
    what: "a size (\"10 GiB\", \"500 MB\", \"4096\" for MiB, \"40%\" or \"remaining\")",
    parse: Size::parse,
    pattern: Some(r"^\s*(0*[1-9][0-9]*\s*([KMGTPEZY]i?B)?|0*([1-9][0-9]?|100)\s*%|remaining)\s*$"),
    secret: false,
};

pub(super) const EXACT: Text<u64> = Text {
    what: "a size in bytes (\"10 GiB\", \"500 MB\", \"4096\" for MiB)",
    parse: |text| match Size::parse(text)? {
        Size::Bytes(bytes) => Ok(bytes),
        Size::Share(_) | Size::Remaining => Err("it must say how much".to_owned()),
    },
    pattern: Some(EXACT_PATTERN),
    secret: false,
};

/// Older descriptions have pools of nothing.
pub(super) const POOL_SIZE: Text<Size> = Text {
    parse: |text| match Size::parse(text) {
        Err(reason) if reason == Size::NOTHING => Ok(Size::Bytes(0)),
        result => result,
    },
    pattern: Some(r"^\s*([0-9]+\s*([KMGTPEZY]i?B)?|0*([1-9][0-9]?|100)\s*%|remaining)\s*$"),
    ..SIZE
};

pub(super) const META_SIZE: Text<u64> = Text {
    what: "a size of at least 10 MiB",
    parse: |text| match Size::parse(text)? {
        Size::Bytes(bytes) if bytes >= LEAST_RESERVED * MIB => Ok(bytes),
        _ => Err(String::new()),
    },
    pattern: Some(EXACT_PATTERN),
    secret: false,
};

pub(super) const FREE_TEXT: Text<String> = Text {
    what: "a string",
    parse: |text| one_line(text).map(str::to_owned),
    pattern: Some(r"^[^\x00-\x1f\x7f-\x9f]*$"),
    secret: false,
};

pub(super) const LABEL: Text<String> = Text {
    what: "a label",
    parse: |text| match one_line(text)? {
        text if text.trim() != text => Err("it may not begin or end with a blank".to_owned()),
        text => Ok(text.to_owned()),
    },
    pattern: Some(r"^([^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?)?$"),
    secret: false,
};

fn one_line(text: &str) -> Result<&str, String> {
    match text.chars().any(char::is_control) {
        true => Err("control characters are not allowed".to_owned()),
        false => Ok(text),
    }
}

/// Names that become paths and arguments: of groups, volumes and arrays.
fn name(text: &str) -> Result<String, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_.+-".contains(letter);
    match text {
        "" => Err("it is empty".to_owned()),
        "." | ".." => Err("it is the name of a directory".to_owned()),
        _ if text.starts_with('-') => Err("it may not begin with a dash".to_owned()),
        _ if !text.chars().all(plain) => Err("only letters, digits and _ . + - are allowed".to_owned()),
        _ if text.len() > 100 => Err("it is longer than 100 bytes".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// Any but `.` and `..`, and not a dash at the start.
const NAME_PATTERN: &str =
    r"^([A-Za-z0-9_+][A-Za-z0-9_.+-]*|\.[A-Za-z0-9_+-][A-Za-z0-9_.+-]*|\.\.[A-Za-z0-9_.+-]+)$";

pub(super) const GROUP_NAME: Text<String> =
    Text { what: "the name of a volume group", parse: name, pattern: Some(NAME_PATTERN), secret: false };

/// Parts of names that LVM keeps for itself (lvm(8), "VALID NAMES").
const LVM_OWN: [&str; 13] = [
    "_cdata", "_cmeta", "_corig", "_iorig", "_mimage", "_mlog", "_pmspare", "_rimage", "_rmeta", "_tdata",
    "_tmeta", "_vdata", "_vorigin",
];

pub(super) const VOLUME_NAME: Text<String> = Text {
    what: "the name of a logical volume",
    parse: |text| {
        let text = name(text)?;
        if text.starts_with("snapshot") || text.starts_with("pvmove") {
            return Err("LVM keeps names that begin with snapshot or pvmove for itself".to_owned());
        }
        match LVM_OWN.iter().find(|own| text.contains(*own)) {
            Some(own) => Err(format!("LVM keeps names with {own} for itself")),
            None => Ok(text),
        }
    },
    pattern: Some(NAME_PATTERN),
    secret: false,
};

pub(super) const ARRAY_NAME: Text<String> = Text {
    what: "the name of an array",
    parse: |text| {
        let text = name(text.trim_start_matches("/dev/").trim_start_matches("md/"))?;
        match text.len() > 32 || text.contains('+') {
            true => Err("mdadm takes at most 32 letters, digits and _ . -".to_owned()),
            false => Ok(text),
        }
    },
    pattern: Some(
        r"^(/dev/)*(md/)*([A-Za-z0-9_][A-Za-z0-9_.-]*|\.[A-Za-z0-9_-][A-Za-z0-9_.-]*|\.\.[A-Za-z0-9_.-]+)$",
    ),
    secret: false,
};

/// Where a file system is mounted, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mount {
    None,
    /// What older descriptions say for swap.
    Swap,
    At(MountPoint),
}

/// What no pattern of paths may match: a component that is `.` or `..`, blanks, backslashes.
macro_rules! absolute_path {
    () => {
        concat!(
            r"/+((([^/\s\\.\x00-\x1f\x7f-\x9f]|\.[^/\s\\.\x00-\x1f\x7f-\x9f]|\.\.[^/\s\\\x00-\x1f\x7f-\x9f])",
            r"[^/\s\\\x00-\x1f\x7f-\x9f]*)(/+|$))*"
        )
    };
}

pub(super) const MOUNT: Text<Mount> = Text {
    what: "an absolute path or \"none\"",
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "none" | "" => Ok(Mount::None),
        "swap" => Ok(Mount::Swap),
        _ => MountPoint::parse(text).map(Mount::At),
    },
    pattern: Some(concat!("^(", absolute_path!(), "|[nN][oO][nN][eE]|[sS][wW][aA][pP])?$")),
    secret: false,
};

pub(super) const TARGET: Text<MountPoint> = Text {
    what: "an absolute path in the tree",
    parse: MountPoint::parse,
    pattern: Some(concat!("^", absolute_path!(), "$")),
    secret: false,
};

pub(super) const SUM: Text<Sum> = Text {
    what: "32, 64 or 128 hexadecimal digits",
    parse: |text| Sum::parse(text.trim()).ok_or_else(String::new),
    pattern: Some(r"^\s*([0-9A-Fa-f]{32}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{128})\s*$"),
    secret: false,
};

pub(super) const IMAGE_NAME: Text<String> = Text {
    what: "the name of an image",
    parse: |text| match text {
        "" => Err("it is empty".to_owned()),
        _ => one_line(text).map(str::to_owned),
    },
    pattern: Some(r"^[^\x00-\x1f\x7f-\x9f]+$"),
    secret: false,
};

/// Which of them it can copy, a deploy driver says.
pub(super) const URL: Text<String> = Text {
    what: "rsync:HOST::module/path, HOST::module/path, rsync(s)://[user@]HOST[:port]/module/path, http(s)://HOST/path \
           or file:///path",
    parse: |text| {
        let text = one_line(text)?;
        let one_of = |schemes: &[&str]| {
            schemes.iter().find_map(|scheme| text.strip_prefix(scheme)).is_some_and(|rest| !rest.is_empty())
        };
        if one_of(&["http://", "https://", "file:///"]) {
            return Ok(text.to_owned());
        }
        match Location::parse(text) {
            Ok(location) if !location.scheme.is_daemon() => Err(
                "it leads to a machine by a remote shell, and a description starts no programs: pull from a daemon, as \
                 HOST::module/path"
                    .to_owned(),
            ),
            Ok(location) if location.module.is_empty() => Err("it names no module".to_owned()),
            Ok(_) => Ok(text.to_owned()),
            // A password in it.
            Err(error) if !error.to_string().contains(text) => Err(error.to_string()),
            Err(_) => Err(String::new()),
        }
    },
    pattern: Some(
        r"^([rR][sS][yY][nN][cC][sS]?://[^/]+/+[^/-].*|(rsync:)?[^/]*::/*[^/-].*|https?://.+|file:///.+)$",
    ),
    secret: false,
};

pub(super) const FILE_SYSTEM: Choice<FsKind> = Choice(FsKind::NAMES);

pub(super) const GUID: Text<Uuid> = Text {
    what: "a GUID",
    parse: |text| Uuid::parse_str(text).map_err(|error| error.to_string()),
    pattern: Some(
        r"^([0-9A-Fa-f]{32}|(urn:uuid:)?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\})$",
    ),
    secret: false,
};

pub(super) const FSTAB_OPTIONS: Text<String> = Text {
    what: "mount options, with commas between them",
    parse: |text| match text {
        "" => Err("it is empty; \"defaults\" is the usual value".to_owned()),
        _ if text.chars().any(|letter| letter.is_whitespace() || letter.is_control()) => {
            Err("blanks and control characters are not allowed".to_owned())
        }
        _ => Ok(text.to_owned()),
    },
    pattern: Some(r"^[^\s\x00-\x1f\x7f-\x9f]+$"),
    secret: false,
};

pub(super) const RSYNC_FLAGS: Text<PullOptions> = Text {
    what: "options as `deployer pull` takes them",
    parse: flags::parse_text,
    pattern: None,
    secret: false,
};

/// The kernel's name of a disk.
pub(super) const DISK_NAME: Text<String> = Text {
    what: "the kernel's name of a disk, as \"sda\"",
    parse: |text| {
        let plain = one_line(text)?.strip_prefix("/dev/").unwrap_or(text);
        match plain.split('/').any(|part| matches!(part, "" | "." | "..")) {
            true => Err(String::new()),
            false => Ok(plain.to_owned()),
        }
    },
    pattern: Some(
        r"^(/dev/)?([^/.\x00-\x1f\x7f-\x9f]|\.[^/.\x00-\x1f\x7f-\x9f]|\.\.[^/\x00-\x1f\x7f-\x9f])[^/\x00-\x1f\x7f-\x9f]*(/([^/.\x00-\x1f\x7f-\x9f]|\.[^/.\x00-\x1f\x7f-\x9f]|\.\.[^/\x00-\x1f\x7f-\x9f])[^/\x00-\x1f\x7f-\x9f]*)*$",
    ),
    secret: false,
};

pub(super) const DISK_PATH: Text<PathBuf> = Text {
    what: "a path under /dev, as \"disk/by-path/…\", or an absolute path",
    parse: |text| match one_line(text)? {
        "" => Err(String::new()),
        path => Ok(PathBuf::from("/dev").join(path)),
    },
    pattern: Some(r"^[^\x00-\x1f\x7f-\x9f]+$"),
    secret: false,
};

pub(super) const SCSI_ADDRESS: Text<String> = Text {
    what: "host:channel:target:unit, as \"6:1:0:0\"",
    parse: |text| {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        match text.split(':').count() == 4 && text.split(':').all(digits) {
            true => Ok(text.to_owned()),
            false => Err(String::new()),
        }
    },
    pattern: Some("^[0-9]+(:[0-9]+){3}$"),
    secret: false,
};

/// It holds passwords and keys.
pub(super) const CONFIG_DRIVE: Text<ConfigSource> = Text {
    what: "a directory, a URL, or an image in gzip and base64",
    parse: |text| {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        if let Some(path) = text.strip_prefix("file://") {
            return Ok(ConfigSource::Directory(PathBuf::from(path)));
        }
        if text.contains("://") {
            return Ok(ConfigSource::Url(text.to_owned()));
        }
        // The start of gzip, in base64; nothing else begins so.
        match text.starts_with("H4sI") {
            true => Ok(ConfigSource::Encoded(text.to_owned())),
            false if text.starts_with('/') => Ok(ConfigSource::Directory(PathBuf::from(text))),
            false => Err(String::new()),
        }
    },
    pattern: Some(r"^\s*(/|H4sI|\S+://)"),
    secret: true,
};
