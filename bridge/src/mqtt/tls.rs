//! TLS by rustls.

use joinq_flow::BoxError;
use rumqttc::{TlsConfiguration, Transport};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::sync::Arc;

/// The certificate of a client, with its key; both as PEM, each as the bytes of a file.
#[derive(Clone, Copy)]
pub struct Certificate<'a> {
    /// The certificate, and behind it the intermediate ones if there are any.
    pub chain: &'a [u8],
    /// The private key.
    pub key: &'a [u8],
}

impl fmt::Debug for Certificate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("chain", &self.chain).finish_non_exhaustive()
    }
}

/// A transport by TLS, for [`MqttOptions::set_transport`](super::MqttOptions::set_transport). The broker's
/// certificate must be issued by one of `authorities`, the bytes of a file with certificates as PEM, and for
/// the host of the options. The client shows `client`, if the broker asks for a certificate.
///
/// The cryptography is that of *ring*, whatever other providers of rustls the program has.
///
/// # Errors
/// If `authorities` has no certificate, or if a text is no PEM or a key does not belong to its certificate.
///
/// # Examples
/// ```no_run
/// use joinq_bridge::mqtt::{tls, Certificate, MqttOptions, Publisher};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let (chain, key) = (std::fs::read("sensor-7.crt")?, std::fs::read("sensor-7.key")?);
/// let mut options = MqttOptions::new("sensor-7", "broker.example.org", 8883);
/// options.set_transport(tls(&std::fs::read("ca.crt")?, Some(Certificate { chain: &chain, key: &key }))?);
/// let publisher = Publisher::builder(options).start();
/// # Ok(())
/// # }
/// ```
pub fn tls(authorities: &[u8], client: Option<Certificate<'_>>) -> Result<Transport, BoxError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authorities)? {
        roots.add(certificate)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let config = match client {
        None => config.with_no_client_auth(),
        Some(Certificate { chain, key }) => {
            config.with_client_auth_cert(certificates(chain)?, PrivateKeyDer::from_pem_slice(key)?)?
        }
    };
    Ok(Transport::Tls(TlsConfiguration::Rustls(Arc::new(config))))
}

/// The certificates of a text; there is at least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BoxError> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    match certificates.is_empty() {
        true => Err("there is no certificate in the text; a file with `BEGIN CERTIFICATE` is needed".into()),
        false => Ok(certificates),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_a_certificate_is_an_error() {
        for text in ["", "hello"] {
            let error = tls(text.as_bytes(), None).err().expect("no certificate").to_string();
            assert!(error.contains("there is no certificate"), "{error}");
        }
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(tls(broken, None).is_err());
    }
}
