//! Where the demonstration deploys to: a disk in a file, or directories that stand for its file systems.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::disk::LoopDisk;
use super::figures::Figures;
use super::{DemoError, print, say};
use crate::command::{Command, find};
use crate::stop::Stop;

/// This program, whatever it is called.
const OWN: &str = "/proc/self/exe";

/// Where to.
pub(super) enum Place {
    Disk(Disk),
    Directories(Directories),
}

/// A disk, and the description of what is to be on it.
pub(super) struct Disk {
    disk: LoopDisk,
    own: PathBuf,
    url: String,
    description: PathBuf,
    receipt: PathBuf,
    /// It has been deployed to.
    laid_out: bool,
}

/// The directories.
pub(super) struct Directories {
    own: PathBuf,
    url: String,
    root: PathBuf,
    events: PathBuf,
}

impl Place {
    /// A disk if there can be one, and says why not.
    pub(super) fn find(room: &Path, url: &str, stop: &Stop) -> Result<Self, DemoError> {
        // A link to itself would be that of a child.
        let own = fs::read_link(OWN).map_err(DemoError::system("find", OWN))?;
        match Disk::make(&own, room, url, stop) {
            Ok(disk) => Ok(Self::Disk(disk)),
            Err(NoDisk::Stopped(error)) => Err(error),
            Err(NoDisk::Because(why)) => {
                say(&format!("Directories stand for the file systems /, /usr and /var: {why}."));
                let root = room.join("target");
                for mount in ["usr", "var"] {
                    let path = root.join(mount);
                    fs::create_dir_all(&path).map_err(DemoError::system("make", &path))?;
                }
                let url = format!("{url}/image/");
                Ok(Self::Directories(Directories { own, url, root, events: room.join("events") }))
            }
        }
    }

    /// Deploys to it, or deploys again.
    pub(super) fn deploy(&mut self, stop: &Stop) -> Result<Figures, DemoError> {
        match self {
            Self::Disk(disk) => disk.deploy(stop),
            Self::Directories(directories) => directories.deploy(stop),
        }
    }
}

/// Why there is no disk.
enum NoDisk {
    Because(String),
    Stopped(DemoError),
}

impl Disk {
    fn make(own: &Path, room: &Path, url: &str, stop: &Stop) -> Result<Self, NoDisk> {
        if !rustix::process::geteuid().is_root() {
            return Err(NoDisk::Because("root can have a disk in a file, with partitions".to_owned()));
        }
        for program in ["losetup", "mkfs.ext4", "mkswap"] {
            if find(program.as_ref()).is_none() {
                return Err(NoDisk::Because(format!("there is no program {program} here")));
            }
        }
        let no_disk = |error: DemoError| match stop.is_wanted() {
            true => NoDisk::Stopped(error),
            false => NoDisk::Because(error.to_string()),
        };
        let disk = LoopDisk::make(&room.join("disk"), stop).map_err(no_disk)?;
        let disk = Self {
            disk,
            own: own.to_owned(),
            url: url.to_owned(),
            description: room.join("provision.json"),
            receipt: room.join("receipt.json"),
            laid_out: false,
        };
        // A kernel or a container that does not let it be mounted is found here already.
        disk.describe("clean").map_err(no_disk)?;
        let plan = disk.command("plan");
        match plan.run(stop) {
            Ok(text) => {
                say(&format!(
                    "{} is a disk in a file. What the description {} asks for:",
                    disk.disk.node().display(),
                    disk.description.display()
                ));
                print(&format!("$ {}\n{text}", typed(&plan)));
                Ok(disk)
            }
            Err(error) => Err(no_disk(error.into())),
        }
    }

    fn command(&self, action: &str) -> Command {
        // The tree holds no kernel.
        Command::new(&self.own).args([action, "--no-boot-loader", "--input-data-file"]).arg(&self.description)
    }

    fn describe(&self, policy: &str) -> Result<(), DemoError> {
        let part = |mount: &str, size: &str| json!({"type": "partition", "mount": mount, "file_system": "ext4", "size": size});
        let swap = json!({"type": "partition", "file_system": "swap", "size": "100 MiB"});
        let volumes = [part("/", "300 MiB"), swap, part("/var", "400 MiB"), part("/usr", "remaining")];
        let description = json!({
            "partitions_policy": policy,
            "images": [{"name": "demo", "image_pull_url": format!("{}/image/", self.url), "target": "/"}],
            "image_deploy_flags": {"rsync_flags": "-aH --delete"},
            "partitions": [{"type": "disk", "id": {"type": "path", "value": self.disk.node()}, "size": "2000 MiB",
                "volumes": volumes}],
        });
        let text = format!("{description:#}\n");
        fs::write(&self.description, text).map_err(DemoError::system("write", &self.description))
    }

    fn deploy(&mut self, stop: &Stop) -> Result<Figures, DemoError> {
        match self.laid_out {
            true => {
                self.describe("verify")?;
                say("What is on the disk is verified; what differs from the image is pulled.");
            }
            false => say("The disk is laid out, and the image pulled across its file systems."),
        }
        let command = self.command("provision").arg("--receipt").arg(&self.receipt);
        run(&command, stop)?;
        self.laid_out = true;
        let receipt = fs::read(&self.receipt).map_err(DemoError::system("read", &self.receipt))?;
        let figures = serde_json::from_slice(&receipt).ok().as_ref().and_then(Figures::of_receipt);
        figures.ok_or_else(|| DemoError::NoFigures(typed(&command)))
    }
}

impl Directories {
    /// What would be done, without a word about each file.
    fn plan(&self, stop: &Stop) -> Result<(), DemoError> {
        let pull = Command::new(&self.own).args(["pull", "-aH", "--delete", "--stats", "--dry-run"]);
        run(&pull.arg(&self.url).arg(&self.root), stop)
    }

    fn deploy(&self, stop: &Stop) -> Result<Figures, DemoError> {
        say("What would be done:");
        self.plan(stop)?;
        say("And now it is done.");
        // Only the events of this run count.
        let _ = fs::remove_file(&self.events);
        let command = Command::new(&self.own)
            .args(["pull", "-aH", "--delete", "--stats", "--events"])
            .arg(&self.events)
            .arg(&self.url)
            .arg(&self.root);
        run(&command, stop)?;
        let events = fs::read_to_string(&self.events).map_err(DemoError::system("read", &self.events))?;
        let last: Option<Value> = events.lines().last().and_then(|line| serde_json::from_str(line).ok());
        let figures = last.as_ref().and_then(Figures::of_result);
        figures.ok_or_else(|| DemoError::NoFigures(typed(&command)))
    }
}

/// A command of this program as one would type it where it is installed.
fn typed(command: &Command) -> String {
    let text = command.to_string();
    let arguments = text.split_once(' ').map_or("", |(_, arguments)| arguments);
    format!("deployer {arguments}")
}

/// Runs it in sight.
fn run(command: &Command, stop: &Stop) -> Result<(), DemoError> {
    print(&format!("$ {}\n", typed(command)));
    let terminal = std::env::var_os("TERM").unwrap_or_default();
    let status = command.clone().env("TERM", terminal).watched(stop)?;
    if status.success() { Ok(()) } else { Err(DemoError::Failed(typed(command))) }
}
