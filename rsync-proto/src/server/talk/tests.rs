//! Services with clients that are made up, over sockets.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::handshake::Digest;
use crate::wire::frame::put_data_header;

const GREETING: &str = "@RSYNCD: 32.0 sha512 sha256 sha1 md5 md4\n";

/// Writes down what it is told, and panics where it is to.
#[derive(Default)]
struct Ears {
    heard: Mutex<Vec<String>>,
    panics_at_began: AtomicBool,
}

impl Witness for Ears {
    fn told(&self, told: &Told<'_>) {
        assert!(
            !(matches!(told, Told::Began(..)) && self.panics_at_began.load(Ordering::Relaxed)),
            "on purpose"
        );
        self.heard.lock().unwrap().push(match told {
            Told::Connected(_) => "connected".to_owned(),
            Told::Listed(_) => "listed".to_owned(),
            Told::Refused { reason, .. } => format!("refused: {reason}"),
            Told::Began(_, subject) => {
                format!("began {} {:?} as {:?}", subject.module, subject.paths, subject.user)
            }
            Told::Said { text, .. } => format!("said: {text}"),
            Told::Ended { failure, .. } => format!("ended: {:?}", failure.map(ToString::to_string)),
        });
    }
}

struct Scene {
    service: Service,
    ears: Arc<Ears>,
    _dir: tempfile::TempDir,
}

impl Scene {
    fn new(change: impl FnOnce(&mut Limits)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "content").unwrap();
        let mut limits = Limits { handshake: Duration::from_secs(5), ..Limits::default() };
        change(&mut limits);
        let ears = Arc::<Ears>::default();
        let service = Service::builder()
            .module(Module::new("open", dir.path()).comment("for all"))
            .module(Module::new("shut", dir.path()).users([("ann", "pw")]))
            .module(Module::new("quiet", dir.path()).listed(false))
            .module(Module::new("nobody", dir.path()).users::<&str, &str>([]))
            .motd("welcome\n")
            .limits(limits)
            .witness(Arc::clone(&ears) as Arc<dyn Witness>)
            .build()
            .unwrap();
        Self { service, ears, _dir: dir }
    }

    /// A client of its own thread; its end of the socket, and all that it is told.
    fn connect(&self) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let service = self.service.clone();
        thread::spawn(move || service.serve_stream(ours, "test"));
        theirs.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        theirs
    }

    fn told(&self, said: &[u8]) -> String {
        let mut client = self.connect();
        client.write_all(said).unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        String::from_utf8_lossy(&all).into_owned()
    }

    fn heard(&self) -> Vec<String> {
        self.ears.heard.lock().unwrap().clone()
    }
}

/// What a client says that pulls, or whatever else the arguments mean.
fn opening(module: &str, arguments: &[&str]) -> Vec<u8> {
    let mut all = format!("{GREETING}{module}\n").into_bytes();
    for argument in arguments {
        all.extend_from_slice(argument.as_bytes());
        all.push(0);
    }
    all.push(0);
    all.extend_from_slice(b"\x03md5");
    put_data_header(&mut all, 4);
    all.extend_from_slice(&[0; 4]);
    all
}

const PULL: [&str; 5] = ["--server", "--sender", "-tre.iLsfxCIvu", ".", "open/"];

#[test]
fn modules_are_listed_but_for_those_that_are_not() {
    let scene = Scene::new(|_| {});
    for ask in ["\n", "#list\n", "#early_input=4\nrest\n"] {
        let told = scene.told(format!("{GREETING}{ask}").as_bytes());
        let lines: Vec<_> = told.lines().skip(1).collect();
        let expected = [
            "welcome",
            "",
            "open           \tfor all",
            "shut           \t",
            "nobody         \t",
            "@RSYNCD: EXIT",
        ];
        assert_eq!(lines, expected, "{ask}");
    }
    assert_eq!(scene.heard(), ["connected", "listed", "connected", "listed", "connected", "listed"]);
}

#[test]
fn who_is_turned_away_is_told_why() {
    let scene = Scene::new(|_| {});
    for (said, part) in [
        (format!("{GREETING}none\n"), "@ERROR: Unknown module 'none'\n"),
        ("@RSYNCD: 29.0\n".to_owned(), "@ERROR: protocol 29 is too old"),
        ("GET / HTTP/1.1\n".to_owned(), "@ERROR: protocol startup error"),
        ("x".repeat(4000), "@ERROR: a line came to its bound of 1024"),
        (format!("{GREETING}#early_input=9999999\n"), "@ERROR: invalid early_input"),
        (format!("{GREETING}shut\nann wrong\n"), "@ERROR: auth failed on module shut\n"),
        (format!("{GREETING}shut\nzed wrong\n"), "@ERROR: auth failed on module shut\n"),
        (format!("{GREETING}nobody\nann wrong\n"), "@ERROR: auth failed on module nobody\n"),
    ] {
        let told = scene.told(said.as_bytes());
        assert!(told.contains(part), "{said}: {told}");
    }
}

