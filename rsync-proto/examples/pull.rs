//! Pulls a tree into a directory, and removes there what the server does not have. Run again, it moves only what
//! differs.
//!
//! ```sh
//! cargo run -p rsync-proto --example pull -- rsync://images.example/debian-12/ /srv/copy
//! ```
//!
//! A password comes from the variable `RSYNC_PASSWORD`, as with rsync.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rsync_proto::handshake::Credentials;
use rsync_proto::options::DeleteWhen;
use rsync_proto::report::{Monitor, Report};
use rsync_proto::{Client, Location, Options, Timeouts};

/// Prints what is changed, in the form of rsync's `-i`, and what goes wrong.
struct Print;

impl Monitor for Print {
    fn report(&self, report: &Report<'_>) {
        match report {
            Report::Item(item) => println!("{} {}", item.code(true), item.name()),
            Report::Deleted(path, _) => println!("*deleting   {path}"),
            Report::Failed(text) | Report::Warning(text) => eprintln!("{text}"),
            _ => {}
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, directory] = &arguments[..] else { return Err("usage: pull URL DIRECTORY".into()) };
    // A slash at the end asks for the content of a directory, without it the directory itself comes.
    let location = Location::parse(url)?;

    // `-a`, and what it leaves out: `Options` has a field for each option of rsync.
    let mut options = Options::archive();
    options.hard_links = true;
    options.deletion.when = Some(DeleteWhen::During);
    // What is excluded does not come, and is not deleted here either.
    options.filters.exclude(b"/tmp/*")?;

    let mut timeouts = Timeouts::default();
    timeouts.idle = Some(Duration::from_secs(30));

    let user = location.user.clone().unwrap_or_else(|| "nobody".to_owned());
    let password = std::env::var("RSYNC_PASSWORD").ok();
    let client = Client::new(location, options)
        .credentials(password.map(|password| Credentials::new(user, password)))
        .timeouts(timeouts)
        .retries(3)
        .monitor(Arc::new(Print));

    // An error is about the whole: no connection, a refusal, a full disk. What concerns single entries was reported,
    // and is counted.
    let summary = client.pull(Path::new(directory)).await?;
    println!(
        "{} of {} files came, {} entries deleted",
        summary.transferred,
        summary.listed.files,
        summary.deleted.total()
    );
    if !summary.is_complete() {
        return Err(format!("{} entries failed", summary.failed + summary.not_sent).into());
    }
    Ok(())
}
