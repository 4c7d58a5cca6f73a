//! Lists the modules of a daemon, or what is at a URL. Nothing is transferred.
//!
//! ```sh
//! cargo run -p rsync-proto --example modules -- rsync://images.example
//! cargo run -p rsync-proto --example modules -- rsync://images.example/debian-12/etc/
//! ```

use std::error::Error;
use std::sync::Arc;

use rsync_proto::report::{Monitor, Report};
use rsync_proto::{Client, Location, Options};

/// Prints each entry as it comes. A list may be longer than memory: nothing keeps it.
struct Print;

impl Monitor for Print {
    fn report(&self, report: &Report<'_>) {
        match report {
            // Names are bytes; as text, control characters in them are escaped.
            Report::Listed(entry) => {
                println!("{:06o} {:>12} {}", entry.mode(), entry.listed_size(), entry.path());
            }
            Report::Motd(line) => println!("{line}"),
            Report::Failed(text) | Report::Warning(text) => eprintln!("{text}"),
            _ => {}
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: modules URL")?;
    let location = Location::parse(&url)?;
    let names_a_module = !location.module.is_empty();

    let mut options = Options::default();
    // Without it, symlinks are listed without what they lead to. `recursive` would list the whole tree.
    options.links = true;
    let client = Client::new(location, options).monitor(Arc::new(Print));

    if names_a_module {
        let summary = client.list().await?;
        println!("{} entries, {} bytes", summary.listed.total(), summary.total_size);
    } else {
        for line in client.modules().await? {
            println!("{line}");
        }
    }
    Ok(())
}
