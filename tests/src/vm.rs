//! A virtual machine: what runs in it talks to a serial line, and reaches nothing but the servers that it is given.
//!
//! Emulated, since a guest need not run under the host's hypervisor; minutes, where a machine of metal takes seconds.

use std::fmt;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::ramdisk::Ramdisk;
use crate::scratch::Scratch;

/// Where the guest finds its servers.
pub const SERVER: &str = "10.0.2.100";
/// For the kernels of guests: a host that has much to do does not give them the ticks that they count when they start.
pub const CLOCK: &str = "no_timer_check";
/// What it has of memory.
const MEBIBYTES: u32 = 1024;
/// How often its console is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What a machine is made of.
#[derive(Debug)]
pub struct Vm {
    disks: Vec<PathBuf>,
    servers: Vec<(u16, SocketAddr)>,
    ramdisk: Option<(PathBuf, PathBuf, String)>,
}

/// A machine that ran, or was cut off.
#[derive(Debug)]
pub struct Ran {
    console: String,
}

impl Vm {
    /// A machine without disks, which starts from the first that it gets.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a machine without anything is no usual one")]
    pub fn new() -> Self {
        Self { disks: Vec::new(), servers: Vec::new(), ramdisk: None }
    }

    /// One more disk: `/dev/vda`, and so on.
    #[must_use]
    pub fn disk(mut self, image: &Path) -> Self {
        self.disks.push(image.to_owned());
        self
    }

    /// A server at this port of [`SERVER`].
    #[must_use]
    pub fn server(mut self, port: u16, address: SocketAddr) -> Self {
        self.servers.push((port, address));
        self
    }

    /// Starts from a ramdisk, with these parameters, instead of from its disks.
    #[must_use]
    pub fn ramdisk(mut self, ramdisk: &Ramdisk, parameters: &str) -> Self {
        // Only what is grave breaks into the lines of programs.
        let line = format!("console=ttyS0 {CLOCK} loglevel=4 panic=-1 {parameters}");
        self.ramdisk = Some((ramdisk.kernel(), ramdisk.archive(), line));
        self
    }

    /// Runs until it restarts or turns itself off.
    ///
    /// # Panics
    /// If it does not within `limit`, or cannot be started.
    #[must_use]
    pub fn run(&self, limit: Duration) -> Ran {
        let scratch = Scratch::with_size(16 * 1024);
        let path = scratch.join("console");
        let mut guest = Guest(self.start(&path));
        let until = Instant::now() + limit;
        loop {
            let ended = guest.0.try_wait().expect("it is a child of this process");
            let console = String::from_utf8_lossy(&fs::read(&path).expect("it was made")).into_owned();
            let ran = Ran { console };
            if ended.is_some() {
                return ran;
            }
            assert!(
                Instant::now() < until,
                "the machine was expected to come to an end within {limit:?}\n{ran}"
            );
            thread::sleep(LOOK);
        }
    }

    fn start(&self, console: &Path) -> Child {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "qemu-system-x86_64", "-nodefaults", "-display", "none"]);
        command.args([
            "-machine",
            "q35",
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            "max",
            "-smp",
            "2",
            "-no-reboot",
        ]);
        command.args(["-m", &MEBIBYTES.to_string(), "-device", "virtio-rng-pci", "-serial", "stdio"]);
        for (number, disk) in self.disks.iter().enumerate() {
            let drive = format!(
                "file={},format=raw,if=none,id=disk{number},cache=unsafe,discard=unmap",
                disk.display()
            );
            command.arg("-drive").arg(drive);
            command.arg("-device").arg(format!("virtio-blk-pci,drive=disk{number}"));
        }
        let forwards = self
            .servers
            .iter()
            .map(|(port, address)| format!(",guestfwd=tcp:{SERVER}:{port}-cmd:socat STDIO TCP:{address}"));
        command.arg("-netdev").arg(format!("user,id=net,restrict=on{}", forwards.collect::<String>()));
        command.args(["-device", "virtio-net-pci,netdev=net,romfile="]);
        if let Some((kernel, archive, line)) = &self.ramdisk {
            command.arg("-kernel").arg(kernel).arg("-initrd").arg(archive).args(["-append", line]);
        }
        command.stdin(Stdio::null()).stderr(Stdio::inherit());
        command.stdout(File::create(console).expect("memory is large enough"));
        command.spawn().unwrap_or_else(|error| panic!("the emulator cannot be started: {error}"))
    }
}

impl Ran {
    /// Fails unless its console has all of these texts.
    ///
    /// # Panics
    /// With the first that is missing.
    pub fn says(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.console.contains(text), "the console was expected to say {text:?}\n{self}");
        }
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&str> = self.console.lines().collect();
        write!(f, "--- console, its last lines ---\n{}", lines[lines.len().saturating_sub(150)..].join("\n"))
    }
}

/// A running machine; its process ends with this value.
struct Guest(Child);

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
