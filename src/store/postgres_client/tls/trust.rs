//! Verification of server certificates by `sslmode`.
//!
//! Why a verifier of our own? rustls verifies chain and name or nothing, and PostgreSQL's modes lie
//! in between. What is verified here is verified by webpki's own functions.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::config::postgres_url::{Encryption, EncryptionMode};
use crate::net::tls::{config_builder, roots, with_client_certificate};
use crate::store::postgres_client::error::PostgresError;

/// Builds the TLS configuration of connections.
pub(super) fn client_config(encryption: &Encryption) -> Result<ClientConfig, PostgresError> {
    try_client_config(encryption).map_err(|reason| {
        let what = format!("no encrypted connection to PostgreSQL can be made: {reason}");
        PostgresError::permanent("bad_certificates", what)
    })
}

fn try_client_config(encryption: &Encryption) -> Result<ClientConfig, String> {
    let builder = config_builder()?;
    let verifier = SslModeVerifier {
        roots: trusted_roots(encryption)?,
        by_name: encryption.mode == EncryptionMode::VerifyFull || encryption.system_roots,
        algorithms: builder.crypto_provider().signature_verification_algorithms,
    };
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match encryption.mode {
        // Never used for a handshake; the files of the configuration must not fail a connection
        // that doesn't need them.
        EncryptionMode::Disable => Ok(builder.with_no_client_auth()),
        _ => {
            let tls = &encryption.tls;
            let (certificate, key) = (&tls.client_certificate, &tls.client_key);
            with_client_certificate(builder, certificate.as_deref(), key.as_deref())
        }
    }
}

/// Returns the authorities; `None` if any certificate will do, as PostgreSQL's own clients have it for
/// `require` without an authority.
fn trusted_roots(encryption: &Encryption) -> Result<Option<RootCertStore>, String> {
    let named = encryption.tls.ca.is_some() || encryption.system_roots;
    let verified = match encryption.mode {
        EncryptionMode::Disable | EncryptionMode::Prefer => false,
        EncryptionMode::Require => named,
        EncryptionMode::VerifyCa | EncryptionMode::VerifyFull => true,
    };
    let roots = || roots(encryption.tls.ca.as_deref(), "sslrootcert");
    verified.then(roots).transpose()
}

/// A certificate verifier that checks as much as the mode asks for. Signatures are verified in every mode.
#[derive(Debug)]
struct SslModeVerifier {
    /// `None`: any certificate will do.
    roots: Option<RootCertStore>,
    /// True if the certificate must be for the host.
    by_name: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for SslModeVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // The chain first: a name means nothing on a certificate that nobody trusted has signed.
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(certificate)?;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                intermediates,
                now,
                self.algorithms.all,
            )?;
            if self.by_name {
                verify_server_name(&certificate, name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    // Verified in every mode: it proves that the server has the certificate's key, without which
    // even `require` would encrypt to anybody.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
