//! GRUB 2: through the image's own tools, else through those of this machine.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::menu::{self, Entry};
use crate::command::{Command, CommandError, find};
use crate::inside::Root;
use crate::machine::Firmware;
use crate::stop::Stop;

/// What the firmware of this kind of machine loads, and where it looks for it on a disk.
#[cfg(target_arch = "x86_64")]
const EFI: (&str, &str) = ("x86_64-efi", "BOOTX64.EFI");
#[cfg(target_arch = "aarch64")]
const EFI: (&str, &str) = ("arm64-efi", "BOOTAA64.EFI");
const BIOS: &str = "i386-pc";
/// Settings of ours in the tree, where the image's tools read a directory of them.
const DROP_IN: &str = "/etc/default/grub.d/zz-deployer.cfg";
/// Settings of the image.
const SETTINGS: &str = "/etc/default/grub";
/// What our lines in a file of the image stand between.
const BEGIN: &str = "# deployer: begin";
const END: &str = "# deployer: end";

/// A boot loader was not installed.
#[derive(Debug, Error)]
pub(crate) enum GrubError {
    #[error("{0}")]
    Tool(#[from] CommandError),
    #[error("cannot {action} {path} in the tree: {source}")]
    File { action: &'static str, path: String, source: io::Error },
    #[error("there is no kernel in /boot of the tree")]
    NoKernel,
    #[error("neither the image nor this machine has GRUB for {target}: install {package} in one of them")]
    NoTools { target: &'static str, package: &'static str },
}

impl GrubError {
    pub(crate) fn file(action: &'static str, path: &str) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| GrubError::File { action, path, source }
    }
}

/// What is installed, and for what.
pub(crate) struct Installation<'a> {
    pub(crate) firmware: Firmware,
    pub(crate) disks: &'a [PathBuf],
    /// Where the EFI system partition is mounted in the tree.
    pub(crate) efi: Option<&'a str>,
    /// Write the firmware's variables, instead of relying on the place where it looks by itself.
    pub(crate) variables: bool,
}

/// The name of GRUB's files for a firmware, and of the package that has them.
pub(crate) fn target(firmware: Firmware) -> (&'static str, &'static str) {
    match firmware {
        Firmware::Bios => (BIOS, "grub-pc-bin"),
        Firmware::Uefi => (EFI.0, "grub-efi-amd64-bin"),
    }
}

/// Where a program of GRUB may be in a tree: some distributions give it another name.
pub(crate) fn places(program: &str) -> Vec<String> {
    let other = program.replacen("grub-", "grub2-", 1);
    let names = [program, other.as_str()];
    names
        .iter()
        .flat_map(|name| [format!("/usr/sbin/{name}"), format!("/usr/bin/{name}"), format!("/sbin/{name}")])
        .collect()
}

/// Where GRUB's files for a target may be in a tree.
pub(crate) fn modules(target: &str) -> [String; 2] {
    [format!("/usr/lib/grub/{target}"), format!("/usr/share/grub/{target}")]
}

fn tool(root: &Root, program: &str) -> Option<String> {
    places(program).into_iter().find(|path| root.has(path))
}

/// Whether a tree has what it takes to install its boot loader by itself.
pub(crate) fn has_tools(root: &Root, target: &str) -> bool {
    tool(root, "grub-install").is_some()
        && tool(root, "grub-mkconfig").is_some()
        && modules(target).iter().any(|path| root.has(path))
}

/// Whether this machine has what it takes.
pub(crate) fn machine_has_tools(target: &str) -> bool {
    let program = ["grub-install", "grub2-install"].iter().any(|name| find(OsStr::new(name)).is_some());
    program && modules(target).iter().any(|path| Path::new(path).is_dir())
}

impl Installation<'_> {
    /// Installs the boot loader of one system, whose tree is mounted and livable.
    pub(crate) fn system(
        &self,
        root: &Root,
        parameters: &str,
        entries: &[Entry],
        stop: &Stop,
    ) -> Result<(), GrubError> {
        let (target, package) = target(self.firmware);
        if has_tools(root, target) {
            return self.by_image(root, parameters, target, stop);
        }
        if !machine_has_tools(target) {
            return Err(GrubError::NoTools { target, package });
        }
        if entries.is_empty() {
            return Err(GrubError::NoKernel);
        }
        let boot = root.path().join("boot");
        let efi = self.efi.map(|efi| root.path().join(efi.trim_start_matches('/')));
        self.install(&boot, efi.as_deref(), None, target, stop)?;
        let path = "/boot/grub/grub.cfg";
        root.write(path, &menu::configuration(entries, 0)).map_err(GrubError::file("write", path))
    }

    /// Installs a boot loader of its own in a directory of the tree at `root`, with the tools of the tree `tools`,
    /// which is the same one, or with those of this machine.
    pub(crate) fn common(
        &self,
        tools: Option<&Root>,
        root: &Root,
        directory: &Path,
        stop: &Stop,
    ) -> Result<(), GrubError> {
        let (target, package) = target(self.firmware);
        let efi = self.efi.map(Path::new);
        if let Some(tools) = tools {
            return self.install(directory, efi, Some(tools), target, stop);
        }
        if !machine_has_tools(target) {
            return Err(GrubError::NoTools { target, package });
        }
        let outside = |path: &Path| root.path().join(path.strip_prefix("/").unwrap_or(path));
        self.install(&outside(directory), efi.map(outside).as_deref(), None, target, stop)
    }

