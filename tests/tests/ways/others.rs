//! Proxies, programs that connect, and sockets.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use end_to_end::run::{Invocation, Program};
use end_to_end::server::Server;
use end_to_end::ways::{Socket, tinyproxy};

use super::{Fixture, as_it_is};

#[test]
fn a_proxy_leads_to_the_daemon() {
    let fixture = Fixture::new();
    let (open, url) = (tinyproxy(fixture.port(), None), fixture.daemon.url("tree/"));
    let by = |proxy: String| move |run: Invocation| run.env("RSYNC_PROXY", &proxy);
    fixture.comes("by a proxy", by(open.address().to_string()), &[], &url);
    let guarded = tinyproxy(fixture.port(), Some(("bob", "secret")));
    fixture.comes("with a login", by(format!("bob:secret@{}", guarded.address())), &[], &url);
    let outcome =
        fixture.fails(10, &["RSYNC_PROXY=user"], by(format!("bob:wrong@{}", guarded.address())), &[], &url);
    assert!(!outcome.stderr.contains("wrong"), "no password was expected in\n{outcome}");
    let closed = tinyproxy(1, None);
    fixture.fails(10, &["403", "does not let"], by(closed.address().to_string()), &[], &url);
    // What is no proxy, and what is written in another way.
    fixture.fails(10, &["@RSYNCD", "HTTP proxy"], by(fixture.daemon.address().to_string()), &[], &url);
    fixture.fails(1, &["host:port"], by("http://somewhere".to_owned()), &[], &url);
}

#[test]
fn a_proxy_that_does_not_come_to_its_point() {
    let fixture = Fixture::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 1000]);
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\n");
            while client.write_all(b"X-More: and more\r\n").is_ok() {}
        }
    });
    let by = |run: Invocation| run.env("RSYNC_PROXY", &address);
    fixture.fails(22, &["the proxy's answer", "8192"], by, &[], &fixture.daemon.url("tree/"));
}

#[test]
fn a_program_leads_to_the_daemon() {
    let fixture = Fixture::new();
    let by = |command: String| move |run: Invocation| run.env("RSYNC_CONNECT_PROG", &command);
    let port = fixture.port();
    fixture.comes("by a program", by(format!("socat - TCP:%H:{port}")), &[], "rsync://127.0.0.1/tree/");
    let secret = fixture.scratch.join("told");
    let tell = format!("env >{}; exec socat - TCP:%H:{port}", secret.display());
    let with_password = |run: Invocation| {
        run.env("RSYNC_CONNECT_PROG", &tell)
            .env("RSYNC_PASSWORD", "open sesame")
            .env("RSYNC_PROXY", "a:b@c:1")
    };
    fixture.comes("with a password", with_password, &[], "rsync://alice@127.0.0.1/guarded/");
    let told = std::fs::read_to_string(secret).expect("it was written");
    assert!(!told.contains("open sesame") && !told.contains("a:b@c"), "{told}");
    // How it ended, and what it said.
    let words = ["said on the way out", "exit code 7"];
    let failing = by("echo said on the way out >&2; exit 7".to_owned());
    fixture.fails(5, &words, failing, &[], "rsync://127.0.0.1/tree/");
    fixture.fails(1, &["no name or address"], by("cat".to_owned()), &[], "rsync://a;b/tree/");
}

#[test]
fn a_socket_leads_to_the_daemon() {
    let fixture = Fixture::new();
    let socket = Socket::to(fixture.daemon.address(), &fixture.scratch.join("socket"));
    let option = format!("--unix-socket={}", socket.path().display());
    fixture.comes("by a socket", as_it_is, &[&option], "rsync://anything/tree/");
    let listed = Program::deployer().list(&["--sandbox", &option], "anything::").expect(0);
    assert!(listed.stdout.contains("tree"), "{listed}");
    fixture.fails(10, &["/no/such"], as_it_is, &["--unix-socket=/no/such"], "h::tree/");
    fixture.fails(1, &["remote shell only"], as_it_is, &[&option], "h:tree/");
    fixture.fails(1, &["two ways"], as_it_is, &[&option, "-e", "ssh"], "h::tree/");
}
