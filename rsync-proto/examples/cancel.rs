//! Pulls a tree until Ctrl-C, or for so many seconds at most, and gives it up then by dropping its future.
//!
//! ```sh
//! cargo run -p rsync-proto --example cancel -- rsync://images.example/debian-12/ /srv/copy 10
//! ```
//!
//! What is complete stays, and the next pull goes on from there. Nothing else is left: a file that is under way has no
//! name, or one that is removed.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use rsync_proto::{Client, Location, Options};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, directory, seconds] = &arguments[..] else {
        return Err("usage: cancel URL DIRECTORY SECONDS".into());
    };
    let most = Duration::from_secs(seconds.parse()?);
    let client = Client::new(Location::parse(url)?, Options::archive());

    let stopped = tokio::select! {
        summary = client.pull(Path::new(directory)) => {
            println!("{} files came", summary?.transferred);
            return Ok(());
        }
        signal = tokio::signal::ctrl_c() => signal.map(|()| "Ctrl-C"),
        () = tokio::time::sleep(most) => Ok("the time is up"),
    };
    // `select!` has dropped the pull, and that has waited for its threads: the directory is quiet by now.
    println!("stopped: {}", stopped?);
    Ok(())
}
