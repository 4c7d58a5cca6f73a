//! The description as it is written: which keys there are, and what may stand in each. What several of them say
//! together is looked at afterwards.

use std::path::PathBuf;

use serde_json::json;
use uuid::Uuid;

use crate::data::shape::{Choice, Fields, Flag, List, Object, Tagged, Text};
use crate::flags;
use crate::model::{
    ConfigSource, DiskId, FsKind, MIB, MountPoint, Policy, PullOptions, Size, image_location,
};

pub(super) struct Description {
    pub(super) policy: Policy,
    /// Nothing where one could not be read; so it is with the other lists.
    pub(super) images: Vec<Option<Image>>,
    pub(super) pull: PullOptions,
    pub(super) kernel_params: String,
    pub(super) partitions: Vec<Option<Top>>,
    pub(super) config_drive: Option<ConfigSource>,
}

pub(super) struct Image {
    pub(super) path: String,
    pub(super) name: Option<String>,
    pub(super) boot: bool,
    pub(super) image_name: String,
    pub(super) image_uuid: String,
    pub(super) url: Option<String>,
    pub(super) target: Option<MountPoint>,
}

pub(super) enum Top {
    Disk(Disk),
    Group(Group),
}

pub(super) struct Disk {
    pub(super) path: String,
    pub(super) id: Option<DiskId>,
    pub(super) size: Option<u64>,
    pub(super) volumes: Vec<Option<Volume>>,
}

pub(super) struct Group {
    pub(super) path: String,
    pub(super) id: Option<String>,
    pub(super) volumes: Vec<Option<Logical>>,
}

pub(super) struct Volume {
    pub(super) path: String,
    pub(super) size: Option<Size>,
    pub(super) role: Role,
}

pub(super) enum Role {
    Partition { file_system: FileSystem, guid: Option<Uuid> },
    Raid { file_system: FileSystem, name: Option<String> },
    Physical { group: Option<String>, reserved: u64, clear: bool },
    Reserved,
}

pub(super) struct Logical {
    pub(super) path: String,
    pub(super) name: Option<String>,
    pub(super) size: Option<Size>,
    pub(super) file_system: FileSystem,
}

pub(super) struct FileSystem {
    pub(super) kind: FsKind,
    pub(super) mount: Option<MountPoint>,
    pub(super) label: Option<String>,
    pub(super) keep_data: bool,
    pub(super) fstab_enabled: bool,
    pub(super) fstab_options: String,
    pub(super) images: Option<Vec<Option<String>>>,
    /// Whether mount and images could be read.
    pub(super) placed: bool,
    /// Whether all of this could be read.
    pub(super) clear: bool,
}

/// Least and usual space that a physical volume leaves to LVM, in MiB.
const LEAST_RESERVED: u64 = 10;
const RESERVED: u64 = 64;

const SIZE_PATTERN: &str = "^\\s*([0-9]+\\s*([KMGTPEZY]i?B|%)?|remaining)\\s*$";

const SIZE: Text<Size> = Text {
    what: "a size (\"10 GiB\", \"500 MB\", \"4096\" for MiB, \"40%\" or \"remaining\")",
    parse: Size::parse,
    pattern: Some(SIZE_PATTERN),
};

const EXACT: Text<u64> = Text {
    what: "a size without shares (\"10 GiB\", \"500 MB\", \"4096\" for MiB)",
    parse: |text| match Size::parse(text)? {
        Size::Bytes(bytes) => Ok(bytes),
        _ => Err("a disk has no share of anything".to_owned()),
    },
    pattern: Some("^\\s*[0-9]+\\s*([KMGTPEZY]i?B)?\\s*$"),
};

/// Older descriptions have pools of nothing.
const POOL_SIZE: Text<Size> = Text {
    parse: |text| match text.trim().trim_end_matches(|letter: char| letter.is_ascii_alphabetic()).trim_end() {
        zeros if !zeros.is_empty() && zeros.bytes().all(|digit| digit == b'0') => Ok(Size::Bytes(0)),
        _ => Size::parse(text),
    },
    ..SIZE
};

const META_SIZE: Text<u64> = Text {
    what: "a size of at least 10 MiB",
    parse: |text| match Size::parse(text)? {
        Size::Bytes(bytes) if bytes >= LEAST_RESERVED * MIB => Ok(bytes),
        _ => Err(String::new()),
    },
    pattern: Some("^\\s*[0-9]+\\s*([KMGTPEZY]i?B)?\\s*$"),
};

const FREE_TEXT: Text<String> =
    Text { what: "a string", parse: |text| one_line(text).map(str::to_owned), pattern: None };

