//! `deployer list`: the modules of a daemon, or the files at a URL, in the form of rsync's listings.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rsync_proto::Error;
use rsync_proto::error::printable;
use rsync_proto::flist::{EntryRef, Kind};
use rsync_proto::report::{Monitor, Report};

use crate::cli::List;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::pull::{PATIENCE, client};
use crate::stats::grouped;
use crate::stop::Stop;

/// Shows entries as they come, and everything else as a pull does.
struct Listing {
    output: Mutex<io::BufWriter<io::Stdout>>,
    zone: TimeZone,
    console: Console,
}

impl Monitor for Listing {
    fn report(&self, report: &Report<'_>) {
        match report {
            Report::Listed(entry) => {
                let mut output = self.output.lock().expect("no thread panics with the lock");
                let _ = writeln!(output, "{}", line(*entry, &self.zone));
            }
            other => self.console.report(other),
        }
    }
}

/// Carries out a listing.
pub(crate) fn run(list: List) -> Result<Exit, Failure> {
    let modules = list.source.location.module.is_empty();
    let listing = Arc::new(Listing {
        output: Mutex::new(io::BufWriter::new(io::stdout())),
        zone: TimeZone::system(),
        console: Console::new(None, false, false, true, false),
    });
    let client = client(list.source, Arc::clone(&listing) as Arc<dyn Monitor>)?;
    let exit = Stop::on_signals(PATIENCE, || {}).or_until(async {
        if modules {
            let lines = client.modules().await?;
            let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
            io::stdout().lock().write_all(text.as_bytes()).map_err(output_fault)?;
            return Ok(Exit::Success);
        }
        let summary = client.list().await;
        listing.console.flush();
        listing.output.lock().expect("no thread panics with the lock").flush().map_err(output_fault)?;
        Ok(Exit::of(&summary?))
    })?;
    Ok(exit)
}

fn output_fault(source: io::Error) -> Error {
    Error::Local { action: "write to", path: "standard output".into(), source }
}

/// Mode, size, time and name of an entry.
fn line(entry: EntryRef<'_>, zone: &TimeZone) -> String {
    let arrow = match entry.kind() {
        Kind::Symlink if !entry.link_target().is_empty() => format!(" -> {}", printable(entry.link_target())),
        _ => String::new(),
    };
    let size = grouped(entry.listed_size());
    format!("{} {size:>14} {} {}{arrow}", mode(entry), time(entry.mtime().0, zone), entry.path())
}

fn time(seconds: i64, zone: &TimeZone) -> String {
    match Timestamp::from_second(seconds) {
        Ok(moment) => zone.to_datetime(moment).strftime("%Y/%m/%d %H:%M:%S").to_string(),
        Err(_) => format!("{seconds:>19}"),
    }
}

fn mode(entry: EntryRef<'_>) -> String {
    let kind = match entry.kind() {
        Kind::File => '-',
        Kind::Directory => 'd',
        Kind::Symlink => 'l',
        Kind::CharDevice => 'c',
        Kind::BlockDevice => 'b',
        Kind::Fifo => 'p',
        Kind::Socket => 's',
    };
    let permissions = entry.permissions();
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = permissions >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (permissions & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}
