//! Sessions with a real daemon.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use bytes::BytesMut;
use end_to_end::daemon::{Module, Plan};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use rsync_proto::flist::EntryRef;
use rsync_proto::handshake::{Agreed, Handshake, Outcome};
use rsync_proto_fuzz::choices::Choices;
use rsync_proto_fuzz::clients::{Client, PASSWORD, USER};
use rsync_proto_fuzz::player::{Played, Player, everything, pattern};
use rsync_proto_fuzz::shape;

use crate::{Seeds, sliced};

/// The sessions: a name, the protocol version, what of links, lists and attributes is asked for, how it is compressed,
/// the checksum, whether the server names itself a user, and whether there is a basis. The numbers are those of
/// [`Client::new`].
const SESSIONS: [(&str, [u8; 4], bool, bool); 12] = [
    ("32-everything", [3 | 4 | 8 | 16, 8 | 4 << 2, 11, 0], true, false),
    ("32-whole-list", [3 | 4 | 8 | 16, 4 << 2, 11, 0], false, false),
    ("32-plain", [3, 4 << 2, 11, 0], true, true),
    ("32-zstd", [3, 1 | 7 << 2, 11, 0], true, true),
    ("32-lz4", [3, 1 << 2, 11, 0], true, true),
    ("32-zlibx", [3, 2 << 2, 3, 0], true, true),
    ("31-zlib", [2 | 4, 3 << 2, 3, 0], false, true),
    ("31-sums", [2 | 4 | 64, 4 << 2, 5, 0], true, false),
    ("30-attributes", [1 | 4 | 8 | 16, 4 << 2, 3, 0], false, false),
    ("30-zlib", [1, 3 << 2, 3, 0], true, true),
    ("29-plain", [4, 4 << 2, 11, 0], false, true),
    ("29-zlib", [4, 3 << 2, 11, 0], false, true),
];

pub fn write(seeds: &Seeds) {
    let scratch = Scratch::new();
    let tree = scratch.directory("tree");
    plant(&tree);
    let secrets = scratch.file("secrets", &format!("{USER}:{}\n", String::from_utf8_lossy(PASSWORD)), 0o600);
    let guarded = Module::new("guarded", &tree)
        .with(&format!("auth users = {USER}"))
        .with(&format!("secrets file = {}", secrets.display()));
    let daemon = Plan::new().serve(Module::new("tree", &tree)).serve(guarded).start();
    for (name, asked, segments, with_basis) in SESSIONS {
        let mut client = Client::new(&mut Choices::new(&asked));
        client.options.inc_recursive = segments;
        let (opening, agreed, bytes, played) = session(&daemon, &client, with_basis);
        assert!(played.result.is_ok(), "{name}: {:?}\n{}", played.result, played.course);
        assert!(!played.left && played.files.iter().all(|file| file.verified), "{name}: {}", played.course);
        seeds.write("handshake", name, &[&asked, &[7], &opening]);
        seeds.write("session_raw", name, &[&shape::write(&agreed), &[u8::from(with_basis), 0], &bytes]);
        sliced::write(seeds, name, &agreed, with_basis, &bytes);
    }
    for (name, asked, module) in [
        ("guarded", [3, 16, 11, 1 | 5 << 1], "guarded"),
        ("guarded-29", [0, 16, 11, 1 | 5 << 1], "guarded"),
        ("guarded-too-weak", [2, 16, 11, 1], "guarded"),
        ("guarded-without-password", [3, 16, 11, 0], "guarded"),
        ("modules", [3, 16, 11, 0x30], ""),
        ("no-such-module", [3, 16, 11, 0], "nothing"),
    ] {
        let mut client = Client::new(&mut Choices::new(&asked));
        client.location.module = module.to_owned();
        seeds.write("handshake", name, &[&asked, &[7], &greeted(&daemon, &client).0]);
    }
}

