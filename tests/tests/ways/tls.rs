//! Daemons behind stunnel.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;

use end_to_end::run::Program;
use end_to_end::server::Server;
use end_to_end::ways::{Authority, Certificate, stunnel, tinyproxy};

use super::{Fixture, as_it_is};

const HERE: &str = "IP:127.0.0.1,DNS:localhost";

fn option(name: &str, file: &std::path::Path) -> String {
    format!("{name}={}", file.display())
}

#[test]
fn a_daemon_behind_tls() {
    let fixture = Fixture::new();
    let authority = Authority::new();
    let server = stunnel(fixture.daemon.address(), &authority.certify("server", HERE), None);
    let port = server.address().port();
    let ca = option("--tls-ca", &authority.certificate());
    for protocol in ["--protocol=29", "--protocol=32"] {
        let more: &[&str] = if protocol.ends_with("29") { &["--no-A", "--no-X"] } else { &[] };
        if more.is_empty() {
            fixture.comes(
                "over TLS",
                as_it_is,
                &[&ca, protocol],
                &format!("rsyncs://127.0.0.1:{port}/tree/"),
            );
        } else {
            let options = [&["-a", &ca, protocol], more].concat();
            let into = fixture.scratch.join("29");
            let url = format!("rsyncs://127.0.0.1:{port}/tree/");
            let _ = Program::deployer().pull(&options, &url, &into).expect(0);
        }
    }
    fixture.comes("by name", as_it_is, &[&ca], &format!("rsyncs://localhost:{port}/tree/"));
    let password = |run: end_to_end::run::Invocation| run.env("RSYNC_PASSWORD", "open sesame");
    fixture.comes("with a password", password, &[&ca], &format!("rsyncs://alice@127.0.0.1:{port}/guarded/"));
    // The system's authorities, which this one is of.
    let trusted = |run: end_to_end::run::Invocation| {
        run.env("SSL_CERT_FILE", &authority.certificate().display().to_string())
    };
    fixture.comes("by the system's authorities", trusted, &[], &format!("rsyncs://127.0.0.1:{port}/tree/"));
    let listed = Program::deployer().list(&[&ca], &format!("rsyncs://127.0.0.1:{port}/")).expect(0);
    assert!(listed.stdout.contains("tree"), "{listed}");
    let listed = Program::deployer().list(&[&ca], &format!("rsyncs://127.0.0.1:{port}/tree/")).expect(0);
    assert!(listed.stdout.contains("large"), "{listed}");
    // Through a proxy besides.
    let proxy = tinyproxy(port, None);
    let through = |run: end_to_end::run::Invocation| run.env("RSYNC_PROXY", &proxy.address().to_string());
    fixture.comes("by a proxy", through, &[&ca], &format!("rsyncs://127.0.0.1:{port}/tree/"));
}

#[test]
fn a_server_that_is_not_the_right_one() {
    let fixture = Fixture::new();
    let authority = Authority::new();
    let ca = option("--tls-ca", &authority.certificate());
    let fails = |own: &Certificate, options: &[&str], words: &[&str]| {
        let server = stunnel(fixture.daemon.address(), own, None);
        fixture.fails(10, words, as_it_is, options, &format!("rsyncs://{}/tree/", server.address()));
    };
    let good = authority.certify("good", HERE);
    let other = Authority::new();
    fails(&good, &[&option("--tls-ca", &other.certificate())], &["unknown authority", "--tls-ca"]);
    fails(&authority.certify("other", "DNS:other.example"), &[&ca], &["of another name", "in the URL"]);
    fails(&authority.certify_in_the_past("old", HERE), &[&ca], &["has expired", "clock"]);
    // No TLS at all.
    let url = format!("rsyncs://{}/tree/", fixture.daemon.address());
    fixture.fails(10, &["does not speak TLS", "port"], as_it_is, &[&ca], &url);
    // What is given cannot be used.
    let url = "rsyncs://127.0.0.1:1/tree/";
    fixture.fails(1, &["/no/such/file"], as_it_is, &["--tls-ca=/no/such/file"], url);
    fixture.fails(1, &["together"], as_it_is, &[&ca, &option("--tls-key", &good.key)], url);
    fixture.fails(1, &["rsyncs://"], as_it_is, &[&ca], "rsync://127.0.0.1:1/tree/");
}

#[test]
fn a_server_that_wants_to_know_its_clients() {
    let fixture = Fixture::new();
    let (authority, other) = (Authority::new(), Authority::new());
    let server = stunnel(fixture.daemon.address(), &authority.certify("server", HERE), Some(&authority));
    let url = format!("rsyncs://{}/tree/", server.address());
    let ca = option("--tls-ca", &authority.certificate());
    let with = |own: &Certificate| {
        [ca.clone(), option("--tls-cert", &own.certificate), option("--tls-key", &own.key)]
    };
    let own = with(&authority.certify("client", "DNS:client"));
    let options: Vec<&str> = own.iter().map(String::as_str).collect();
    fixture.comes("with a certificate", as_it_is, &options, &url);
    fixture.fails(5, &["wants a certificate of the client", "--tls-cert"], as_it_is, &[&ca], &url);
    let foreign = with(&other.certify("client", "DNS:client"));
    let options: Vec<&str> = foreign.iter().map(String::as_str).collect();
    fixture.fails(5, &["does not accept the certificate"], as_it_is, &options, &url);
}

/// Somebody in between who cuts the line cannot make a part of a transfer look like all of it.
#[test]
fn a_connection_that_is_cut_is_no_end() {
    let fixture = Fixture::new();
    let authority = Authority::new();
    let server = stunnel(fixture.daemon.address(), &authority.certify("server", HERE), None);
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
    let (port, to) = (listener.local_addr().expect("it is bound").port(), server.address());
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(to).expect("stunnel listens");
            let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut up, &mut down));
            thread::spawn(move || {
                let (mut client, server) = (client, server);
                let _ = std::io::copy(&mut std::io::Read::take(&server, 300_000), &mut client);
                let _ = client.flush();
                let _ = client.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    let ca = option("--tls-ca", &authority.certificate());
    let url = format!("rsyncs://127.0.0.1:{port}/tree/");
    fixture.fails(10, &["close_notify"], as_it_is, &[&ca], &url);
    // It is worth another try.
    let outcome = fixture.fails(10, &["trying again"], as_it_is, &[&ca, "--retries=1"], &url);
    assert!(outcome.stderr.contains("1 of 1"), "{outcome}");
}
