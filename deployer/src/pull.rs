//! `deployer pull`: a thin caller of the library.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rsync_proto::Client;
use rsync_proto::report::Monitor;

use crate::cli::{Pull, Source};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::password;
use crate::progress::{Display, to_stderr};
use crate::stats;
use crate::stop::Stop;

/// How long threads may take to end after a signal.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A client for what was typed.
pub(crate) fn client(source: Source, monitor: Arc<dyn Monitor>) -> Result<Client, Failure> {
    let Source { location, pull } = source;
    let credentials = password::credentials(&location, pull.password_file.as_deref())?;
    let client = Client::new(location, pull.options).credentials(credentials);
    Ok(client.timeouts(pull.timeouts).retries(pull.retries).monitor(monitor))
}

/// Carries out a pull.
pub(crate) fn run(pull: Pull) -> Result<Exit, Failure> {
    let Pull { source, destination, verbose, quiet, itemize, stats, progress } = pull;
    let (times, dry_run) = (source.pull.options.times, source.pull.options.dry_run);
    let recursive = source.pull.options.recursive;
    // Beside a list of names, progress is shown only on request.
    let shown = progress.unwrap_or(!quiet && !itemize && verbose == 0);
    let display = Display::choose(shown);
    let console = Arc::new(Console::new(display.bar(), itemize, verbose > 0, times, quiet));
    let client = client(source, Arc::clone(&console) as Arc<dyn Monitor>)?;
    let started = Instant::now();
    let result = Stop::on_signals(PATIENCE, || {}).or_until(async {
        tokio::select! {
            result = client.pull(&destination) => result,
            () = display.follow(client.progress(), to_stderr) => unreachable!("following has no end"),
        }
    });
    display.clear();
    console.flush();
    let summary = result?;
    let mut text = String::new();
    if stats {
        text.push('\n');
        text.push_str(&stats::full(&summary));
    }
    if stats || verbose > 0 {
        text.push('\n');
        text.push_str(&stats::short(&summary, started.elapsed(), dry_run));
    }
    let _ = io::stdout().lock().write_all(text.as_bytes());
    let exit = Exit::of(&summary);
    match exit {
        Exit::Partial => {
            crate::console::complain("some files or attributes were not transferred; see the messages above");
        }
        Exit::Vanished => crate::console::complain("some files vanished on the server before they were sent"),
        _ if summary.listed.total() == 0 && !recursive => {
            crate::console::complain("nothing was pulled; to pull a directory, use -a or -r");
        }
        _ => {}
    }
    Ok(exit)
}
