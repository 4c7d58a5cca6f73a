//! Everybody who is told about a transfer: the console with its log file, and the events.

use std::sync::Arc;

use indicatif::ProgressBar;
use rsync_proto::report::{Monitor, Progress, Report, Summary};
use serde_json::{Value, json};

use crate::cli::Source;
use crate::console::Console;
use crate::events::{Events, figures};
use crate::exit::{Exit, Failure};
use crate::flags::output::Output;

/// All of them.
pub(crate) struct Told {
    pub(crate) console: Console,
    events: Option<Arc<Events>>,
    times: bool,
}

/// Opens the events of a command, so that even what goes wrong before a transfer is in them.
pub(crate) fn open_events(output: &Output, fields: Value) -> Result<Option<Arc<Events>>, Failure> {
    let Some(to) = &output.events else { return Ok(None) };
    match Events::open(to, fields) {
        Ok(events) => Ok(Some(Arc::new(events))),
        Err(error) => Err(Failure::usage(format!("cannot write events to {to}: {error}"))),
    }
}

impl Told {
    /// Those who are told about a transfer from `source`.
    pub(crate) fn new(
        output: &Output,
        source: &Source,
        events: Option<Arc<Events>>,
        bar: Option<ProgressBar>,
    ) -> Result<Arc<Self>, Failure> {
        let console = Console::new(output, &source.pull.options, bar)?;
        Ok(Arc::new(Self { console, events, times: source.pull.options.times }))
    }

    /// A connection is about to be opened.
    pub(crate) fn before(&self, source: &Source, list_only: bool) {
        self.event("phase", json!({"phase": "connect"}));
        self.console.before(&source.location, &source.pull.options, list_only);
    }

    fn event(&self, name: &str, fields: Value) {
        if let Some(events) = &self.events {
            events.write(name, fields);
        }
    }

    /// Tells programs how far it is, until it is dropped.
    pub(crate) async fn follow(&self, progress: Arc<Progress>) {
        match &self.events {
            Some(events) => events.follow(progress).await,
            None => std::future::pending().await,
        }
    }
}

impl Monitor for Told {
    fn report(&self, report: &Report<'_>) {
        if let Some(events) = &self.events {
            events.report(report, self.times);
        }
        self.console.report(report);
    }

    fn wants_unchanged(&self) -> bool {
        self.console.wants_unchanged()
    }
}

/// The last event: how it ended.
pub(crate) fn result(events: Option<&Events>, ended: &Result<Exit, Failure>, summary: Option<&Summary>) {
    let Some(events) = events else { return };
    let figures = summary.map_or_else(|| json!({}), figures);
    match ended {
        Ok(exit) => events.result(exit.code(), incomplete(*exit), figures),
        Err(failure) => events.result(failure.exit.code(), Some(&failure.message), figures),
    }
}

/// What a transfer that went through to its end says about what is missing.
pub(crate) fn incomplete(exit: Exit) -> Option<&'static str> {
    match exit {
        Exit::Success => None,
        Exit::Vanished => Some("some files vanished on the server before they were sent"),
        Exit::DeleteLimit => {
            Some("everything was transferred, but --max-delete kept entries from being deleted")
        }
        _ => Some("some files or attributes were not transferred; see the messages above"),
    }
}
