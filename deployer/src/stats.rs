//! The figures at the end, in the words and the form of rsync's `--stats`.

use std::fmt::Write;
use std::time::Duration;

use rsync_proto::report::{KindCounts, Summary};

/// A number with commas between thousands.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// As [`grouped`], with decimals.
fn decimal(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    match text.split_once('.') {
        Some((whole, rest)) => format!("{}.{rest}", grouped(whole.parse().unwrap_or(0))),
        None => text,
    }
}

fn counts(counts: &KindCounts) -> String {
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
        .map(|(name, count)| format!("{name}: {}", grouped(*count)))
        .collect();
    let total = grouped(counts.total());
    if parts.is_empty() { total } else { format!("{total} ({})", parts.join(", ")) }
}

/// All figures.
pub(crate) fn full(summary: &Summary) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name}: {value}");
    };
    line("Number of files", counts(&summary.listed));
    line("Number of created files", counts(&summary.created));
    line("Number of deleted files", counts(&summary.deleted));
    line("Number of regular files transferred", grouped(summary.transferred));
    line("Total file size", format!("{} bytes", grouped(summary.total_size)));
    line("Total transferred file size", format!("{} bytes", grouped(summary.transferred_size)));
    line("Literal data", format!("{} bytes", grouped(summary.literal)));
    line("Matched data", format!("{} bytes", grouped(summary.matched)));
    line("File list size", grouped(summary.list_bytes));
    if let Some(server) = summary.server {
        let seconds = |ms: u64| format!("{} seconds", decimal(ms as f64 / 1000.0, 3));
        line("File list generation time", seconds(server.list_build_ms));
        line("File list transfer time", seconds(server.list_send_ms));
    }
    line("Total bytes sent", grouped(summary.bytes_sent));
    line("Total bytes received", grouped(summary.bytes_received));
    text
}

/// The two lines that close a verbose run.
pub(crate) fn short(summary: &Summary, elapsed: Duration, dry_run: bool) -> String {
    let moved = summary.bytes_sent + summary.bytes_received;
    format!(
        "sent {} bytes  received {} bytes  {} bytes/sec\ntotal size is {}  speedup is {}{}\n",
        grouped(summary.bytes_sent),
        grouped(summary.bytes_received),
        decimal(moved as f64 / (0.5 + elapsed.as_secs_f64()), 2),
        grouped(summary.total_size),
        decimal(summary.total_size as f64 / (moved as f64).max(1.0), 2),
        if dry_run { " (DRY RUN)" } else { "" },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(decimal(1234.5, 2), "1,234.50");
    }

    #[test]
    fn kinds_that_do_not_occur_are_left_out() {
        let some = KindCounts { files: 3, symlinks: 1000, ..KindCounts::default() };
        assert_eq!(counts(&some), "1,003 (reg: 3, link: 1,000)");
        assert_eq!(counts(&KindCounts::default()), "0");
    }
}
