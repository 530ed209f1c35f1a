//! Advice for certificates that were refused.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError};

/// What a certificate that isn't accepted means for whoever configures us.
pub(super) fn explain(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    while let Some(cause) = next {
        let mut found = cause;
        // An I/O error shows what is in it, but doesn't name it as its source.
        while let Some(inside) = found.downcast_ref().and_then(io::Error::get_ref) {
            found = inside;
        }
        if let Some(advice) = found.downcast_ref().and_then(advice) {
            return Some(advice);
        }
        next = cause.source();
    }
    None
}

const fn advice(error: &rustls::Error) -> Option<&'static str> {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Some("the receiver's certificate is not signed by a known authority (otlp.tls.ca)")
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            Some("the receiver wants a certificate of ours (otlp.tls.client_certificate)")
        }
        _ => None,
    }
}
