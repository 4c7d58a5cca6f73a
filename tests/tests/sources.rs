//! What may stand in the place of the source, and how the destination's name is read with it.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use end_to_end::at::Tree;
use end_to_end::awkward::{self, Options};
use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::diff::assert_same;
use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;

const ARCHIVE: &[&str] = &["-aHAX", "--numeric-ids"];

/// A URL is taken as it stands: nothing in it is an escape.
const STRANGE_NAMES: &[&str] = &[
    "with space",
    "two  spaces ",
    "percent%20%41",
    "question mark?",
    "hash#part",
    "plus+plus",
    "at@sign",
    "colon:colon",
    "double::colon",
    "quote'\"",
    "ünïcödé",
    "-dash",
    "--delete",
    "$HOME",
    "semi;colon|pipe&",
    "~tilde",
    "{a,b}",
];

/// Names in which the server sees patterns.
const PATTERNS: &[&str] = &["star*", "[bracket]", "back\\slash", "no such *"];

struct Fixture {
    source: Scratch,
    daemon: Daemon,
}

impl Fixture {
    fn new() -> Self {
        let source = Scratch::new();
        awkward::plant(source.path(), &Options { crowd: 5, ..Options::small() });
        let strange = source.directory("strange");
        for name in STRANGE_NAMES.iter().chain(&PATTERNS[..3]) {
            fs::write(strange.join(name), name).expect("a file can be made");
        }
        fs::write(strange.join("starboard"), "matches a pattern").expect("a file can be made");
        // rsync does not set a directory's time when it is off by less than a second.
        let tree = Tree::open(source.path()).expect("the source can be opened");
        for path in [&b"strange"[..], b""] {
            tree.at(path).set_time((1_500_000_000, 5)).expect("a time can be set");
        }
        let daemon = Daemon::serving(source.path());
        Self { source, daemon }
    }

    /// Both pull below the module, each into the same name in a directory of its own where `prepare` may have
    /// put something. Both have to exit alike and to leave the same there.
    fn alike(&self, path: &str, destination: &str, prepare: impl Fn(&Path)) -> (Outcome, Snapshot) {
        alike(&[], &self.daemon.url(path), destination, prepare)
    }

    /// The picture of a part of the source.
    fn picture(&self, path: &str) -> Snapshot {
        Snapshot::take(&self.source.path().join(path))
    }
}

fn alike(more: &[&str], url: &str, destination: &str, prepare: impl Fn(&Path)) -> (Outcome, Snapshot) {
    let options = [ARCHIVE, more].concat();
    let since = SystemTime::now();
    let [(expected, rsync), (outcome, deployer)] = Program::both().map(|program| {
        let scratch = Scratch::new();
        let root = scratch.directory("root");
        prepare(&root);
        let outcome = program.pulling(&options, url, Path::new(destination)).within(&root).run();
        let picture = Snapshot::take_since(&root, since);
        (outcome, picture)
    });
    assert_eq!(
        outcome.code(),
        expected.code(),
        "the exit code was expected to be rsync's\n{expected}\n{outcome}"
    );
    assert_same(&format!("{url} into {destination}"), &rsync, &deployer);
    (outcome, deployer)
}

fn nothing(_: &Path) {}

#[test]
fn module_root_with_slash_is_its_content() {
    let fixture = Fixture::new();
    let (outcome, picture) = fixture.alike("tree/", "new", nothing);
    let _ = outcome.expect(0);
    assert!(
        picture.entries.contains_key(b"new/empty".as_slice()),
        "the content was expected in a new directory"
    );
}

#[test]
fn module_root_without_slash_is_its_content_too() {
    let fixture = Fixture::new();
    let (outcome, _) = fixture.alike("tree", "new", nothing);
    let _ = outcome.expect(0);
}

#[test]
fn directory_with_slash_is_its_content() {
    let fixture = Fixture::new();
    let (outcome, picture) = fixture.alike("tree/names/", "new", nothing);
    let _ = outcome.expect(0);
    assert!(
        picture.entries.contains_key(b"new/-dash".as_slice()),
        "the content was expected in a new directory"
    );
}

#[test]
fn directory_without_slash_is_itself() {
    let fixture = Fixture::new();
    let (outcome, picture) = fixture.alike("tree/names", "new", nothing);
    let _ = outcome.expect(0);
    assert!(
        picture.entries.contains_key(b"new/names/-dash".as_slice()),
        "the directory was expected in a new one"
    );
}

#[test]
fn deep_directory() {
    let fixture = Fixture::new();
    let (outcome, _) = fixture.alike("tree/links/a/inner", "new", nothing);
    let _ = outcome.expect(0);
    let (outcome, _) = fixture.alike("tree/links/a/inner/", "new", nothing);
    let _ = outcome.expect(0);
}

