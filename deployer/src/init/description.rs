//! Fetches the description, with patience: the server may still be starting, as this machine is.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::InitError;
use super::parameters::{Config, Parameters};
use crate::command::Command;
use crate::http::{Download, Way, Web, WebError, WebUrl, shown};
use crate::model::MIB;
use crate::stop::Stop;

/// Where it is put. A directory that nothing else uses: it is removed with all that is in it.
const PLACE: &str = "/run/deployer-description";
/// The largest that is fetched, in bytes; it may hold a config drive.
const LIMIT: u64 = 128 * MIB;
/// How long a server may be silent.
const SILENCE: Duration = Duration::from_secs(10);
/// How often in a row it is asked again.
const RETRIES: u32 = 10;

/// Fetches it. Returns where it is now.
pub(super) fn fetch(parameters: &Parameters, own: &Path) -> Result<PathBuf, InitError> {
    let place = Path::new(PLACE);
    // It may hold passwords, and is fetched anew each time.
    let _ = fs::remove_dir_all(place);
    let made = fs::DirBuilder::new().mode(0o700).create(place);
    made.map_err(InitError::system("make", place))?;
    match &parameters.config {
        Config::File(path) => Ok(path.clone()),
        Config::Web(url) => {
            let bytes = from_web(url, parameters.ca_file.clone())?;
            let path = place.join("description.json");
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let written = file.and_then(|mut file| file.write_all(&bytes));
            written.map_err(InitError::system("write", &path))?;
            Ok(path)
        }
        Config::Rsync(url) => from_rsync(url, own),
    }
}

fn from_web(url: &str, ca_file: Option<PathBuf>) -> Result<Vec<u8>, InitError> {
    let refused = |why| InitError::Url { url: shown(url), why };
    let failed = |source: WebError| InitError::Fetch { url: shown(url), source: Box::new(source) };
    let web = Web { ca_file, silence: SILENCE, retries: RETRIES };
    let address = WebUrl::parse(url).map_err(refused)?;
    // It may hold passwords: it goes no other way than its address says.
    let agent = web.agent(&address, Way::Direct, web.clocks()).map_err(failed)?;
    let mut tries = 0;
    loop {
        let download =
            Download::begin(agent.clone(), &web, &address, false, &Stop::default()).map_err(failed)?;
        match read_all(download) {
            Ok(bytes) if bytes.len() as u64 > LIMIT => {
                return Err(InitError::TooLarge { url: shown(url), limit: LIMIT });
            }
            Ok(bytes) => return Ok(bytes),
            // It is small, and may be made anew for each who asks.
            Err(WebError::Unsure(_) | WebError::Changed) if tries < RETRIES => tries += 1,
            Err(error) => return Err(failed(error)),
        }
    }
}

/// All of it, or more than may be.
fn read_all(mut download: Download) -> Result<Vec<u8>, WebError> {
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    while bytes.len() as u64 <= LIMIT {
        match download.read(&mut piece)? {
            0 => break,
            len => bytes.extend_from_slice(&piece[..len]),
        }
    }
    Ok(bytes)
}

/// By this program itself, as a child. It shows what goes wrong.
fn from_rsync(url: &str, own: &Path) -> Result<PathBuf, InitError> {
    let name = url.rsplit('/').next().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| InitError::Url { url: shown(url), why: "it names no file".to_owned() })?;
    let place = Path::new(PLACE);
    let status = Command::new(own)
        .args(["pull", "--copy-links", "--chmod=F600", "--contimeout=10", "--timeout=10"])
        .arg(format!("--retries={RETRIES}"))
        .arg(format!("--max-size={LIMIT}"))
        .arg(url)
        .arg(format!("{PLACE}/"))
        .attended()?;
    if !status.success() {
        return Err(InitError::Failed { what: "fetching the description", status });
    }
    let path = place.join(name);
    match path.is_file() {
        true => Ok(path),
        false => Err(InitError::NoFile { url: shown(url) }),
    }
}
