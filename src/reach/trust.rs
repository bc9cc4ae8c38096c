//! Whom a channel or a source believes to be its server: system authorities, an own authority's file, one pinned
//! certificate or key; or, of a source that says so, anybody.
//!
//! **Invariant:** a certificate that is not believed ends the connection; nothing falls back to plain text. With a pin
//! neither chain nor name nor dates are asked, but the server still proves that it holds the certificate's key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256};

use super::KeyError;

/// What a configuration says about trust.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// PEM file with the authorities to believe.
    pub ca_file: Option<PathBuf>,
    /// Whether the system's authorities are believed beside those of `ca_file`.
    pub system_roots: bool,
    /// `sha256:` and the hex of the server's certificate (DER), or of its public key (`SubjectPublicKeyInfo`).
    pub pin: Option<String>,
}

impl Trust {
    /// The TLS configuration of a client that believes this.
    pub fn client_config(&self) -> Result<ClientConfig, KeyError> {
        let provider = Arc::new(ring::default_provider());
        let judge = Judge {
            chain: self.chain(&provider)?,
            pin: self.pin.as_deref().map(parse_pin).transpose()?,
            anybody: false,
            provider: provider.clone(),
        };
        configured(judge, provider)
    }

    /// The TLS configuration of a client that encrypts and asks nobody who they are: whoever can stand in the way can
    /// read and change everything.
    pub fn anybody() -> Result<ClientConfig, KeyError> {
        let provider = Arc::new(ring::default_provider());
        let judge = Judge { chain: None, pin: None, anybody: true, provider: provider.clone() };
        configured(judge, provider)
    }

    fn chain(&self, provider: &Arc<CryptoProvider>) -> Result<Option<Arc<WebPkiServerVerifier>>, KeyError> {
        let mut roots = RootCertStore::empty();
        if self.system_roots {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if let Some(path) = &self.ca_file {
            add_file(&mut roots, path)?;
        }
        if roots.is_empty() {
            return Ok(None);
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map(Some)
            .map_err(|error| KeyError::new("ca_file", "authorities", error))
    }
}

fn configured(judge: Judge, provider: Arc<CryptoProvider>) -> Result<ClientConfig, KeyError> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| KeyError::new("tls", "TLS 1.2 and 1.3", error))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(judge)).with_no_client_auth())
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), KeyError> {
    let wrong = |got: String| KeyError::new("ca_file", "a PEM file with certificates of authorities", got);
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(format!("{}: {error}", path.display())))?;
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 { Err(wrong(format!("no certificate in {}", path.display()))) } else { Ok(()) }
}

fn parse_pin(text: &str) -> Result<[u8; 32], KeyError> {
    let mut pin = [0; 32];
    let hex = text.strip_prefix("sha256:").unwrap_or_default().replace(':', "");
    hex::decode_to_slice(hex, &mut pin)
        .map(|()| pin)
        .map_err(|_| KeyError::new("pin", "sha256: and 64 hex digits", format!("{text:?}")))
}

/// Judges a server's certificate, and says what to configure when it refuses one.
#[derive(Debug)]
struct Judge {
    chain: Option<Arc<WebPkiServerVerifier>>,
    pin: Option<[u8; 32]>,
    anybody: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let print: [u8; 32] = Sha256::digest(end_entity).into();
        let refuse = |why: String| Err(rustls::Error::General(why));
        match (&self.pin, &self.chain) {
            _ if self.anybody => Ok(ServerCertVerified::assertion()),
            (Some(pin), _) if *pin == print || Some(*pin) == key_print(end_entity) => {
                Ok(ServerCertVerified::assertion())
            }
            (Some(pin), _) => refuse(format!(
                "the server's certificate is not the pinned one: expected sha256:{}, got sha256:{}; if it was renewed on \
                 purpose, write pin = \"sha256:{1}\"",
                hex::encode(pin),
                hex::encode(print),
            )),
            (None, Some(chain)) => chain
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .or_else(|error| refuse(advice(&error, &print))),
            (None, None) => refuse(advice(&CertificateError::UnknownIssuer.into(), &print)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The hash of a certificate's public key, which stays when the certificate is renewed for the same key.
fn key_print(certificate: &CertificateDer<'_>) -> Option<[u8; 32]> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    Some(Sha256::digest(parsed.subject_public_key_info()).into())
}

/// Why a certificate was refused, and the line to paste when it is the right one all the same.
fn advice(error: &rustls::Error, print: &[u8; 32]) -> String {
    use CertificateError as Wrong;
    let pin = format!("pin = \"sha256:{}\"", hex::encode(print));
    match error {
        rustls::Error::InvalidCertificate(Wrong::UnknownIssuer) => format!(
            "no known authority signed the server's certificate; name the authority's file (ca_file = \"ca.pem\"), or \
             believe this certificate alone: {pin}"
        ),
        rustls::Error::InvalidCertificate(Wrong::NotValidForName | Wrong::NotValidForNameContext { .. }) => {
            format!(
                "{error}; write the name that it carries (server_name = \"…\"), or believe it under any name: {pin}"
            )
        }
        other => format!("{other}; to believe this certificate all the same: {pin}"),
    }
}

/// What a failed handshake says to people.
pub fn handshake_reason(error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::General(why)) => why.clone(),
        Some(other) => other.to_string(),
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_sixty_four_digits_with_or_without_colons() {
        let digits = "ab".repeat(32);
        assert_eq!(parse_pin(&format!("sha256:{digits}")).expect("pin"), [0xab; 32]);
        let with_colons = vec!["AB"; 32].join(":");
        assert_eq!(parse_pin(&format!("sha256:{with_colons}")).expect("pin"), [0xab; 32]);
        for wrong in ["", &digits, "sha256:", "sha256:abc", "sha1:abab"] {
            assert!(parse_pin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_an_error_that_names_it() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let trust = Trust { ca_file: Some(file.path().to_owned()), ..Trust::default() };
        let error = trust.client_config().expect_err("empty").to_string();
        assert!(error.contains("ca_file") && error.contains(&*file.path().to_string_lossy()), "{error}");
    }
}
