//! Where messages go: what was asked for to standard output, everything else to standard error, neither in
//! the way of a progress bar.

use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Mutex;

use indicatif::ProgressBar;
use rsync_proto::flist::{Kind, SafePath};
use rsync_proto::report::{Action, Item, Monitor, Report};
use rsync_proto::session::Severity;

use crate::exit::severity_word;

/// One sentence on standard error.
pub(crate) fn complain(message: &str) {
    let _ = writeln!(io::stderr().lock(), "deployer: {message}");
}

/// Shows the reports of a transfer.
pub(crate) struct Console {
    output: Mutex<BufWriter<Stdout>>,
    bar: Option<ProgressBar>,
    itemize: bool,
    names: bool,
    times: bool,
    quiet: bool,
}

impl Console {
    /// A console that itemizes changes, or names what is transferred, or keeps quiet but for errors. `times`
    /// tells whether times are kept, which shows in itemized changes.
    pub(crate) fn new(
        bar: Option<ProgressBar>,
        itemize: bool,
        names: bool,
        times: bool,
        quiet: bool,
    ) -> Self {
        let output = Mutex::new(BufWriter::new(io::stdout()));
        Self { output, bar, itemize, names, times, quiet }
    }

    /// Lets everything be seen that was written so far.
    pub(crate) fn flush(&self) {
        let _ = self.output.lock().expect("no thread panics with the lock").flush();
    }

    fn print(&self, line: &str) {
        let write = || {
            let mut output = self.output.lock().expect("no thread panics with the lock");
            let _ = writeln!(output, "{line}");
            if self.bar.is_some() {
                let _ = output.flush();
            }
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn complain(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| complain(message)),
            None => complain(message),
        }
    }

    fn deleted(&self, path: &SafePath, kind: Kind) {
        let slash = if kind == Kind::Directory { "/" } else { "" };
        if self.itemize {
            self.print(&format!("*deleting   {path}{slash}"));
        } else if self.names {
            self.print(&format!("deleting {path}{slash}"));
        }
    }

    fn item(&self, item: &Item<'_>) {
        if self.itemize {
            self.print(&format!("{} {}", item.code(self.times), item.name()));
        } else if self.names && item.action != Action::Touched {
            self.print(&item.name());
        }
    }
}

impl Monitor for Console {
    fn report(&self, report: &Report<'_>) {
        match report {
            Report::Item(item) => self.item(item),
            Report::Deleted(path, kind) => self.deleted(path, *kind),
            Report::Motd(line) if !self.quiet => self.print(line),
            Report::Server(severity, text) if !self.quiet || *severity != Severity::Info => {
                self.complain(&format!("{}{text}", severity_word(*severity)));
            }
            Report::Skipped(entry, reason) if !self.quiet => {
                self.complain(&format!("{reason} \"{}\"", entry.path()));
            }
            Report::Failed(message) => self.complain(message),
            Report::Warning(message) if !self.quiet => self.complain(message),
            _ => {}
        }
    }
}
