//! A virtual machine: what runs in it talks to a serial line, and reaches nothing but the servers that it is given.
//!
//! Where no guest runs under the host's hypervisor it is emulated, and takes minutes instead of seconds.

mod accelerator;
mod running;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::ramdisk::Ramdisk;
use crate::scratch::Scratch;
use accelerator::Accelerator;
pub use running::{Ran, Running};

/// Where the guest finds its servers.
pub const SERVER: &str = "10.0.2.100";
/// How long a machine may take for whatever it does, from power on to power off. Several are emulated at once on hosts that
/// have other work: passing it is a hang.
pub const LIMIT: Duration = Duration::from_secs(1200);
/// The serial line for programs, as the guest names it.
const EVENTS: &str = "/dev/ttyS1";
/// The parameter by which the receipt goes there, too.
pub const RECEIPT: &str = "deployer.options=--receipt=/dev/ttyS1";
/// For the kernels of guests: a host that has much to do does not give them the ticks that they count when they start.
const CLOCK: &str = "no_timer_check";
/// What it has of memory.
const MEBIBYTES: u32 = 768;
/// The firmware of UEFI machines, and the variables that it comes with.
const FIRMWARE: [&str; 2] = ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"];

/// What a machine is made of.
#[derive(Debug)]
pub struct Vm {
    disks: Vec<PathBuf>,
    servers: Vec<(u16, SocketAddr)>,
    ramdisk: Option<(PathBuf, PathBuf, String)>,
    variables: Option<PathBuf>,
}

impl Vm {
    /// A machine with a BIOS and without disks, which starts from the first that it gets.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a machine without anything is no usual one")]
    pub fn new() -> Self {
        Self { disks: Vec::new(), servers: Vec::new(), ramdisk: None, variables: None }
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

    /// With UEFI instead of a BIOS: `variables` is what its firmware remembers, as [`variables`] makes it.
    #[must_use]
    pub fn uefi(mut self, variables: &Path) -> Self {
        self.variables = Some(variables.to_owned());
        self
    }

    /// Starts from a ramdisk, with these parameters, instead of from its disks.
    #[must_use]
    pub fn ramdisk(mut self, ramdisk: &Ramdisk, parameters: &str) -> Self {
        // Only what is grave breaks into the lines of programs.
        let line = format!("console=ttyS0 loglevel=4 panic=-1 {CLOCK} deployer.events={EVENTS} {parameters}");
        self.ramdisk = Some((ramdisk.kernel(), ramdisk.archive(), line));
        self
    }

    /// Runs until it restarts or turns itself off.
    ///
    /// # Panics
    /// If it does not within [`LIMIT`], or cannot be started.
    #[must_use]
    pub fn run(&self) -> Ran {
        self.start().end()
    }

    /// Turns it on.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(&self) -> Running {
        self.start_by(Accelerator::of_this_host())
    }

    fn start_by(&self, accelerator: Accelerator) -> Running {
        let scratch = Scratch::with_size(16 * 1024);
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "qemu-system-x86_64", "-nodefaults", "-display", "none"]);
        command.args(["-machine", "q35", "-smp", "1"]).args(accelerator.arguments());
        command.args(["-m", &MEBIBYTES.to_string(), "-no-reboot", "-device", "virtio-rng-pci"]);
        command.args(["-serial", "stdio", "-serial"]);
        command.arg(format!("file:{}", scratch.join(running::EVENTS).display()));
        if let Some(variables) = &self.variables {
            let flash = |number: usize, path: &Path, more: &str| {
                format!("if=pflash,unit={number},format=raw,file={}{more}", path.display())
            };
            command.arg("-drive").arg(flash(0, Path::new(FIRMWARE[0]), ",readonly=on"));
            command.arg("-drive").arg(flash(1, variables, ""));
        }
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
        Running::new(command, scratch)
    }
}

/// What a firmware remembers that has not started anything yet, at `path`.
///
/// # Panics
/// Without the firmware.
pub fn variables(path: &Path) {
    fs::copy(FIRMWARE[1], path).expect("the firmware is installed, and memory is large enough");
}
