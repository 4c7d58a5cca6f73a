//! Who is trusted over TLS, and who this client is.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};

use crate::error::{Error, Result, TlsFault};

/// Certificates and keys for TLS, in PEM. The key is not shown in debug output.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct TlsOptions {
    /// Authorities that are trusted in place of the system's.
    pub authorities: Option<Vec<u8>>,
    /// The client's own certificate, with those that lead from it to its authority behind it.
    pub certificate: Option<Vec<u8>>,
    /// The key of the client's own certificate: PKCS #1, PKCS #8 or SEC1, without a password.
    pub key: Option<Vec<u8>>,
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions").field("has_key", &self.key.is_some()).finish_non_exhaustive()
    }
}

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
        let mut roots = RootCertStore::empty();
        match &options.authorities {
            Some(pem) => {
                for one in certificates(pem, "the authorities (--tls-ca)")? {
                    roots.add(one).map_err(|error| setup(format!("an authority (--tls-ca): {error}")))?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    let none = "this system has no certificates of authorities: install ca-certificates, or name a file of them \
                                with --tls-ca";
                    return Err(setup(none.to_owned()));
                }
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| setup(error.to_string()))?
            .with_root_certificates(roots);
        let config = match (&options.certificate, &options.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate, "the own certificate (--tls-cert)")?;
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|error| setup(format!("the own key (--tls-key) is no key in PEM: {error}")))?;
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    setup(format!("the own certificate (--tls-cert) and key (--tls-key) do not fit: {error}"))
                })?
            }
            _ => {
                let both = "a certificate (--tls-cert) and its key (--tls-key) are given together";
                return Err(setup(both.to_owned()));
            }
        };
        Ok(Self(Arc::new(config)))
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(setup(format!("{what}: there is no certificate in PEM (-----BEGIN CERTIFICATE-----)"))),
        Err(error) => Err(setup(format!("{what}: {error}"))),
    }
}

fn setup(detail: String) -> Error {
    Error::Tls { address: String::new(), fault: TlsFault::Setup, detail }
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
            CertificateError::UnknownIssuer => TlsFault::UnknownIssuer,
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
