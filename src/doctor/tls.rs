//! The handshake of an encrypted connection, and the diagnosis of its failure.

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConnection, Error, StreamOwned};

use super::network::TimedStream;
use super::step::DiagnosisStep;
use super::url_target::UrlTarget;
use crate::config::settings;
use crate::net::tls::client_config;

/// An encrypted connection.
pub(super) type TlsSession = StreamOwned<ClientConnection, TimedStream>;

const NAME: &str = "tls";

/// The cause of a failed handshake, and its fix.
type Failure = (String, String);

/// Completes a handshake that offers these protocols.
pub(super) fn handshake(
    target: &UrlTarget,
    socket: TimedStream,
    protocols: &[&str],
) -> io::Result<TlsSession> {
    // The client configuration of the exporter: the same authorities, the same certificate.
    let mut config = client_config(&target.tls).map_err(io::Error::other)?;
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let name = ServerName::try_from(target.host().to_owned()).map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let mut session = StreamOwned::new(connection, socket);
    // Completed at once, so that its failure is told apart from that of the first request.
    while session.conn.is_handshaking() {
        session.conn.complete_io(&mut session.sock)?;
    }
    Ok(session)
}

/// Returns the step of a handshake that succeeded.
pub(super) fn success_step(session: &TlsSession) -> DiagnosisStep {
    let version = match session.conn.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS 1.3",
    };
    DiagnosisStep::ok(NAME, format!("{version}, the certificate is trusted"))
}

/// Returns true if the server speaks none of the offered protocols: certificates are fine then.
pub(super) fn is_other_protocol(error: &io::Error) -> bool {
    matches!(
        tls_error(error),
        Some(Error::AlertReceived(
            AlertDescription::NoApplicationProtocol
        ))
    )
}

/// Returns true if the server rejected our side, which TLS 1.3 reports only after the handshake.
pub(super) fn is_rejection(error: &io::Error) -> bool {
    matches!(tls_error(error), Some(Error::AlertReceived(_))) && !is_other_protocol(error)
}

/// Returns true if the other side answered in TLS.
pub(super) fn is_tls_answer(error: &io::Error) -> bool {
    matches!(
        tls_error(error),
        Some(Error::AlertReceived(_) | Error::InvalidCertificate(_))
    )
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// Returns the step of a failed handshake, with the setting to change.
pub(super) fn failure_step(error: &io::Error, target: &UrlTarget) -> DiagnosisStep {
    let (finding, fix) = match tls_error(error) {
        Some(Error::InvalidCertificate(reason)) => certificate_failure(reason, target),
        Some(Error::InvalidMessage(_)) => (
            format!("port {} does not speak TLS", target.port()),
            target.suggest_endpoint(Some("http"), None),
        ),
        Some(Error::AlertReceived(alert)) => alert_failure(*alert, target),
        _ => io_failure(error, target),
    };
    DiagnosisStep::fail(NAME, finding, fix)
}

fn io_failure(error: &io::Error, target: &UrlTarget) -> Failure {
    let endpoint = &target.settings.endpoint;
    let check_port = format!("check that {endpoint} names a port that speaks TLS");
    match error.kind() {
        io::ErrorKind::TimedOut => ("the handshake is not answered".into(), check_port),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => (
            "the connection was closed during the handshake".into(),
            check_port,
        ),
        _ => (
            error.to_string(),
            format!("check the files that {} names", target.settings.tls),
        ),
    }
}

fn certificate_failure(reason: &CertificateError, target: &UrlTarget) -> Failure {
    let noun = target.settings.noun;
    match reason {
        CertificateError::UnknownIssuer => issuer_failure(target),
        CertificateError::NotValidForName => name_failure(&[], target),
        CertificateError::NotValidForNameContext { presented, .. } => {
            name_failure(presented, target)
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            format!(
                "the {noun}'s certificate has expired{}",
                expired_ago(reason)
            ),
            format!("renew the {noun}'s certificate, or check this machine's clock"),
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            format!("the {noun}'s certificate is not valid yet"),
            format!("check this machine's clock, then the {noun}'s certificate"),
        ),
        // A certificate that signed itself, with the rights of an authority.
        // The error is wrapped as "other" and has no variant to match.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => (
            format!("the {noun} shows an authority's certificate as its own"),
            format!(
                "give the {noun} a certificate with basicConstraints CA:FALSE, signed by that authority"
            ),
        ),
        other => (
            format!("the {noun}'s certificate is refused: {other}"),
            format!("renew the {noun}'s certificate"),
        ),
    }
}

