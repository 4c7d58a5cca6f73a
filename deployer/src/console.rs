//! Where messages go: what was asked for to standard output and the log file, everything else to standard error,
//! nothing in the way of a progress bar.

mod lines;
mod methods;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use indicatif::ProgressBar;
use jiff::tz::TimeZone;
use rsync_proto::Options;
use rsync_proto::error::{printable, printable_8_bit};
use rsync_proto::report::Summary;

use crate::exit::{Exit, Failure};
use crate::flags::output::{Buffering, Log, Output};
use crate::format::{Format, Surroundings};
use crate::levels::{Info, Levels};
use crate::logfile::LogFile;
use crate::numbers::Form;
use crate::stats;
use methods::Methods;

/// One sentence on standard error.
pub(crate) fn complain(message: &str) {
    let _ = writeln!(io::stderr().lock(), "deployer: {message}");
}

/// Shows the reports of a transfer.
pub(crate) struct Console {
    output: Mutex<BufWriter<Box<dyn Write + Send>>>,
    /// Each line is let go at once.
    by_lines: bool,
    bar: Option<ProgressBar>,
    log: Option<LogFile>,
    format: Option<Format>,
    levels: Levels,
    numbers: Form,
    around: Surroundings,
    zone: TimeZone,
    quiet: bool,
    motd: bool,
    eight_bit: bool,
    unchanged: bool,
    whole_file: bool,
    checksum: bool,
    methods: Methods,
    dry_run: bool,
    protocol: AtomicU8,
    /// The list comes in segments.
    incremental: AtomicBool,
}

impl Console {
    /// A console for a transfer with these options, beside this bar. Opens the log file.
    pub(crate) fn new(output: &Output, options: &Options, bar: Option<ProgressBar>) -> Result<Self, Failure> {
        let zone = TimeZone::system();
        let log = output.log.as_ref().map(|log| open(log, &zone)).transpose()?;
        let (to, terminal): (Box<dyn Write + Send>, bool) = match output.all_to_stderr {
            true => (Box::new(io::stderr()), io::stderr().is_terminal()),
            false => (Box::new(io::stdout()), io::stdout().is_terminal()),
        };
        let by_lines = output.buffering.map_or(terminal, |buffering| buffering == Buffering::Lines);
        let itemizes = output.format.as_ref().is_some_and(|format| format.has("i"));
        Ok(Self {
            output: Mutex::new(BufWriter::new(to)),
            by_lines: by_lines || bar.is_some(),
            bar,
            log,
            format: output.format.clone(),
            levels: output.levels.clone(),
            numbers: output.numbers,
            around: Surroundings::new(options, zone.clone()),
            zone,
            quiet: output.quiet,
            motd: output.motd,
            eight_bit: output.eight_bit,
            unchanged: itemizes && output.unchanged || output.levels.info(Info::Name) > 1,
            whole_file: options.whole_file,
            checksum: options.checksum,
            methods: Methods::asked(options),
            dry_run: options.dry_run,
            protocol: AtomicU8::new(0),
            incremental: AtomicBool::new(false),
        })
    }

    /// Lets everything be seen that was written so far.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.output.lock().expect("no thread panics with the lock").flush()
    }

    /// Figures at the end, as far as they were asked for.
    pub(crate) fn finish(&self, summary: &Summary, elapsed: Duration) {
        let level = self.levels.info(Info::Stats);
        let form = self.numbers;
        if level > 1 {
            self.print(b"");
            let text = stats::full(summary, self.protocol.load(Ordering::Relaxed), form);
            self.tell(text.trim_end().as_bytes());
        }
        if level > 0 {
            self.print(b"");
            self.tell(stats::short(summary, elapsed, self.dry_run, form).trim_end().as_bytes());
        } else if let Some(log) = &self.log {
            let Summary { bytes_sent, bytes_received, total_size, .. } = summary;
            let line =
                format!("sent {bytes_sent} bytes  received {bytes_received} bytes  total size {total_size}");
            log.write(line.as_bytes());
        }
    }

    /// Lines for standard output, that is for whoever asked for them.
    fn print(&self, lines: &[u8]) {
        if self.quiet {
            return;
        }
        let write = || {
            let mut output = self.output.lock().expect("no thread panics with the lock");
            let _ = output.write_all(lines).and_then(|()| output.write_all(b"\n"));
            if self.by_lines {
                let _ = output.flush();
            }
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Lines for standard output and the log.
    pub(crate) fn tell(&self, lines: &[u8]) {
        self.print(lines);
        self.log(lines);
    }

    fn log(&self, lines: &[u8]) {
        if let Some(log) = &self.log {
            log.write(lines);
        }
    }

    /// A sentence for standard error and the log.
    pub(crate) fn complain(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| complain(message)),
            None => complain(message),
        }
        self.log_failure(message);
    }

    /// A sentence that is shown elsewhere.
    pub(crate) fn log_failure(&self, message: &str) {
        if self.log.is_some() {
            self.log(format!("deployer: {message}").as_bytes());
        }
    }

    fn escaped(&self, line: &[u8]) -> Vec<u8> {
        if self.eight_bit { printable_8_bit(line) } else { printable(line).into_bytes() }
    }
}

fn open(log: &Log, zone: &TimeZone) -> Result<LogFile, Failure> {
    let Log { path, format } = log;
    LogFile::open(path, format.clone(), zone.clone()).map_err(|error| fault(path, &error))
}

fn fault(path: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot open the log file {}: {error}", path.display());
    Failure { message, exit: Exit::LocalFiles }
}
