//! Addresses of files on web servers.

use std::fmt;

use ureq::http::Uri;

/// An address that was checked. Others see it without what may be secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct WebUrl {
    text: String,
    safe: bool,
}

impl WebUrl {
    /// Takes `http://` and `https://`, without a password.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|_| "it is no URL".to_owned())?;
        let safe = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("it must begin with http:// or https://".to_owned()),
        };
        if uri.host().is_none_or(str::is_empty) {
            return Err("it names no host".to_owned());
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("a user or password in it is not taken; use a temporary URL".to_owned());
        }
        Ok(Self { text: text.to_owned(), safe })
    }

    /// As it is asked for.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the server proves who it is.
    pub(crate) fn is_safe(&self) -> bool {
        self.safe
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.text))
    }
}

// It may hold a signature.
impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebUrl({self})")
    }
}

/// A URL as others may see it: passwords and signatures of temporary URLs are left out.
pub(crate) fn shown(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (scheme, rest) = match url[..end].split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), &url[..end]),
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}{host}{path}").escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_shown_without_secrets() {
        let url = WebUrl::parse("https://images:8443/v1/a.img?temp_url_sig=abc").unwrap();
        assert!(url.is_safe());
        assert_eq!(url.to_string(), "https://images:8443/v1/a.img");
        assert_eq!(format!("{url:?}"), "WebUrl(https://images:8443/v1/a.img)");
        assert!(!WebUrl::parse("http://[::1]/a").unwrap().is_safe());
        for wrong in ["", "ftp://host/a", "http:///a", "http://user:word@host/a", "host/a", "http://a b/"] {
            assert!(WebUrl::parse(wrong).is_err(), "{wrong}");
        }
    }
}
