//! Where an image comes from: a file, a web server or the description; as it is, in gzip, or in gzip and
//! base64.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;

use super::{ConfigDrive, ConfigDriveError, LIMIT, fat, image, tree};
use crate::http::{Clocks, Way, Web, WebError, WebUrl, shown};
use crate::model::ConfigSource;

pub(super) const CLOCKS: Clocks =
    Clocks { connect: Duration::from_secs(10), silence: None, whole: Some(Duration::from_secs(60)) };

/// How gzip begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// How gzip in base64 begins, whatever is in it.
const GZIP_IN_BASE64: &[u8] = b"H4sI";

const AS_IT_CAME: &str = "as it came";
const UNPACKED: &str = "when unpacked";

pub(super) fn load(
    source: &ConfigSource,
    web: &Web,
    clocks: &Clocks,
) -> Result<ConfigDrive, ConfigDriveError> {
    match source {
        ConfigSource::Directory(path) => local(path),
        ConfigSource::Url(url) => {
            let body = fetch(url, web, clocks)?;
            any(body, &format!("the config drive from {}", shown(url)))
        }
        ConfigSource::Encoded(text) => {
            let origin = "the config drive in the description";
            ConfigDrive::of(decode(text.as_bytes().to_vec(), origin)?, origin)
        }
    }
}

fn local(path: &Path) -> Result<ConfigDrive, ConfigDriveError> {
    let failed = |action| move |source| ConfigDriveError::Local { action, path: path.to_owned(), source };
    let meta = fs::metadata(path).map_err(failed("look at"))?;
    let origin = format!("the config drive in {}", path.display());
    if meta.is_dir() {
        let image = fat::make(tree::read(path)?).ok_or_else(|| tree::too_large(path))?;
        return ConfigDrive::of(image, &origin);
    }
    if !meta.is_file() {
        let found = "neither a directory nor a file";
        return Err(ConfigDriveError::Special { path: path.to_owned(), found });
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed("open"))?;
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(failed("read"))?;
    if bytes.len() as u64 > LIMIT {
        return Err(ConfigDriveError::TooLarge { origin, stage: AS_IT_CAME });
    }
    any(bytes, &origin)
}

/// Finds out how an image is packed.
fn any(bytes: Vec<u8>, origin: &str) -> Result<ConfigDrive, ConfigDriveError> {
    let image = if bytes.starts_with(&GZIP) {
        unpack(&bytes, origin)?
    } else if bytes.trim_ascii_start().starts_with(GZIP_IN_BASE64) {
        decode(bytes, origin)?
    } else {
        bytes
    };
    ConfigDrive::of(image, origin)
}

/// Unpacks gzip in base64.
fn decode(mut text: Vec<u8>, origin: &str) -> Result<Vec<u8>, ConfigDriveError> {
    text.retain(|letter| !letter.is_ascii_whitespace());
    let packed = STANDARD
        .decode(&text)
        .map_err(|source| ConfigDriveError::Base64 { origin: origin.to_owned(), source })?;
    // Memory is short in a ramdisk.
    drop(text);
    if !packed.starts_with(&GZIP) {
        let found = image::describe(&packed);
        return Err(ConfigDriveError::NotPacked { origin: origin.to_owned(), found });
    }
    unpack(&packed, origin)
}

/// Unpacks gzip, up to the limit: a few bytes of it can stand for more than any memory holds.
fn unpack(packed: &[u8], origin: &str) -> Result<Vec<u8>, ConfigDriveError> {
    let mut image = Vec::new();
    let read = MultiGzDecoder::new(packed).take(LIMIT + 1).read_to_end(&mut image);
    read.map_err(|source| ConfigDriveError::Gzip { origin: origin.to_owned(), source })?;
    if image.len() as u64 > LIMIT {
        return Err(ConfigDriveError::TooLarge { origin: origin.to_owned(), stage: UNPACKED });
    }
    Ok(image)
}

fn fetch(url: &str, web: &Web, clocks: &Clocks) -> Result<Vec<u8>, ConfigDriveError> {
    let shown = || shown(url);
    let url = &WebUrl::parse(url).map_err(|reason| ConfigDriveError::Url { url: shown(), reason })?;
    let failed = |error| match error {
        ureq::Error::BodyExceedsLimit(_) => {
            ConfigDriveError::TooLarge { origin: format!("the config drive from {url}"), stage: AS_IT_CAME }
        }
        error => ConfigDriveError::Fetch { url: shown(), source: error.into() },
    };
    // What is fetched holds secrets: it goes no other way than the description says.
    let agent = web
        .agent(url, Way::Direct, *clocks)
        .map_err(|source| ConfigDriveError::Fetch { url: shown(), source })?;
    let mut response = agent.get(url.as_str()).call().map_err(failed)?;
    if !response.status().is_success() {
        let source = WebError::Status(response.status().as_u16());
        return Err(ConfigDriveError::Fetch { url: shown(), source });
    }
    if response.body().content_length().is_some_and(|length| length > LIMIT) {
        return Err(failed(ureq::Error::BodyExceedsLimit(LIMIT)));
    }
    response.body_mut().with_config().limit(LIMIT).read_to_vec().map_err(failed)
}
