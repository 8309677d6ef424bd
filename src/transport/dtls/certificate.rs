//! The process's DTLS certificate, and what a certificate's fingerprint is.

use std::fmt;
use std::sync::Arc;

use rtc_crypto::{RTCCryptoProvider, default_provider};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::transport::spec::{Fingerprint, FingerprintAlgorithm};

/// A self-signed ECDSA P-256 certificate with its key: one per process, shared by all connections.
///
/// Peers trust it by its fingerprint in the SDP (RFC 8122), so it is never stored and names nobody.
#[derive(Clone)]
pub struct Certificate {
    inner: rtc_dtls::crypto::Certificate,
    fingerprint: Fingerprint,
    provider: Arc<dyn RTCCryptoProvider>,
}

/// The certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot generate a DTLS certificate: {0}")]
pub struct CertificateError(String);

impl Certificate {
    /// Generates a key and a certificate. Randomness is the operating system's, as for every key.
    pub fn generate() -> Result<Certificate, CertificateError> {
        let provider = default_provider().map_err(|error| CertificateError(error.to_string()))?;
        let inner = rtc_dtls::crypto::Certificate::generate_self_signed(vec!["plenum".to_owned()], provider.crypto())
            .map_err(|error| CertificateError(error.to_string()))?;
        let der = inner.certificate.first().ok_or_else(|| CertificateError("no certificate came out".to_owned()))?;
        let fingerprint = Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest: Sha256::digest(der).to_vec() };
        Ok(Certificate { inner, fingerprint, provider })
    }

    /// SHA-256, for the SDP.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    pub(crate) fn provider(&self) -> &Arc<dyn RTCCryptoProvider> {
        &self.provider
    }

    pub(super) fn inner(&self) -> &rtc_dtls::crypto::Certificate {
        &self.inner
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.fingerprint)
    }
}

impl Fingerprint {
    /// Whether this is the fingerprint of the certificate `der` (RFC 8122 §5).
    pub fn matches(&self, der: &[u8]) -> bool {
        match self.algorithm {
            FingerprintAlgorithm::Sha256 => Sha256::digest(der)[..] == self.digest[..],
            FingerprintAlgorithm::Sha384 => Sha384::digest(der)[..] == self.digest[..],
            FingerprintAlgorithm::Sha512 => Sha512::digest(der)[..] == self.digest[..],
        }
    }
}
