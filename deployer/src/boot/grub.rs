//! GRUB 2: through the image's own tools, else through those of this machine.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::environment::Environment;
use super::held_back::HeldBack;
use super::menu::{self, Entry};
use super::{disarm, settings};
use crate::command::{Command, CommandError, find};
use crate::confined::{Root, path_of};
use crate::disk::DiskError;
use crate::machine::Firmware;
use crate::stop::Stop;

/// GRUB's files for UEFI on this kind of machine, and the package that has them.
#[cfg(target_arch = "x86_64")]
const EFI: (&str, &str) = ("x86_64-efi", "grub-efi-amd64-bin");
#[cfg(target_arch = "aarch64")]
const EFI: (&str, &str) = ("arm64-efi", "grub-efi-arm64-bin");
const BIOS: &str = "i386-pc";
/// In GRUB's directory: which disks its names mean.
const DEVICE_MAP: &str = "device.map";
/// In there as well: the menu, and the variables that last.
const CONFIGURATION: &str = "grub.cfg";
const ENVIRONMENT: &str = "grubenv";

/// A boot loader was not installed.
#[derive(Debug, Error)]
pub(crate) enum GrubError {
    #[error("{0}")]
    Tool(#[from] CommandError),
    #[error("{0}")]
    Disk(#[from] DiskError),
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
        Firmware::Uefi => EFI,
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

pub(super) fn tool(root: &Root, program: &str) -> Option<String> {
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
    /// Refuses what [`Installation::system`] cannot do, before anything is changed.
    pub(crate) fn check(&self, root: &Root, entry: Option<&Entry>) -> Result<(), GrubError> {
        let (target, package) = target(self.firmware);
        match has_tools(root, target) {
            true => Ok(()),
            false if !machine_has_tools(target) => Err(GrubError::NoTools { target, package }),
            false => entry.map(|_| ()).ok_or(GrubError::NoKernel),
        }
    }

    /// Installs the boot loader of one system, whose tree is mounted and livable. It is not in its place then: boot code is
    /// returned, and boot loaders of UEFI are put aside.
    pub(crate) fn system(
        &self,
        root: &Root,
        parameters: &str,
        entry: Option<&Entry>,
        stop: &Stop,
    ) -> Result<HeldBack, GrubError> {
        let (target, package) = target(self.firmware);
        if has_tools(root, target) {
            let tools = Tools::of_tree(root).expect("it was looked for");
            settings::write(root, parameters)?;
            make(root, &tools.directory(Path::new("/boot")))?;
            tools.configure(root, &tools.configuration(Path::new("/boot")), stop)?;
            return self.install(root, Path::new("/boot"), self.efi(), &tools, stop);
        }
        let tools = Tools::of_machine().filter(|_| machine_has_tools(target));
        let tools = tools.ok_or(GrubError::NoTools { target, package })?;
        let entry = entry.ok_or(GrubError::NoKernel)?;
        self.with_files(root, Path::new("/boot"), &[(CONFIGURATION, &menu::single(entry))], &tools, stop)
    }

    /// Installs a boot loader of its own, with this configuration, in a directory of the tree at `root`, with the tools
    /// of that tree or with those of this machine. Nor is this one in its place then.
    pub(crate) fn common(
        &self,
        by_tree: bool,
        root: &Root,
        directory: &Path,
        configuration: &str,
        stop: &Stop,
    ) -> Result<HeldBack, GrubError> {
        let (target, package) = target(self.firmware);
        let tools = match by_tree {
            true => Tools::of_tree(root),
            false => Tools::of_machine().filter(|_| machine_has_tools(target)),
        };
        let tools = tools.ok_or(GrubError::NoTools { target, package })?;
        // Whatever an earlier deployment was to start once is over.
        let environment = Environment::new().bytes().expect("it has no variables");
        let environment = String::from_utf8_lossy(&environment);
        // An earlier deployment may have had tools with the other name.
        let other = if tools.name == "grub" { "grub2" } else { "grub" };
        let left = directory.join(other).join(CONFIGURATION);
        root.remove(&left).map_err(GrubError::file("remove", &left.to_string_lossy()))?;
        // Bareon's driver for Ironic looks for the menu there.
        let link = directory.join("boot/grub2");
        let linked = root.symlink(&link, &format!("../{}", tools.name));
        linked.map_err(GrubError::file("make", &link.to_string_lossy()))?;
        let files = [(ENVIRONMENT, &*environment), (CONFIGURATION, configuration)];
        self.with_files(root, directory, &files, &tools, stop)
    }

    /// Writes these files into GRUB's directory, and installs it.
    fn with_files(
        &self,
        root: &Root,
        boot: &Path,
        files: &[(&str, &str)],
        tools: &Tools,
        stop: &Stop,
    ) -> Result<HeldBack, GrubError> {
        let directory = tools.directory(boot);
        // The tools of this machine would follow it to another place of this machine.
        if root.is_symlink(&directory) {
            let source = io::Error::other("it is a symlink, and a directory is needed");
            return Err(GrubError::file("use", &directory.to_string_lossy())(source));
        }
        if tools.root.is_none() {
            // And what is in it; and they would take other disks for those that are named.
            let cleaned = root.remove_specials(&directory);
            cleaned
                .and_then(|()| root.remove(&directory.join(DEVICE_MAP)))
                .map_err(GrubError::file("clear", &directory.to_string_lossy()))?;
        }
        for (name, text) in files {
            let path = directory.join(name).to_string_lossy().into_owned();
            root.write(&path, text).map_err(GrubError::file("write", &path))?;
        }
        match tools.root {
            Some(_) => self.install(root, boot, self.efi(), tools, stop),
            None => {
                let efi = match self.firmware {
                    Firmware::Bios => self.efi().to_owned(),
                    Firmware::Uefi => outside(root, self.efi())?,
                };
                self.install(root, &outside(root, boot)?, &efi, tools, stop)
            }
        }
    }

    /// Where the EFI system partition is mounted in the tree.
    fn efi(&self) -> &Path {
        Path::new(self.efi.unwrap_or("/boot/efi"))
    }

    /// Runs the installer, which knows the directories `boot` and (on UEFI) `efi` by these names.
    fn install(
        &self,
        root: &Root,
        boot: &Path,
        efi: &Path,
        tools: &Tools,
        stop: &Stop,
    ) -> Result<HeldBack, GrubError> {
        let option = |name: &str, path: &Path| {
            let mut option = OsString::from(name);
            option.push(path);
            option
        };
        let (target, _) = target(self.firmware);
        let command = tools.installer().arg(format!("--target={target}"));
        let command = command.arg(option("--boot-directory=", boot));
        let mut held = HeldBack::default();
        match self.firmware {
            Firmware::Bios => {
                for disk in self.disks {
                    let installed = command.clone().arg(disk).run(stop);
                    // At once, and whatever has become of it.
                    let taken = if has_run(&installed) { held.take(disk) } else { Ok(()) };
                    installed?;
                    taken?;
                }
            }
            Firmware::Uefi => {
                // Distributions that call it so would rather have their own package's loader.
                let force = (tools.name == "grub2").then_some("--force");
                let command = command.arg(option("--efi-directory=", efi)).args(force);
                let run = |command: Command| {
                    let installed = command.run(stop);
                    let aside = match has_run(&installed) {
                        true => disarm::put_aside(root, &self.efi().to_string_lossy()),
                        false => Ok(()),
                    };
                    installed.map_err(GrubError::from).and(aside)
                };
                run(command.clone().args(["--removable", "--no-nvram"]))?;
                if self.variables {
                    run(command)?;
                }
            }
        }
        Ok(held)
    }
}

/// Whether an installer may have changed anything.
fn has_run(installed: &Result<String, CommandError>) -> bool {
    !matches!(installed, Err(CommandError::Missing(_) | CommandError::Start { .. }))
}

/// GRUB's programs: those of a tree, which see it as their root, or those of this machine.
struct Tools {
    root: Option<PathBuf>,
    installer: OsString,
    configurator: Option<String>,
    /// What this distribution calls it: `grub` or `grub2`.
    name: &'static str,
}

impl Tools {
    fn of_tree(root: &Root) -> Option<Self> {
        let installer = tool(root, "grub-install")?;
        let name = if installer.contains("grub2-") { "grub2" } else { "grub" };
        let (path, configurator) = (root.path().to_owned(), tool(root, "grub-mkconfig"));
        Some(Self { root: Some(path), installer: installer.into(), configurator, name })
    }

    fn of_machine() -> Option<Self> {
        let found = |name: &'static str| {
            let installer = OsString::from(format!("{name}-install"));
            find(&installer).map(|_| Self { root: None, installer, configurator: None, name })
        };
        found("grub").or_else(|| found("grub2"))
    }

    /// Where it keeps its files.
    fn directory(&self, boot: &Path) -> PathBuf {
        boot.join(self.name)
    }

    fn configuration(&self, boot: &Path) -> PathBuf {
        self.directory(boot).join(CONFIGURATION)
    }

    fn installer(&self) -> Command {
        let command = Command::new(&self.installer);
        match &self.root {
            Some(root) => command.in_root(root),
            None => command,
        }
    }

    fn configure(&self, root: &Root, output: &Path, stop: &Stop) -> Result<(), GrubError> {
        let configurator = self.configurator.as_ref().expect("it was looked for");
        Command::new(configurator).arg("-o").arg(output).in_root(root.path()).run(stop)?;
        Ok(())
    }
}

fn make(root: &Root, directory: &Path) -> Result<(), GrubError> {
    let made = root.make_directory(directory);
    made.map(drop).map_err(GrubError::file("make", &directory.to_string_lossy()))
}

/// Where a directory of a tree is as seen from outside, without symlinks.
fn outside(root: &Root, path: &Path) -> Result<PathBuf, GrubError> {
    let handle = root.make_directory(path).and_then(path_of);
    handle.map_err(GrubError::file("make", &path.to_string_lossy()))
}
