//! Symbolic links, special files, and names that share an inode: in one directory and across directories that
//! come earlier and later in every order.

use rustix::fs::FileType;

use super::{Options, Planter};

/// Major and minor numbers at the borders of how they are packed into one.
const DEVICES: &[(u32, u32)] = &[(1, 3), (0, 0), (8, 255), (8, 256), (255, 255), (256, 0), (300, 200_000)];
const WIDE_DEVICES: &[(u32, u32)] = &[(300, 300_000), (4095, 1_048_575)];

pub(super) fn plant(planter: &mut Planter, options: &Options) {
    plant_symlinks(planter, options);
    if options.special_files {
        plant_special_files(planter, options);
    }
    plant_groups(planter, options);
}

fn plant_symlinks(planter: &mut Planter, options: &Options) {
    planter.directory(b"symlinks");
    planter.directory(b"symlinks/directory");
    planter.small_file(b"symlinks/directory/file");
    planter.symlink(b"symlinks/dangling", b"no such file");
    planter.symlink(b"symlinks/absolute", b"/etc/passwd");
    planter.symlink(b"symlinks/root", b"/");
    planter.symlink(b"symlinks/up", b"..");
    planter.symlink(b"symlinks/out", b"../../../../../../../../../etc");
    planter.symlink(b"symlinks/here", b".");
    planter.symlink(b"symlinks/itself", b"itself");
    planter.symlink(b"symlinks/to-directory", b"directory");
    planter.symlink(b"symlinks/to-directory-slash", b"directory/");
    planter.symlink(b"symlinks/space", b" ");
    planter.symlink(b"symlinks/slashes", b"//a///b//");
    planter.symlink(b"symlinks/not-utf-8", b"caf\xe9/\xff");
    planter.symlink(b"symlinks/newline", b"new\nline");
    planter.symlink(b"symlinks/as-munged", b"/rsyncd-munged/etc");
    planter.symlink(b"symlinks/long-255", &[b't'; 255]);
    planter.symlink(b"symlinks/long-256", &[b't'; 256]);
    planter.symlink(b"symlinks/long-1023", &[b't'; 1023]);
    if options.wide_values {
        planter.symlink(b"symlinks/longest", &[b't'; 4095]);
    }
}

fn plant_special_files(planter: &mut Planter, options: &Options) {
    planter.directory(b"special");
    let wide = if options.wide_values { WIDE_DEVICES } else { &[] };
    for &(major, minor) in DEVICES.iter().chain(wide) {
        planter.node(
            format!("special/char-{major}-{minor}").as_bytes(),
            FileType::CharacterDevice,
            major,
            minor,
        );
        planter.node(
            format!("special/block-{major}-{minor}").as_bytes(),
            FileType::BlockDevice,
            major,
            minor,
        );
    }
    planter.node(b"special/fifo", FileType::Fifo, 0, 0);
    planter.node(b"special/socket", FileType::Socket, 0, 0);
    planter.node(b"special/fifo-own", FileType::Fifo, 0, 0);
    planter.owner(b"special/fifo-own", 1, 2);
    planter.mode(b"special/fifo-own", 0o642);
    planter.node(b"special/char-own", FileType::CharacterDevice, 5, 1);
    planter.owner(b"special/char-own", 3, 5);
    planter.mode(b"special/char-own", 0o620);
}

fn plant_groups(planter: &mut Planter, options: &Options) {
    planter.directory(b"links");
    for directory in ["a", "a/inner", "m", "m/inner", "z", "z/inner"] {
        planter.directory(format!("links/{directory}").as_bytes());
    }

    planter.small_file(b"links/same-directory-1");
    planter.link(b"links/same-directory-2", b"links/same-directory-1");
    planter.link(b"links/same-directory-3", b"links/same-directory-1");

    // With a list that arrives directory by directory, the group's first name comes in another part of it.
    planter.small_file(b"links/z/far");
    planter.link(b"links/a/far", b"links/z/far");
    planter.link(b"links/m/inner/far", b"links/z/far");
    planter.small_file(b"links/m/child");
    planter.link(b"links/child-of-m", b"links/m/child");
    planter.small_file(b"links/parent-of-a");
    planter.link(b"links/a/inner/parent", b"links/parent-of-a");
    planter.small_file(b"aaa-first");
    planter.link(b"zzz-last", b"aaa-first");
    planter.link(b"links/z/inner/middle", b"aaa-first");

    planter.file(b"links/empty-1", b"");
    planter.link(b"links/empty-2", b"links/empty-1");
    planter.link(b"links/a/empty", b"links/empty-1");
    // Two groups that look the same in everything but the inode.
    planter.file(b"links/twin-1a", b"twins");
    planter.link(b"links/twin-1b", b"links/twin-1a");
    planter.time(b"links/twin-1a", (1_500_000_000, 0));
    planter.file(b"links/twin-2a", b"twins");
    planter.link(b"links/twin-2b", b"links/twin-2a");
    planter.time(b"links/twin-2a", (1_500_000_000, 0));

    let large = if options.large_files { 3 << 20 } else { 100_000 };
    let content = planter.random.bytes(large);
    planter.file(b"links/z/large", &content);
    planter.link(b"links/a/large", b"links/z/large");
    planter.link(b"links/large", b"links/z/large");

    planter.small_file(b"links/m/owned");
    planter.link(b"links/z/owned", b"links/m/owned");
    planter.owner(b"links/m/owned", 1, 1);
    planter.mode(b"links/m/owned", 0o4711);
    if options.xattrs {
        planter.xattr(b"links/m/owned", "user.linked", b"an attribute of an inode with two names");
    }

    planter.symlink(b"links/symlink-1", b"target");
    planter.link(b"links/symlink-2", b"links/symlink-1");
    planter.link(b"links/a/symlink", b"links/symlink-1");
    if options.special_files {
        planter.node(b"links/fifo-1", FileType::Fifo, 0, 0);
        planter.link(b"links/fifo-2", b"links/fifo-1");
        planter.node(b"links/z/device", FileType::BlockDevice, 8, 1);
        planter.link(b"links/a/device", b"links/z/device");
        planter.node(b"links/socket-1", FileType::Socket, 0, 0);
        planter.link(b"links/m/socket", b"links/socket-1");
    }

    // More names than any small table has room for.
    planter.directory(b"links/many");
    planter.small_file(b"links/many/0");
    for number in 1..150 {
        planter.link(format!("links/many/{number}").as_bytes(), b"links/many/0");
    }
}
