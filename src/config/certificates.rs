//! The certificates and keys of encrypted connections, as connections read them.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use crate::model::input_file::read_input_bytes;

/// Returns an error if a connection could not read this file as that of its authorities.
pub(super) fn check_authority(file: &Path) -> Result<(), String> {
    roots(Some(file), "").map(drop)
}

/// Returns an error if a connection could not show the client certificate, where there is one.
pub(super) fn check_client(certificate: Option<&Path>, key: Option<&Path>) -> Result<(), String> {
    let builder = config_builder()?.with_root_certificates(RootCertStore::empty());
    with_client_certificate(builder, certificate, key).map(drop)
}

/// Begins a configuration. The provider is named, because a process may have two and then rustls refuses
/// to choose.
pub(crate) fn config_builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())
}

/// Completes a configuration with the client certificate, where there is one.
pub(crate) fn with_client_certificate(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    certificate: Option<&Path>,
    key: Option<&Path>,
) -> Result<ClientConfig, String> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .map_err(|error| {
                let (certificate, key) = (certificate.display(), key.display());
                format!("{certificate} and {key}: {error}")
            }),
        _ => Ok(builder.with_no_client_auth()),
    }
}

/// Returns the authorities of a file, or the system's. `setting` names the file.
pub(crate) fn roots(ca: Option<&Path>, setting: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(ca) = ca else {
        // Those that can't be parsed are passed over: systems carry old ones, and each would otherwise break
        // every connection.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(format!(
                "the system has no certificate authorities; set {setting}"
            ));
        }
        return Ok(roots);
    };
    for certificate in certificates(ca)? {
        roots
            .add(certificate)
            .map_err(|error| format!("{}: {}", ca.display(), error))?;
    }
    Ok(roots)
}

/// Reads all certificates of a file; one without any is an error, because it is mostly the key's file.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let refused = |reason: String| format!("{}: {reason}", file.display());
    let certificates = CertificateDer::pem_slice_iter(&read(file)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| refused(error.to_string()))?;
    if certificates.is_empty() {
        return Err(refused("it contains no certificate in PEM form".into()));
    }
    Ok(certificates)
}

/// Reads the first key of a file, in any of the three PEM forms.
fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(&read(file)?)
        .map_err(|error| format!("{}: {error}", file.display()))
}

/// Reads a file, with its path in the error.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, String> {
    read_input_bytes(file).map_err(|error| format!("{}: {error}", file.display()))
}
