//! The description as it is written: which keys there are, and what may stand in each. What several of them say
//! together is looked at afterwards.

use serde_json::json;
use uuid::Uuid;

pub(super) use super::text::Mount;
use super::text::{
    ARRAY_NAME, CONFIG_DRIVE, DISK_NAME, DISK_PATH, EXACT, FILE_SYSTEM, FREE_TEXT, FSTAB_OPTIONS, GROUP_NAME,
    GUID, IMAGE_NAME, LABEL, META_SIZE, MOUNT, POOL_SIZE, RESERVED, RSYNC_FLAGS, SCSI_ADDRESS, SIZE, SUM,
    TARGET, URL, VOLUME_NAME,
};
use crate::data::shape::{Choice, Count, Fields, Flag, List, Object, Tagged};
use crate::flags;
use crate::model::{
    Checks, ConfigSource, DiskId, FsKind, MIB, MountPoint, Policy, PullOptions, Size, Sum, SumKind,
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
    pub(super) checks: Checks,
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
    /// Whether what stands there for the kind could be read.
    pub(super) kind_known: bool,
    pub(super) mount: Mount,
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
        pull: pull.unwrap_or_else(flags::default),
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
    let about = "Its name, by which file systems name the images that they belong to; images of one name share a tree.";
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
    fields.without_effect(&["url"]);
    let target = fields.required("target", &TARGET, "Where in the tree it goes: `/`, or a directory.");
    let checks = checks(fields);
    Some(Image {
        path: fields.path().to_owned(),
        name,
        boot,
        image_name: image_name.unwrap_or_default(),
        image_uuid: image_uuid.unwrap_or_default(),
        url,
        target,
        checks,
    })
}

/// What an image that is a file has to be. Sums and length are those of what is sent, packed or not.
fn checks(fields: &mut Fields<'_>) -> Checks {
    let len = fields.optional("image_size", &Count, "An image's length, in bytes.");
    let about =
        "An image's sum, as hexadecimal digits; their number says whether it is MD5, SHA-256 or SHA-512.";
    let mut sums: Vec<Sum> = fields.optional("image_checksum", &SUM, about).into_iter().collect();
    let kind = fields.optional("os_hash_algo", &Choice(SumKind::NAMES), "Which sum `os_hash_value` is.");
    let value = fields.optional("os_hash_value", &SUM, "An image's sum, as hexadecimal digits.");
    match (kind, value) {
        (Some(kind), Some(sum)) if sum.kind == kind => sums.push(sum),
        (Some(kind), Some(sum)) => {
            let message = format!(
                "expected {} hexadecimal digits for {kind}, found those of {}",
                2 * kind.len(),
                sum.kind
            );
            fields.complain(Some("os_hash_value"), message);
        }
        (None, Some(_)) if fields.clear(&["os_hash_algo"]) => {
            fields.complain(None, "expected the key \"os_hash_algo\" beside \"os_hash_value\", found none");
        }
        (Some(_), None) if fields.clear(&["os_hash_value"]) => {
            fields.complain(None, "expected the key \"os_hash_value\" beside \"os_hash_algo\", found none");
        }
        _ => {}
    }
    Checks { len, sums }
}

fn disk(fields: &mut Fields<'_>) -> Option<Top> {
    let id = fields.required("id", &DISK_ID, "How the disk is found.");
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
    fields.without_effect(&["name", "extra", "free_space"]);
    Some(Top::Disk(Disk {
        path: fields.path().to_owned(),
        id,
        size,
        volumes: volumes.unwrap_or_else(unread),
    }))
}

const DISK_ID: Tagged<DiskId> = Tagged(&[
    ("name", |fields| {
        let about = "The kernel's name, as `sda`.";
        fields.required("value", &DISK_NAME, about).map(DiskId::Name)
    }),
    ("path", |fields| {
        let about = "A path: under /dev, as `disk/by-path/…`, or absolute.";
        fields.required("value", &DISK_PATH, about).map(DiskId::Path)
    }),
    ("scsi", |fields| {
        let about = "A SCSI address: host:channel:target:unit.";
        fields.required("value", &SCSI_ADDRESS, about).map(DiskId::Scsi)
    }),
]);

fn size(fields: &mut Fields<'_>) -> Option<Size> {
    fields.required("size", &SIZE, "How large: a size, a share of what contains it (`40%`), or `remaining`.")
}

fn file_system(fields: &mut Fields<'_>) -> FileSystem {
    let about = "Where it is mounted; absent or `none`: it is made, not mounted.";
    let mount = fields.optional("mount", &MOUNT, about).unwrap_or(Mount::None);
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
    let label = fields.optional("disk_label", &LABEL, "Label of the file system.");
    FileSystem {
        kind,
        kind_known: true,
        mount,
        label,
        keep_data,
        fstab_enabled,
        fstab_options: options,
        images,
        placed: true,
        clear: true,
    }
}

/// Notes what of a file system could be read, and looks at its label. Comes after all other keys.
fn finish(file_system: &mut FileSystem, fields: &Fields<'_>) {
    file_system.placed = fields.clear(&["mount", "images"]);
    let others = ["file_system", "disk_label", "keep_data", "fstab_enabled", "fstab_options"];
    file_system.clear = file_system.placed && fields.clear(&others);
    file_system.kind_known = fields.clear(&["file_system"]);
    if let Some(label) = file_system.label.as_ref().filter(|_| file_system.kind_known)
        && let Err(reason) = file_system.kind.takes_label(label)
    {
        fields.complain(Some("disk_label"), reason);
    }
}

fn partition(fields: &mut Fields<'_>) -> Option<Volume> {
    let size = size(fields);
    let mut file_system = file_system(fields);
    let guid = fields.optional("partition_guid", &GUID, "GUID of the partition.");
    fields.without_effect(&["name"]);
    finish(&mut file_system, fields);
    Some(Volume { path: fields.path().to_owned(), size, role: Role::Partition { file_system, guid } })
}

fn raid(fields: &mut Fields<'_>) -> Option<Volume> {
    let size = size(fields);
    let mut file_system = file_system(fields);
    let about = "Name of the array. Its members are the `raid` volumes with the same mount; it is a mirror.";
    let name = fields.optional("name", &ARRAY_NAME, about);
    finish(&mut file_system, fields);
    Some(Volume { path: fields.path().to_owned(), size, role: Role::Raid { file_system, name } })
}

fn physical(fields: &mut Fields<'_>) -> Option<Volume> {
    let size = size(fields);
    let group = fields.required("vg", &GROUP_NAME, "The volume group that it belongs to.");
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
    let id = fields.required("id", &GROUP_NAME, "Name of the volume group.");
    let volumes = List { item: Tagged(&[("lv", logical)]), at_least: 0 };
    let volumes = fields.required("volumes", &volumes, "Its logical volumes.");
    fields.without_effect(&["label", "min_size", "_allocate_size", "keep_data"]);
    Some(Top::Group(Group { path: fields.path().to_owned(), id, volumes: volumes.unwrap_or_else(unread) }))
}

fn logical(fields: &mut Fields<'_>) -> Option<Logical> {
    let name = fields.required("name", &VOLUME_NAME, "Name of the logical volume.");
    let size = size(fields);
    let mut file_system = file_system(fields);
    finish(&mut file_system, fields);
    Some(Logical { path: fields.path().to_owned(), name, size, file_system })
}