fn one_line(text: &str) -> Result<&str, String> {
    match text.chars().any(char::is_control) {
        true => Err("control characters are not allowed".to_owned()),
        false => Ok(text),
    }
}

/// Names that become paths and arguments: of images, groups, volumes and arrays.
fn name(text: &str) -> Result<String, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_.+-".contains(letter);
    match text {
        "" => Err("it is empty".to_owned()),
        "." | ".." => Err("that is a directory".to_owned()),
        _ if text.starts_with('-') => Err("it may not begin with a dash".to_owned()),
        _ if !text.chars().all(plain) => Err("only letters, digits and _ . + - are allowed".to_owned()),
        _ if text.len() > 100 => Err("it is longer than 100 bytes".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

const DEVICE_NAME: Text<String> =
    Text { what: "a name", parse: name, pattern: Some("^[A-Za-z0-9_.+][A-Za-z0-9_.+-]*$") };

const ARRAY_NAME: Text<String> = Text {
    what: "the name of an array",
    parse: |text| name(text.trim_start_matches("/dev/").trim_start_matches("md/")),
    pattern: None,
};

const MOUNT: Text<Option<MountPoint>> = Text {
    what: "an absolute path or \"none\"",
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "none" | "swap" | "" => Ok(None),
        _ => MountPoint::parse(text).map(Some),
    },
    pattern: None,
};

const TARGET: Text<MountPoint> =
    Text { what: "an absolute path in the tree", parse: MountPoint::parse, pattern: Some("^/") };

const IMAGE_NAME: Text<String> = Text {
    what: "the name of an image",
    parse: |text| match text {
        "" => Err("it is empty".to_owned()),
        _ => one_line(text).map(str::to_owned),
    },
    pattern: None,
};

const URL: Text<String> = Text {
    what: "rsync:HOST::module/path, HOST::module/path or rsync://[user@]HOST[:port]/module/path",
    parse: |text| {
        let location = image_location(text).map_err(|_| String::new())?;
        match location.module.is_empty() {
            true => Err("it names no module".to_owned()),
            false => Ok(text.to_owned()),
        }
    },
    pattern: None,
};

const FILE_SYSTEM: Text<FsKind> = Text {
    what: "ext2, ext3, ext4, xfs, btrfs, vfat or swap",
    parse: |text| {
        let lower = text.to_ascii_lowercase();
        FsKind::NAMES.iter().find(|(name, _)| *name == lower).map(|(_, kind)| *kind).ok_or_else(String::new)
    },
    pattern: None,
};

const GUID: Text<Uuid> = Text {
    what: "a GUID",
    parse: |text| Uuid::parse_str(text).map_err(|error| error.to_string()),
    pattern: Some("^(\\{|urn:uuid:)?[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}\\}?$"),
};

const FSTAB_OPTIONS: Text<String> = Text {
    what: "mount options, with commas between them",
    parse: |text| match text {
        "" => Err("it is empty; \"defaults\" is the usual value".to_owned()),
        _ if text.chars().any(|letter| letter.is_whitespace() || letter.is_control()) => {
            Err("blanks and control characters are not allowed".to_owned())
        }
        _ => Ok(text.to_owned()),
    },
    pattern: Some("^\\S+$"),
};

const RSYNC_FLAGS: Text<PullOptions> =
    Text { what: "options as `deployer pull` takes them", parse: flags::parse_text, pattern: None };

const CONFIG_DRIVE: Text<ConfigSource> = Text {
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
    pattern: None,
};

pub(super) const DESCRIPTION: Object<Description> = Object(|fields| {
    let policies = Choice(&[
        ("verify", Policy::Verify),
        ("clean", Policy::Clean),
        ("nailgun_legacy", Policy::NailgunLegacy),
    ]);
    let policy = fields.default(
        "partitions_policy",
        &policies,
        "What to do about what is on the disks: `verify` compares it with the description and changes nothing if \
         it differs; `clean` lays the named disks out anew; `nailgun_legacy` does the one or the other.",
        (Policy::Verify, json!("verify")),
    );
    let images = fields.required("images", &List { item: Object(image), at_least: 1 }, "What is deployed.");
    let pull =
        fields.optional("image_deploy_flags", &Object(deploy_flags), "How images are deployed.").flatten();
    let kernel_params =
        fields.optional("deploy_data", &Object(deploy_data), "Of the deployed systems.").flatten();
    let top = List { item: Tagged(&[("disk", disk), ("vg", group)]), at_least: 1 };
    let partitions = fields.required("partitions", &top, "Disks and volume groups.");
    let config_drive = fields.optional(
        "configdrive",
        &CONFIG_DRIVE,
        "Files for cloud-init: a directory on this machine, a URL, or an image in gzip and base64. They go onto \
         the partition labelled `config-2`; if none is described, one of 64 MiB at the end of the first disk.",
    );
    fields.allow_others();
    Some(Description {
        policy,
        images: images.unwrap_or_else(unread),
        pull: pull.unwrap_or_else(flags::usual),
        kernel_params: kernel_params.unwrap_or_default(),
        partitions: partitions.unwrap_or_else(unread),
        config_drive,
    })
});

/// A list of which nothing could be read: nobody knows what should be in it.
fn unread<T>() -> Vec<Option<T>> {
    vec![None]
}

fn deploy_flags(fields: &mut Fields<'_>) -> Option<Option<PullOptions>> {
    let flags = fields.optional(
        "rsync_flags",
        &RSYNC_FLAGS,
        "What a pull keeps and how it compares, in rsync's own options. By default `-a -A -X`.",
    );
    fields.allow_others();
    Some(flags)
}

fn deploy_data(fields: &mut Fields<'_>) -> Option<Option<String>> {
    let params = fields.optional("kernel_params", &FREE_TEXT, "Parameters for the kernels of the systems.");
    fields.allow_others();
    Some(params)
}

fn image(fields: &mut Fields<'_>) -> Option<Image> {
    let about = "Its name. File systems name it as the one that they belong to; images of the same name share a tree.";
    let name = fields.required("name", &IMAGE_NAME, about);
    let boot = fields.default(
        "boot",
        &Flag { numbers: true },
        "Of several systems, the one that boots when nobody chooses.",
        (false, json!(false)),
    );
    let image_name = fields.optional("image_name", &FREE_TEXT, "Its name in the list of boot entries.");
    let image_uuid = fields.optional("image_uuid", &FREE_TEXT, "Its UUID in the list of boot entries.");
    let url = fields.required("image_pull_url", &URL, "Where it comes from.");
    let target = fields.required("target", &TARGET, "Where in the tree it goes: `/`, or a directory.");
    Some(Image {
        path: fields.path().to_owned(),
        name,
        boot,
        image_name: image_name.unwrap_or_default(),
        image_uuid: image_uuid.unwrap_or_default(),
        url,
        target,
    })
}

fn disk(fields: &mut Fields<'_>) -> Option<Top> {
    let id = fields.required("id", &Object(disk_id), "How the disk is found.");
    let size = fields.required("size", &EXACT, "How much of the disk may be used; at most what it has.");
    let volumes = List {
        item: Tagged(&[
            ("partition", partition),
            // It differs from the others in name only.
            ("boot", partition),
            ("raid", raid),
            ("pv", physical),
            ("lvm_meta_pool", reserved),
        ]),
        at_least: 0,
    };
    let volumes = fields.required(
        "volumes",
        &volumes,
        "What the disk is divided into, in this order. In front of it, 24 MiB are taken for the boot loader.",
    );
    fields.without_effect(&["name", "extra"]);
    Some(Top::Disk(Disk {
        path: fields.path().to_owned(),
        id,
        size,
        volumes: volumes.unwrap_or_else(unread),
    }))
}

fn disk_id(fields: &mut Fields<'_>) -> Option<DiskId> {
    #[derive(Clone, Copy)]
    enum By {
        Name,
        Path,
        Scsi,
    }
    let kinds = Choice(&[("name", By::Name), ("path", By::Path), ("scsi", By::Scsi)]);
    let about =
        "`name`: the kernel's, as `sda`; `path`: under /dev or absolute; `scsi`: host:channel:target:unit.";
    let by = fields.required("type", &kinds, about);
    let value = fields.required("value", &FREE_TEXT, "The name, path or address.");
    let (by, value) = (by?, value?);
    let bad = |what| {
        fields.complain(Some("value"), format!("expected {what}, found {value:?}"));
        None
    };
    match by {
        By::Name => {
            let plain = value.strip_prefix("/dev/").unwrap_or(&value);
            match !plain.is_empty() && !plain.split('/').any(|part| matches!(part, "" | "." | "..")) {
                true => Some(DiskId::Name(plain.to_owned())),
                false => bad("the kernel's name of a disk, as \"sda\""),
            }
        }
        By::Path if value.is_empty() => bad("a path under /dev, as \"disk/by-path/…\""),
        By::Path => Some(DiskId::Path(PathBuf::from("/dev").join(&value))),
        By::Scsi => {
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            match value.split(':').count() == 4 && value.split(':').all(digits) {
                true => Some(DiskId::Scsi(value)),
                false => bad("host:channel:target:unit, as \"6:1:0:0\""),
            }
        }
    }
}

fn size(fields: &mut Fields<'_>) -> Option<Size> {
    fields.required("size", &SIZE, "How large: a size, a share of what contains it (`40%`), or `remaining`.")
}

fn file_system(fields: &mut Fields<'_>) -> FileSystem {
    let about = "Where it is mounted; absent or `none`: it is made, not mounted.";
    let mount = fields.optional("mount", &MOUNT, about).flatten();
    let about = "What is made on it.";
    let kind = fields.default("file_system", &FILE_SYSTEM, about, (FsKind::Xfs, json!("xfs")));
    let on = Flag { numbers: false };
    let about = "With the policy `verify`: false means made anew.";
    let keep_data = fields.default("keep_data", &on, about, (true, json!(true)));
    let about = "Whether its line in fstab counts; when false, it stands there commented out.";
    let fstab_enabled = fields.default("fstab_enabled", &on, about, (true, json!(true)));
    let about = "Its options in fstab.";
    let options =
        fields.default("fstab_options", &FSTAB_OPTIONS, about, ("defaults".to_owned(), json!("defaults")));
    let about = "Names of the images whose tree it belongs to; by default the first image.";
    let images = fields.optional("images", &List { item: IMAGE_NAME, at_least: 1 }, about);
    FileSystem {
        kind,
        mount,
        label: None,
        keep_data,
        fstab_enabled,
        fstab_options: options,
        images,
        placed: true,
        clear: true,
    }
}

/// Notes what of a file system could be read. Comes after all other keys.
fn note_clear(file_system: &mut FileSystem, fields: &Fields<'_>) {
    file_system.placed = fields.clear(&["mount", "images"]);
    let others = ["file_system", "keep_data", "fstab_enabled", "fstab_options"];
    file_system.clear = file_system.placed && fields.clear(&others);
}

fn partition(fields: &mut Fields<'_>) -> Option<Volume> {
    let size = size(fields);
    let mut file_system = file_system(fields);
    file_system.label = fields.optional("disk_label", &FREE_TEXT, "Label of the file system.");
    let guid = fields.optional("partition_guid", &GUID, "GUID of the partition.");
    fields.without_effect(&["name"]);
    note_clear(&mut file_system, fields);
    if let Some(label) = &file_system.label
        && fields.clear(&["file_system"])
        && label.len() > file_system.kind.longest_label()
    {
        let (kind, longest) = (file_system.kind.name(), file_system.kind.longest_label());
        fields.complain(
            Some("disk_label"),
            format!("expected at most {longest} bytes for {kind}, found {}: {label:?}", label.len()),
        );
    }
    Some(Volume { path: fields.path().to_owned(), size, role: Role::Partition { file_system, guid } })
}

fn raid(fields: &mut Fields<'_>) -> Option<Volume> {
    let size = size(fields);
    let mut file_system = file_system(fields);
    let about = "Name of the array. Its members are the `raid` volumes with the same mount; it is a mirror.";
    let name = fields.optional("name", &ARRAY_NAME, about);
    note_clear(&mut file_system, fields);
    Some(Volume { path: fields.path().to_owned(), size, role: Role::Raid { file_system, name } })
}

fn physical(fields: &mut Fields<'_>) -> Option<Volume> {
    let size = size(fields);
    let group = fields.required("vg", &DEVICE_NAME, "The volume group that it belongs to.");
    let about = "What of it is left to LVM.";
    let reserved = fields.default("lvm_meta_size", &META_SIZE, about, (RESERVED * MIB, json!("64 MiB")));
    fields.without_effect(&["keep_data"]);
    let role = Role::Physical { group, reserved, clear: fields.clear(&["vg", "lvm_meta_size"]) };
    Some(Volume { path: fields.path().to_owned(), size, role })
}

fn reserved(fields: &mut Fields<'_>) -> Option<Volume> {
    let size = fields.required("size", &POOL_SIZE, "How much is kept free; may be nothing.");
    Some(Volume { path: fields.path().to_owned(), size, role: Role::Reserved })
}

fn group(fields: &mut Fields<'_>) -> Option<Top> {
    let id = fields.required("id", &DEVICE_NAME, "Name of the volume group.");
    let volumes = List { item: Tagged(&[("lv", logical)]), at_least: 0 };
    let volumes = fields.required("volumes", &volumes, "Its logical volumes.");
    fields.without_effect(&["label", "min_size", "_allocate_size", "keep_data"]);
    Some(Top::Group(Group { path: fields.path().to_owned(), id, volumes: volumes.unwrap_or_else(unread) }))
}

fn logical(fields: &mut Fields<'_>) -> Option<Logical> {
    let name = fields.required("name", &DEVICE_NAME, "Name of the logical volume.");
    let size = size(fields);
    let mut file_system = file_system(fields);
    note_clear(&mut file_system, fields);
    Some(Logical { path: fields.path().to_owned(), name, size, file_system })
}
