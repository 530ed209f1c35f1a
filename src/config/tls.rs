//! Certificates for encrypted connections.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::reader::{SectionReader, join_path};
use super::validator::ConfigValidator;

/// Files in PEM form for encrypted connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TlsConfig {
    /// The authority that signed the receiver's certificate. Default: the system's.
    pub ca: Option<PathBuf>,
    /// The certificate that we show. Default: none. Needs the key.
    pub client_certificate: Option<PathBuf>,
    /// The key of the certificate that we show. Default: none. Needs the certificate.
    pub client_key: Option<PathBuf>,
}

impl TlsConfig {
    /// Returns these files where set, else those of `general`. Certificate and key go together.
    pub(super) fn with_fallback(&self, general: &Self) -> Self {
        let client = if self.client_certificate.is_some() {
            self
        } else {
            general
        };
        Self {
            ca: self.ca.as_ref().or(general.ca.as_ref()).cloned(),
            client_certificate: client.client_certificate.clone(),
            client_key: client.client_key.clone(),
        }
    }

    pub(super) fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_field("ca", &mut self.ca);
        section.read_field("client_certificate", &mut self.client_certificate);
        section.read_field("client_key", &mut self.client_key);
    }

    pub(super) fn validate(&self, path: &str, validator: &mut ConfigValidator<'_>) {
        let files = [
            ("ca", &self.ca),
            ("client_certificate", &self.client_certificate),
            ("client_key", &self.client_key),
        ];
        for (key, file) in files {
            if let Some(file) = file {
                validator.require(
                    file.is_file(),
                    &join_path(path, key),
                    format_path(file),
                    "an existing file",
                );
            }
        }
        let (certificate, key) = (&self.client_certificate, &self.client_key);
        match (certificate, key) {
            (Some(file), None) => {
                let path = join_path(path, "client_certificate");
                validator.require(
                    false,
                    &path,
                    format_path(file),
                    "a certificate with its client_key",
                );
            }
            (None, Some(file)) => {
                let path = join_path(path, "client_key");
                validator.require(
                    false,
                    &path,
                    format_path(file),
                    "a key with its client_certificate",
                );
            }
            _ => {}
        }
    }
}

fn format_path(file: &Path) -> String {
    format!("{file:?}")
}
