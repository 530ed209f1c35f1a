//! The handshake of an encrypted connection, and what a refusal of it means.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConnection, Error, StreamOwned};

use super::fix::Settings;
use super::network::Timed;
use super::step::Step;
use super::target::Target;
use crate::net::tls::client_config;

/// An encrypted connection.
pub(super) type Session = StreamOwned<ClientConnection, Timed>;

const NAME: &str = "tls";

/// Shakes hands, offering these protocols.
pub(super) fn handshake(target: &Target, socket: Timed, offered: &[&str]) -> io::Result<Session> {
    let mut config = client_config(&target.otlp.tls).map_err(io::Error::other)?;
    config.alpn_protocols = offered
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

/// What the session agreed on.
pub(super) fn agreed(session: &Session) -> Step {
    let version = match session.conn.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS 1.3",
    };
    Step::ok(NAME, format!("{version}, the certificate is trusted"))
}

/// Whether the receiver speaks none of the protocols that were offered: certificates are fine then.
pub(super) fn is_other_protocol(error: &io::Error) -> bool {
    matches!(
        cause(error),
        Some(Error::AlertReceived(
            AlertDescription::NoApplicationProtocol
        ))
    )
}

/// Whether the receiver refused our side, which TLS 1.3 tells only after the handshake.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(cause(error), Some(Error::AlertReceived(_))) && !is_other_protocol(error)
}

/// Whether the other side spoke TLS, whatever it said.
pub(super) fn is_answer(error: &io::Error) -> bool {
    matches!(
        cause(error),
        Some(Error::AlertReceived(_) | Error::InvalidCertificate(_))
    )
}

fn cause(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// Says what is wrong and what to set.
pub(super) fn refused(error: &io::Error, target: &Target, settings: Settings<'_>) -> Step {
    match cause(error) {
        Some(Error::InvalidCertificate(reason)) => judged(reason, target, settings),
        Some(Error::InvalidMessage(_)) => {
            let plain = target.endpoint_with(Some("http"), None);
            let finding = format!("port {} does not speak TLS", target.port());
            Step::fail(NAME, finding, settings.set(&target.paths.endpoint, &plain))
        }
        Some(Error::AlertReceived(alert)) => alerted(*alert, target, settings),
        _ => elsewhere(error, target),
    }
}

fn elsewhere(error: &io::Error, target: &Target) -> Step {
    let paths = &target.paths;
    match error.kind() {
        io::ErrorKind::TimedOut => Step::fail(
            NAME,
            "the handshake is not answered",
            format!("check that {} names a port that speaks TLS", paths.endpoint),
        ),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Step::fail(
            NAME,
            "the connection was closed during the handshake",
            format!("check that {} names a port that speaks TLS", paths.endpoint),
        ),
        _ => Step::fail(
            NAME,
            error.to_string(),
            format!("check the files that {} names", paths.tls),
        ),
    }
}

fn judged(reason: &CertificateError, target: &Target, settings: Settings<'_>) -> Step {
    let ca = format!("{}.ca", target.paths.tls);
    match reason {
        CertificateError::UnknownIssuer => match &target.otlp.tls.ca {
            Some(file) => Step::fail(
                NAME,
                format!(
                    "the receiver's certificate is not signed by {}",
                    file.display()
                ),
                settings.set(&ca, "/path/to/the-right-ca.pem"),
            ),
            None => Step::fail(
                NAME,
                "the receiver's certificate is not signed by an authority that this system knows",
                settings.set(&ca, "/path/to/ca.pem"),
            ),
        },
        CertificateError::NotValidForName => wrong_name(&[], target, settings),
        CertificateError::NotValidForNameContext { presented, .. } => {
            wrong_name(presented, target, settings)
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Step::fail(
            NAME,
            format!("the receiver's certificate has expired{}", since(reason)),
            "renew the receiver's certificate, or check this machine's clock",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Step::fail(
            NAME,
            "the receiver's certificate is not valid yet",
            "check this machine's clock, then the receiver's certificate",
        ),
        // A certificate that signed itself, with the rights of an authority.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => Step::fail(
            NAME,
            "the receiver shows an authority's certificate as its own",
            "give the receiver a certificate with basicConstraints CA:FALSE, signed by that authority",
        ),
        other => Step::fail(
            NAME,
            format!("the receiver's certificate is refused: {other}"),
            "renew the receiver's certificate",
        ),
    }
}

fn since(reason: &CertificateError) -> String {
    let CertificateError::ExpiredContext { time, not_after } = reason else {
        return String::new();
    };
    let ago = time.as_secs().saturating_sub(not_after.as_secs());
    let ago = std::time::Duration::from_secs(ago);
    format!(", {} ago", crate::model::units::format_duration(ago))
}

fn wrong_name(presented: &[String], target: &Target, settings: Settings<'_>) -> Step {
    let mut finding = format!("the receiver's certificate is not for {}", target.host());
    let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
    if !names.is_empty() {
        let _ = write!(finding, ", but for {}", names.join(", "));
    }
    let usable = names.iter().find(|name| !name.contains('*'));
    let fix = usable.map_or_else(
        || format!("set {} to the certificate's name", target.paths.endpoint),
        |name| {
            let url = target.endpoint_with(None, None);
            let url = url.replacen(target.otlp.endpoint.host(), name, 1);
            settings.set(&target.paths.endpoint, &url)
        },
    );
    let fix = format!(
        "{fix}, or give the receiver a certificate for {}",
        target.host()
    );
    Step::fail(NAME, finding, fix)
}

/// `DnsName("localhost")` and `IpAddress(127.0.0.1)` without what is around the name.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_matches([')', '"'])
}

fn alerted(alert: AlertDescription, target: &Target, settings: Settings<'_>) -> Step {
    let certificate = format!("{}.client_certificate", target.paths.tls);
    let shown = target.otlp.tls.client_certificate.as_ref();
    match (alert, shown) {
        (
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::HandshakeFailure,
            None,
        ) => {
            let key = format!("{}.client_key", target.paths.tls);
            let fix = format!(
                "{}, and {}",
                settings.set(&certificate, "/path/to/client.pem"),
                settings.set(&key, "/path/to/client.key")
            );
            Step::fail(
                NAME,
                "the receiver asks for a client certificate, and none is set",
                fix,
            )
        }
        (_, Some(file)) => Step::fail(
            NAME,
            format!(
                "the receiver refuses the client certificate {} ({alert:?})",
                file.display()
            ),
            settings.set(&certificate, "/path/to/a-certificate-that-it-trusts.pem"),
        ),
        (_, None) => Step::fail(
            NAME,
            format!("the receiver breaks the handshake off ({alert:?})"),
            format!(
                "look for the reason in the log of the receiver that {} names",
                target.paths.endpoint
            ),
        ),
    }
}
