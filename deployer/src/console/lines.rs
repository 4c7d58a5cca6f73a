//! Which line each report of a transfer gets, where it gets one: rsync's, as far as rsync has one.

use std::sync::atomic::Ordering;

use rsync_proto::flist::Kind;
use rsync_proto::handshake::{Agreed, arguments};
use rsync_proto::report::{Action, Item, Monitor, Report, Skip, Topic};
use rsync_proto::session::Severity;
use rsync_proto::{Location, Options};

use super::Console;
use crate::exit::severity_word;
use crate::format::{Format, Subject};
use crate::levels::{Debug, Info};
use crate::listing;

/// The line about a deletion, where a format does not tell deletions apart.
const DELETING: &str = "deleting %n";

impl Monitor for Console {
    fn report(&self, report: &Report<'_>) {
        match report {
            Report::Begins(agreed) => self.begins(agreed),
            Report::ListComplete(entries) => self.list_complete(*entries),
            Report::MadeDestination(path) if self.names() || self.itemizes() => {
                self.tell(format!("created directory {path}").as_bytes());
            }
            Report::Item(item) => self.item(item),
            Report::Deleted(path, kind) => self.deleted(Subject::Deleted(path, *kind)),
            Report::Listed(entry) => {
                self.tell(&self.escaped(&listing::line(*entry, &self.zone, self.numbers)));
            }
            Report::Motd(line) if self.motd => self.print(line.as_bytes()),
            Report::Server(Severity::Info, text) => self.tell(text.as_bytes()),
            Report::Server(severity, text) => self.complain(&format!("{}{text}", severity_word(*severity))),
            Report::Info(topic, text) if self.levels.info(about(*topic)) > 0 => self.tell(text.as_bytes()),
            Report::Skipped(entry, reason) if self.is_told(*reason) => {
                self.tell(reason.sentence(*entry).as_bytes());
            }
            Report::Stays(message) => self.tell(message.as_bytes()),
            Report::Failed(message) => self.complain(message),
            Report::Warning(message) if self.quiet => self.log_failure(message),
            Report::Warning(message) => self.complain(message),
            _ => {}
        }
    }

    fn wants_unchanged(&self) -> bool {
        self.unchanged
    }
}

fn about(topic: Topic) -> Info {
    match topic {
        Topic::Backup => Info::Backup,
        Topic::Copy => Info::Copy,
        Topic::Mount => Info::Mount,
        Topic::Symsafe => Info::Symsafe,
        _ => Info::Misc,
    }
}

impl Console {
    fn names(&self) -> bool {
        self.levels.info(Info::Name) > 0
    }

    /// Whether lines about files say what changes.
    fn itemizes(&self) -> bool {
        self.format.as_ref().is_some_and(|format| format.has("i"))
    }

    fn is_told(&self, reason: Skip) -> bool {
        match reason {
            Skip::NonRegular | Skip::Privileged => self.levels.info(Info::Nonreg) > 0,
            Skip::Unsafe => self.names() || self.levels.info(Info::Symsafe) > 0,
            Skip::Other(_) => true,
            _ => self.levels.info(Info::Skip) > 0,
        }
    }

    /// Before a connection is opened.
    pub(crate) fn before(&self, location: &Location, options: &Options, list_only: bool) {
        if !location.scheme.is_daemon() {
            return;
        }
        if self.levels.debug(Debug::Connect) > 0 {
            let line = format!("opening tcp connection to {} port {}", location.host, location.port());
            self.tell(line.as_bytes());
        }
        if self.levels.debug(Debug::Cmd) > 0 {
            let arguments = arguments(options, location, list_only, options.protocol);
            let mut line = b"sending daemon args: ".to_vec();
            line.extend(arguments.join(&b' '));
            line.extend(format!("  ({} args)", arguments.len()).into_bytes());
            self.tell(&self.escaped(&line));
        }
    }

