//! Modes, owners, times, extended attributes and ACLs, each on every kind of entry that can have it.

use super::{Options, Planter};
use crate::acl::{ACCESS, Acl, DEFAULT};

const FILE_MODES: &[u32] =
    &[0o000, 0o111, 0o200, 0o444, 0o600, 0o666, 0o777, 0o1644, 0o2755, 0o4755, 0o6711, 0o7777];
const DIRECTORY_MODES: &[u32] = &[0o000, 0o111, 0o444, 0o555, 0o700, 0o1777, 0o2775, 0o3777, 0o4755, 0o7000];

/// 65,534 is nobody; the last two are negative where an id is taken for a signed number. The very last number
/// of all means "leave it" to the kernel and can own nothing.
const OWNERS: &[(u32, u32)] = &[
    (0, 1),
    (1, 0),
    (1, 1),
    (65_534, 65_534),
    (12_345, 54_321),
    (65_536, 65_535),
    (4_000_000_000, 4_000_000_001),
    (u32::MAX - 1, u32::MAX - 2),
];

const TIMES: &[(&str, i64, i64)] = &[
    ("zero", 0, 0),
    ("one-nanosecond", 0, 1),
    ("last-nanosecond", 1_000_000_000, 999_999_999),
    ("whole", 1_600_000_000, 0),
    ("before-2038", 0x7fff_ffff, 5),
    ("after-2038", 0x8000_0000, 500_000_000),
];
const FAR_TIMES: &[(&str, i64, i64)] = &[
    ("just-before-1970", -1, 999_999_999),
    ("minus-one", -1, 0),
    ("1965", -157_766_400, 123_456_789),
    // The day after the first that ext4 and XFS know.
    ("1901", -2_147_400_000, 0),
    ("2100", 4_102_444_800, 7),
    ("after-2106", 0x1_0000_0001, 0),
];

/// Values of up to 32 bytes are sent in a file list as they are, longer ones as a sum.
const VALUE_LENGTHS: &[usize] = &[0, 1, 31, 32, 33, 300];
const LONG_VALUE_LENGTHS: &[usize] = &[4096, 20_000];

pub(super) fn plant(planter: &mut Planter, options: &Options) {
    plant_modes(planter);
    if options.owners {
        plant_owners(planter);
    }
    plant_times(planter, TIMES, b"times");
    if options.far_times {
        plant_times(planter, FAR_TIMES, b"far-times");
    }
    if options.xattrs {
        plant_xattrs(planter, options);
    }
    if options.acls {
        plant_acls(planter);
    }
}

fn plant_modes(planter: &mut Planter) {
    planter.directory(b"modes");
    for mode in FILE_MODES {
        let path = format!("modes/file-{mode:04o}").into_bytes();
        planter.small_file(&path);
        planter.mode(&path, *mode);
    }
    for mode in DIRECTORY_MODES {
        let path = format!("modes/directory-{mode:04o}").into_bytes();
        planter.directory(&path);
        planter.small_file(&[path.as_slice(), b"/file"].concat());
        planter.directory(&[path.as_slice(), b"/directory"].concat());
        planter.mode(&path, *mode);
    }
}

fn plant_owners(planter: &mut Planter) {
    planter.directory(b"owners");
    for &(user, group) in OWNERS {
        let name = |kind: &str| format!("owners/{kind}-{user}-{group}").into_bytes();
        planter.small_file(&name("file"));
        planter.directory(&name("directory"));
        planter.symlink(&name("symlink"), b"nowhere");
        for kind in ["file", "directory", "symlink"] {
            planter.owner(&name(kind), user, group);
        }
        // The kernel clears the set-id bits of a file whose owner changes.
        planter.small_file(&name("set-id"));
        planter.owner(&name("set-id"), user, group);
        planter.mode(&name("set-id"), 0o6755);
    }
}

fn plant_times(planter: &mut Planter, times: &[(&str, i64, i64)], directory: &[u8]) {
    planter.directory(directory);
    for &(name, seconds, nanoseconds) in times {
        let path = |kind: &str| [directory, format!("/{kind}-{name}").as_bytes()].concat();
        planter.small_file(&path("file"));
        planter.directory(&path("directory"));
        planter.small_file(&[path("directory").as_slice(), b"/file"].concat());
        planter.symlink(&path("symlink"), b"nowhere");
        for kind in ["file", "directory", "symlink"] {
            planter.time(&path(kind), (seconds, nanoseconds));
        }
    }
}

