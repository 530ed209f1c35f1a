//! Advice for certificates that were refused.

use std::error::Error;

use rustls::{AlertDescription, CertificateError};

/// Errors that a setting would prevent, with that setting.
///
/// Names the settings of OTLP, where certificates are most often missing.
const ADVICE: [(rustls::Error, &str); 2] = [
    (
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer),
        "the receiver's certificate is not signed by a known authority (otlp.tls.ca)",
    ),
    (
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
        "the receiver requires a client certificate (otlp.tls.client_certificate)",
    ),
];

/// Explains a certificate that is not accepted, for the operator. Errors are compared by
/// their text: it is all that HTTP/2 keeps of an alert that comes after the handshake, and an I/O error
/// doesn't name the error in it as its source, but shows its text.
pub(in crate::net) fn explain(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        let known = ADVICE.iter().find(|(known, _)| known.to_string() == text);
        if let Some((_, advice)) = known {
            return Some(advice);
        }
        next = cause.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("error sending request")]
    struct RequestError(#[source] io::Error);

    #[test]
    fn an_alert_is_explained_as_an_error_of_its_own_within_others_and_as_their_text() {
        for (error, advice) in &ADVICE {
            let text = error.to_string();
            for error in [
                io::Error::other(error.clone()),
                io::Error::other(io::Error::other(error.clone())),
                io::Error::new(io::ErrorKind::InvalidData, text),
            ] {
                assert_eq!(explain(&error), Some(*advice), "{error:?}");
                assert_eq!(explain(&RequestError(error)), Some(*advice));
            }
            assert_eq!(explain(error), Some(*advice));
        }
    }

    #[test]
    fn other_errors_have_no_advice() {
        let alert = rustls::Error::AlertReceived(AlertDescription::InternalError);
        assert_eq!(explain(&io::Error::other(alert)), None);
        let closed = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(explain(&RequestError(closed)), None);
    }
}
