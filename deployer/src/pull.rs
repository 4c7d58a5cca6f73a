//! `deployer pull`: a thin caller of the library.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rsync_proto::Client;
use rsync_proto::local::{Reach, reach};
use rsync_proto::report::{Monitor, Summary};
use serde_json::json;

use crate::cli::{Pull, Source};
use crate::events::Events;
use crate::exit::{Exit, Failure};
use crate::password;
use crate::progress::{Display, to_stderr};
use crate::sandbox::Sandbox;
use crate::stop::Stop;
use crate::system::list_xattrs;
use crate::told::{self, Told};
use crate::ways;

/// How long threads may take to end after a signal.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A client for what was typed, and the walls within which it works, with these places.
pub(crate) fn client(
    source: Source,
    places: Vec<Reach>,
    monitor: Arc<dyn Monitor>,
) -> Result<(Client, Sandbox), Failure> {
    let Source { location, pull } = source;
    let credentials = password::credentials(&location, &pull)?;
    let route = ways::route(&location, &pull.ways)?;
    let tls = ways::tls(&location, &pull.ways)?;
    let sandbox = Sandbox::new(pull.walls, places, route.tcp_port(&location));
    let client =
        Client::new(location, pull.options).credentials(credentials).list_xattrs(list_xattrs).route(route);
    let client = client.resolver(sandbox.resolver()).opener(sandbox.opener());
    let client = match tls {
        Some(tls) => client.tls(tls),
        None => client,
    };
    Ok((client.timeouts(pull.timeouts).retries(pull.retries).monitor(monitor), sandbox))
}

/// Stops work on signals; if that does not end, the events say so.
pub(crate) fn stop(events: Option<&Arc<Events>>) -> Stop {
    let events = events.cloned();
    Stop::on_signals(PATIENCE, move || {
        let last = "stopped by a signal, with work that does not end";
        if let Some(events) = events {
            events.result(Exit::Stopped.code(), Some(last), json!({}));
        }
    })
}

/// Carries out a pull.
pub(crate) fn run(pull: Pull) -> Result<Exit, Failure> {
    let fields = json!({"command": "pull", "destination": pull.destination.display().to_string()});
    let events = told::open_events(&pull.output, fields)?;
    let mut summary = None;
    let ended = carry_out(pull, events.as_ref(), &mut summary);
    told::result(events.as_deref(), &ended, summary.as_ref());
    ended
}

fn carry_out(
    pull: Pull,
    events: Option<&Arc<Events>>,
    came_to: &mut Option<Summary>,
) -> Result<Exit, Failure> {
    let Pull { source, destination, output } = pull;
    let asked = &source.pull.options;
    let may_lack_option = !asked.recursive && !asked.dirs && asked.selection.files_from.is_none();
    // Beside a list of names, progress is shown only on request.
    let alone = !output.quiet && output.format.is_none();
    let display = Display::choose(output.progress.unwrap_or(alone));
    let told = Told::new(&output, &source, events.cloned(), display.bar())?;
    let started = Instant::now();
    told.before(&source, false);
    let places = reach(&destination, asked);
    let result =
        client(source, places, Arc::clone(&told) as Arc<dyn Monitor>).and_then(|(client, sandbox)| {
            let stop = stop(events);
            let transfer = async || {
                tokio::select! {
                    result = client.pull(&destination) => result,
                    () = display.follow(client.progress(), to_stderr) => unreachable!("following has no end"),
                    () = told.follow(client.progress()) => unreachable!("following has no end"),
                }
            };
            Ok(sandbox.run(|why| told.console.complain(why), || stop.or_until(transfer()))??)
        });
    display.clear();
    let summary = match result {
        Ok(summary) => *came_to.insert(summary),
        Err(failure) => {
            let _ = told.console.flush();
            told.console.log_failure(&failure.message);
            return Err(failure);
        }
    };
    told.console.finish(&summary, started.elapsed());
    let _ = told.console.flush();
    let exit = Exit::of(&summary);
    match told::incomplete(exit) {
        Some(message) => told.console.complain(message),
        None if summary.listed.total() == 0 && may_lack_option => {
            told.console.complain("nothing was pulled; to pull a directory, use -a or -r");
        }
        None => {}
    }
    Ok(exit)
}
