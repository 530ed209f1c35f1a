//! Certificates for encrypted connections.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::check::Check;
use super::reader::{Section, member};

/// Files in PEM form for encrypted connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Tls {
    /// The authority that signed the receiver's certificate. Default: the system's.
    pub ca: Option<PathBuf>,
    /// The certificate that we show. Default: none. Needs the key.
    pub client_certificate: Option<PathBuf>,
    /// The key of the certificate that we show. Default: none. Needs the certificate.
    pub client_key: Option<PathBuf>,
}

impl Tls {
    /// These files where they are set, the others elsewhere. Certificate and key go together.
    pub(super) fn over(&self, general: &Self) -> Self {
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

    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("ca", &mut self.ca);
        section.field("client_certificate", &mut self.client_certificate);
        section.field("client_key", &mut self.client_key);
    }

    pub(super) fn check(&self, path: &str, check: &mut Check<'_>) {
        let files = [
            ("ca", &self.ca),
            ("client_certificate", &self.client_certificate),
            ("client_key", &self.client_key),
        ];
        for (key, file) in files {
            if let Some(file) = file {
                check.require(
                    file.is_file(),
                    &member(path, key),
                    shown(file),
                    "an existing file",
                );
            }
        }
        let (certificate, key) = (&self.client_certificate, &self.client_key);
        match (certificate, key) {
            (Some(file), None) => {
                let path = member(path, "client_certificate");
                check.require(
                    false,
                    &path,
                    shown(file),
                    "a certificate with its client_key",
                );
            }
            (None, Some(file)) => {
                let path = member(path, "client_key");
                check.require(
                    false,
                    &path,
                    shown(file),
                    "a key with its client_certificate",
                );
            }
            _ => {}
        }
    }
}

fn shown(file: &Path) -> String {
    format!("{file:?}")
}
