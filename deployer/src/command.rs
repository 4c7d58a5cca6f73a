//! The one place that runs other programs: what was run and what it said is always reported.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::thread;

use rustix::process::Pid;
use thiserror::Error;

use crate::stop::Stop;
use crate::system;

/// Where programs are looked for, besides `PATH`: a ramdisk's first process may have none.
const USUAL_PLACES: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Where a device manager listens, if one runs.
const DEVICE_MANAGER: &str = "/run/udev/control";
/// Lines of output that are shown when a program fails.
const SHOWN_LINES: usize = 12;

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    root: Option<PathBuf>,
}

impl Command {
    pub(crate) fn new(program: impl Into<OsString>) -> Self {
        Self { program: program.into(), arguments: Vec::new(), environment: Vec::new(), root: None }
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets a variable of its environment, which is empty but for what every program needs.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Runs it with this directory as its root.
    pub(crate) fn in_root(mut self, root: &Path) -> Self {
        self.root = Some(root.to_owned());
        self
    }

    /// The name of the program.
    pub(crate) fn program(&self) -> &OsStr {
        &self.program
    }

    /// Runs it to its end. Returns what it printed.
    ///
    /// # Errors
    /// It is not there, it ended with an error, or it was stopped.
    pub(crate) fn run(&self, stop: &Stop) -> Result<String, CommandError> {
        let (status, output, complaints) = self.output(stop)?;
        match status.success() {
            true => Ok(output),
            false => Err(self.failed(status, &complaints, &output)),
        }
    }

    /// Runs it to its end; an exit code for which `accept` holds is no error.
    pub(crate) fn run_accepting(&self, stop: &Stop, accept: &[i32]) -> Result<(i32, String), CommandError> {
        let (status, output, complaints) = self.output(stop)?;
        match status.code() {
            Some(code) if code == 0 || accept.contains(&code) => Ok((code, output)),
            _ => Err(self.failed(status, &complaints, &output)),
        }
    }

    /// Runs it for whatever it says, on either way, and however it ends.
    pub(crate) fn say_anything(&self, stop: &Stop) -> Result<String, CommandError> {
        let (_, output, complaints) = self.output(stop)?;
        Ok(output + &complaints)
    }

    fn failed(&self, status: ExitStatus, complaints: &str, output: &str) -> CommandError {
        // Some programs complain on standard output.
        let said = if complaints.trim().is_empty() { output } else { complaints };
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let said = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n  ");
        CommandError::Failed { command: self.to_string(), status, said }
    }

    /// Runs it to its end, in sight of whoever is at the terminal: nothing that it says is kept.
    pub(crate) fn attended(&self) -> Result<ExitStatus, CommandError> {
        let status = self.prepared()?.stdin(Stdio::null()).status();
        status.map_err(|source| CommandError::Start { command: self.to_string(), source })
    }

    /// The same, until a signal to this process ends it too.
    pub(crate) fn watched(&self, stop: &Stop) -> Result<ExitStatus, CommandError> {
        if stop.is_wanted() {
            return Err(CommandError::Stopped);
        }
        let started = |source| CommandError::Start { command: self.to_string(), source };
        let mut child = self.prepared()?.stdin(Stdio::null()).spawn().map_err(started)?;
        stop.watch_child(Pid::from_raw(child.id() as i32));
        let status = child.wait().map_err(started);
        stop.watch_child(None);
        if stop.is_wanted() { Err(CommandError::Stopped) } else { status }
    }

    /// What the system is told to run.
    fn prepared(&self) -> Result<std::process::Command, CommandError> {
        let program = match &self.root {
            // Found by the search path of its own root.
            Some(_) => PathBuf::from(&self.program),
            None => find(&self.program).ok_or_else(|| CommandError::Missing(self.program.clone()))?,
        };
        let mut command = std::process::Command::new(program);
        // What is set here for other reasons, a password or a directory for temporary files, is not for others.
        command.args(&self.arguments).env_clear().env("LC_ALL", "C").env("HOME", "/");
        command.env("PATH", USUAL_PLACES.join(":")).envs(self.environment.iter().cloned());
        // LVM leaves the nodes of its volumes to a device manager, and finds none where it has to clear them.
        if self.program.to_str().and_then(package) == Some("lvm2") && !Path::new(DEVICE_MANAGER).exists() {
            command.env("DM_DISABLE_UDEV", "1");
        }
        command.process_group(0);
        system::prepare_child(&mut command, self.root.clone());
        Ok(command)
    }

    fn output(&self, stop: &Stop) -> Result<(ExitStatus, String, String), CommandError> {
        if stop.is_wanted() {
            return Err(CommandError::Stopped);
        }
        let mut command = self.prepared()?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = |source| CommandError::Start { command: self.to_string(), source };
        let mut child = command.spawn().map_err(started)?;
        stop.watch_child(Pid::from_raw(child.id() as i32));
        let mut stderr = child.stderr.take().expect("it is piped");
        let mut stdout = child.stdout.take().expect("it is piped");
        // Both have to be read at once, or the program may wait for the one that is not.
        let complaints = thread::spawn(move || read_all(&mut stderr));
        let output = read_all(&mut stdout);
        let status = child.wait().map_err(started);
        stop.watch_child(None);
        let complaints = complaints.join().expect("reading does not panic");
        if stop.is_wanted() {
            return Err(CommandError::Stopped);
        }
        Ok((status?, output, complaints))
    }
}

fn read_all(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    // What was read before an error is as good as it gets.
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where a program is, if it is anywhere.
pub(crate) fn find(program: &OsStr) -> Option<PathBuf> {
    find_in(program, Path::new("/"))
}

/// Where a program is in a tree, as seen from outside of it.
pub(crate) fn find_in(program: &OsStr, root: &Path) -> Option<PathBuf> {
    if Path::new(program).is_absolute() {
        return Some(program.into());
    }
    let own = std::env::var_os("PATH").filter(|_| root == Path::new("/")).unwrap_or_default();
    let usual = USUAL_PLACES.iter().map(|place| root.join(&place[1..]));
    let mut places = usual.chain(std::env::split_paths(&own).filter(|path| path.is_absolute()));
    places.find_map(|place| Some(place.join(program)).filter(|path| path.is_file()))
}

/// Where a program is that is missing, if that is known.
pub(crate) fn where_it_is(program: &str) -> String {
    package(program).map_or(String::new(), |package| format!("; Debian has it in the package {package}"))
}

/// The package of Debian that has a program.
fn package(program: &str) -> Option<&'static str> {
    Some(match program {
        "mkfs.ext2" | "mkfs.ext3" | "mkfs.ext4" | "e2fsck" | "tune2fs" | "resize2fs" => "e2fsprogs",
        "mkfs.xfs" | "xfs_growfs" | "xfs_admin" => "xfsprogs",
        "mkfs.btrfs" | "btrfs" | "btrfstune" => "btrfs-progs",
        "mkfs.vfat" => "dosfstools",
        "mdadm" => "mdadm",
        "pvcreate" | "vgcreate" | "lvcreate" | "vgchange" | "vgmknodes" | "pvs" | "lvs" => "lvm2",
        "swapoff" => "mount",
        "modprobe" => "kmod",
        "grub-install" | "grub-mkconfig" => "grub2-common",
        "blkid" | "mkswap" => "util-linux",
        _ => return None,
    })
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(root) = &self.root {
            write!(f, "chroot {} ", root.display())?;
        }
        for (index, (name, value)) in self.environment.iter().enumerate() {
            let env = if index == 0 { "env " } else { "" };
            write!(f, "{env}{name}={} ", value.to_string_lossy())?;
        }
        f.write_str(&self.program.to_string_lossy())?;
        for argument in &self.arguments {
            let argument = argument.to_string_lossy();
            let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=./:,+@%^".contains(letter);
            match shlex::try_quote(&argument) {
                Ok(quoted) if argument.is_empty() || !argument.chars().all(plain) => write!(f, " {quoted}")?,
                _ => write!(f, " {argument}")?,
            }
        }
        Ok(())
    }
}

