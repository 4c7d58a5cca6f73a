//! The figures at the end, in the words and the form of rsync's `--stats`.

use std::fmt::Write;
use std::time::Duration;

use rsync_proto::report::{KindCounts, Summary};

use crate::numbers::Form;

fn counts(counts: &KindCounts, form: Form) -> String {
    let kinds = [
        ("reg", counts.files),
        ("dir", counts.directories),
        ("link", counts.symlinks),
        ("dev", counts.devices),
        ("special", counts.specials),
    ];
    let parts: Vec<String> = kinds
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name}: {}", form.count(*count)))
        .collect();
    let total = form.count(counts.total());
    if parts.is_empty() { total } else { format!("{total} ({})", parts.join(", ")) }
}

/// All figures, as servers of this protocol version have them.
pub(crate) fn full(summary: &Summary, protocol: u8, form: Form) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name}: {value}");
    };
    let bytes = |value| format!("{} bytes", form.bytes(value));
    line("Number of files", counts(&summary.listed, form));
    line("Number of created files", counts(&summary.created, form));
    if protocol >= 31 {
        line("Number of deleted files", counts(&summary.deleted, form));
    }
    line("Number of regular files transferred", form.count(summary.transferred));
    line("Total file size", bytes(summary.total_size));
    line("Total transferred file size", bytes(summary.transferred_size));
    line("Literal data", bytes(summary.literal));
    line("Matched data", bytes(summary.matched));
    line("File list size", form.bytes(summary.list_bytes));
    if let Some(server) = summary.server.filter(|server| server.list_build_ms > 0) {
        let seconds = |ms: u64| format!("{} seconds", form.decimal(ms as f64 / 1000.0, 3));
        line("File list generation time", seconds(server.list_build_ms));
        line("File list transfer time", seconds(server.list_send_ms));
    }
    line("Total bytes sent", form.bytes(summary.bytes_sent));
    line("Total bytes received", form.bytes(summary.bytes_received));
    text
}

/// The two lines that close a verbose run.
pub(crate) fn short(summary: &Summary, elapsed: Duration, dry_run: bool, form: Form) -> String {
    let moved = summary.bytes_sent + summary.bytes_received;
    format!(
        "sent {} bytes  received {} bytes  {} bytes/sec\ntotal size is {}  speedup is {}{}\n",
        form.bytes(summary.bytes_sent),
        form.bytes(summary.bytes_received),
        form.rate(moved as f64 / (0.5 + elapsed.as_secs_f64())),
        form.bytes(summary.total_size),
        form.decimal(summary.total_size as f64 / (moved as f64).max(1.0), 2),
        if dry_run { " (DRY RUN)" } else { "" },
    )
}

#[cfg(test)]
mod tests {
    use rsync_proto::session::ServerStats;

    use super::*;

    #[test]
    fn kinds_that_do_not_occur_are_left_out() {
        let some = KindCounts { files: 3, symlinks: 1000, ..KindCounts::default() };
        assert_eq!(counts(&some, Form::Grouped), "1,003 (reg: 3, link: 1,000)");
        assert_eq!(counts(&KindCounts::default(), Form::Grouped), "0");
    }

    #[test]
    fn figures_are_those_that_the_protocol_has() {
        let server = ServerStats { list_build_ms: 1, ..ServerStats::default() };
        let mut summary = Summary::default();
        summary.server = Some(server);
        summary.deleted.files = 2;
        summary.total_size = 3_000_000;
        let text = full(&summary, 31, Form::Decimal);
        assert!(text.contains("Number of deleted files: 2 (reg: 2)\n"), "{text}");
        assert!(text.contains("Total file size: 3.00M bytes\n"), "{text}");
        assert!(text.contains("File list generation time: 0.001 seconds\n"), "{text}");
        summary.server = Some(ServerStats::default());
        let text = full(&summary, 30, Form::Plain);
        assert!(!text.contains("deleted") && !text.contains("time"), "{text}");
        assert!(text.contains("Total file size: 3000000 bytes\n"), "{text}");
    }
}
