//! Certificates for encrypted connections.

use std::path::PathBuf;

use super::certificates::{check_authority, check_client};
use super::checks::{existing_file, optional};
use super::fault::join_path;
use super::setting::section;
use super::validator::ConfigValidator;

section! {
    /// Files in PEM form for encrypted connections.
    ///
    /// ```
    /// use vantage_obs::config::Environment;
    /// use vantage_obs::{Config, Role};
    ///
    /// let mut config = Config::new("vantage-api", Role::Api);
    /// config.otlp.tls.client_certificate = Some("Cargo.toml".into()); // and no key
    /// let error = config.resolve(&Environment::empty()).unwrap_err();
    /// assert!(error.to_string().contains("otlp.tls"), "{error}");
    /// ```
    #[derive(PartialEq, Eq)]
    pub struct TlsConfig, rules: check_files {
        /// The authority that signed the receiver's certificate. Default: the system's.
        pub ca: Option<PathBuf>, optional(existing_file);
        /// The client certificate to present. Default: none. Needs the key.
        pub client_certificate: Option<PathBuf>, optional(existing_file);
        /// The key of the client certificate. Default: none. Needs the certificate.
        pub client_key: Option<PathBuf>, optional(existing_file);
    }
}

impl TlsConfig {
    /// Returns these files where set, else those of `general`. Certificate and key go together.
    pub(super) fn with_fallback(&self, general: &Self) -> Self {
        // A key belongs to one certificate: taking each from another layer would mix pairs.
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

    fn check_files(&self, path: &str, validator: &mut ConfigValidator<'_>) {
        self.check_pair(path, validator);
        self.check_shared(path, validator);
    }

    /// Requires files that a shared variable names to be what connections can read, so that one that isn't is
    /// left out. The others are read where a connection needs them, and are an error there.
    fn check_shared(&self, path: &str, validator: &mut ConfigValidator<'_>) {
        let paths = ["ca", "client_certificate", "client_key"].map(|key| join_path(path, key));
        let [ca_path, certificate_path, key_path] = paths.each_ref().map(String::as_str);
        let allowed = "certificates and keys in PEM form that belong together";
        if let Some(ca) = &self.ca
            && validator.is_shared(ca_path)
            && let Err(reason) = check_authority(ca)
        {
            validator.require(false, ca_path, reason, allowed);
        }
        let client = validator.responsible(&[certificate_path, key_path]);
        if validator.is_shared(client)
            && let Err(reason) = self.check_client()
        {
            validator.require(false, client, reason, allowed);
        }
    }

    fn check_client(&self) -> Result<(), String> {
        check_client(
            self.client_certificate.as_deref(),
            self.client_key.as_deref(),
        )
    }

    /// Requires certificate and key together.
    fn check_pair(&self, path: &str, validator: &mut ConfigValidator<'_>) {
        let (key, file, allowed) = match (&self.client_certificate, &self.client_key) {
            (Some(file), None) => (
                "client_certificate",
                file,
                "a certificate with its client_key",
            ),
            (None, Some(file)) => ("client_key", file, "a key with its client_certificate"),
            _ => return,
        };
        validator.require(false, &join_path(path, key), format!("{file:?}"), allowed);
    }
}
