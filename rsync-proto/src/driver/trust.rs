//! Who is trusted over TLS, and who this client is.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};

use crate::error::{Error, Result, TlsFault};
use crate::trust::{TlsOptions, provider, setup, unfit};

/// How TLS is spoken: versions 1.2 and 1.3, with the server's name held against its certificate. Always.
#[derive(Clone)]
pub struct Tls(pub(super) Arc<ClientConfig>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// With these certificates, or those of the system's authorities, which are read now: from the file of `SSL_CERT_FILE`, the
    /// directories of `SSL_CERT_DIR`, or the usual places.
    ///
    /// # Errors
    /// [`Error::Tls`] with [`TlsFault::Setup`]: there are no authorities, or what is given cannot be used.
    pub fn new(options: &TlsOptions) -> Result<Self> {
        let roots = match options.roots()? {
            Some(roots) => roots,
            None => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    let none = "this system has no certificates of authorities: install ca-certificates, or name a file of them \
                                with --tls-ca";
                    return Err(setup(none.to_owned()));
                }
                roots
            }
        };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| setup(error.to_string()))?
            .with_root_certificates(roots);
        let config = match options.own()? {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| unfit(&error))?,
        };
        Ok(Self(Arc::new(config)))
    }
}

/// The name that the server's certificate has to have.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>> {
    // The interface of an address is nobody's name.
    let host = host.split('%').next().unwrap_or(host);
    ServerName::try_from(host.to_owned()).map_err(|_| {
        Error::Misuse(format!("no certificate can be of \"{host}\": it is no name and no address"))
    })
}

/// What an error of TLS means for whoever wants to connect.
pub(super) fn fault(address: &str, error: &rustls::Error, has_certificate: bool) -> Error {
    let fault = match error {
        rustls::Error::InvalidCertificate(error) => match error {
            // An authority of the right name with another key is another one.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::UnknownIssuer,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsFault::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsFault::WrongName
            }
            _ => TlsFault::Certificate,
        },
        rustls::Error::NoCertificatesPresented => TlsFault::Certificate,
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => TlsFault::ClientCertificateWanted,
            // TLS 1.2 has no other word for it.
            AlertDescription::HandshakeFailure if !has_certificate => TlsFault::ClientCertificateWanted,
            AlertDescription::HandshakeFailure
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied => TlsFault::ClientCertificateRefused,
            AlertDescription::ProtocolVersion => TlsFault::NotTls,
            _ => TlsFault::Broken,
        },
        rustls::Error::InvalidMessage(_)
        | rustls::Error::InappropriateMessage { .. }
        | rustls::Error::InappropriateHandshakeMessage { .. }
        | rustls::Error::PeerIncompatible(_) => TlsFault::NotTls,
        _ => TlsFault::Broken,
    };
    Error::Tls { address: address.to_owned(), fault, detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_has_to_be_of_use() {
        let refused = |options: TlsOptions, part: &str| {
            let error = Tls::new(&options).unwrap_err();
            assert!(matches!(error, Error::Tls { fault: TlsFault::Setup, .. }), "{error}");
            assert!(error.to_string().contains(part), "{error}");
        };
        let text = || Some(b"nothing".to_vec());
        refused(TlsOptions { authorities: text(), ..Default::default() }, "--tls-ca");
    }

    #[test]
    fn names_are_held_against_certificates() {
        for host in ["h.example", "10.0.0.1", "::1", "fe80::1%eth0"] {
            assert!(server_name(host).is_ok(), "{host}");
        }
        assert!(server_name("a b").is_err());
    }
}
