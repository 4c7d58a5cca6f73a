//! Authorities and certificates, made by openssl for one test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::scratch::Scratch;

/// A certificate with its key, both in PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate's file.
    pub certificate: PathBuf,
    /// The key's file.
    pub key: PathBuf,
}

/// An authority, with all that it made.
#[derive(Debug)]
pub struct Authority {
    scratch: Scratch,
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// Without openssl.
    #[must_use]
    pub fn new() -> Self {
        let scratch = Scratch::with_size(1024);
        let mut command = openssl(&scratch);
        command.args(["req", "-x509", "-days", "2", "-subj", "/CN=an authority"]);
        run(command.args(NEW_KEY).args(["-keyout", "ca.key", "-out", "ca.pem"]));
        let config = "[ca]\ndefault_ca = own\n[own]\ndatabase = index\nserial = serial\nnew_certs_dir = .\ndefault_md = sha256\n\
                      policy = any\nunique_subject = no\n[any]\ncommonName = supplied\n";
        let _ = scratch.file("ca.conf", config, 0o600);
        let _ = scratch.file("index", "", 0o600);
        Self { scratch }
    }

    /// Its own certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.scratch.join("ca.pem")
    }

    /// A certificate that is valid now, of these names (`DNS:host`, `IP:address`).
    #[must_use]
    pub fn certify(&self, file: &str, names: &str) -> Certificate {
        self.make(file, names, "20200101000000Z", "20990101000000Z")
    }

    /// The same, of a time that is over.
    #[must_use]
    pub fn certify_in_the_past(&self, file: &str, names: &str) -> Certificate {
        self.make(file, names, "20200101000000Z", "20210101000000Z")
    }

    fn make(&self, file: &str, names: &str, from: &str, to: &str) -> Certificate {
        let part = |kind: &str| format!("{file}.{kind}");
        let extensions = format!("basicConstraints = CA:FALSE\nsubjectAltName = {names}\n");
        let _ = self.scratch.file(&part("ext"), &extensions, 0o600);
        let mut command = openssl(&self.scratch);
        command.args(["req", "-subj", &format!("/CN={file}")]).args(NEW_KEY);
        run(command.args(["-keyout", &part("key"), "-out", &part("csr")]));
        let mut command = openssl(&self.scratch);
        command.args(["ca", "-batch", "-notext", "-config", "ca.conf", "-rand_serial", "-cert", "ca.pem"]);
        command.args(["-keyfile", "ca.key", "-startdate", from, "-enddate", to, "-extfile", &part("ext")]);
        run(command.args(["-in", &part("csr"), "-out", &part("pem")]));
        Certificate { certificate: self.scratch.join(&part("pem")), key: self.scratch.join(&part("key")) }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

const NEW_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

fn openssl(within: &Scratch) -> Command {
    let mut command = Command::new("openssl");
    command.current_dir::<&Path>(within.path()).stdin(Stdio::null());
    command
}

fn run(command: &mut Command) {
    let output = command.output().expect("openssl is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} was expected to work: {said}");
}
