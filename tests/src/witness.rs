//! What a deployed system says about itself when it has started: a unit in its tree writes it to the serial line, and
//! turns the machine off.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::deploy::write;

/// The last line.
pub const END: &str = "witness: end";
/// What its kernel is told: where the console is, and to leave it to the witness.
pub const CONSOLE: &str = "console=ttyS0 quiet no_timer_check";
/// What is written to this file of a tree, it says.
pub const WORDS: &str = "etc/witness";
/// A script of a tree whose output it tells.
pub const ASKS: &str = "etc/witness-asks";

const SCRIPT: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
echo "witness: begin"
findmnt --real --noheadings --raw --output TARGET,SOURCE,FSTYPE,UUID | sed 's/^/witness: mount /'
grep '^md' /proc/mdstat 2>/dev/null | sed 's/^/witness: array /'
[ ! -d /sys/firmware/efi ] || efibootmgr | sed 's/^/witness: firmware /'
swapon --noheadings --raw --show=NAME,TYPE | sed 's/^/witness: swap /'
sed 's/^/witness: command line /' /proc/cmdline
failed=$(systemctl list-units --failed --plain --no-legend) || echo "witness: failed: systemd does not say what has"
printf '%s' "$failed" | sed 's/^/witness: failed /'
cat /etc/witness 2>/dev/null | sed 's/^/witness: says /'
[ ! -e /etc/witness-asks ] || sh /etc/witness-asks 2>&1 | sed 's/^/witness: was told /'
echo "witness: end"
# SIGRTMIN+4: as `systemctl poweroff`, which needs a bus.
kill -38 1
"#;

const UNIT: &str = "[Unit]
Description=Says how the system has started
After=local-fs.target swap.target
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/witness
[Install]
WantedBy=multi-user.target
";

/// What nobody looks at, and what takes time that is emulated.
const UNNEEDED: &[&str] = &[
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@tty1.service",
    "ldconfig.service",
    "lvm2-monitor.service",
    "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
    "systemd-pstore.service",
];

/// When [`plant`] plants another one than before, this says something else.
#[must_use]
pub fn stamp() -> String {
    format!("{SCRIPT}{UNIT}{UNNEEDED:?}{MENU}")
}

/// For its boot loader, whose packages are not all there: whose it is, and that nobody chooses.
const MENU: &str = "GRUB_DISTRIBUTOR=Debian\nGRUB_TIMEOUT=1\n";

/// Puts it into a tree with systemd.
///
/// # Panics
/// If it cannot be written.
pub fn plant(root: &Path) {
    let script = root.join("usr/local/sbin/witness");
    fs::write(&script, SCRIPT).expect("the tree can be written to");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("root can set modes");
    let units = root.join("etc/systemd/system");
    fs::write(units.join("witness.service"), UNIT).expect("the tree can be written to");
    let wants = units.join("multi-user.target.wants");
    fs::create_dir_all(&wants).expect("the tree can be written to");
    // A login on the line hangs it up while the witness speaks.
    for unit in [&["serial-getty@ttyS0.service"], UNNEEDED].concat() {
        let _ = fs::remove_file(units.join(unit));
        symlink("/dev/null", units.join(unit)).expect("the tree can be written to");
    }
    write(root, "etc/default/grub", MENU.as_bytes());
    symlink("../witness.service", wants.join("witness.service")).expect("the tree can be written to");
}