#[test]
fn destination_with_and_without_slash() {
    let fixture = Fixture::new();
    for destination in ["new", "new/", "./new", "there", "there/", "there/new", "."] {
        let there = |root: &Path| fs::create_dir(root.join("there")).expect("a directory can be made");
        let (outcome, _) = fixture.alike("tree/neighbours/", destination, there);
        let _ = outcome.expect(0);
    }
}

#[test]
fn one_file_to_a_name() {
    let fixture = Fixture::new();
    let (outcome, picture) = fixture.alike("tree/sizes/random-40", "name", nothing);
    assert_ne!(outcome.code(), 0, "a file that does not exist was expected not to come");
    assert!(picture.entries.len() <= 2, "at most a directory was expected");
    let (outcome, picture) = fixture.alike("tree/sizes/random-700", "name", nothing);
    let _ = outcome.expect(0);
    assert!(picture.entries.contains_key(b"name".as_slice()), "the file was expected under its new name");
    let write = |root: &Path| fs::write(root.join("name"), "old").expect("a file can be made");
    let (outcome, _) = fixture.alike("tree/sizes/random-700", "name", write);
    let _ = outcome.expect(0);
}

#[test]
fn one_file_into_a_directory() {
    let fixture = Fixture::new();
    let there = |root: &Path| fs::create_dir(root.join("there")).expect("a directory can be made");
    for destination in ["there", "there/", "made/"] {
        let (outcome, picture) = fixture.alike("tree/sizes/random-700", destination, there);
        let _ = outcome.expect(0);
        let path = format!("{}/random-700", destination.trim_end_matches('/'));
        assert!(picture.entries.contains_key(path.as_bytes()), "the file was expected at {path}");
    }
}

#[test]
fn one_symlink_or_device() {
    let fixture = Fixture::new();
    for path in ["tree/symlinks/up", "tree/special/char-1-3", "tree/special/fifo"] {
        let (outcome, _) = fixture.alike(path, "name", nothing);
        let _ = outcome.expect(0);
    }
}

#[test]
fn missing_parent_of_the_destination_is_refused() {
    let fixture = Fixture::new();
    for path in ["tree/", "tree/names", "tree/sizes/random-700"] {
        for destination in ["no/such", "no/such/", "no/such/place"] {
            let (outcome, picture) = fixture.alike(path, destination, nothing);
            assert_ne!(outcome.code(), 0, "{path} was expected to be refused for {destination}\n{outcome}");
            assert_eq!(picture.entries.len(), 1, "nothing was expected to be made for {destination}");
        }
    }
}

#[test]
fn missing_source() {
    let fixture = Fixture::new();
    for path in
        ["tree/no such file", "tree/no such directory/", "tree/names/-dash/", "tree/names/-dash/below"]
    {
        let (outcome, _) = fixture.alike(path, "new", nothing);
        assert_ne!(outcome.code(), 0, "{path} was expected not to come");
    }
}

#[test]
fn names_that_are_not_words() {
    let fixture = Fixture::new();
    for name in STRANGE_NAMES {
        let (outcome, picture) = fixture.alike(&format!("tree/strange/{name}"), "name", nothing);
        let _ = outcome.expect(0);
        assert!(picture.entries.contains_key(b"name".as_slice()), "{name} was expected to come");
    }
}

#[test]
fn names_that_are_patterns() {
    let fixture = Fixture::new();
    for name in PATTERNS.iter().chain(&["*", "star?", "[bs]*"]) {
        let _ = fixture.alike(&format!("tree/strange/{name}"), "name", nothing);
        let _ = fixture.alike(&format!("tree/strange/{name}"), "name/", nothing);
    }
}

#[test]
fn dots_and_slashes() {
    let fixture = Fixture::new();
    for path in ["tree//names//", "tree/./names/", "tree/names/."] {
        let _ = fixture.alike(path, "new", nothing);
    }
}

#[test]
fn destination_with_a_strange_name() {
    let fixture = Fixture::new();
    for destination in ["with space", "percent%20", "new\nline", "-dash/../-dash", "host", "ünïcödé"] {
        let destination = format!("./{destination}");
        let there = |root: &Path| fs::create_dir(root.join("-dash")).expect("a directory can be made");
        let (outcome, _) = fixture.alike("tree/neighbours/", &destination, there);
        let _ = outcome.expect(0);
    }
}

#[test]
fn host_and_two_colons() {
    let fixture = Fixture::new();
    let port = format!("--port={}", fixture.daemon.address().port());
    for url in ["127.0.0.1::tree/names/", "localhost::tree/names", "127.0.0.1::tree"] {
        let (outcome, _) = alike(&[&port], url, "new", nothing);
        let _ = outcome.expect(0);
    }
}

