//! What a deployed system says about itself when it has started: a unit in its tree writes it to the serial line, and
//! turns the machine off.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// The last line.
pub const END: &str = "witness: end";
/// The console that the deployed system is given.
pub const CONSOLE: &str = "console=ttyS0 no_timer_check";

const SCRIPT: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
echo "witness: begin"
findmnt --real --noheadings --raw --output TARGET,SOURCE,FSTYPE,UUID | sed 's/^/witness: mount /'
swapon --noheadings --raw --show=NAME,TYPE | sed 's/^/witness: swap /'
sed 's/^/witness: command line /' /proc/cmdline
systemctl list-units --failed --plain --no-legend | sed 's/^/witness: failed /'
cat /etc/witness 2>/dev/null | sed 's/^/witness: says /'
echo "witness: end"
systemctl --no-block poweroff
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
    symlink("/dev/null", units.join("serial-getty@ttyS0.service")).expect("the tree can be written to");
    symlink("../witness.service", wants.join("witness.service")).expect("the tree can be written to");
}
