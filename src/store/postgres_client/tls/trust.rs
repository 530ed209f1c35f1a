//! Verification of server certificates by `sslmode`.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::config::TlsConfig;
use crate::store::postgres_client::encryption::{Encryption, EncryptionMode};
use crate::store::postgres_client::error::PostgresError;

/// Builds the TLS configuration of connections.
pub(super) fn client_config(encryption: &Encryption) -> Result<ClientConfig, PostgresError> {
    try_client_config(encryption).map_err(|reason| {
        let what = format!("no encrypted connection to PostgreSQL can be made: {reason}");
        PostgresError::permanent("bad_certificates", what)
    })
}

fn try_client_config(encryption: &Encryption) -> Result<ClientConfig, String> {
    // Named, because a process may have two and then rustls refuses to choose.
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(SslModeVerifier {
        chain: chain_verifier(encryption, &provider)?,
        by_name: encryption.mode == EncryptionMode::VerifyFull || encryption.system_roots,
        provider: Arc::clone(&provider),
    });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match client_certificate_files(&encryption.tls) {
        Some((certificate, key)) => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .map_err(|error| format!("{} and its key: {error}", certificate.display())),
        None => Ok(builder.with_no_client_auth()),
    }
}

fn client_certificate_files(tls: &TlsConfig) -> Option<(&Path, &Path)> {
    tls.client_certificate
        .as_deref()
        .zip(tls.client_key.as_deref())
}

/// Returns the verifier of the chain; `None` if any certificate will do, as PostgreSQL's own clients have it for `require` without an
/// authority.
fn chain_verifier(
    encryption: &Encryption,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<WebPkiServerVerifier>>, String> {
    let named = encryption.tls.ca.is_some() || encryption.system_roots;
    let verified = match encryption.mode {
        EncryptionMode::Disable | EncryptionMode::Prefer => false,
        EncryptionMode::Require => named,
        EncryptionMode::VerifyCa | EncryptionMode::VerifyFull => true,
    };
    if !verified {
        return Ok(None);
    }
    let roots = Arc::new(roots(encryption.tls.ca.as_deref())?);
    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
        .build()
        .map(Some)
        .map_err(|error| error.to_string())
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(ca) = ca else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err("the system knows no certificate authority; set sslrootcert".into());
        }
        return Ok(roots);
    };
    for certificate in certificates(ca)? {
        roots
            .add(certificate)
            .map_err(|error| format!("{}: {error}", ca.display()))?;
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let message = |reason: String| format!("{}: {reason}", file.display());
    let bytes = std::fs::read(file).map_err(|error| message(error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| message(error.to_string()))?;
    if certificates.is_empty() {
        return Err(message("there is no certificate in PEM form in it".into()));
    }
    Ok(certificates)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// A certificate verifier that checks as much as the mode asks for. Signatures are verified in every mode.
#[derive(Debug)]
struct SslModeVerifier {
    chain: Option<Arc<WebPkiServerVerifier>>,
    by_name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for SslModeVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        let verified = chain.verify_server_cert(certificate, intermediates, name, ocsp, now);
        match verified {
            // The name is looked at last, after the chain was found to be good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.by_name => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