    fn begins(&self, agreed: &Agreed) {
        self.protocol.store(agreed.protocol, Ordering::Relaxed);
        let of_list = Some(agreed.list.sum_len).filter(|len| self.checksum && *len > 0);
        let kind = if of_list.is_some() { agreed.file_checksum } else { agreed.summer.kind };
        self.around.sums_are(of_list.unwrap_or(kind.sum_len()), kind.name().starts_with("xxh"));
        if self.levels.debug(Debug::Proto) > 0 {
            self.tell(format!("(Client) Protocol versions: negotiated={}", agreed.protocol).as_bytes());
        }
        if self.levels.debug(Debug::Nstr) > 0 {
            self.methods.of(agreed).iter().for_each(|line| self.tell(line.as_bytes()));
        }
        self.log(b"receiving file list");
        if agreed.list.inc_recurse && self.levels.info(Info::Flist) > 0 {
            self.print(b"receiving incremental file list");
        }
        if self.levels.debug(Debug::Flist) > 0 {
            let whole = self.whole_file;
            let how = if whole { "disabled for local transfer or --whole-file" } else { "enabled" };
            self.tell(format!("delta-transmission {how}").as_bytes());
        }
        self.incremental.store(agreed.list.inc_recurse, Ordering::Relaxed);
    }

    /// Segments come all the time; only a list that comes as a whole is worth a word at its end.
    fn list_complete(&self, entries: u64) {
        if self.incremental.load(Ordering::Relaxed) {
            return;
        }
        match self.levels.info(Info::Flist) {
            0 => {}
            1 => self.print(b"receiving file list ... done"),
            _ => {
                let s = if entries == 1 { "" } else { "s" };
                self.print(format!("receiving file list ... {entries} file{s} to consider").as_bytes());
            }
        }
    }

    fn item(&self, item: &Item<'_>) {
        // Content that came is worth a line, even if it is what was there.
        let changes = item.changes.any() || item.action == Action::Received;
        let directory = item.entry.kind() == Kind::Directory;
        let shown = match (self.itemizes(), item.action) {
            (true, _) => changes || item.link_to.is_some() || self.unchanged,
            (false, Action::Touched) => directory && changes,
            (false, _) => true,
        };
        // Another name of the right file is named for that, too.
        let named = !shown || item.action == Action::Linked && !changes;
        if shown {
            let logged = self.log.as_ref().and_then(|log| log.format());
            let logged = logged.filter(|format| changes || format.has("i"));
            self.lines(self.format.as_ref(), logged, Subject::Item(item));
        }
        if named && self.levels.info(Info::Name) > 1 && !self.itemizes() && !directory {
            let mut line = self.escaped(&item.raw_name());
            line.extend_from_slice(if changes { b"" } else { b" is uptodate" });
            self.print(&line);
        }
    }

    fn deleted(&self, subject: Subject<'_>) {
        let tells_apart = |format: &Format| format.has("io");
        let plain = Format::parse(DELETING);
        let of = |format: Option<&Format>| format.filter(|format| tells_apart(format)).cloned();
        let wanted = self.format.is_some() || self.levels.info(Info::Del) > 0;
        let shown = wanted.then(|| of(self.format.as_ref()).unwrap_or_else(|| plain.clone()));
        let log = self.log.as_ref().and_then(|log| log.format()).filter(|_| !self.dry_run);
        let logged = log.map(|format| of(Some(format)).unwrap_or_else(|| plain.clone()));
        self.lines(shown.as_ref(), logged.as_ref(), subject);
    }

    fn lines(&self, shown: Option<&Format>, logged: Option<&Format>, subject: Subject<'_>) {
        let line = |format: &Format| self.escaped(&format.line(subject, &self.around));
        let first = shown.map(|format| (format, line(format)));
        if let Some((_, line)) = &first {
            self.print(line);
        }
        match (logged, first) {
            (Some(format), Some((same, line))) if format == same => self.log(&line),
            (Some(format), _) => self.log(&line(format)),
            (None, _) => {}
        }
    }
}
