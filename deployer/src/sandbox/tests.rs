//! What can be done within the walls, and what cannot. The kernel has to have them.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;

use rsync_proto::Options;
use rsync_proto::local::{Access, Reach, reach};
use rustix::net::{AddressFamily, SocketType};

use super::*;

fn within<T: Send>(places: Vec<Reach>, port: u16, work: impl FnOnce() -> T + Send) -> T {
    let sandbox = Sandbox::new(Walls::Demanded, places, Some(port));
    sandbox.run(|why| panic!("{why}"), work).expect("the kernel has Landlock")
}

fn refused<T>(result: io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == ErrorKind::PermissionDenied)
}

#[test]
fn files_can_be_changed_in_the_destination_only() {
    let scratch = tempfile::tempdir().unwrap();
    let (to, beyond) = (scratch.path().join("to"), scratch.path().join("beyond"));
    for dir in [&to, &beyond] {
        fs::create_dir_all(dir.join("dir")).unwrap();
        fs::write(dir.join("file"), "content").unwrap();
    }
    symlink("../beyond", to.join("link")).unwrap();
    within(reach(&to, &Options::archive()), 1, || {
        // All that a pull does works.
        fs::write(to.join("new"), "more").unwrap();
        fs::rename(to.join("new"), to.join("dir/newer")).unwrap();
        fs::hard_link(to.join("file"), to.join("dir/again")).unwrap();
        symlink("nowhere", to.join("dangling")).unwrap();
        fs::create_dir(to.join("dir/below")).unwrap();
        fs::remove_dir(to.join("dir/below")).unwrap();
        fs::remove_file(to.join("dir/newer")).unwrap();
        File::options().write(true).truncate(true).open(to.join("file")).unwrap();
        fs::read("/etc/passwd").unwrap();
        // Devices are kept, as they are by -D.
        let device = |name: &str| {
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            let kind = rustix::fs::FileType::CharacterDevice;
            rustix::fs::mknodat(rustix::fs::CWD, to.join(name), kind, mode, rustix::fs::makedev(1, 3))
        };
        device("null").unwrap();
        // Beyond, nothing does, by whatever way.
        for beyond in [&beyond, &to.join("link")] {
            assert!(refused(fs::read(beyond.join("file"))));
            assert!(refused(fs::read_dir(beyond)));
            assert!(refused(fs::write(beyond.join("file"), "x")));
            assert!(refused(fs::write(beyond.join("new"), "x")));
            assert!(refused(fs::create_dir(beyond.join("new"))));
            assert!(refused(fs::remove_file(beyond.join("file"))));
            assert!(refused(fs::remove_dir(beyond.join("dir"))));
            assert!(refused(symlink("x", beyond.join("new"))));
            // The kernel says of these that they lead to another file system.
            for result in [
                fs::rename(to.join("file"), beyond.join("file")),
                fs::rename(beyond.join("file"), to.join("taken")),
                fs::hard_link(beyond.join("file"), to.join("taken")),
            ] {
                let kind = result.unwrap_err().kind();
                assert!([ErrorKind::PermissionDenied, ErrorKind::CrossesDevices].contains(&kind), "{kind}");
            }
        }
    });
    assert_eq!(fs::read_to_string(beyond.join("file")).unwrap(), "content");
    fs::write(beyond.join("new"), "the thread outside is free").unwrap();
}

#[test]
fn a_dry_run_changes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let mut options = Options::archive();
    options.dry_run = true;
    fs::write(scratch.path().join("file"), "content").unwrap();
    within(reach(scratch.path(), &options), 1, || {
        assert_eq!(fs::read_to_string(scratch.path().join("file")).unwrap(), "content");
        assert!(refused(fs::write(scratch.path().join("new"), "x")));
        assert!(refused(fs::remove_file(scratch.path().join("file"))));
    });
}

#[test]
fn files_beside_are_linked_but_neither_made_nor_removed() {
    let scratch = tempfile::tempdir().unwrap();
    let (to, old) = (scratch.path().join("to"), scratch.path().join("old"));
    fs::create_dir(&to).unwrap();
    fs::create_dir(&old).unwrap();
    fs::write(old.join("file"), "content").unwrap();
    let places = [(&to, Access::Write { devices: false }), (&old, Access::Link)]
        .map(|(path, access)| Reach { path: path.clone(), access })
        .to_vec();
    within(places, 1, || {
        fs::hard_link(old.join("file"), to.join("file")).unwrap();
        assert!(refused(fs::remove_file(old.join("file"))));
        assert!(refused(fs::write(old.join("new"), "x")));
        // The file is the same by either name, and the kernel gives it the same rights.
        fs::write(old.join("file"), "changed").unwrap();
    });
    assert_eq!(fs::read_to_string(to.join("file")).unwrap(), "changed");
}

#[test]
fn only_the_port_of_the_server_is_connected_to() {
    let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let [server, other] = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
    let scratch = tempfile::tempdir().unwrap();
    let service = scratch.path().join("service");
    let _service = UnixListener::bind(&service).unwrap();
    within(Vec::new(), server.port(), || {
        TcpStream::connect(server).unwrap();
        assert!(refused(UnixStream::connect(&service)));
        assert!(refused(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))));
        // Ways past the rules for ports.
        let of = |protocol| rustix::net::socket(AddressFamily::INET, SocketType::STREAM, protocol);
        assert!(refused(of(Some(rustix::net::ipproto::MPTCP)).map_err(io::Error::from)));
        let tcp = of(Some(rustix::net::ipproto::TCP)).unwrap();
        let fast = rustix::net::SendFlags::from_bits_retain(libc::MSG_FASTOPEN as u32);
        assert!(refused(rustix::net::sendto(&tcp, b"x", fast, &other).map_err(io::Error::from)));
        assert!(refused(TcpStream::connect(other)));
        assert!(refused(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.accept())));
    });
}

#[test]
fn nothing_becomes_more_than_it_is() {
    let places = vec![Reach { path: "/".into(), access: Access::Write { devices: true } }];
    within(places, 1, || {
        assert!(refused(Command::new("true").status()));
        assert!(refused(rustix::process::chroot("/").map_err(io::Error::from)));
        let mut status = String::new();
        // Not of the process: of this thread.
        File::open("/proc/thread-self/status").unwrap().read_to_string(&mut status).unwrap();
        assert!(status.contains("NoNewPrivs:\t1\n") && status.contains("Seccomp:\t2\n"), "{status}");
        // Threads within are within, too.
        assert!(thread::spawn(|| refused(Command::new("true").status())).join().unwrap());
    });
    assert!(Command::new("true").status().unwrap().success(), "the thread outside is free");
}

#[test]
fn names_are_looked_up_outside() {
    let sandbox = Sandbox::new(Walls::Demanded, Vec::new(), Some(1));
    let found = sandbox.run(
        |why| panic!("{why}"),
        || {
            assert!(refused(fs::read("/etc/hosts")), "within, nothing is known of hosts");
            sandbox.resolver().look_up("localhost", 873)
        },
    );
    let found = found.expect("the kernel has Landlock").unwrap();
    assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 873), "{found:?}");
    assert!(!found.is_empty());
}

#[test]
fn no_walls_are_none() {
    let sandbox = Sandbox::new(Walls::None, Vec::new(), Some(1));
    sandbox.run(|why| panic!("{why}"), || fs::read("/etc/hosts").unwrap()).expect("nothing is demanded");
}
