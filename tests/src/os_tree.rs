//! A real operating system as a tree: Debian 12, made once and kept as an archive outside of the checkout. There are two: a
//! server, and the least that starts.
//!
//! Not reproducible to the byte: what the distribution's mirror holds changes. Whoever compares two runs
//! keeps the archive.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FlockOperation, flock};
use twox_hash::XxHash64;

use crate::scratch::Scratch;

const RELEASE: &str = "bookworm";
/// A server as it is deployed: with a kernel, interpreters, and what needs capabilities and set-id bits.
const PACKAGES: &str = "linux-image-amd64,python3,perl,vim,systemd-sysv,dbus,udev,openssh-server,sudo,cron,\
                        iproute2,iputils-ping,libcap2-bin,nftables,chrony,ca-certificates,curl,less,man-db,\
                        locales,git,lvm2,mdadm,xfsprogs,btrfs-progs,grub2-common,grub-pc-bin,grub-efi-amd64-bin,libllvm15";
/// Another list, for machines that are emulated: the least that starts from disks, arrays, groups and with UEFI.
const LEAST: &str = "linux-image-cloud-amd64,systemd-sysv,udev,initramfs-tools,lvm2,mdadm,xfsprogs,grub2-common,\
                     grub-pc-bin,grub-efi-amd64-bin,efibootmgr,zstd";
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
/// The same, of what a machine has that is emulated.
const NO_PART_IN_EMULATION: &[&str] = &[
    "usr/bin/python3*",
    "usr/lib/grub/*/*.module",
    "usr/lib/grub/*/monolithic",
    "usr/lib/modules/*/kernel/arch/x86/kvm",
    "usr/lib/modules/*/kernel/drivers/infiniband",
    "usr/lib/modules/*/kernel/drivers/net/ethernet",
    "usr/lib/modules/*/kernel/fs/nfs*",
    "usr/lib/modules/*/kernel/fs/smb",
    "usr/lib/modules/*/kernel/net/netfilter",
    "usr/lib/udev/hwdb*",
    "usr/lib/x86_64-linux-gnu/libicu*",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/share/zsh",
];

/// A tree that is made once.
struct Made {
    /// Of its archive.
    name: String,
    packages: &'static str,
    /// What is left out of the archive.
    without: Vec<&'static str>,
}

fn server() -> Made {
    Made { name: "server-grub".to_owned(), packages: PACKAGES, without: Vec::new() }
}

fn least() -> Made {
    let without = [NO_PART_IN_STARTING, NO_PART_IN_EMULATION].concat();
    let sum = XxHash64::oneshot(0, format!("{LEAST}{without:?}").as_bytes());
    Made { name: format!("least-{sum:016x}"), packages: LEAST, without }
}

/// Unpacks the tree into the empty directory `root`. The first time ever, the tree is made, which needs the
/// distribution's mirror and some minutes.
///
/// # Panics
/// If it cannot be made, kept or unpacked.
pub fn unpack(root: &Path) {
    extract(&server(), root, &[]);
}

/// The same without what has no part in starting it, which leaves a quarter of the bytes and of the files.
///
/// # Panics
/// As [`unpack`].
pub fn unpack_what_starts(root: &Path) {
    extract(&server(), root, &[&[MODULES], NO_PART_IN_STARTING].concat());
}

/// The same with the kernel's modules: what a machine needs that really starts.
///
/// # Panics
/// As [`unpack`].
pub fn unpack_what_runs(root: &Path) {
    extract(&server(), root, NO_PART_IN_STARTING);
}

/// The least that a machine needs which is emulated: another tree, with a kernel for virtual machines.
///
/// # Panics
/// As [`unpack`].
pub fn unpack_least(root: &Path) {
    extract(&least(), root, &[]);
}

/// When [`unpack_least`] unpacks another tree than before, this says something else.
///
/// # Panics
/// As [`unpack`].
#[must_use]
pub fn stamp_of_least() -> String {
    let made = fs::metadata(archive(&least())).and_then(|meta| meta.modified());
    format!("{:?}", made.expect("it was made"))
}

fn extract(made: &Made, root: &Path, without: &[&str]) {
    run(Command::new("tar")
        .args(KEEP)
        .args(excluding(without))
        .args(["--extract", "--file"])
        .arg(archive(made))
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

fn excluding(without: &[&str]) -> Vec<String> {
    let paths = without.iter().map(|path| format!("--exclude=./{path}"));
    ["--anchored", "--wildcards"].map(str::to_owned).into_iter().chain(paths).collect()
}

fn archive(made: &Made) -> PathBuf {
    let cache = cache();
    // Tests run in several processes; the first makes the archive and the others wait.
    let lock = File::create(cache.join("lock")).expect("a lock file can be made in the cache");
    flock(&lock, FlockOperation::LockExclusive).expect("the cache can be locked");
    let archive = cache.join(format!("debian-{RELEASE}-{}.tar", made.name));
    if !archive.exists() {
        let partial = archive.with_extension("partial");
        make(&partial, made);
        fs::rename(&partial, &archive).expect("a file can be renamed in its directory");
    }
    archive
}

fn make(archive: &Path, made: &Made) {
    let scratch = Scratch::new();
    let root = scratch.directory("root");
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--variant=minbase", &format!("--include={}", made.packages), RELEASE]).arg(&root);
    run(&mut debootstrap);
    let mut tar = Command::new("tar");
    tar.args(KEEP)
        .args(excluding(&made.without))
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
