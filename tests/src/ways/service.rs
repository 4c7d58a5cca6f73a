//! A program that listens for the length of a test.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::daemon::{START, free_port, listens, stop};
use crate::scratch::Scratch;
use crate::server::Server;

/// A program that runs as long as this value lasts.
#[derive(Debug)]
pub struct Service {
    child: Child,
    address: SocketAddr,
    _scratch: Option<Scratch>,
}

impl Service {
    /// Starts what `prepare` makes of a place for its files and a port of loopback, and returns when it listens there.
    ///
    /// # Panics
    /// If it does not come to listen.
    #[must_use]
    pub fn start(prepare: impl Fn(&Scratch, u16) -> Command) -> Self {
        let address = IpAddr::from(Ipv4Addr::LOCALHOST);
        // Between asking the kernel for a free port and using it somebody else may take it.
        for _ in 0..20 {
            let scratch = Scratch::with_size(4096);
            let port = free_port(address);
            let mut child = spawn(&prepare(&scratch, port));
            if comes_to(&mut child, |child| listens(child.id(), port)) {
                return Self { child, address: (address, port).into(), _scratch: Some(scratch) };
            }
        }
        panic!("the program was expected to listen: {:?}", prepare(&Scratch::with_size(4096), 0));
    }

    /// Starts a program that listens nowhere on the network, and returns when `ready` holds.
    ///
    /// # Panics
    /// If that does not come.
    #[must_use]
    pub fn until(command: &Command, ready: impl Fn() -> bool) -> Self {
        let shown = format!("{command:?}");
        let mut child = spawn(command);
        assert!(comes_to(&mut child, |_| ready()), "the program was expected to run: {shown}");
        Self { child, address: (Ipv4Addr::LOCALHOST, 0).into(), _scratch: None }
    }
}

impl Server for Service {
    fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Service {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

fn spawn(own: &Command) -> Child {
    let mut command = Command::new("setpriv");
    // A test that is killed drops nothing; its programs die with it all the same.
    command.args(["--pdeathsig", "KILL", "setsid"]).arg(own.get_program()).args(own.get_args());
    command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("setpriv and setsid are installed")
}

/// Whether it holds before the program ends.
fn comes_to(child: &mut Child, ready: impl Fn(&Child) -> bool) -> bool {
    let deadline = Instant::now() + START;
    loop {
        if child.try_wait().expect("a child can be asked whether it has ended").is_some() {
            return false;
        }
        if ready(child) {
            return true;
        }
        if Instant::now() > deadline {
            stop(child);
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
}