fn issuer_failure(target: &UrlTarget) -> Failure {
    let (authority, file) = match &target.tls.ca {
        Some(ca) => (ca.display().to_string(), "/path/to/the-right-ca.pem"),
        None => (
            "an authority that this system knows".into(),
            "/path/to/ca.pem",
        ),
    };
    (
        format!(
            "the {}'s certificate is not signed by {authority}",
            target.settings.noun
        ),
        target.suggest(&format!("{}.ca", target.settings.tls), file),
    )
}

fn expired_ago(reason: &CertificateError) -> String {
    let CertificateError::ExpiredContext { time, not_after } = reason else {
        return String::new();
    };
    let ago = time.as_secs().saturating_sub(not_after.as_secs());
    let ago = std::time::Duration::from_secs(ago);
    format!(", {} ago", crate::model::units::format_duration(ago))
}

fn name_failure(presented: &[String], target: &UrlTarget) -> Failure {
    let (host, noun) = (target.host(), target.settings.noun);
    let names: Vec<_> = presented.iter().map(|name| bare_name(name)).collect();
    let others = match names.is_empty() {
        true => String::new(),
        false => format!(", but for {}", names.join(", ")),
    };
    let endpoint = &target.settings.endpoint;
    let fix = match names.iter().find(|name| !name.contains('*')) {
        Some(name) => {
            let url = target.endpoint_with(None, None);
            let url = url.replacen(target.endpoint.host(), name, 1);
            target.suggest(endpoint, &url)
        }
        None => format!("set {endpoint} to the certificate's name"),
    };
    (
        format!("the {noun}'s certificate is not for {host}{others}"),
        format!("{fix}, or give the {noun} a certificate for {host}"),
    )
}

/// Returns the name in `DnsName("localhost")` and `IpAddress(127.0.0.1)`.
fn bare_name(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_matches([')', '"'])
}

/// Returns true if the section has a setting for it.
fn has_client_certificate(section: &str) -> bool {
    let path = format!("{section}.client_certificate");
    settings().iter().any(|setting| setting.path == path)
}

fn alert_failure(alert: AlertDescription, target: &UrlTarget) -> Failure {
    let noun = target.settings.noun;
    let set =
        |name: &str, file: &str| target.suggest(&format!("{}.{name}", target.settings.tls), file);
    match (alert, &target.tls.client_certificate) {
        (
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::HandshakeFailure,
            None,
        ) => (
            format!("the {noun} asks for a client certificate, and none is set"),
            match has_client_certificate(&target.settings.tls) {
                true => format!(
                    "{}, and {}",
                    set("client_certificate", "/path/to/client.pem"),
                    set("client_key", "/path/to/client.key")
                ),
                false => format!(
                    "let the {noun} do without: {} has no client certificate",
                    target.settings.tls
                ),
            },
        ),
        (_, Some(file)) => (
            format!(
                "the {noun} refuses the client certificate {} ({alert:?})",
                file.display()
            ),
            set(
                "client_certificate",
                "/path/to/a-certificate-that-it-trusts.pem",
            ),
        ),
        (_, None) => (
            format!("the {noun} aborts the handshake ({alert:?})"),
            format!(
                "look for the reason in the log of the {noun} that {} names",
                target.settings.endpoint
            ),
        ),
    }
}