#[test]
fn the_right_password_opens_a_module() {
    let scene = Scene::new(|_| {});
    let client = scene.connect();
    let mut lines = BufReader::new(client.try_clone().unwrap());
    let mut client = client;
    let mut next = || {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        line
    };
    assert_eq!(next(), GREETING);
    write!(client, "@RSYNCD: 31.0\nshut\n").unwrap();
    assert_eq!([next(), next()], ["welcome\n", "\n"]);
    let challenge = next();
    let challenge = challenge.strip_prefix("@RSYNCD: AUTHREQD ").unwrap().trim_end();
    // Without names of digests it is MD5.
    writeln!(client, "ann {}", Digest::Md5.respond(b"pw", challenge.as_bytes())).unwrap();
    assert_eq!(next(), "@RSYNCD: OK\n");
}

#[test]
fn what_is_refused_is_told_in_a_frame() {
    let scene = Scene::new(|_| {});
    for (arguments, text) in [
        (vec!["--server", "-tre.iLsfxCIvu", ".", "open/"], "module is read only"),
        (
            vec!["--server", "--sender", "-tre.iLsfxCIvu", "--evil", ".", "open/"],
            "the option --evil is not known",
        ),
    ] {
        let told = scene.told(&opening("open", &arguments));
        assert!(told.contains(text), "{told}");
        // The exit code, unsupported, is the last thing that is said.
        assert!(told.ends_with("\n\u{4}\0\0]\u{4}\0\0\0"), "{told:?}");
    }
    assert!(scene.heard().iter().any(|line| line.starts_with("refused: module is read only")));
}

#[test]
fn a_client_that_leaves_in_the_midst_is_noticed() {
    let scene = Scene::new(|_| {});
    let mut client = scene.connect();
    client.write_all(&opening("open", &PULL)).unwrap();
    let mut some = [0; 200];
    let _ = client.read(&mut some).unwrap();
    drop(client);
    let until = Instant::now() + Duration::from_secs(10);
    while scene.heard().len() < 3 && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
    let heard = scene.heard();
    assert_eq!(heard[1], "began open [\"\"] as None");
    assert!(heard[2].contains("the client hung up"), "{heard:?}");
}

#[test]
fn there_is_room_for_so_many() {
    let scene = Scene::new(|limits| limits.connections = 1);
    let first = scene.connect();
    let until = Instant::now() + Duration::from_secs(10);
    while scene.heard().is_empty() && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
    let told = scene.told(&opening("open", &PULL));
    assert!(told.ends_with("@ERROR: max connections (1) reached -- try again later\n"), "{told}");
    drop(first);
    while !scene.heard().iter().any(|line| line.contains("hung up")) && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_millis(100));
    assert!(scene.told(format!("{GREETING}\n").as_bytes()).contains("EXIT"), "the place is free again");
}

#[test]
fn a_panic_ends_one_connection_and_gives_its_place_back() {
    let scene = Scene::new(|limits| limits.connections = 1);
    scene.ears.panics_at_began.store(true, Ordering::Relaxed);
    scene.told(&opening("open", &PULL));
    assert_eq!(scene.heard(), ["connected"], "it got as far as to the panic, and the connection ended");
    thread::sleep(Duration::from_millis(100));
    assert!(scene.told(format!("{GREETING}\n").as_bytes()).contains("EXIT"));
}

#[test]
fn slow_handshakes_have_an_end() {
    let scene = Scene::new(|limits| limits.handshake = Duration::from_millis(300));
    let told = scene.told(GREETING.as_bytes());
    assert!(told.contains("@ERROR: nothing came from the client"), "{told}");
}

#[test]
fn a_service_ends_when_it_is_told_to() {
    let scene = Scene::new(|limits| limits.grace = Duration::from_millis(300));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let server = {
        let (service, stop) = (scene.service.clone(), Arc::clone(&stop));
        thread::spawn(move || service.serve(listener, &stop))
    };
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(&opening("open", &PULL)).unwrap();
    let mut some = [0; 100];
    let _ = client.read(&mut some).unwrap();
    stop.store(true, Ordering::Relaxed);
    server.join().unwrap().unwrap();
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    let last = scene.heard().pop().unwrap();
    assert!(last.contains("told to stop"), "{last}");
}

#[test]
fn what_makes_no_service() {
    let fault = |builder: ServiceBuilder| builder.build().unwrap_err().to_string();
    let module = |name: &str| Module::new(name, "/");
    assert!(fault(Service::builder()).contains("no module"));
    assert!(fault(Service::builder().module(module("a")).module(module("a"))).contains("two modules"));
    for name in ["", "a/b", "#a", "-a", "a\n", "@a"] {
        assert!(fault(Service::builder().module(module(name))).contains("no name of a module"), "{name}");
    }
    assert!(fault(Service::builder().module(Module::new("a", "/no/such"))).contains("cannot look at"));
    assert!(fault(Service::builder().module(Module::new("a", "/proc/version"))).contains("is no directory"));
    assert!(
        fault(Service::builder().module(module("a")).motd("x\n@ERROR: y")).contains("message of the day")
    );
    assert!(fault(Service::builder().module(module("a").users([("a b", "x")]))).contains("a user"));
    assert!(!format!("{:?}", module("a").users([("ann", "hush")])).contains("hush"));
}
