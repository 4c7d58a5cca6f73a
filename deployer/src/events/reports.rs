//! What a pull reports, as events. Names come escaped, so that what is not UTF-8 can be told apart, too.

use rsync_proto::error::printable;
use rsync_proto::flist::Kind;
use rsync_proto::report::{Action, Item, KindCounts, Report, Summary};
use rsync_proto::session::Severity;
use serde_json::{Value, json};

use super::Events;

impl Events {
    /// Writes the event for a report, if it has one. `times` tells whether modification times are kept.
    pub(crate) fn report(&self, report: &Report<'_>, times: bool) {
        match report {
            Report::Begins(agreed) => {
                let fields = json!({
                    "protocol": agreed.protocol,
                    "checksum": agreed.summer.kind.name(),
                    "incremental": agreed.list.inc_recurse,
                });
                self.write("connected", fields);
                self.write("phase", json!({"phase": "transfer"}));
            }
            Report::ListComplete(entries) => self.write("listed", json!({"entries": entries})),
            Report::MadeDestination(path) => self.write("destination", json!({"made": path})),
            Report::Item(item) => self.write("file", file(item, times)),
            Report::Listed(entry) => {
                let fields = json!({
                    "name": entry.path().to_string(),
                    "kind": kind(entry.kind()),
                    "size": entry.listed_size(),
                });
                self.write("entry", fields);
            }
            Report::Deleted(path, of) => {
                self.write("deleted", json!({"name": path.to_string(), "kind": kind(*of)}));
            }
            Report::Skipped(entry, reason) => {
                let fields = json!({"name": entry.path().to_string(), "reason": reason.sentence(*entry)});
                self.write("skipped", fields);
            }
            Report::Failed(message) => self.write("failed", json!({"message": message})),
            Report::Warning(message) | Report::Stays(message) => {
                self.write("warning", json!({"message": message}));
            }
            Report::Server(Severity::Info, text) | Report::Info(_, text) => {
                self.write("note", json!({"message": text}));
            }
            Report::Server(Severity::Warning, text) => {
                self.write("warning", json!({"message": text, "server": true}));
            }
            Report::Server(_, text) => self.write("failed", json!({"message": text, "server": true})),
            // What greets people, and what is not known here yet.
            _ => {}
        }
    }
}

fn file(item: &Item<'_>, times: bool) -> Value {
    let action = match item.action {
        _ if !item.changes.any() => "unchanged",
        Action::Touched => "touched",
        Action::Received => "received",
        Action::Made => "made",
        Action::Linked => "linked",
    };
    let mut fields = json!({
        "name": item.entry.path().to_string(),
        "kind": kind(item.entry.kind()),
        "size": item.entry.size(),
        "action": action,
        "code": item.code(times),
    });
    if let Some((_, target)) = item.leads_to() {
        fields["target"] = printable(target).into();
    }
    if let Some(content) = item.content {
        fields["bytes"] = content.literal.into();
        fields["cached_bytes"] = content.matched.into();
    }
    fields
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink => "symlink",
        Kind::CharDevice | Kind::BlockDevice => "device",
        Kind::Fifo | Kind::Socket => "special",
    }
}

/// What a pull came to, as further fields of the result.
pub(crate) fn figures(summary: &Summary) -> Value {
    json!({
        "listed": counts(&summary.listed),
        "created": counts(&summary.created),
        "deleted": counts(&summary.deleted),
        "files_received": summary.transferred,
        "size": summary.total_size,
        "size_received": summary.transferred_size,
        "bytes": summary.literal,
        "cached_bytes": summary.matched,
        "connection_bytes_sent": summary.bytes_sent,
        "connection_bytes_received": summary.bytes_received,
        "failed": summary.failed,
        "not_sent": summary.not_sent,
    })
}

fn counts(counts: &KindCounts) -> Value {
    json!({
        "files": counts.files,
        "directories": counts.directories,
        "symlinks": counts.symlinks,
        "devices": counts.devices,
        "specials": counts.specials,
    })
}