fn plant_xattrs(planter: &mut Planter, options: &Options) {
    planter.directory(b"xattrs");
    let long = if options.wide_values { LONG_VALUE_LENGTHS } else { &[] };
    for &length in VALUE_LENGTHS.iter().chain(long) {
        let path = format!("xattrs/file-{length}").into_bytes();
        planter.small_file(&path);
        let value = planter.random.bytes(length);
        planter.xattr(&path, "user.value", &value);
    }
    for number in 0..5 {
        let path = format!("xattrs/same-{number}").into_bytes();
        planter.small_file(&path);
        planter.xattr(&path, "user.shared", b"the same value, longer than thirty-two bytes");
        planter.xattr(&path, "trusted.shared", b"short");
    }
    planter.small_file(b"xattrs/several");
    for name in ["user.b", "user.a", "trusted.z", "user.with space", "user.a.b.c", "trusted.overlay.like"] {
        let value = planter.random.bytes(name.len() * 3);
        planter.xattr(b"xattrs/several", name, &value);
    }
    planter.file(b"xattrs/empty-file", b"");
    planter.xattr(b"xattrs/empty-file", "user.only", b"this");
    planter.small_file(b"xattrs/unreadable");
    planter.xattr(b"xattrs/unreadable", "user.only", b"this");
    planter.mode(b"xattrs/unreadable", 0o000);

    planter.directory(b"xattrs/directory");
    planter.small_file(b"xattrs/directory/file without");
    planter.xattr(b"xattrs/directory", "user.on", b"a directory");
    planter.xattr(
        b"xattrs/directory",
        "trusted.on",
        b"a directory, with a value of more than thirty-two bytes",
    );
    planter.symlink(b"xattrs/symlink", b"several");
    planter.xattr(b"xattrs/symlink", "trusted.on", b"a symlink");
    planter.symlink(b"xattrs/symlink-own", b"nowhere");
    planter.owner(b"xattrs/symlink-own", 1, 1);
    planter.xattr(b"xattrs/symlink-own", "trusted.on", b"a symlink");
    planter.time(b"xattrs/symlink-own", (1_111_111_111, 111));

    // Revision 2, effective, and cap_net_raw among the permitted.
    let mut capability = vec![1, 0, 0, 2];
    capability.extend_from_slice(&(1_u32 << 13).to_le_bytes());
    capability.extend_from_slice(&[0; 12]);
    planter.small_file(b"xattrs/capable");
    planter.mode(b"xattrs/capable", 0o755);
    planter.xattr(b"xattrs/capable", "security.capability", &capability);
    planter.small_file(b"xattrs/capable-other-owner");
    planter.owner(b"xattrs/capable-other-owner", 1, 1);
    planter.mode(b"xattrs/capable-other-owner", 0o755);
    planter.xattr(b"xattrs/capable-other-owner", "security.capability", &capability);
}

fn plant_acls(planter: &mut Planter) {
    let users =
        Acl { owner: 6, users: vec![(1, 7), (12_345, 4)], group: 4, groups: vec![], mask: 7, other: 4 };
    let groups = Acl {
        owner: 7,
        users: vec![],
        group: 5,
        groups: vec![(1, 7), (4_000_000_000, 1)],
        mask: 7,
        other: 0,
    };
    // The mode's group bits then show the mask, not what the group may.
    let narrow = Acl { owner: 6, users: vec![(2, 6)], group: 7, groups: vec![(3, 7)], mask: 4, other: 0 };
    let closed = Acl { owner: 0, users: vec![(7, 0)], group: 0, groups: vec![], mask: 0, other: 0 };
    // A mask and nothing named: more than a mode, yet hardly.
    let bare = Acl { owner: 7, users: vec![], group: 7, groups: vec![], mask: 5, other: 5 };

    planter.directory(b"acls");
    for (name, acl) in
        [("users", &users), ("groups", &groups), ("narrow", &narrow), ("closed", &closed), ("bare", &bare)]
    {
        let file = format!("acls/file-{name}").into_bytes();
        planter.small_file(&file);
        planter.acl(&file, ACCESS, acl);
        let directory = format!("acls/directory-{name}").into_bytes();
        planter.directory(&directory);
        planter.small_file(&[directory.as_slice(), b"/file without"].concat());
        planter.acl(&directory, ACCESS, acl);
    }
    planter.small_file(b"acls/set-id");
    planter.owner(b"acls/set-id", 1, 1);
    planter.acl(b"acls/set-id", ACCESS, &users);
    planter.mode(b"acls/set-id", 0o6774);

    // What is in here has no ACL although whatever is made in here would get one.
    planter.directory(b"acls/default");
    planter.small_file(b"acls/default/file");
    planter.file(b"acls/default/empty", b"");
    planter.small_file(b"acls/default/file-0600");
    planter.mode(b"acls/default/file-0600", 0o600);
    planter.directory(b"acls/default/directory");
    planter.small_file(b"acls/default/directory/file");
    planter.symlink(b"acls/default/symlink", b"file");
    planter.acl(b"acls/default", DEFAULT, &groups);

    planter.directory(b"acls/both");
    planter.directory(b"acls/both/inherits");
    planter.small_file(b"acls/both/inherits/file");
    planter.acl(b"acls/both/inherits", DEFAULT, &narrow);
    planter.acl(b"acls/both", ACCESS, &users);
    planter.acl(b"acls/both", DEFAULT, &narrow);
}