/// A small tree with everything in it.
fn plant(tree: &Path) {
    let write = |name: &str, content: &[u8]| {
        let path = tree.join(name);
        fs::create_dir_all(path.parent().expect("it lies in the tree")).expect("directories can be made");
        fs::write(path, content).expect("files can be written");
    };
    // A basis is made of the same, so that blocks are found.
    let mut text = pattern(1_600);
    text.splice(800..900, *b"changed");
    write("a", &text);
    write("d/b", b"a short one\n");
    write("d/e/empty", b"");
    write("d/e/zeros", &[0; 800]);
    write("z/last", &pattern(300));
    let run = |program: &str, arguments: &[&str]| {
        let status = Command::new(program).current_dir(tree).args(arguments).status();
        assert!(status.is_ok_and(|status| status.success()), "{program} {arguments:?}");
    };
    run("ln", &["a", "d/again"]);
    run("ln", &["-s", "../elsewhere", "link"]);
    run("mkfifo", &["fifo"]);
    run("mknod", &["disk", "b", "8", "300"]);
    run("chown", &["1:33", "d/b"]);
    run("touch", &["-d", "2001-09-09 01:46:40.123456789", "d/b"]);
    run("setfattr", &["-n", "user.short", "-v", "value", "a"]);
    run("setfattr", &["-n", "user.long", "-v", &"long ".repeat(12), "a"]);
    run("setfattr", &["-n", "trusted.long", "-v", &"other ".repeat(10), "d"]);
    run("setfacl", &["-m", "u:33:rwx,g:1:r,m:rx", "d/b"]);
    run("setfacl", &["-d", "-m", "u:daemon:rwx", "d"]);
}

type Greeted = (Vec<u8>, TcpStream, BytesMut, Option<Box<Agreed>>);

/// What the daemon says up to the end of the handshake, and what follows.
fn greeted(daemon: &impl Server, client: &Client) -> (Vec<u8>, TcpStream, BytesMut, Option<Box<Agreed>>) {
    let mut stream = TcpStream::connect(daemon.address()).expect("the daemon listens");
    let (location, options) = (client.location.clone(), client.options.clone());
    let mut handshake = Handshake::new(location, options, client.credentials.clone(), client.list_only);
    let (mut said, mut input, mut buffer) = (Vec::new(), BytesMut::new(), [0; 4096]);
    let agreed = loop {
        let output = handshake.output().split();
        if stream.write_all(&output).is_err() {
            break None;
        }
        let Ok(count @ 1..) = stream.read(&mut buffer) else { break None };
        said.extend_from_slice(&buffer[..count]);
        input.extend_from_slice(&buffer[..count]);
        match handshake.advance(&mut input) {
            Ok(None) => {}
            Ok(Some(Outcome::Agreed(agreed))) => break Some(agreed),
            Ok(Some(Outcome::Listed(_))) | Err(_) => break None,
        }
    };
    let output = handshake.output().split();
    let _ = stream.write_all(&output);
    said.truncate(said.len() - input.len());
    (said, stream, input, agreed)
}

/// A whole session: what the daemon says in the handshake, what both agreed on, all that it says then, and what came.
fn session(daemon: &impl Server, client: &Client, with_basis: bool) -> (Vec<u8>, Agreed, Vec<u8>, Played) {
    let (opening, mut stream, input, agreed): Greeted = greeted(daemon, client);
    let agreed = agreed.expect("an honest daemon agrees");
    // As the target sees it: if the shape had no place for something, it would fail here.
    let agreed = shape::read(&mut Choices::new(&shape::write(&agreed)));
    let wants = |entry: EntryRef<'_>| everything(entry, with_basis);
    let mut player = Player::new(&agreed, &wants);
    let mut send = stream.try_clone().expect("a socket has two directions");
    let mut send = |bytes: &[u8]| drop(send.write_all(bytes));
    send(&player.session.take_output());
    let (mut bytes, mut chunk, mut buffer) = (Vec::new(), input.to_vec(), [0; 16 * 1024]);
    let result = loop {
        bytes.extend_from_slice(&chunk);
        if let Err(error) = player.feed(&chunk, &mut send) {
            break Err(error);
        }
        send(&player.session.take_output());
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => chunk = buffer[..count].to_vec(),
            _ => break Ok(()),
        }
    };
    let played = player.end(result);
    (opening, agreed, bytes, played)
}
