//! What emulated machines are deployed from: the smallest Debian that starts, on an rsync daemon, with a description on a web
//! server; and the disk of one that was deployed, from which other tests go on.
//!
//! Not for the machines themselves: see [`crate::vm`].

mod base;
mod update;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::deploy::{System, description, disk_named, image, volume, with};
use crate::os_tree;
use crate::ramdisk::Ramdisk;
use crate::scratch::Scratch;
use crate::server::Server as _;
use crate::vm::{SERVER, Vm};
use crate::web::Web;
use crate::witness;

pub use base::{Base, FIRST, assert_sound, tree};
pub use update::Update;

/// The port of an rsync daemon.
pub const RSYNC: u16 = 873;
/// What the image's own tools change. What is in these directories need not be that of the image.
pub const OF_THE_BOOT_LOADER: &[&str] = &["boot/grub", "etc/default"];
/// What a system changes that has run, too.
pub const OF_WHAT_RAN: &[&str] = &["boot", "etc", "var", "root", "tmp"];
/// How large the disk of [`volumes`] is.
pub const MEBIBYTES: u64 = 1500;

/// Where a machine is deployed from.
#[derive(Debug)]
pub struct Server {
    words: String,
    /// Made when it is needed.
    system: OnceLock<System>,
    ramdisk: Ramdisk,
    web: Web,
    scratch: Scratch,
}

impl Server {
    /// With an image that says nothing of its own.
    ///
    /// # Panics
    /// As its parts.
    #[must_use]
    pub fn new() -> Self {
        Self::saying("")
    }

    /// With an image whose witness says this, too.
    ///
    /// # Panics
    /// As its parts.
    #[must_use]
    pub fn saying(words: &str) -> Self {
        let (scratch, ramdisk) = (Scratch::new(), Ramdisk::new());
        let web = Web::serving(&scratch.directory("web"));
        Self { words: words.to_owned(), system: OnceLock::new(), ramdisk, web, scratch }
    }

    /// What the daemon has.
    ///
    /// # Panics
    /// As [`saying`].
    #[must_use]
    pub fn system(&self) -> &System {
        self.system.get_or_init(|| saying(&self.words))
    }

    /// What machines start from.
    #[must_use]
    pub fn ramdisk(&self) -> &Ramdisk {
        &self.ramdisk
    }

    /// A description of machines with these disks.
    #[must_use]
    pub fn describe(&self, policy: &str, partitions: &[Value]) -> Value {
        described(policy, &[system_image()], partitions)
    }

    /// A machine that starts from the ramdisk with these parameters and is deployed by `description`; off, when that fails.
    /// It reaches the web server only.
    ///
    /// # Panics
    /// If memory is short.
    #[must_use]
    pub fn machine(&self, description: &Value, disks: &[&Path], parameters: &str) -> Vm {
        fs::write(self.scratch.join("web/node.json"), description.to_string())
            .expect("memory is large enough");
        let config = format!("deployer.config=http://{SERVER}/files/node.json");
        let parameters = format!("{config} deployer.on-failure=poweroff {parameters}");
        let machine = Vm::new().server(80, self.web.address()).ramdisk(&self.ramdisk, &parameters);
        disks.iter().fold(machine, |machine, disk| machine.disk(disk))
    }

    /// The same with the daemon.
    ///
    /// # Panics
    /// As [`Server::machine`].
    #[must_use]
    pub fn deploying(&self, description: &Value, disks: &[&Path], parameters: &str) -> Vm {
        self.machine(description, disks, parameters).server(RSYNC, self.system().daemon().address())
    }

    /// A bare disk.
    ///
    /// # Panics
    /// If there is one of this name.
    #[must_use]
    pub fn disk(&self, name: &str, mebibytes: u64) -> PathBuf {
        let path = self.scratch.join(name);
        let file = File::create_new(&path).expect("memory is large enough");
        file.set_len(mebibytes << 20).expect("a file can be sparse");
        path
    }

    /// A copy of a disk, in the place of an earlier one.
    ///
    /// # Panics
    /// If memory is short.
    #[must_use]
    pub fn copy(&self, disk: &Path) -> PathBuf {
        let to = self.scratch.join("copy");
        base::copy(disk, &to);
        to
    }

    /// A path beside the disks; nothing is made.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

/// The smallest Debian that starts, on a daemon, with a witness who says this.
///
/// # Panics
/// As [`System::with`].
#[must_use]
pub fn saying(words: &str) -> System {
    System::with(|root| {
        os_tree::unpack_least(root);
        witness::plant(root);
        fs::write(root.join(witness::WORDS), format!("{words}\n")).expect("memory is large enough");
        // Its tools make it otherwise, and give the directory above another time.
        fs::create_dir_all(root.join("boot/grub")).expect("memory is large enough");
    })
}

/// The image of a [`Server`], as machines find it.
#[must_use]
pub fn system_image() -> Value {
    image("system", &format!("rsync://{SERVER}/tree/"), "/")
}

/// A description whose system talks to the serial line.
#[must_use]
pub fn described(policy: &str, images: &[Value], partitions: &[Value]) -> Value {
    with(description(policy, images, partitions), "deploy_data", json!({"kernel_params": witness::CONSOLE}))
}

/// A disk with `/`, `/usr`, `/var`, swap and `/home`.
#[must_use]
pub fn divided() -> Value {
    disk_named("vda", MEBIBYTES, &volumes())
}

/// What is on it, from the second partition on.
#[must_use]
pub fn volumes() -> [Value; 5] {
    [
        volume("/", "ext4", "300 MiB"),
        volume("/usr", "xfs", "600 MiB"),
        volume("/var", "ext4", "200 MiB"),
        volume("none", "swap", "64 MiB"),
        volume("/home", "ext4", "remaining"),
    ]
}
