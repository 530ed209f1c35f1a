//! The handshake of an encrypted connection, and the diagnosis of its failure.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConnection, Error, StreamOwned};

use super::fix::SettingFixes;
use super::network::TimedStream;
use super::step::DiagnosisStep;
use super::target::OtlpTarget;
use crate::net::tls::client_config;

/// An encrypted connection.
pub(super) type TlsSession = StreamOwned<ClientConnection, TimedStream>;

const NAME: &str = "tls";

/// Completes a handshake that offers these protocols.
pub(super) fn handshake(
    target: &OtlpTarget,
    socket: TimedStream,
    protocols: &[&str],
) -> io::Result<TlsSession> {
    let mut config = client_config(&target.otlp.tls).map_err(io::Error::other)?;
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let name = ServerName::try_from(target.host().to_owned()).map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let mut session = StreamOwned::new(connection, socket);
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

/// Returns true if the receiver speaks none of the offered protocols: certificates are fine then.
pub(super) fn is_other_protocol(error: &io::Error) -> bool {
    matches!(
        tls_error(error),
        Some(Error::AlertReceived(
            AlertDescription::NoApplicationProtocol
        ))
    )
}

/// Returns true if the receiver rejected our side, which TLS 1.3 reports only after the handshake.
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
pub(super) fn failure_step(
    error: &io::Error,
    target: &OtlpTarget,
    settings: SettingFixes<'_>,
) -> DiagnosisStep {
    match tls_error(error) {
        Some(Error::InvalidCertificate(reason)) => certificate_step(reason, target, settings),
        Some(Error::InvalidMessage(_)) => {
            let plain = target.endpoint_with(Some("http"), None);
            let finding = format!("port {} does not speak TLS", target.port());
            DiagnosisStep::fail(
                NAME,
                finding,
                settings.suggest(&target.paths.endpoint, &plain),
            )
        }
        Some(Error::AlertReceived(alert)) => alert_step(*alert, target, settings),
        _ => io_error_step(error, target),
    }
}

fn io_error_step(error: &io::Error, target: &OtlpTarget) -> DiagnosisStep {
    let paths = &target.paths;
    match error.kind() {
        io::ErrorKind::TimedOut => DiagnosisStep::fail(
            NAME,
            "the handshake is not answered",
            format!("check that {} names a port that speaks TLS", paths.endpoint),
        ),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => DiagnosisStep::fail(
            NAME,
            "the connection was closed during the handshake",
            format!("check that {} names a port that speaks TLS", paths.endpoint),
        ),
        _ => DiagnosisStep::fail(
            NAME,
            error.to_string(),
            format!("check the files that {} names", paths.tls),
        ),
    }
}

fn certificate_step(
    reason: &CertificateError,
    target: &OtlpTarget,
    settings: SettingFixes<'_>,
) -> DiagnosisStep {
    let ca = format!("{}.ca", target.paths.tls);
    match reason {
        CertificateError::UnknownIssuer => match &target.otlp.tls.ca {
            Some(file) => DiagnosisStep::fail(
                NAME,
                format!(
                    "the receiver's certificate is not signed by {}",
                    file.display()
                ),
                settings.suggest(&ca, "/path/to/the-right-ca.pem"),
            ),
            None => DiagnosisStep::fail(
                NAME,
                "the receiver's certificate is not signed by an authority that this system knows",
                settings.suggest(&ca, "/path/to/ca.pem"),
            ),
        },
        CertificateError::NotValidForName => wrong_name_step(&[], target, settings),
        CertificateError::NotValidForNameContext { presented, .. } => {
            wrong_name_step(presented, target, settings)
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => DiagnosisStep::fail(
            NAME,
            format!(
                "the receiver's certificate has expired{}",
                expired_ago(reason)
            ),
            "renew the receiver's certificate, or check this machine's clock",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            DiagnosisStep::fail(
                NAME,
                "the receiver's certificate is not valid yet",
                "check this machine's clock, then the receiver's certificate",
            )
        }
        // A certificate that signed itself, with the rights of an authority.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => DiagnosisStep::fail(
            NAME,
            "the receiver shows an authority's certificate as its own",
            "give the receiver a certificate with basicConstraints CA:FALSE, signed by that authority",
        ),
        other => DiagnosisStep::fail(
            NAME,
            format!("the receiver's certificate is refused: {other}"),
            "renew the receiver's certificate",
        ),
    }
}

fn expired_ago(reason: &CertificateError) -> String {
    let CertificateError::ExpiredContext { time, not_after } = reason else {
        return String::new();
    };
    let ago = time.as_secs().saturating_sub(not_after.as_secs());
    let ago = std::time::Duration::from_secs(ago);
    format!(", {} ago", crate::model::units::format_duration(ago))
}

fn wrong_name_step(
    presented: &[String],
    target: &OtlpTarget,
    settings: SettingFixes<'_>,
) -> DiagnosisStep {
    let mut finding = format!("the receiver's certificate is not for {}", target.host());
    let names: Vec<_> = presented.iter().map(|name| bare_name(name)).collect();
    if !names.is_empty() {
        let _ = write!(finding, ", but for {}", names.join(", "));
    }
    let usable = names.iter().find(|name| !name.contains('*'));
    let fix = usable.map_or_else(
        || format!("set {} to the certificate's name", target.paths.endpoint),
        |name| {
            let url = target.endpoint_with(None, None);
            let url = url.replacen(target.otlp.endpoint.host(), name, 1);
            settings.suggest(&target.paths.endpoint, &url)
        },
    );
    let fix = format!(
        "{fix}, or give the receiver a certificate for {}",
        target.host()
    );
    DiagnosisStep::fail(NAME, finding, fix)
}

/// Returns the name in `DnsName("localhost")` and `IpAddress(127.0.0.1)`.
fn bare_name(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_matches([')', '"'])
}

fn alert_step(
    alert: AlertDescription,
    target: &OtlpTarget,
    settings: SettingFixes<'_>,
) -> DiagnosisStep {
    let certificate = format!("{}.client_certificate", target.paths.tls);
    let client_certificate = target.otlp.tls.client_certificate.as_ref();
    match (alert, client_certificate) {
        (
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::HandshakeFailure,
            None,
        ) => {
            let key = format!("{}.client_key", target.paths.tls);
            let fix = format!(
                "{}, and {}",
                settings.suggest(&certificate, "/path/to/client.pem"),
                settings.suggest(&key, "/path/to/client.key")
            );
            DiagnosisStep::fail(
                NAME,
                "the receiver asks for a client certificate, and none is set",
                fix,
            )
        }
        (_, Some(file)) => DiagnosisStep::fail(
            NAME,
            format!(
                "the receiver refuses the client certificate {} ({alert:?})",
                file.display()
            ),
            settings.suggest(&certificate, "/path/to/a-certificate-that-it-trusts.pem"),
        ),
        (_, None) => DiagnosisStep::fail(
            NAME,
            format!("the receiver breaks the handshake off ({alert:?})"),
            format!(
                "look for the reason in the log of the receiver that {} names",
                target.paths.endpoint
            ),
        ),
    }
}
