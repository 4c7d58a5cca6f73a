//! Stopping on a signal: work that is under way ends in order, and other programs that were started end with it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use rsync_proto::Error;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// Whether to stop, for everyone who works.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<Inner>);

#[derive(Default)]
struct Inner {
    wanted: AtomicBool,
    told: Notify,
    /// The program that is running, by its process group.
    child: Mutex<Option<Pid>>,
}

impl Stop {
    /// Listens for signals, in a thread of its own: the one that does the work may be waiting for a disk. What is
    /// under way ends within moments, unless it is stuck in a disk or an output that does not move; after
    /// `patience` the process says its `last_words` and ends without it.
    pub(crate) fn on_signals(patience: Duration, last_words: impl FnOnce() + Send + 'static) -> Self {
        let stop = Self::default();
        let own = stop.clone();
        let thread = std::thread::Builder::new().name("signals".into());
        let (ready, listens) = mpsc::channel();
        let listen = move || {
            if wait_for_signal(&ready) {
                own.now();
                std::thread::sleep(patience);
                last_words();
                std::process::exit(20);
            }
        };
        thread.spawn(listen).expect("a process that begins can start a thread");
        // From now on no signal ends the process at once. The thread that cannot listen drops its end.
        let _ = listens.recv();
        stop
    }

    /// Stops.
    fn now(&self) {
        self.0.wanted.store(true, Ordering::SeqCst);
        self.0.told.notify_one();
        if let Some(group) = *self.0.child.lock().expect("no thread panics with the lock") {
            let _ = kill_process_group(group, Signal::TERM);
        }
    }

    /// Whether to stop.
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.wanted.load(Ordering::SeqCst)
    }

    /// The same, for those who look for themselves.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.0.wanted
    }

    /// Returns when it is time to stop.
    pub(crate) async fn wanted(&self) {
        while !self.is_wanted() {
            self.0.told.notified().await;
        }
    }

    /// Runs `work` until it is done or a signal comes.
    ///
    /// # Errors
    /// Its own, or that it was cancelled.
    pub(crate) fn or_until<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|source| Error::Local { action: "start", path: PathBuf::new(), source })?;
        // The work is dropped when a signal wins, and with it every file that is not complete.
        let result = runtime.block_on(async {
            tokio::select! {
                result = work => result,
                () = self.wanted() => Err(Error::Cancelled),
            }
        });
        // A look-up of a name cannot be stopped, and nobody waits for it.
        runtime.shutdown_background();
        result
    }

    /// Says which process group is to end on a signal; nothing when it has ended.
    pub(crate) fn watch_child(&self, group: Option<Pid>) {
        *self.0.child.lock().expect("no thread panics with the lock") = group;
        // The signal may have come just before.
        if let Some(group) = group
            && self.is_wanted()
        {
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}

/// Says when it listens. Whether a signal came.
fn wait_for_signal(ready: &mpsc::Sender<()>) -> bool {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return false;
    };
    runtime.block_on(async {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else { return false };
        let _ = ready.send(());
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        true
    })
}
