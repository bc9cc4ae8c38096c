//! A certificate authority of one's own, and the servers' certificates that it signs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};

/// An authority, and one certificate that it signed.
pub struct Authority {
    ca_pem: String,
    pub certificate_pem: String,
    pub key_pem: String,
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Authority {
    /// Signs a certificate for these names.
    pub fn for_names(names: &[&str]) -> Self {
        Self::until(2190, names, None)
    }

    /// Signs one that carries a name in its subject only, as the old ones did.
    pub fn for_subject(name: &str) -> Self {
        Self::until(2190, &[], Some(name))
    }

    /// Signs one that was good until some years ago.
    pub fn long_ago_for_names(names: &[&str]) -> Self {
        Self::until(2020, names, None)
    }

    fn until(year: i32, names: &[&str], subject: Option<&str>) -> Self {
        let ca_key = KeyPair::generate().expect("key");
        let mut ca = CertificateParams::new(Vec::new()).expect("parameters");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "Test authority");
        let ca_pem = ca.self_signed(&ca_key).expect("authority").pem();
        let key = KeyPair::generate().expect("key");
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let mut signed = CertificateParams::new(names).expect("parameters");
        if let Some(name) = subject {
            signed.distinguished_name.push(DnType::CommonName, name);
        }
        signed.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = signed.signed_by(&key, &Issuer::new(ca, ca_key)).expect("certificate");
        Self {
            ca_pem,
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
        }
    }

    /// Writes the authority's own certificate into `folder`.
    pub fn file_in(&self, folder: &Path) -> PathBuf {
        let path = folder.join("ca.pem");
        std::fs::write(&path, &self.ca_pem).expect("ca.pem");
        path
    }

    /// The pin of the signed certificate.
    pub fn pin(&self) -> String {
        format!("sha256:{}", hex::encode(Sha256::digest(&self.certificate)))
    }

    /// The pin of the signed certificate's key.
    pub fn key_pin(&self) -> String {
        use rcgen::PublicKeyData as _;
        let key = KeyPair::from_pem(&self.key_pem).expect("key");
        format!("sha256:{}", hex::encode(Sha256::digest(key.subject_public_key_info())))
    }

    /// A TLS server that shows the signed certificate.
    pub fn server(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .expect("certificate");
        Arc::new(config)
    }
}
