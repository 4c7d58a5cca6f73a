//! How far a pull is: a bar on a terminal, a plain line every few seconds elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rsync_proto::report::Progress;

use crate::terminal;

/// How often a bar moves.
const BAR_TICK: Duration = Duration::from_millis(200);
/// How often a plain line is written.
const LINE_TICK: Duration = Duration::from_secs(5);

/// Shows how far a pull is.
pub(crate) enum Display {
    Bar(ProgressBar),
    Lines,
    Nothing,
}

impl Display {
    /// What fits: nothing if it is not wanted.
    pub(crate) fn choose(wanted: bool) -> Self {
        if !wanted {
            return Display::Nothing;
        }
        if !io::stderr().is_terminal() || terminal::is_plain() {
            return Display::Lines;
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let template = "{percent:>3}% {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}, {msg}, {eta} left";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is well-formed"));
        Display::Bar(bar)
    }

    /// The bar, for whoever writes beside it.
    pub(crate) fn bar(&self) -> Option<ProgressBar> {
        match self {
            Display::Bar(bar) => Some(bar.clone()),
            _ => None,
        }
    }

    /// Shows how far `progress` is, again and again, until it is dropped. Plain lines go to `print`.
    pub(crate) async fn follow(&self, progress: Arc<Progress>, print: impl Fn(&str)) {
        let started = Instant::now();
        loop {
            match self {
                Display::Bar(bar) => {
                    tokio::time::sleep(BAR_TICK).await;
                    draw(bar, &progress);
                }
                Display::Lines => {
                    tokio::time::sleep(LINE_TICK).await;
                    print(&line(&progress, started.elapsed()));
                }
                Display::Nothing => std::future::pending().await,
            }
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        if let Display::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// Prints a line to standard error.
pub(crate) fn to_stderr(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// `1234 of 5678 files`, with a sign that more may be listed.
fn files(progress: &Progress) -> String {
    let more = if progress.list_complete.load(Ordering::Relaxed) { "" } else { "+" };
    format!("{} of {}{more} files", get(&progress.entries_done), get(&progress.entries_listed))
}

fn draw(bar: &ProgressBar, progress: &Progress) {
    bar.set_length(get(&progress.bytes_listed));
    bar.set_position(get(&progress.bytes_done));
    bar.set_message(files(progress));
}

fn line(progress: &Progress, elapsed: Duration) -> String {
    let (done, listed) = (get(&progress.bytes_done), get(&progress.bytes_listed));
    let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
    let mut text = format!(
        "{}, {} of {}, {}/s",
        files(progress),
        HumanBytes(done),
        HumanBytes(listed),
        HumanBytes(rate as u64),
    );
    // Before the list is complete, nobody knows what is still to come.
    if progress.list_complete.load(Ordering::Relaxed) && rate > 0.0 {
        let left = listed.saturating_sub(done) as f64 / rate;
        let left = HumanDuration(Duration::from_secs_f64(left.min(1e9)));
        text.push_str(&format!(", {left} left"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_far_it_is() {
        let progress = Progress::default();
        progress.entries_listed.store(10, Ordering::Relaxed);
        progress.entries_done.store(4, Ordering::Relaxed);
        progress.bytes_listed.store(4096, Ordering::Relaxed);
        progress.bytes_done.store(1024, Ordering::Relaxed);
        let text = line(&progress, Duration::from_secs(1));
        assert_eq!(text, "4 of 10+ files, 1.00 KiB of 4.00 KiB, 1.00 KiB/s");
        progress.list_complete.store(true, Ordering::Relaxed);
        let text = line(&progress, Duration::from_secs(1));
        assert_eq!(text, "4 of 10 files, 1.00 KiB of 4.00 KiB, 1.00 KiB/s, 3 seconds left");
    }
}
