//! The authorities whose word is taken on who a server is.

use std::io;
use std::path::Path;

use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

use super::WebError;

/// Those in a file, or those that the system has: in the file of `SSL_CERT_FILE`, the directories of `SSL_CERT_DIR`, or
/// the usual places.
pub(super) fn trusted(file: Option<&Path>) -> Result<RootCerts, WebError> {
    let found = match file {
        Some(path) => {
            in_file(path).map_err(|source| WebError::Certificates { path: path.to_owned(), source })?
        }
        None => {
            let found = rustls_native_certs::load_native_certs().certs;
            found.iter().map(|one| Certificate::from_der(one).to_owned()).collect()
        }
    };
    match found.is_empty() {
        true => Err(WebError::NoCertificates),
        false => Ok(RootCerts::new_with_certs(&found)),
    }
}

fn in_file(path: &Path) -> io::Result<Vec<Certificate<'static>>> {
    let text = std::fs::read(path)?;
    let mut found = Vec::new();
    for item in parse_pem(&text) {
        // Whatever else stands there, such as a key, is no authority.
        if let PemItem::Certificate(one) = item.map_err(io::Error::other)? {
            found.push(one);
        }
    }
    match found.is_empty() {
        true => Err(io::Error::other("there is none in PEM (-----BEGIN CERTIFICATE-----)")),
        false => Ok(found),
    }
}
