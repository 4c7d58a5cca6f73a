//! A file that comes from a web server: goes on where it was when the connection is lost.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::{Agent, Body, BodyReader};

use super::{LEAST, Web, WebError, WebUrl};
use crate::stop::Stop;

/// How long is waited before it is asked again for the first time; twice as long each time after that.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often it is seen whether to stop meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// So much has to come before a server that failed is one that works, in bytes.
const ENOUGH: u64 = 1024 * 1024;

/// A file that is being fetched.
pub(crate) struct Download {
    agent: Agent,
    url: WebUrl,
    web: Web,
    /// Whether its sum is going to be compared.
    is_summed: bool,
    stop: Stop,
    body: Option<BodyReader<'static>>,
    /// Bytes that came.
    at: u64,
    /// How long it is, if the server said so.
    len: Option<u64>,
    /// What the server has to have unchanged to go on.
    state: Option<State>,
    /// How often in a row it was asked again without enough coming.
    tries: u32,
    /// Where it was when it was asked last.
    asked_at: u64,
    /// Since when its pace is measured, and from where on.
    pace: (Instant, u64),
}

/// What tells one content of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State(String);

impl State {
    /// Nothing where the server does not say, or only that it is much the same.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let tag = text(header::ETAG).filter(|tag| !tag.starts_with("W/"));
        tag.or(text(header::LAST_MODIFIED)).map(|text| Self(text.to_owned()))
    }
}

impl Download {
    /// Asks for a file, again and again while that may help. Where its sum `is_summed`, a server need not tell whether it
    /// still has the same file after a connection was lost.
    ///
    /// # Errors
    /// It is not to be had.
    pub(crate) fn begin(
        agent: Agent,
        web: &Web,
        url: &WebUrl,
        is_summed: bool,
        stop: &Stop,
    ) -> Result<Self, WebError> {
        let mut download = Self {
            agent,
            url: url.clone(),
            web: web.clone(),
            is_summed,
            stop: stop.clone(),
            body: None,
            at: 0,
            len: None,
            state: None,
            tries: 0,
            asked_at: 0,
            pace: (Instant::now(), 0),
        };
        download.connect()?;
        Ok(download)
    }

    /// How long it is, in bytes; nothing if the server does not say.
    pub(crate) fn len(&self) -> Option<u64> {
        self.len
    }

