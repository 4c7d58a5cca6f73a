//! Events for programs (`--events`): JSON, one object a line, each with a name and the time since the start. The
//! first has the version of the format, the last the result. `docs/events.md` describes them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rsync_proto::report::Progress;
use serde_json::{Value, json};

mod reports;

pub(crate) use reports::figures;

use crate::system;

/// Version of the format.
const VERSION: u32 = 1;
/// How often events tell how far a pull is.
const TICK: Duration = Duration::from_secs(1);

/// Where events go.
pub(crate) struct Events {
    started: Instant,
    file: Mutex<File>,
}

impl Events {
    /// Opens `to`, a file that is appended to or `fd:N`, and writes the first event, with further fields.
    pub(crate) fn open(to: &str, fields: Value) -> io::Result<Self> {
        let events = Self { started: Instant::now(), file: Mutex::new(open(to)?) };
        let start = json!({"version": VERSION, "deployer": env!("CARGO_PKG_VERSION")});
        events.write("start", with(start, fields));
        Ok(events)
    }

    /// Writes an event.
    pub(crate) fn write(&self, name: &str, fields: Value) {
        // The lines stand in the order of their times.
        let mut file = self.file.lock().expect("no thread panics with the lock");
        let event = json!({"event": name, "elapsed_seconds": self.started.elapsed().as_secs_f64()});
        let line = format!("{}\n", with(event, fields));
        // A reader that went away does not end the work.
        let _ = file.write_all(line.as_bytes());
    }

    /// Tells how far a pull is, again and again, until it is dropped.
    pub(crate) async fn follow(&self, progress: Arc<Progress>) {
        loop {
            tokio::time::sleep(TICK).await;
            self.progress(&progress);
        }
    }

    fn progress(&self, progress: &Progress) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let fields = json!({
            "bytes": get(&progress.bytes_done),
            "bytes_of": get(&progress.bytes_listed),
            "entries": get(&progress.entries_done),
            "entries_of": get(&progress.entries_listed),
        });
        self.write("progress", fields);
    }

    /// The end: the exit code, what went wrong, and further fields.
    pub(crate) fn result(&self, exit: u8, error: Option<&str>, figures: Value) {
        let result = json!({"success": error.is_none(), "exit": exit, "error": error});
        self.write("result", with(result, figures));
    }
}

fn with(mut event: Value, fields: Value) -> Value {
    if let (Some(event), Value::Object(fields)) = (event.as_object_mut(), fields) {
        event.extend(fields);
    }
    event
}

fn open(to: &str) -> io::Result<File> {
    match to.strip_prefix("fd:").map(str::parse::<i32>) {
        Some(Ok(number)) => Ok(system::inherited(number)?.into()),
        Some(Err(_)) => Err(io::Error::new(io::ErrorKind::InvalidInput, "expected fd:N with a number")),
        None => OpenOptions::new().create(true).append(true).mode(0o644).open(to),
    }
}