/// The form in which deployment descriptions name an image. rsync itself does not know it.
#[test]
fn scheme_and_two_colons() {
    let fixture = Fixture::new();
    let port = format!("--port={}", fixture.daemon.address().port());
    let scratch = Scratch::new();
    let options = [ARCHIVE, &[&port]].concat();
    let outcome = Program::deployer().pull(&options, "rsync:127.0.0.1::tree/names/", &scratch.join("new"));
    let _ = outcome.expect(0);
    assert_same("rsync:host::module", &fixture.picture("names"), &Snapshot::take(&scratch.join("new")));
}

#[test]
fn ipv6() {
    let fixture = Fixture::new();
    let daemon = Plan::new().on_ipv6().serve(Module::new("tree", fixture.source.path())).start();
    assert!(daemon.address().is_ipv6(), "the daemon was expected on IPv6");
    let (outcome, _) = alike(&[], &daemon.url("tree/names/"), "new", nothing);
    let _ = outcome.expect(0);
    let port = format!("--port={}", daemon.address().port());
    let (outcome, _) = alike(&[&port], "[::1]::tree/names/", "new", nothing);
    let _ = outcome.expect(0);
}

#[test]
fn a_message_of_the_day_does_no_harm() {
    let fixture = Fixture::new();
    let motd = fixture.source.file("motd", "Welcome.\n\n  to\ta \x01strange server\n", 0o644);
    let module = Module::new("tree", &fixture.source.path().join("names"));
    let daemon = Plan::new().with(&format!("motd file = {}", motd.display())).serve(module).start();
    let (outcome, _) = alike(&[], &daemon.url("tree/"), "new", nothing);
    let _ = outcome.expect(0);
}

#[test]
fn list_of_modules() {
    let scratch = Scratch::new();
    let daemon = Plan::new()
        .serve(Module::new("tree", scratch.path()).with("comment = what there is"))
        .serve(Module::new("hidden", scratch.path()).with("list = no"))
        .serve(Module::new("another", scratch.path()))
        .serve(Module::new("a-name-longer-than-its-column", scratch.path()).with("comment = long"))
        .start();
    let [rsync, deployer] = Program::both().map(|program| program.list(&[], &daemon.url("")).expect(0));
    assert!(rsync.stdout.contains("what there is"), "rsync was expected to list modules\n{rsync}");
    assert!(!rsync.stdout.contains("hidden"), "rsync was expected not to list a hidden module\n{rsync}");
    assert_eq!(deployer.stdout, rsync.stdout, "the list of modules was expected to be rsync's");
}

#[test]
fn list_of_a_directory() {
    let fixture = Fixture::new();
    for path in [
        "tree",
        "tree/",
        "tree/sizes/",
        "tree/names",
        "tree/names/",
        "tree/special/",
        "tree/symlinks/",
        "tree/modes/",
    ] {
        for options in [&[][..], &["-r"]] {
            let [rsync, deployer] =
                Program::both().map(|program| program.list(options, &fixture.daemon.url(path)).expect(0));
            let [rsync, deployer] = [rsync, deployer].map(|outcome| outcome.sorted_lines());
            assert!(!rsync.is_empty(), "rsync was expected to list {path}");
            end_to_end::diff::assert_same_lines(&format!("list of {path}"), &rsync, &deployer);
        }
    }
}

#[test]
fn list_of_what_is_not_there() {
    let fixture = Fixture::new();
    for path in ["no-such-module/", "tree/no such file"] {
        let [rsync, deployer] = Program::both().map(|program| program.list(&[], &fixture.daemon.url(path)));
        assert_ne!(rsync.code(), 0, "rsync was expected to find nothing at {path}");
        assert_eq!(
            deployer.code(),
            rsync.code(),
            "{path}: the exit code was expected to be rsync's\n{deployer}"
        );
    }
}

/// Two pulls into one destination add up; a pull of a part leaves the rest.
#[test]
fn parts_pulled_one_after_another_are_the_whole() {
    let fixture = Fixture::new();
    let scratch = Scratch::new();
    let destination = scratch.join("tree");
    let deployer = Program::deployer();
    let _ = deployer.pull(ARCHIVE, &fixture.daemon.url("tree/"), &destination).expect(0);
    for part in ["names", "links", "modes", "xattrs"] {
        let _ = deployer.pull(ARCHIVE, &fixture.daemon.url(&format!("tree/{part}")), &destination).expect(0);
    }
    assert_same("the whole after its parts", &fixture.picture(""), &Snapshot::take(&destination));
}
