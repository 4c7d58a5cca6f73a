//! A real operating system as a tree: Debian 12, made once and kept as an archive outside of the checkout.
//!
//! Not reproducible to the byte: what the distribution's mirror holds changes. Whoever compares two runs
//! keeps the archive.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FlockOperation, flock};

use crate::scratch::Scratch;

const RELEASE: &str = "bookworm";
/// A server as it is deployed: with a kernel, interpreters, and what needs capabilities and set-id bits.
const PACKAGES: &str = "linux-image-amd64,python3,perl,vim,systemd-sysv,dbus,udev,openssh-server,sudo,cron,\
                        iproute2,iputils-ping,libcap2-bin,nftables,chrony,ca-certificates,curl,less,man-db,\
                        locales,git,lvm2,mdadm,xfsprogs,btrfs-progs,grub2-common,grub-pc-bin,grub-efi-amd64-bin,libllvm15";
/// What a tree has beyond its content; without these, tar keeps modes and times only.
const KEEP: &[&str] = &["--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "--sparse"];

/// What only a kernel that runs needs.
const MODULES: &str = "usr/lib/modules/*";
/// Paths in the tree, with what lies below them.
const NO_PART_IN_STARTING: &[&str] = &[
    "usr/lib/python3*",
    "usr/lib/git-core",
    "usr/lib/x86_64-linux-gnu/perl*",
    "usr/lib/x86_64-linux-gnu/libLLVM*",
    "usr/share/doc/*",
    "usr/share/man/*",
    "usr/share/locale/*",
    "usr/share/i18n",
    "usr/share/perl*",
    "usr/share/vim",
    "usr/share/zoneinfo",
    "var/cache/*",
    "var/lib/apt/lists/*",
];

/// Unpacks the tree into the empty directory `root`. The first time ever, the tree is made, which needs the
/// distribution's mirror and some minutes.
///
/// # Panics
/// If it cannot be made, kept or unpacked.
pub fn unpack(root: &Path) {
    extract(root, &[]);
}

/// The same without what has no part in starting it, which leaves a quarter of the bytes and of the files.
///
/// # Panics
/// As [`unpack`].
pub fn unpack_what_starts(root: &Path) {
    extract(root, &[&[MODULES], NO_PART_IN_STARTING].concat());
}

/// The same with the kernel's modules: what a machine needs that really starts.
///
/// # Panics
/// As [`unpack`].
pub fn unpack_what_runs(root: &Path) {
    extract(root, NO_PART_IN_STARTING);
}

fn extract(root: &Path, without: &[&str]) {
    run(Command::new("tar")
        .args(KEEP)
        .args(["--anchored", "--wildcards"])
        .args(without.iter().map(|path| format!("--exclude=./{path}")))
        .args(["--extract", "--file"])
        .arg(archive())
        .arg("--directory")
        .arg(root));
}

/// The directory for what is made or fetched once: the one that the environment names in `E2E_CACHE`.
///
/// # Panics
/// If it cannot be made.
#[must_use]
pub fn cache() -> PathBuf {
    let cache =
        env::var_os("E2E_CACHE").map_or_else(|| PathBuf::from("/var/cache/deployer-tests"), PathBuf::from);
    fs::create_dir_all(&cache).unwrap_or_else(|error| panic!("{} cannot be made: {error}", cache.display()));
    cache
}

fn archive() -> PathBuf {
    let cache = cache();
    // Tests run in several processes; the first makes the archive and the others wait.
    let lock = File::create(cache.join("lock")).expect("a lock file can be made in the cache");
    flock(&lock, FlockOperation::LockExclusive).expect("the cache can be locked");
    let archive = cache.join(format!("debian-{RELEASE}-server-grub.tar"));
    if !archive.exists() {
        let partial = archive.with_extension("partial");
        make(&partial);
        fs::rename(&partial, &archive).expect("a file can be renamed in its directory");
    }
    archive
}

fn make(archive: &Path) {
    let scratch = Scratch::new();
    let root = scratch.directory("root");
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--variant=minbase", &format!("--include={PACKAGES}"), RELEASE]).arg(&root);
    run(&mut debootstrap);
    let mut tar = Command::new("tar");
    tar.args(KEEP)
        .args(["--one-file-system", "--create", "--file"])
        .arg(archive)
        .arg("--directory")
        .arg(&root);
    run(tar.arg("."));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let said = [output.stdout, output.stderr].concat();
    let end = String::from_utf8_lossy(&said[said.len().saturating_sub(3000)..]).into_owned();
    assert!(output.status.success(), "{command:?} was expected to succeed: {}\n{end}", output.status);
}
