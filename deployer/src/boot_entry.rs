//! `deployer boot-entry`: shows which of several deployed systems starts, and has another one start.
//!
//! The common boot menu is on a partition that no system mounts, so it is looked for on all devices, and mounted where only
//! this process sees it: the same in a deployed system and in a ramdisk, with or without a device manager.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rsync_proto::error::printable;
use rustix::process::geteuid;
use serde::Serialize;
use serde_json::json;
use thiserror::Error;

use crate::boot::choice::{ChoiceError, Menu};
use crate::boot::menu::Described;
use crate::cli::boot_entry::BootEntry;
use crate::columns::Columns;
use crate::command::CommandError;
use crate::disk::DiskError;
use crate::disk::lock::{DiskLock, PATIENCE};
use crate::exit::{Exit, Failure};
use crate::machine::blkid::Content;
use crate::machine::{self, BlockDevice};
use crate::model::{BOOT_MENU_LABEL, FsKind};
use crate::mount::{MountError, MountedTree};
use crate::stop::Stop;

/// How long work may take to end after a signal.
const SIGNAL_PATIENCE: Duration = Duration::from_secs(10);

/// Why it was not done.
#[derive(Debug, Error)]
enum BootEntryError {
    #[error("only root can look for the boot menu, which is on a partition of its own")]
    NotRoot,
    #[error(
        "there is no common boot menu on this machine: no ext4 with the label {BOOT_MENU_LABEL}; it is made where a \
         description has several systems"
    )]
    None,
    #[error("there are several boot menus; name one with --device: {0}")]
    Several(String),
    #[error("cannot look at {device}: {source}")]
    Device { device: String, source: io::Error },
    #[error("{device} has no common boot menu: it is no ext4 with the label {BOOT_MENU_LABEL}")]
    NoMenu { device: String },
    #[error("the boot menu on {device}: {source}")]
    Menu { device: String, source: ChoiceError },
    #[error("{0}")]
    Choice(ChoiceError),
    #[error("{0}")]
    Tool(#[from] CommandError),
    #[error("{0}")]
    Mount(#[from] MountError),
    #[error("{0}")]
    Disk(#[from] DiskError),
}

impl BootEntryError {
    fn exit(&self) -> Exit {
        match self {
            Self::Menu { source: ChoiceError::File { .. }, .. }
            | Self::Device { .. }
            | Self::Mount(_)
            | Self::Disk(_) => Exit::Disk,
            Self::NotRoot | Self::None | Self::Several(_) | Self::NoMenu { .. } | Self::Menu { .. } => {
                Exit::Refused
            }
            Self::Choice(_) => Exit::Usage,
            Self::Tool(CommandError::Stopped) => Exit::Stopped,
            Self::Tool(_) => Exit::Tool,
        }
    }
}

/// Carries out what was typed.
pub(crate) fn run(asked: &BootEntry) -> Result<Exit, Failure> {
    match carry_out(asked) {
        Ok(text) => {
            let _ = io::stdout().lock().write_all(text.as_bytes());
            Ok(Exit::Success)
        }
        Err(error) => {
            let (exit, message) = (error.exit(), shown(&error.to_string()));
            if asked.json {
                let told = json!({"success": false, "exit": exit.code(), "error": message});
                let _ = writeln!(io::stdout().lock(), "{told:#}");
            }
            Err(Failure { message, exit })
        }
    }
}

/// For people: names in a menu are text of others, who are not to do anything to a terminal.
fn shown(text: &str) -> String {
    text.split('\n').map(|line| printable(line.as_bytes())).collect::<Vec<_>>().join("\n")
}

fn carry_out(asked: &BootEntry) -> Result<String, BootEntryError> {
    if !geteuid().is_root() {
        return Err(BootEntryError::NotRoot);
    }
    let stop = Stop::on_signals(SIGNAL_PATIENCE, || {});
    if let Some(device) = &asked.device {
        let failed = |source| BootEntryError::Device { device: device.display().to_string(), source };
        fs::metadata(device).map_err(failed)?;
    }
    let contents = machine::contents(&stop)?;
    let (device, content) = find(&contents, asked.device.as_deref())?;
    let place = device.node().display().to_string();
    let failed = |source| BootEntryError::Menu { device: place.clone(), source };
    // A deployment works on the whole disk, and has its menu replaced. Nor is it mounted to be read, even elsewhere, while
    // somebody mounts it to be written: the kernel would refuse the second.
    let lock = DiskLock::take(&device.disk().node(), PATIENCE)?;
    if stop.is_wanted() {
        return Err(CommandError::Stopped.into());
    }
    let (node, kind) = (device.node(), FsKind::Ext4);
    let mounted = MountedTree::device(&node, kind, true)?;
    let mut menu = Menu::read(mounted.root()).map_err(failed)?;
    // To mount it to be written is a change already, so that first it has to be clear what is meant.
    if let Some(set) = &asked.set {
        menu.find(&set.name).map_err(BootEntryError::Choice)?;
    }
    mounted.close()?;
    let mut told = String::new();
    if let Some(set) = &asked.set {
        let mounted = MountedTree::device(&node, kind, false)?;
        // Others may have changed it meanwhile: not all of them know of locks.
        menu = Menu::read(mounted.root()).map_err(failed)?;
        let number = menu.find(&set.name).map_err(BootEntryError::Choice)?;
        let write = if set.once { Menu::set_once } else { Menu::set_default };
        write(&mut menu, mounted.root(), number).map_err(failed)?;
        told = sentence(&menu, number, set.once);
        // What the journal has is in place only when it is unmounted.
        mounted.close()?;
    }
    drop(lock);
    let around = Surroundings { device: &place, content, contents: &contents, running: running() };
    Ok(match asked.json {
        true => serde_json::to_string_pretty(&around.told(&menu)).expect("a menu is plain") + "\n",
        false if asked.set.is_some() => shown(&told),
        false => shown(&around.table(&menu)),
    })
}

fn sentence(menu: &Menu, number: usize, once: bool) -> String {
    let name = |number: usize| format!("{number}: {}", menu.entries[number].element.boot_name);
    match once {
        false => format!("starts from now on: {}\n", name(number)),
        true => format!("starts next: {}\nand after that: {}\n", name(number), name(menu.default)),
    }
}

/// The device with the menu.
fn find<'a>(
    contents: &'a [(BlockDevice, Content)],
    wanted: Option<&Path>,
) -> Result<(&'a BlockDevice, &'a Content), BootEntryError> {
    let is_menu = |content: &Content| {
        content.kind.as_deref() == Some("ext4") && content.label.as_deref() == Some(BOOT_MENU_LABEL)
    };
    let mut menus = contents.iter().filter(|(_, content)| is_menu(content));
    if let Some(wanted) = wanted {
        let node = fs::canonicalize(wanted).unwrap_or_else(|_| wanted.to_owned());
        let found = menus.find(|(device, _)| device.node() == node);
        let device = || wanted.display().to_string();
        return found
            .map(|(device, content)| (device, content))
            .ok_or_else(|| BootEntryError::NoMenu { device: device() });
    }
    let menus: Vec<_> = menus.collect();
    match menus[..] {
        [] => Err(BootEntryError::None),
        [(device, content)] => Ok((device, content)),
        _ => {
            let nodes = menus.iter().map(|(device, _)| device.node().display().to_string());
            Err(BootEntryError::Several(nodes.collect::<Vec<_>>().join(", ")))
        }
    }
}

/// UUID of the root that the running kernel was started with.
fn running() -> Option<String> {
    root_of(&fs::read_to_string("/proc/cmdline").unwrap_or_default())
}

fn root_of(command_line: &str) -> Option<String> {
    // The last one counts.
    let root = command_line.split_whitespace().filter_map(|word| word.strip_prefix("root=UUID=")).next_back();
    root.map(str::to_owned)
}

/// What is shown beside what the menu says.
struct Surroundings<'a> {
    device: &'a str,
    content: &'a Content,
    contents: &'a [(BlockDevice, Content)],
    running: Option<String>,
}