    fn by_image(&self, root: &Root, parameters: &str, target: &str, stop: &Stop) -> Result<(), GrubError> {
        settings(root, parameters)?;
        let efi = self.efi.map(Path::new);
        self.install(Path::new("/boot"), efi, Some(root), target, stop)?;
        let make = tool(root, "grub-mkconfig").expect("it was looked for");
        let directory = if root.has("/boot/grub2") && !root.has("/boot/grub") { "grub2" } else { "grub" };
        let output = format!("/boot/{directory}/grub.cfg");
        Command::new(make).args(["-o", &output]).in_root(root.path()).run(stop)?;
        Ok(())
    }

    fn install(
        &self,
        boot: &Path,
        efi: Option<&Path>,
        tools: Option<&Root>,
        target: &str,
        stop: &Stop,
    ) -> Result<(), GrubError> {
        let command = || match tools {
            Some(root) => {
                Command::new(tool(root, "grub-install").expect("it was looked for")).in_root(root.path())
            }
            None => Command::new(if find(OsStr::new("grub-install")).is_some() {
                "grub-install"
            } else {
                "grub2-install"
            }),
        };
        let mut boot_directory = std::ffi::OsString::from("--boot-directory=");
        boot_directory.push(boot);
        let command = || command().arg(format!("--target={target}")).arg(&boot_directory);
        match (self.firmware, efi) {
            (Firmware::Bios, _) => {
                for disk in self.disks {
                    command().arg(disk).run(stop)?;
                }
            }
            (Firmware::Uefi, efi) => {
                let mut directory = std::ffi::OsString::from("--efi-directory=");
                directory.push(efi.unwrap_or(Path::new("/boot/efi")));
                let command = || command().arg(&directory);
                command().args(["--removable", "--no-nvram"]).run(stop)?;
                if self.variables {
                    command().run(stop)?;
                }
            }
        }
        Ok(())
    }
}

/// The kernel's parameters, where they stay when the system updates its own configuration.
fn settings(root: &Root, parameters: &str) -> Result<(), GrubError> {
    let make =
        tool(root, "grub-mkconfig").and_then(|path| root.read(&path).ok().flatten()).unwrap_or_default();
    let own = text_of(parameters);
    if make.contains("default/grub.d") {
        return root.write(DROP_IN, &own).map_err(GrubError::file("write", DROP_IN));
    }
    let before = root.read(SETTINGS).map_err(GrubError::file("read", SETTINGS))?.unwrap_or_default();
    root.write(SETTINGS, &with_block(&before, &own)).map_err(GrubError::file("write", SETTINGS))
}

fn text_of(parameters: &str) -> String {
    // Single quotes end in a shell only at the next one.
    let quoted = parameters.replace('\'', "'\\''");
    let mut text = format!("GRUB_CMDLINE_LINUX='{quoted}'\nGRUB_DISABLE_OS_PROBER=true\n");
    if let Some(console) = parameters.split_whitespace().find_map(|word| word.strip_prefix("console=ttyS")) {
        let (unit, rest) = console.split_once(',').unwrap_or((console, ""));
        let speed: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let speed = if speed.is_empty() { "115200".to_owned() } else { speed };
        if unit.chars().all(|letter| letter.is_ascii_digit()) {
            text.push_str("GRUB_TERMINAL='console serial'\n");
            text.push_str(&format!("GRUB_SERIAL_COMMAND='serial --unit={unit} --speed={speed}'\n"));
        }
    }
    text
}

/// The text with our lines at its end, and no older ones of ours.
fn with_block(text: &str, own: &str) -> String {
    let mut kept = String::new();
    let mut ours = false;
    for line in text.lines() {
        match line {
            BEGIN => ours = true,
            END => ours = false,
            _ if !ours => {
                kept.push_str(line);
                kept.push('\n');
            }
            _ => {}
        }
    }
    format!("{kept}{BEGIN}\n{own}{END}\n")
}

/// Takes the loader out of the place where a UEFI firmware looks by itself, until the system is complete.
pub(crate) fn disarm_efi(root: &Root, efi: &str) -> Result<(), GrubError> {
    let path = format!("{efi}/EFI/BOOT/{}", EFI.1);
    root.rename(&path, &format!("{}.incomplete", EFI.1)).map_err(GrubError::file("rename", &path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_survive_in_a_shell() {
        let text = text_of("console=ttyS1,9600n8 it's");
        assert!(text.contains("GRUB_CMDLINE_LINUX='console=ttyS1,9600n8 it'\\''s'\n"));
        assert!(text.contains("GRUB_SERIAL_COMMAND='serial --unit=1 --speed=9600'\n"));
        assert!(!text_of("quiet").contains("SERIAL"));
    }

    #[test]
    fn our_lines_are_replaced_not_doubled() {
        let once = with_block("GRUB_TIMEOUT=5\n", "A=1\n");
        assert_eq!(once, "GRUB_TIMEOUT=5\n# deployer: begin\nA=1\n# deployer: end\n");
        assert_eq!(with_block(&once, "A=2\n"), once.replace("A=1", "A=2"));
    }
}
