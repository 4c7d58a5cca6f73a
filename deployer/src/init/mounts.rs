//! What every program expects below `/`, and the console.

use std::ffi::CStr;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use rustix::mount::{MountFlags, mount};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use super::error::InitError;

/// Type, place, options.
const TREE: [(&str, &str, &CStr); 5] = [
    ("devtmpfs", "/dev", c"mode=0755"),
    ("proc", "/proc", c""),
    ("sysfs", "/sys", c""),
    ("tmpfs", "/run", c"mode=0755"),
    ("tmpfs", "/tmp", c"mode=1777"),
];

/// Mounts all of them. What is mounted already stays.
pub(super) fn mount_all() -> Result<(), InitError> {
    for (kind, place, options) in TREE {
        directory(place)?;
        // Some kernels mount the devices by themselves.
        if !is_mounted(place).map_err(InitError::system("look at", place))? {
            mount(kind, place, kind, MountFlags::NOSUID, options)
                .map_err(InitError::system("mount", place))?;
        }
    }
    // Programs lock there.
    directory("/run/lock")
}

fn is_mounted(place: &str) -> io::Result<bool> {
    Ok(fs::metadata(place)?.dev() != fs::metadata("/")?.dev())
}

fn directory(place: &str) -> Result<(), InitError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(place);
    made.map_err(InitError::system("make", place))
}

/// Mounts the firmware's variables, where it has some and the kernel's driver for them is there.
pub(super) fn mount_variables() {
    let place = "/sys/firmware/efi/efivars";
    if Path::new(place).is_dir() {
        let _ = mount("efivarfs", place, "efivarfs", MountFlags::NOSUID, c"");
    }
}

/// Gives this process and its children the kernel's console by the name under which others find it, whatever the kernel
/// gave it at first. A machine without any is deployed all the same.
pub(super) fn open_console() {
    if let Ok(console) = OpenOptions::new().read(true).write(true).open("/dev/console") {
        let _ =
            dup2_stdin(&console).and_then(|()| dup2_stdout(&console)).and_then(|()| dup2_stderr(&console));
    }
}
