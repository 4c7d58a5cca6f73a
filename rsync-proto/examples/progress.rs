//! Pulls a tree and shows meanwhile how far it is: each file when it is in place, and the whole in between.
//!
//! ```sh
//! cargo run -p rsync-proto --example progress -- rsync://images.example/debian-12/ /srv/copy
//! ```

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rsync_proto::report::{Action, Monitor, Progress, Report};
use rsync_proto::{Client, Location, Options};

/// Hears of each entry. Reports come from several threads, one of which waits for each: a monitor should be quick.
struct Files;

impl Monitor for Files {
    fn report(&self, report: &Report<'_>) {
        match report {
            Report::Item(item) if item.action == Action::Received => {
                let content = item.content.expect("what was received has content");
                println!("{}: {} bytes came, {} were here", item.name(), content.literal, content.matched);
            }
            Report::Failed(text) | Report::Warning(text) => eprintln!("{text}"),
            _ => {}
        }
    }
}

/// The whole, in one line. The list grows while files come already: until it is complete, the total is what is known.
fn line(progress: &Progress) -> String {
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let (done, listed) = (count(&progress.bytes_done), count(&progress.bytes_listed));
    let (entries, all) = (count(&progress.entries_done), count(&progress.entries_listed));
    let more = if progress.list_complete.load(Ordering::Relaxed) { "" } else { " or more" };
    format!("{done} of {listed}{more} bytes, {entries} of {all}{more} entries")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, directory] = &arguments[..] else { return Err("usage: progress URL DIRECTORY".into()) };
    let client = Client::new(Location::parse(url)?, Options::archive()).monitor(Arc::new(Files));

    // The counters are shared with the pull; they cost nothing when nobody looks.
    let progress = client.progress();
    let show = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(500));
        loop {
            ticks.tick().await;
            println!("{}", line(&progress));
        }
    };
    let summary = tokio::select! {
        summary = client.pull(Path::new(directory)) => summary?,
        () = show => unreachable!("it has no end"),
    };
    println!("{}", line(&progress));
    println!("{} files came, {} bytes over the connection", summary.transferred, summary.bytes_received);
    Ok(())
}
