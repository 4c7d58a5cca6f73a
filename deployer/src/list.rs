//! `deployer list`: the modules of a daemon, or the files at a URL, in the form of rsync's listings.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use rsync_proto::Error;
use rsync_proto::report::{Monitor, Summary};
use serde_json::json;

use crate::cli::List;
use crate::events::Events;
use crate::exit::{Exit, Failure};
use crate::pull::{client, stop};
use crate::told::{self, Told};

/// Carries out a listing.
pub(crate) fn run(list: List) -> Result<Exit, Failure> {
    let events = told::open_events(&list.output, json!({"command": "list"}))?;
    let mut summary = None;
    let ended = carry_out(list, events.as_ref(), &mut summary);
    told::result(events.as_deref(), &ended, summary.as_ref());
    ended
}

fn carry_out(
    list: List,
    events: Option<&Arc<Events>>,
    came_to: &mut Option<Summary>,
) -> Result<Exit, Failure> {
    let List { source, output } = list;
    let modules = source.location.asks_for_modules();
    let told = Told::new(&output, &source, events.cloned(), None)?;
    let started = Instant::now();
    told.before(&source, true);
    let result =
        client(source, Vec::new(), Arc::clone(&told) as Arc<dyn Monitor>).and_then(|(client, sandbox)| {
            let stop = stop(events);
            let listing = async || {
                if modules {
                    let lines = client.modules().await?;
                    lines.iter().for_each(|line| told.console.tell(line.as_bytes()));
                    return Ok(None);
                }
                client.list().await.map(Some)
            };
            Ok(sandbox.run(|why| told.console.complain(why), || stop.or_until(listing()))??)
        });
    if let (Ok(Some(summary)), false) = (&result, modules) {
        told.console.finish(summary, started.elapsed());
    }
    // Whoever asked for a listing wants all of it.
    let written = told.console.flush().map_err(|error| Failure::from(output_fault(error)));
    let ended = result.and_then(|summary| written.map(|()| summary));
    match ended {
        Ok(Some(summary)) => Ok(Exit::of(came_to.insert(summary))),
        Ok(None) => Ok(Exit::Success),
        Err(failure) => {
            told.console.log_failure(&failure.message);
            Err(failure)
        }
    }
}

fn output_fault(source: io::Error) -> Error {
    Error::Local { action: "write to", path: "standard output".into(), source }
}
