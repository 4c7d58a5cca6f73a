//! A recorded session with a real daemon, cut at every byte and with a bit of every byte turned over: the client never
//! panics, never takes something else for complete, and always ends.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use end_to_end::daemon::Daemon;
use end_to_end::random::Random;
use end_to_end::record::{Player, Recorder, Recording};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use rsync_proto::report::Summary;
use rsync_proto::{Client, Location, Options, Timeouts};

/// What a client waits where nothing is wrong, even if the machine has other things to do.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a client waits without anything useful, where a fault makes the lengths of things greater than they are.
const IDLE: Duration = Duration::from_millis(700);

/// Panics in any thread of the process.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn count_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        usual(panic);
    }));
}

/// Times are a part of what a client asks for: they are the same in each session.
fn write(path: &Path, content: &[u8], seconds: u64) {
    fs::write(path, content).expect("memory is large enough");
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::options()
        .append(true)
        .open(path)
        .and_then(|file| file.set_modified(time))
        .expect("times can be set");
}

struct Sweep {
    scratch: Scratch,
    source: std::path::PathBuf,
    contents: BTreeSet<Vec<u8>>,
    recording: Recording,
    player: Player,
    options: Options,
}

impl Sweep {
    fn new(protocol: u8, compress: bool) -> Self {
        let scratch = Scratch::new();
        let source = scratch.directory("source");
        let mut random = Random::new(4);
        fs::create_dir_all(source.join("d/e")).expect("memory is large enough");
        for (name, len) in [("a", 900), ("d/b", 10), ("d/e/c", 0)] {
            write(&source.join(name), &random.text(len), 1_500_000_000);
        }
        fs::hard_link(source.join("a"), source.join("d/other")).expect("it is on the same file system");
        std::os::unix::fs::symlink("a", source.join("link")).expect("links can be made");
        let mut options = Options::archive();
        (options.hard_links, options.numeric_ids, options.protocol) = (true, true, protocol);
        options.transport.compress = compress.into();
        let daemon = Daemon::serving(&source);
        let recorder = Recorder::before(daemon.address());
        let mut contents: BTreeSet<Vec<u8>> = BTreeSet::new();
        for name in ["a", "d/b", "d/e/c"] {
            contents.insert(fs::read(source.join(name)).expect("it is there"));
        }
        let mut sweep = Self {
            scratch,
            source,
            contents,
            recording: Recording::default(),
            player: Player::new(),
            options,
        };
        let honest = sweep.pull(&recorder, PATIENCE);
        assert!(honest.is_ok_and(|summary| summary.is_complete()), "a pull through the recorder");
        sweep.recording = recorder.recording();
        sweep
    }

    fn destination(&self) -> std::path::PathBuf {
        self.scratch.join("destination")
    }

    /// An older state of one file, so that blocks of it are referred to.
    fn older(&self) -> Vec<u8> {
        let a = fs::read(self.source.join("a")).expect("it is there");
        [&a[..750], b"older"].concat()
    }

    fn pull(&self, server: &impl Server, idle: Duration) -> rsync_proto::Result<Summary> {
        let destination = self.destination();
        let _ = fs::remove_dir_all(&destination);
        fs::create_dir(&destination).expect("memory is large enough");
        write(&destination.join("a"), &self.older(), 1_400_000_000);
        let location = Location::parse(&server.url("tree/")).expect("it is one");
        let mut timeouts = Timeouts::default();
        (timeouts.idle, timeouts.handshake) = (Some(idle), 3 * idle);
        let client = Client::new(location, self.options.clone()).timeouts(timeouts);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime can be made").block_on(client.pull(&destination))
    }

    /// Plays a recording, and looks at what came of it.
    fn play(&self, what: &str, recording: Recording, whole: bool) {
        self.player.set(recording);
        let began = Instant::now();
        let result = self.pull(&self.player, IDLE);
        let complete = result.as_ref().is_ok_and(Summary::is_complete);
        assert!(began.elapsed() < Duration::from_secs(10), "{what}: it took {:?}", began.elapsed());
        assert_eq!(PANICS.load(Ordering::SeqCst), 0, "{what}: a panic");
        assert!(whole || !complete, "{what}: it was taken for complete");
        self.look(what, &self.destination(), complete);
    }

    /// Files have a content that some file of the server has, or are as they were. A fault in a name, a mode or a time is
    /// not seen by anybody: there is no sum over the list.
    fn look(&self, what: &str, directory: &Path, complete: bool) {
        for entry in fs::read_dir(directory).expect("it is readable").flatten() {
            let path = entry.path();
            let kind = entry.file_type().expect("it has a kind");
            if kind.is_dir() {
                self.look(what, &path, complete);
            } else if kind.is_file() {
                let content = fs::read(&path).expect("it is readable");
                let older = !complete && content == self.older();
                assert!(
                    older || self.contents.contains(&content),
                    "{what}: {} has another content: {}",
                    path.display(),
                    content.escape_ascii()
                );
                assert!(!path.to_string_lossy().contains(".rsp-"), "{what}: {} is left", path.display());
            }
        }
    }

    fn sweep(&self) {
        self.player.set(self.recording.clone());
        let honest = self.pull(&self.player, PATIENCE).expect("the recording as it is is a session");
        assert!(honest.is_complete(), "the recording as it is: {honest:?}");
        let len = self.recording.len();
        assert!(len > 400, "{len} bytes are no session");
        for position in (0..len).step_by(31) {
            let stalled = self.recording.cut(position).stalled();
            self.play(&format!("silent after {position}"), stalled, false);
        }
        for position in 0..len {
            self.play(&format!("cut at {position}"), self.recording.cut(position), false);
            let bit = 1 << (position % 8);
            let turned = self.recording.with(position, |byte| byte ^ bit);
            self.play(&format!("bit {bit} of byte {position}"), turned, true);
        }
    }
}

#[test]
fn of_a_recent_session() {
    count_panics();
    Sweep::new(32, false).sweep();
}

#[test]
fn of_a_compressed_session() {
    count_panics();
    Sweep::new(31, true).sweep();
}

#[test]
fn of_an_old_session() {
    count_panics();
    Sweep::new(29, false).sweep();
}
