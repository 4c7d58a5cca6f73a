//! What stands between a client and a daemon, or in place of one: the programs that people use for that, as they are.

mod certificates;
mod service;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scratch::Scratch;

pub use certificates::{Authority, Certificate};
pub use service::Service;

/// stunnel, which speaks TLS before a daemon.
///
/// # Panics
/// If it does not come to listen.
#[must_use]
pub fn stunnel(daemon: SocketAddr, own: &Certificate, clients_of: Option<&Authority>) -> Service {
    Service::start(|scratch, port| {
        let mut text = format!(
            "foreground = yes\npid =\nsyslog = no\noutput = {}\n[rsyncs]\naccept = 127.0.0.1:{port}\nconnect = {daemon}\n\
             cert = {}\nkey = {}\n",
            scratch.join("log").display(),
            own.certificate.display(),
            own.key.display()
        );
        if let Some(authority) = clients_of {
            text += &format!("verify = 2\nCAfile = {}\n", authority.certificate().display());
        }
        let config = scratch.file("stunnel.conf", &text, 0o600);
        let mut command = Command::new("stunnel4");
        command.arg(config);
        command
    })
}

/// stunnel on the client's side: leads to a daemon that speaks TLS, and holds its certificate against this authority.
///
/// # Panics
/// If it does not come to listen.
#[must_use]
pub fn stunnel_client(daemon: SocketAddr, authority: &Authority) -> Service {
    Service::start(|scratch, port| {
        let text = format!(
            "foreground = yes\npid =\nsyslog = no\noutput = {}\n[rsyncs]\nclient = yes\naccept = 127.0.0.1:{port}\n\
             connect = {daemon}\nverifyChain = yes\ncheckIP = 127.0.0.1\nCAfile = {}\n",
            scratch.join("log").display(),
            authority.certificate().display()
        );
        let config = scratch.file("stunnel.conf", &text, 0o600);
        let mut command = Command::new("stunnel4");
        command.arg(config);
        command
    })
}

/// tinyproxy, which lets `CONNECT` to this port through, for this user and password.
///
/// # Panics
/// If it does not come to listen.
#[must_use]
pub fn tinyproxy(allowed: u16, login: Option<(&str, &str)>) -> Service {
    Service::start(|scratch, port| {
        let mut text = format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nAllow 127.0.0.1\nConnectPort {allowed}\nLogLevel Info\n"
        );
        if let Some((user, password)) = login {
            text += &format!("BasicAuth {user} {password}\n");
        }
        let config = scratch.file("tinyproxy.conf", &text, 0o600);
        let mut command = Command::new("tinyproxy");
        command.arg("-d").arg("-c").arg(config);
        command
    })
}

/// sshd with a key of its own, and a client's key that it takes.
#[derive(Debug)]
pub struct Sshd {
    service: Service,
    keys: Scratch,
}

impl Sshd {
    /// Starts it.
    ///
    /// # Panics
    /// If it does not come to listen.
    #[must_use]
    pub fn start() -> Self {
        // What it changes its root to before somebody has logged in.
        fs::create_dir_all("/run/sshd").expect("root makes directories");
        let keys = Scratch::with_size(1024);
        for name in ["host", "client"] {
            let mut command = Command::new("ssh-keygen");
            command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(keys.join(name));
            assert!(command.status().expect("ssh-keygen is installed").success());
        }
        let service = Service::start(|scratch, port| {
            let text = format!(
                "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
                 StrictModes no\nPasswordAuthentication no\nPermitRootLogin yes\nPermitUserRC no\nPrintMotd no\n",
                keys.join("host").display(),
                keys.join("client.pub").display(),
            );
            let config = scratch.file("sshd_config", &text, 0o600);
            let mut command = Command::new("/usr/sbin/sshd");
            command.args(["-D", "-e", "-f"]).arg(config);
            command
        });
        let key = fs::read_to_string(keys.join("host.pub")).expect("a key was made");
        let known = format!("[127.0.0.1]:{} {key}", service.address().port());
        let _ = keys.file("known", &known, 0o600);
        let _ = keys.file("nobody", "", 0o600);
        Self { service, keys }
    }

    /// What `-e` is told.
    #[must_use]
    pub fn shell(&self) -> String {
        self.shell_that_knows("known")
    }

    /// The same of a client that does not know this server.
    #[must_use]
    pub fn shell_of_a_stranger(&self) -> String {
        self.shell_that_knows("nobody")
    }

    fn shell_that_knows(&self, known: &str) -> String {
        format!(
            "ssh -F none -p {} -i {} -o UserKnownHostsFile={} -o GlobalKnownHostsFile=none -o BatchMode=yes \
             -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o LogLevel=ERROR",
            self.service.address().port(),
            self.keys.join("client").display(),
            self.keys.join(known).display()
        )
    }
}

/// A Unix socket behind which a daemon is.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    _service: Service,
}

impl Socket {
    /// One that leads to this daemon.
    ///
    /// # Panics
    /// If it does not come to be there.
    #[must_use]
    pub fn to(daemon: SocketAddr, path: &Path) -> Self {
        let mut command = Command::new("socat");
        command.arg(format!("UNIX-LISTEN:{},fork", path.display())).arg(format!("TCP:{daemon}"));
        let service = Service::until(&command, || path.exists());
        Self { path: path.to_owned(), _service: service }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
