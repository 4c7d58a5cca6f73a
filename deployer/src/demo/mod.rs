//! `deployer demo`: makes a small tree, serves it from inside, and deploys it twice, with a change in between. Each command
//! that it runs is shown as one could type it.

mod disk;
mod figures;
mod image;
mod place;

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rsync_proto::server::{Module, Service, ServiceError};
use thiserror::Error;

use self::figures::side_by_side;
use self::image::Image;
use self::place::Place;
use crate::command::CommandError;
use crate::exit::{Exit, Failure};
use crate::stop::Stop;

/// How long the program waits for what it runs, once it is told to stop; a deployment has less time.
const PATIENCE: Duration = Duration::from_secs(45);

/// Why there is nothing to see.
#[derive(Debug, Error)]
enum DemoError {
    /// The system does not do what is needed.
    #[error("cannot {action} {}: {source}", .path.display())]
    System { action: &'static str, path: PathBuf, source: io::Error },
    /// The daemon does not start.
    #[error("cannot serve the tree: {0}")]
    Serve(io::Error),
    /// The tree cannot be served.
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Command(#[from] CommandError),
    /// What was run and shown ended with an error.
    #[error("`{0}` did not do its work; what it says is above")]
    Failed(String),
    /// It left no figures.
    #[error("`{0}` did not say what it came to")]
    NoFigures(String),
}

impl DemoError {
    fn system(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::System { action, path, source }
    }
}

impl From<DemoError> for Failure {
    fn from(error: DemoError) -> Self {
        let exit = match &error {
            DemoError::System { .. } | DemoError::Service(_) => Exit::LocalFiles,
            DemoError::Serve(_) => Exit::Connection,
            DemoError::Command(CommandError::Stopped) => Exit::Stopped,
            DemoError::Command(_) | DemoError::Failed(_) | DemoError::NoFigures(_) => Exit::Tool,
        };
        Failure { message: error.to_string(), exit }
    }
}

/// Shows it.
pub(crate) fn run() -> Result<Exit, Failure> {
    let stop =
        Stop::on_signals(PATIENCE, || crate::console::complain("stopped, with work that does not end"));
    show(&stop)?;
    Ok(Exit::Success)
}

fn show(stop: &Stop) -> Result<(), DemoError> {
    let room = Room::make()?;
    let mut image = Image::make(room.path.join("image")).map_err(DemoError::system("make", &room.path))?;
    let daemon = Daemon::start(image.root())?;
    say(&format!("A small tree is served from inside this program, at {}.", daemon.url));
    let mut place = Place::find(&room.path, &daemon.url, stop)?;
    let first = place.deploy(stop)?;
    let changes = image.update().map_err(DemoError::system("change", image.root()))?;
    say(&format!("The tree changes: {changes}. The same again moves what changed."));
    let again = place.deploy(stop)?;
    say("Both, side by side:");
    print(&side_by_side(&first, &again));
    Ok(())
}

/// A line of the story.
fn say(line: &str) {
    print(&format!("\n# {line}\n"));
}

fn print(text: &str) {
    // Whoever closed the pipe has seen enough.
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// A directory for all of it, which goes when it is dropped.
struct Room {
    path: PathBuf,
}

impl Room {
    fn make() -> Result<Self, DemoError> {
        let name = format!("deployer-demo-{}", uuid::Uuid::new_v4());
        let path = std::env::temp_dir().join(name);
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(DemoError::system("make", &path))?;
        Ok(Self { path })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            crate::console::complain(&format!("{} stays: {error}", self.path.display()));
        }
    }
}

/// Serves the tree until it is dropped.
struct Daemon {
    url: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Daemon {
    fn start(root: &Path) -> Result<Self, DemoError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(DemoError::Serve)?;
        let port = listener.local_addr().map_err(DemoError::Serve)?.port();
        let module = Module::new("image", root).comment("a small tree");
        let service = Service::builder().module(module).build()?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let work = move || {
            if let Err(error) = service.serve(listener, &told) {
                crate::console::complain(&format!("the daemon ended: {error}"));
            }
        };
        let thread =
            std::thread::Builder::new().name("daemon".into()).spawn(work).map_err(DemoError::Serve)?;
        Ok(Self { url: format!("rsync://127.0.0.1:{port}"), stop, thread: Some(thread) })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