/// A menu for programs, in the form of the list that a deployment leaves, with more keys.
#[derive(Serialize)]
struct Told<'a> {
    elements: Vec<ToldEntry<'a>>,
    multiboot_partition: Option<&'a str>,
    multiboot_device: &'a str,
    current_element: usize,
    /// What starts the next time only.
    next_element: Option<usize>,
    /// What is running.
    booted_element: Option<usize>,
}

#[derive(Serialize)]
struct ToldEntry<'a> {
    #[serde(flatten)]
    described: &'a Described,
    root_device: Option<PathBuf>,
}

impl Surroundings<'_> {
    fn told<'a>(&'a self, menu: &'a Menu) -> Told<'a> {
        let element = |described: &'a Described| {
            let root_device = self.device_of(&described.element.root_uuid);
            ToldEntry { described, root_device }
        };
        Told {
            elements: menu.entries.iter().map(element).collect(),
            multiboot_partition: self.content.uuid.as_deref(),
            multiboot_device: self.device,
            current_element: menu.default,
            next_element: menu.once,
            booted_element: self.booted(menu),
        }
    }

    fn booted(&self, menu: &Menu) -> Option<usize> {
        let running = self.running.as_ref()?;
        menu.entries.iter().position(|entry| entry.element.root_uuid == *running)
    }

    /// Where a file system is, by the name that people know.
    fn device_of(&self, uuid: &str) -> Option<PathBuf> {
        let (device, _) = self.contents.iter().find(|(_, content)| content.uuid.as_deref() == Some(uuid))?;
        let mapped = device.attribute("dm/name").map(|name| Path::new("/dev/mapper").join(name));
        Some(mapped.unwrap_or_else(|| device.node()))
    }

    fn table(&self, menu: &Menu) -> String {
        let mut text = format!("boot menu on {}\n", self.device);
        let mut columns = Columns::default();
        columns.row(["", "system", "image", "title", "root", "kernel", ""].map(str::to_owned));
        for (number, Described { element, kernel, .. }) in menu.entries.iter().enumerate() {
            let root = self.device_of(&element.root_uuid);
            let root =
                root.map_or_else(|| format!("UUID={}", element.root_uuid), |root| root.display().to_string());
            let marks = [(Some(menu.default), "default"), (menu.once, "next"), (self.booted(menu), "booted")];
            let marks = marks.iter().filter(|(marked, _)| *marked == Some(number)).map(|(_, mark)| *mark);
            columns.row([
                number.to_string(),
                element.os_id.clone(),
                element.image_name.clone(),
                element.boot_name.clone(),
                root,
                kernel.clone(),
                marks.collect::<Vec<_>>().join(", "),
            ]);
        }
        columns.write(&mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_system_is_known_by_its_root() {
        let line = "BOOT_IMAGE=/boot/vmlinuz-6.1 root=UUID=1-2 ro quiet";
        assert_eq!(root_of(line).as_deref(), Some("1-2"));
        assert_eq!(root_of(&format!("{line} root=UUID=3")).as_deref(), Some("3"));
        assert_eq!(root_of("root=/dev/sda1"), None);
    }

    #[test]
    fn names_do_nothing_to_terminals() {
        assert_eq!(shown("one\u{1b}[2J\n\u{9b}2J é\r"), "one\\#033[2J\n\\#302\\#2332J é\\#015");
    }

    #[test]
    fn a_menu_is_found_by_its_label() {
        let device = |name: &str, kind: &str, label: &str| {
            let content = Content { kind: Some(kind.into()), label: Some(label.into()), uuid: None };
            (BlockDevice { name: name.into(), bytes: 1, sector: 512, model: None }, content)
        };
        let mut contents = vec![device("sdx1", "xfs", "boot-menu"), device("sdx2", "ext4", "system")];
        let found = |contents: &[_], wanted: Option<&str>| {
            let found = find(contents, wanted.map(Path::new));
            found.map(|(device, _)| device.name.clone()).map_err(|error| error.to_string())
        };
        assert!(found(&contents, None).unwrap_err().starts_with("there is no common boot menu"));
        contents.push(device("sdx3", "ext4", "boot-menu"));
        assert_eq!(found(&contents, None).as_deref(), Ok("sdx3"));
        contents.push(device("sdy2", "ext4", "boot-menu"));
        assert!(found(&contents, None).unwrap_err().ends_with("--device: /dev/sdx3, /dev/sdy2"));
        assert_eq!(found(&contents, Some("/dev/sdy2")).as_deref(), Ok("sdy2"));
        assert!(
            found(&contents, Some("/dev/sdx2")).unwrap_err().starts_with("/dev/sdx2 has no common boot menu")
        );
    }
}
