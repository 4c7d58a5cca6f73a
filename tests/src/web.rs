//! A real nginx on loopback for the length of a test: the same files under several paths, each with a way of its own.
//!
//! Not for lines that break: see [`crate::cut`].

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::scratch::Scratch;

/// How long a server may take until it listens. Passing it is a failure, not a wait.
const START: Duration = Duration::from_secs(30);

/// Paths: as files should be served; without ranges; slowly; by a temporary URL only; and what is none.
const LOCATIONS: &str = r#"
        location /files/ { alias ROOT/; }
        location /whole/ { alias ROOT/; max_ranges 0; }
        location /slow/ { alias ROOT/; limit_rate 8m; }
        location /chunked/ { alias ROOT/; ssi on; ssi_types *; }
        location /down/ { return 302 http://127.0.0.1:9/image; }
        location /moved/ { rewrite ^/moved/(.*)$ /files/$1 redirect; }
        location /signed/ { alias ROOT/; if ($arg_temp_url_sig != "secret") { return 403; } }
        location /broken/ { return 503; }
        location /page/ { default_type text/html; return 200 "<!DOCTYPE html><html><body>Log in</body></html>"; }
"#;

/// A server that lasts as long as this value.
#[derive(Debug)]
pub struct Web {
    child: Child,
    address: SocketAddr,
    safe: bool,
    scratch: Scratch,
}

impl Web {
    /// Serves the files in `root`.
    ///
    /// # Panics
    /// Without nginx.
    #[must_use]
    pub fn serving(root: &Path) -> Self {
        Self::start(root, false)
    }

    /// The same over TLS, with a certificate of an authority of its own.
    ///
    /// # Panics
    /// Without nginx and openssl.
    #[must_use]
    pub fn serving_safely(root: &Path) -> Self {
        Self::start(root, true)
    }

    fn start(root: &Path, safe: bool) -> Self {
        let scratch = Scratch::with_size(16384);
        let tls = if safe { certify(&scratch) } else { String::new() };
        let address = free_address();
        let listen = if safe { format!("{address} ssl") } else { address.to_string() };
        let locations = LOCATIONS.replace("ROOT", &root.display().to_string());
        let place = scratch.join("").display().to_string();
        let configuration = format!(
            "daemon off;\nmaster_process off;\nuser root;\npid {place}/pid;\nerror_log {place}/errors;\n\
             events {{ }}\nhttp {{\n    access_log {place}/requests combined;\n    sendfile on;\n    \
             client_body_temp_path {place}/body;\n    proxy_temp_path {place}/proxy;\n    \
             fastcgi_temp_path {place}/fastcgi;\n    uwsgi_temp_path {place}/uwsgi;\n    scgi_temp_path {place}/scgi;\n    \
             log_format ranges '$status $request_uri $http_range';\n    access_log {place}/ranges ranges;\n    \
             server {{\n        listen {listen};\n{tls}{locations}    }}\n}}\n"
        );
        let file = scratch.join("nginx.conf");
        fs::write(&file, configuration).expect("memory is large enough");
        let child = Command::new("nginx")
            .args(["-e", &format!("{place}/errors"), "-p", &place, "-c"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("nginx is installed");
        let mut web = Self { child, address, safe, scratch };
        web.wait();
        web
    }

    fn wait(&mut self) {
        let started = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let ended = self.child.try_wait().expect("a child can be asked");
            assert!(ended.is_none(), "nginx ended: {}", self.text("errors"));
            assert!(started.elapsed() < START, "nginx does not listen: {}", self.text("errors"));
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        match self.safe {
            // Its certificate is for this name.
            true => format!("https://localhost:{}/{path}", self.address.port()),
            false => format!("http://{}/{path}", self.address),
        }
    }

    /// The certificate of its authority.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.scratch.join("authority.pem")
    }

    /// What it was asked for: status, path, range.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.text("ranges").lines().map(str::to_owned).collect()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.scratch.join(name)).unwrap_or_default()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Taken by nobody a moment ago.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address")
}

/// Makes an authority, and a certificate by it for `localhost`. Returns the lines of the configuration.
fn certify(scratch: &Scratch) -> String {
    let path = |name: &str| scratch.join(name).display().to_string();
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().expect("openssl is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let authority = [
        "req",
        "-x509",
        "-days",
        "2",
        "-subj",
        "/CN=Test authority",
        "-keyout",
        &path("authority.key"),
        "-out",
    ];
    openssl(&[&authority[..], &[&path("authority.pem")], &key].concat());
    let request = ["req", "-subj", "/CN=localhost", "-keyout", &path("server.key"), "-out"];
    openssl(&[&request[..], &[&path("server.csr")], &key].concat());
    fs::write(path("names"), "subjectAltName=DNS:localhost\n").expect("memory is large enough");
    let sign = ["x509", "-req", "-days", "2", "-CAcreateserial", "-in", &path("server.csr"), "-extfile"];
    let by = ["-CA", &path("authority.pem"), "-CAkey", &path("authority.key"), "-out", &path("server.pem")];
    openssl(&[&sign[..], &[&path("names")], &by].concat());
    format!(
        "        ssl_certificate {};\n        ssl_certificate_key {};\n",
        path("server.pem"),
        path("server.key")
    )
}
