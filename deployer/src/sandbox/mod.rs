//! Walls around a pull, for the day on which something within has a fault: its threads reach the files and the port that
//! they need, become no other program, and do nothing else that a pull has no use for. Other threads of the process are
//! not walled in: they listen for signals, look up names, start what leads to the server, and lay out disks. Memory is shared with them, so that walls hold
//! against a wrong path or call, not against who can write to any memory.
//!
//! Not what keeps a pull within its destination: that holds where the kernel has no such walls, too.

mod calls;
mod files;
mod outside;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::{io, panic};

use rsync_proto::local::Reach;
use rsync_proto::{Opener, Resolver};

use self::outside::Outside;
use crate::exit::{Exit, Failure};
use crate::model::Walls;

/// What the kernel lacks.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lack {
    /// Landlock is missing, turned off, or its first version, in which no file changes its directory.
    #[error(
        "this kernel has no Landlock of version 2, which Linux 5.19 and later have unless it is turned off; boot with \
         lsm=landlock,… if it is"
    )]
    Landlock(#[source] landlock::RulesetError),
    /// A place could not be opened.
    #[error("cannot open {path} for the rules of the sandbox: {source}; see that it stays where it is")]
    Place {
        path: std::path::PathBuf,
        #[source]
        source: landlock::PathFdError,
    },
    /// The rules did not take effect.
    #[error("the kernel does not take the rules of the sandbox: {0}")]
    Rules(#[source] landlock::RulesetError),
    /// The filter on system calls did not take effect.
    #[error("the kernel does not take the filter on system calls: {0}")]
    Filter(String),
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    /// There are no walls, or not all of them.
    #[error("--sandbox demands walls around the transfer: {0}")]
    Lacking(#[from] Lack),
    /// No thread could be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

impl From<SandboxError> for Failure {
    fn from(error: SandboxError) -> Self {
        let exit = match error {
            SandboxError::Lacking(_) => Exit::Unsupported,
            SandboxError::Thread(_) => Exit::LocalFiles,
        };
        Self { message: error.to_string(), exit }
    }
}

/// As much as the thread that a process begins with usually has, in bytes.
const STACK: usize = 8 * 1024 * 1024;

/// Whether a process has said that there are no walls: once is enough.
static TOLD: AtomicBool = AtomicBool::new(false);

/// What may be reached from within.
pub(crate) struct Sandbox {
    walls: Walls,
    places: Vec<Reach>,
    port: Option<u16>,
    outside: Arc<Outside>,
}

impl Sandbox {
    /// Walls for a transfer that touches these places and connects to this TCP port, or to none.
    pub(crate) fn new(walls: Walls, places: Vec<Reach>, port: Option<u16>) -> Self {
        Self { walls, places, port, outside: Arc::new(Outside::open()) }
    }

    /// Looks up names from within.
    pub(crate) fn resolver(&self) -> Arc<dyn Resolver> {
        Arc::clone(&self.outside) as Arc<dyn Resolver>
    }

    /// Starts programs that lead to the server, and connects to its socket, from within.
    pub(crate) fn opener(&self) -> Arc<dyn Opener> {
        Arc::clone(&self.outside) as Arc<dyn Opener>
    }

    /// Does `work` in a thread within the walls. Where there are none and none are demanded, `warn` is told why, once in
    /// a process.
    ///
    /// # Errors
    /// There are no walls, and they are demanded; then nothing was done.
    pub(crate) fn run<T: Send>(
        &self,
        warn: impl Fn(&str) + Sync,
        work: impl FnOnce() -> T + Send,
    ) -> Result<T, SandboxError> {
        if self.walls == Walls::None {
            return Ok(work());
        }
        let within = || {
            match self.enter() {
                Ok(()) => {}
                Err(lack) if self.walls == Walls::Demanded => return Err(lack.into()),
                Err(lack) if TOLD.swap(true, Ordering::Relaxed) => drop(lack),
                Err(lack @ Lack::Filter(_)) => {
                    warn(&format!("the sandbox around this transfer is not complete: {lack}"));
                }
                Err(lack) => warn(&format!("there is no sandbox around this transfer: {lack}")),
            }
            Ok(work())
        };
        thread::scope(|scope| {
            let builder = thread::Builder::new().name("sandbox".into()).stack_size(STACK);
            let thread = builder.spawn_scoped(scope, within).map_err(SandboxError::Thread)?;
            thread.join().unwrap_or_else(|reason| panic::resume_unwind(reason))
        })
    }

    /// Closes the walls behind this thread and all that it starts: as many as there are.
    fn enter(&self) -> Result<(), Lack> {
        let files = files::restrict(&self.places, self.port);
        let calls = calls::restrict();
        files.and(calls)
    }
}

#[cfg(test)]
mod tests;