/// A program did not do its work.
#[derive(Debug, Error)]
pub(crate) enum CommandError {
    /// It is not on this machine.
    #[error("there is no program {} here{}", .0.display(), where_it_is(&.0.to_string_lossy()))]
    Missing(OsString),
    /// It could not be started.
    #[error("cannot run `{command}`: {source}")]
    Start {
        /// What was run.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ended with an error.
    #[error("`{command}` failed with {status}:\n  {said}")]
    Failed {
        /// What was run.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines that it said.
        said: String,
    },
    /// It was stopped by a signal to this process.
    #[error("stopped by a signal")]
    Stopped,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_prints_comes_back() {
        let stop = Stop::default();
        assert_eq!(Command::new("echo").arg("a b").run(&stop).unwrap(), "a b\n");
    }

    #[test]
    fn what_failed_is_shown_as_one_could_type_it() {
        let command = Command::new("sh").args(["-c", "echo why >&2; exit 3"]);
        let error = command.run(&Stop::default()).unwrap_err().to_string();
        assert_eq!(error, "`sh -c 'echo why >&2; exit 3'` failed with exit status: 3:\n  why");
        assert_eq!(command.run_accepting(&Stop::default(), &[3]).unwrap().0, 3);
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Command::new("no-such-program").run(&Stop::default()).unwrap_err();
        assert_eq!(error.to_string(), "there is no program no-such-program here");
        let mkfs = CommandError::Missing("mkfs.xfs".into()).to_string();
        assert_eq!(mkfs, "there is no program mkfs.xfs here; Debian has it in the package xfsprogs");
    }

    #[test]
    fn programs_see_nothing_of_our_environment() {
        let command = Command::new("env").env("MKE2FS_CONFIG", "/a b");
        let output = command.run(&Stop::default()).unwrap();
        let mut names: Vec<&str> = output.lines().filter_map(|line| line.split('=').next()).collect();
        names.sort_unstable();
        assert_eq!(names, ["HOME", "LC_ALL", "MKE2FS_CONFIG", "PATH"]);
    }

    #[test]
    fn large_outputs_on_both_sides_do_not_block() {
        let script = "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero";
        let output = Command::new("sh").args(["-c", script]).run(&Stop::default()).unwrap();
        assert_eq!(output.len(), 300_000);
    }
}