    /// Reads on. Nothing is left where it returns zero.
    ///
    /// # Errors
    /// The server fails again and again, or the file is another one by now.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> Result<usize, WebError> {
        loop {
            if self.len == Some(self.at) {
                return Ok(0);
            }
            let Some(body) = &mut self.body else {
                self.connect()?;
                continue;
            };
            match body.read(into) {
                // Where nobody said how long it is, this is the end.
                Ok(0) if self.len.is_none() => return Ok(0),
                Ok(len) if len > 0 => {
                    self.at += len as u64;
                    if self.at - self.asked_at >= ENOUGH {
                        self.tries = 0;
                    }
                    if self.is_slow() {
                        self.pause(WebError::Slow)?;
                    }
                    return Ok(len);
                }
                Ok(_) => self.pause(early())?,
                Err(error) => self.pause(ureq::Error::from(error).into())?,
            }
        }
    }

    /// Whether next to nothing came for long.
    fn is_slow(&mut self) -> bool {
        let (since, from) = self.pace;
        let window = self.web.silence.saturating_mul(2);
        if since.elapsed() < window {
            return false;
        }
        self.pace = (Instant::now(), self.at);
        self.at - from < LEAST * window.as_secs()
    }

    fn connect(&mut self) -> Result<(), WebError> {
        if self.at > 0 && self.state.is_none() && !self.is_summed {
            return Err(WebError::Unsure(self.at));
        }
        loop {
            match self.ask() {
                Ok(()) => {
                    (self.asked_at, self.pace) = (self.at, (Instant::now(), self.at));
                    return Ok(());
                }
                Err(error) => self.pause(error)?,
            }
        }
    }

    /// After a failure: waits, unless waiting is of no use.
    fn pause(&mut self, error: WebError) -> Result<(), WebError> {
        self.body = None;
        if !error.is_worth_a_retry() || self.stop.is_wanted() {
            return Err(error);
        }
        if self.tries >= self.web.retries {
            return Err(match self.at {
                0 => error,
                at => WebError::Lost { at, tries: self.tries, last: Box::new(error) },
            });
        }
        let until = Instant::now() + PAUSE.saturating_mul(1 << self.tries.min(16)).min(LONGEST_PAUSE);
        self.tries += 1;
        while Instant::now() < until && !self.stop.is_wanted() {
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Asks for what has not come yet.
    fn ask(&mut self) -> Result<(), WebError> {
        let mut request = self.agent.get(self.url.as_str());
        if self.at > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", self.at));
            if let Some(State(text)) = &self.state {
                request = request.header(header::IF_RANGE, text);
            }
        }
        let response = request.call()?;
        let state = State::of(response.headers());
        match response.status() {
            StatusCode::OK => self.begin_again(response, state),
            StatusCode::PARTIAL_CONTENT if self.at > 0 => self.go_on(response, state.as_ref()),
            status => Err(WebError::Status(status.as_u16())),
        }
    }

    /// All of it comes. What is here already is passed over, if it is still the same file.
    fn begin_again(&mut self, response: Response<Body>, state: Option<State>) -> Result<(), WebError> {
        let len = response.body().content_length();
        if self.at > 0 && (len != self.len || state != self.state) {
            return Err(WebError::Changed);
        }
        (self.len, self.state) = (len, state);
        let mut body = response.into_body().into_reader();
        let mut left = self.at;
        let mut passed = [0; 16 * 1024];
        while left > 0 {
            if self.stop.is_wanted() {
                return Err(early());
            }
            let most = passed.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match body.read(&mut passed[..most]).map_err(ureq::Error::from)? {
                0 => return Err(early()),
                len => left -= len as u64,
            }
        }
        self.body = Some(body);
        Ok(())
    }

    /// The rest of it comes.
    fn go_on(&mut self, response: Response<Body>, state: Option<&State>) -> Result<(), WebError> {
        let text = response.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let text = text.unwrap_or_default().to_owned();
        let (from, whole) = parse_range(&text)
            .ok_or_else(|| WebError::Range { at: self.at, found: format!("the range {text:?}") })?;
        if from != self.at {
            return Err(WebError::Range { at: self.at, found: format!("what begins at byte {from}") });
        }
        let is_same = whole.is_none() || self.len.is_none() || whole == self.len;
        if !is_same || self.state.is_some() && state != self.state.as_ref() {
            return Err(WebError::Changed);
        }
        self.body = Some(response.into_body().into_reader());
        Ok(())
    }
}

fn early() -> WebError {
    let error = std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the connection ended early");
    WebError::Network(Box::new(ureq::Error::Io(error)))
}

/// `bytes FROM-TO/WHOLE`, where the whole may be unknown.
fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, whole) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = range.split_once('-')?;
    let whole = if whole == "*" { None } else { Some(whole.parse().ok()?) };
    Some((from.parse().ok()?, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(parse_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(parse_range("bytes 5-9/*"), Some((5, None)));
        for wrong in ["", "bytes */10", "bytes 5/10", "lines 5-9/10", "bytes x-9/10"] {
            assert_eq!(parse_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_state_is_what_is_exactly_the_same() {
        let state = |pairs: &[(header::HeaderName, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
            State::of(&pairs.collect())
        };
        assert_eq!(
            state(&[(header::ETAG, "\"a\""), (header::LAST_MODIFIED, "then")]),
            Some(State("\"a\"".into()))
        );
        assert_eq!(
            state(&[(header::ETAG, "W/\"a\""), (header::LAST_MODIFIED, "then")]),
            Some(State("then".into()))
        );
        assert_eq!(state(&[(header::ETAG, "W/\"a\"")]), None);
    }
}
