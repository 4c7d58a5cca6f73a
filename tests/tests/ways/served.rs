//! TLS at both ends: `deployer serve` behind its own, and the client; and stunnel as the client's side of it, before rsync.

use end_to_end::diff::assert_same;
use end_to_end::own_daemon::{OwnDaemon, OwnPlan};
use end_to_end::run::Program;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use end_to_end::ways::{Authority, Certificate, stunnel_client};

use super::{Fixture, as_it_is};

const HERE: &str = "IP:127.0.0.1,DNS:localhost";

fn option(name: &str, file: &std::path::Path) -> String {
    format!("{name}={}", file.display())
}

fn serve(fixture: &Fixture, own: &Certificate, more: &[String]) -> OwnDaemon {
    let plan = OwnPlan::new().serve("tree", &fixture.source());
    let plan = plan.with(option("--tls-cert", &own.certificate)).with(option("--tls-key", &own.key));
    more.iter().fold(plan, OwnPlan::with).start()
}

#[test]
fn both_ends_are_ours() {
    let fixture = Fixture::new();
    let authority = Authority::new();
    let server = serve(&fixture, &authority.certify("server", HERE), &[]);
    let port = server.address().port();
    let ca = option("--tls-ca", &authority.certificate());
    for options in [&[&ca[..]][..], &[&ca, "-z"], &[&ca, "--no-inc-recursive", "--protocol=31"], &[&ca, "-c"]]
    {
        fixture.comes("over TLS", as_it_is, options, &format!("rsyncs://127.0.0.1:{port}/tree/"));
    }
    fixture.comes("by name", as_it_is, &[&ca], &format!("rsyncs://localhost:{port}/tree/"));
    let listed = Program::deployer().list(&[&ca], &format!("rsyncs://127.0.0.1:{port}/")).expect(0);
    assert!(listed.stdout.contains("tree"), "{listed}");
    // Whoever speaks no TLS gets nothing, and the next one is served.
    let plain = Program::rsync().list(&[], &format!("rsync://127.0.0.1:{port}/tree/"));
    assert_ne!(plain.code(), 0, "{plain}");
    let stranger = Authority::new();
    let other = option("--tls-ca", &stranger.certificate());
    let url = format!("rsyncs://127.0.0.1:{port}/tree/");
    fixture.fails(10, &["unknown authority"], as_it_is, &[&other], &url);
    fixture.comes("after all that", as_it_is, &[&ca], &url);
}

#[test]
fn only_clients_with_a_certificate() {
    let fixture = Fixture::new();
    let (authority, other) = (Authority::new(), Authority::new());
    let ca = option("--tls-ca", &authority.certificate());
    let server = serve(&fixture, &authority.certify("server", HERE), std::slice::from_ref(&ca));
    let url = format!("rsyncs://{}/tree/", server.address());
    let with = |own: &Certificate| {
        [ca.clone(), option("--tls-cert", &own.certificate), option("--tls-key", &own.key)]
    };
    let own = with(&authority.certify("client", "DNS:client"));
    fixture.comes("with a certificate", as_it_is, &own.each_ref().map(String::as_str), &url);
    fixture.fails(5, &["wants a certificate of the client"], as_it_is, &[&ca], &url);
    let foreign = with(&other.certify("client", "DNS:client"));
    let foreign = foreign.each_ref().map(String::as_str);
    fixture.fails(5, &["does not accept the certificate"], as_it_is, &foreign, &url);
}

#[test]
fn rsync_comes_through_stunnel() {
    let fixture = Fixture::new();
    let authority = Authority::new();
    let server = serve(&fixture, &authority.certify("server", HERE), &[]);
    let near = stunnel_client(server.address(), &authority);
    // rsync leaves a directory's time alone that is off by less than a second.
    let root = std::fs::File::open(fixture.source()).expect("a directory can be opened");
    root.set_modified(std::time::UNIX_EPOCH).expect("root sets times");
    let url = format!("rsync://{}/tree/", near.address());
    for (name, options) in
        [("whole", &["-aHAX"][..]), ("packed", &["-aHAXz"]), ("old", &["-aHAX", "--protocol=31"])]
    {
        let into = fixture.scratch.join(name);
        let _ = Program::rsync().pull(options, &url, &into).expect(0);
        assert_same(name, &Snapshot::take(&fixture.source()), &Snapshot::take(&into));
    }
}
