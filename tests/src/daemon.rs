//! A real rsync daemon on loopback for the length of a test.
//!
//! Not for lies: what a hostile server says is scripted elsewhere.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::scratch::Scratch;
use crate::server::Server;

/// How long a daemon may take until it listens. Passing it is a failure, not a wait.
pub(crate) const START: Duration = Duration::from_secs(30);

/// A module as the configuration describes it.
#[derive(Debug, Clone)]
pub struct Module {
    name: String,
    path: PathBuf,
    lines: Vec<String>,
}

impl Module {
    /// A read-only module that serves `path` as root, outside any chroot, with links as they are. Numeric ids
    /// are left at the daemon's default.
    #[must_use]
    pub fn new(name: &str, path: &Path) -> Self {
        let lines = ["read only = yes", "uid = 0", "gid = 0", "use chroot = no", "munge symlinks = no"];
        Self { name: name.to_owned(), path: path.to_owned(), lines: lines.map(str::to_owned).to_vec() }
    }

    /// One more line of configuration; of two that set the same parameter, the later one counts.
    #[must_use]
    pub fn with(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }
}

/// What the daemon is to be like, before it runs.
#[derive(Debug)]
pub struct Plan {
    address: IpAddr,
    global: Vec<String>,
    modules: Vec<Module>,
    kibibytes_per_second: Option<u32>,
}

impl Plan {
    /// On IPv4, with no modules.
    #[must_use]
    pub fn new() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            global: Vec::new(),
            modules: Vec::new(),
            kibibytes_per_second: None,
        }
    }

    /// On IPv6 instead.
    #[must_use]
    pub fn on_ipv6(mut self) -> Self {
        self.address = Ipv6Addr::LOCALHOST.into();
        self
    }

    /// Adds a line before the modules, such as `motd file = …`.
    #[must_use]
    pub fn with(mut self, line: &str) -> Self {
        self.global.push(line.to_owned());
        self
    }

    /// Adds a module.
    #[must_use]
    pub fn serve(mut self, module: Module) -> Self {
        self.modules.push(module);
        self
    }

    /// Sends no faster than this, so that a test can do something in the middle of a transfer.
    #[must_use]
    pub fn slow(mut self, kibibytes_per_second: u32) -> Self {
        self.kibibytes_per_second = Some(kibibytes_per_second);
        self
    }

    /// Starts it and returns when it listens.
    ///
    /// # Panics
    /// If it does not come to listen.
    #[must_use]
    pub fn start(self) -> Daemon {
        let scratch = Scratch::with_size(4096);
        // Between asking the kernel for a free port and using it somebody else may take it.
        for _ in 0..20 {
            let port = free_port(self.address);
            if let Some(child) = self.try_start(&scratch, port) {
                return Daemon { child, address: SocketAddr::new(self.address, port), scratch };
            }
        }
        panic!("the rsync daemon was expected to listen; its log: {}", log(&scratch));
    }

    fn try_start(&self, scratch: &Scratch, port: u16) -> Option<Child> {
        let config = scratch.file("rsyncd.conf", &self.config(scratch), 0o600);
        let mut command = Command::new("setpriv");
        // A test that is killed drops nothing; its daemon dies with it all the same.
        command.args(["--pdeathsig", "KILL", "setsid", "rsync", "--daemon", "--no-detach"]);
        command.arg("--config").arg(&config);
        command.args(["--address", &self.address.to_string(), "--port", &port.to_string()]);
        if let Some(rate) = self.kibibytes_per_second {
            command.arg(format!("--bwlimit={rate}"));
        }
        command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("setpriv, setsid and rsync are expected to be installed");
        let deadline = Instant::now() + START;
        loop {
            if child.try_wait().expect("a child can be asked whether it has ended").is_some() {
                return None;
            }
            // Not a connection: that could reach another process which took the port first.
            if listens(child.id(), port) {
                return Some(child);
            }
            if Instant::now() > deadline {
                stop(&mut child);
                panic!("the rsync daemon was expected to listen within {START:?}; its log: {}", log(scratch));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn config(&self, scratch: &Scratch) -> String {
        let mut text = String::new();
        let mut line = |line: &str| writeln!(text, "{line}").expect("a string takes every line");
        line(&format!("log file = {}", scratch.join("log").display()));
        line("reverse lookup = no");
        self.global.iter().for_each(|it| line(it));
        for module in &self.modules {
            line(&format!("[{}]", module.name));
            line(&format!("path = {}", module.path.display()));
            module.lines.iter().for_each(|it| line(it));
        }
        text
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self::new()
    }
}

/// A daemon that runs as long as this value lasts.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    address: SocketAddr,
    scratch: Scratch,
}

impl Daemon {
    /// A daemon on IPv4 that serves `path` as the module `tree`.
    ///
    /// # Panics
    /// If it does not come to listen.
    #[must_use]
    pub fn serving(path: &Path) -> Self {
        Plan::new().serve(Module::new("tree", path)).start()
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        log(&self.scratch)
    }
}

impl Server for Daemon {
    fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

pub(crate) fn stop(child: &mut Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a child has a process id");
    // The group holds the processes that serve connections, too. Before `setsid` has run there is none.
    if kill_process_group(pid, Signal::KILL).is_err() {
        let _ = child.kill();
    }
    let _ = child.wait();
}

fn log(scratch: &Scratch) -> String {
    fs::read_to_string(scratch.join("log")).unwrap_or_default()
}

pub(crate) fn free_port(address: IpAddr) -> u16 {
    let listener = TcpListener::bind((address, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Whether this very process holds a listening socket on the port.
pub(crate) fn listens(process: u32, port: u16) -> bool {
    let mut sockets = HashSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            // sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode …; 0A is "listening".
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            if fields.len() > 9 && fields[1].ends_with(&format!(":{port:04X}")) && fields[3] == "0A" {
                sockets.insert(format!("socket:[{}]", fields[9]));
            }
        }
    }
    let Ok(handles) = fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    handles.flatten().any(|handle| {
        fs::read_link(handle.path())
            .is_ok_and(|target| target.to_str().is_some_and(|it| sockets.contains(it)))
    })
}
