//! Where an image is: on a web server, or in a file of this machine.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ureq::Agent;

use super::Trouble;
use crate::http::{Download, Way, Web, WebUrl};
use crate::stop::Stop;

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Web(WebUrl),
    File(PathBuf),
}

impl Address {
    /// Takes `http://`, `https://` and `file:///`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some(path) = text.strip_prefix("file://") else { return WebUrl::parse(text).map(Address::Web) };
        match Path::new(path).is_absolute() {
            true => Ok(Address::File(path.into())),
            false => Err("it names no file of this machine; write file:///PATH".to_owned()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Web(url) => write!(f, "{url}"),
            Address::File(path) => write!(f, "{}", path.display().to_string().escape_debug()),
        }
    }
}

/// The way to an image.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    address: Address,
    web: Web,
    /// Nothing for a file of this machine.
    agent: Option<Agent>,
}

impl Line {
    /// Nobody is asked yet.
    pub(crate) fn to(address: Address, web: &Web) -> Result<Self, Trouble> {
        let agent = match &address {
            Address::Web(url) => Some(web.agent(url, Way::Proxied, web.clocks())?),
            Address::File(_) => None,
        };
        Ok(Self { address, web: web.clone(), agent })
    }

    /// Ends whatever waits for the server.
    pub(crate) fn hang_up(&self) {
        if let Some(agent) = self.agent.clone() {
            agent.shutdown();
        }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }
}

/// An image that is read as it is.
pub(super) enum Source {
    Web(Box<Download>),
    File(File, PathBuf),
}

impl Source {
    pub(super) fn open(line: &Line, is_summed: bool, stop: &Stop) -> Result<Self, Trouble> {
        match (&line.address, &line.agent) {
            (Address::Web(url), Some(agent)) => {
                let download = Download::begin(agent.clone(), &line.web, url, is_summed, stop)?;
                Ok(Source::Web(Box::new(download)))
            }
            (Address::Web(_), None) => unreachable!("a line to a server has an agent"),
            (Address::File(path), _) => {
                let failed = |source| Trouble::Local { path: path.clone(), source };
                let file = File::open(path).map_err(failed)?;
                match file.metadata().map_err(failed)?.is_file() {
                    true => Ok(Source::File(file, path.clone())),
                    false => Err(failed(std::io::Error::other("it is no file"))),
                }
            }
        }
    }

    /// How long it is, in bytes, as far as that is known.
    pub(super) fn len(&self) -> Option<u64> {
        match self {
            Source::Web(download) => download.len(),
            Source::File(file, _) => file.metadata().ok().map(|meta| meta.len()),
        }
    }

    pub(super) fn read(&mut self, into: &mut [u8]) -> Result<usize, Trouble> {
        match self {
            Source::Web(download) => Ok(download.read(into)?),
            Source::File(file, path) => loop {
                match file.read(into) {
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    result => return result.map_err(|source| Trouble::Local { path: path.clone(), source }),
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_on_web_servers_or_here() {
        assert_eq!(Address::parse("file:///srv/a.img"), Ok(Address::File("/srv/a.img".into())));
        assert!(matches!(Address::parse("https://images/a?sig=1"), Ok(Address::Web(_))));
        for wrong in ["file://a.img", "images::debian/", "rsync://images/debian/", "ftp://images/a"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }
}
