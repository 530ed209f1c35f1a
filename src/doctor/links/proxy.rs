//! The link through a proxy of the environment.

use std::io;

use crate::doctor::probe::{ProbeAnswer, probe_http};
use crate::doctor::step::DiagnosisStep;
use crate::doctor::stream::{Connection, TunnelRefusal};
use crate::net::{ProxyMethod, ProxyRoute};

pub(super) const NAME: &str = "proxy";

/// The status by which a proxy asks for credentials.
const AUTHENTICATION_REQUIRED: u16 = 407;

/// Returns the step about a proxy that the server is reached without.
pub(super) fn unsupported_step(proxy: &ProxyRoute, noun: &str) -> DiagnosisStep {
    let (variable, scheme) = (proxy.variable, proxy.scheme());
    let finding = format!("{variable} names a {scheme} proxy, which is not supported");
    let fix = format!("set {variable} to an http proxy if the {noun} needs one");
    DiagnosisStep::warn(NAME, finding).with_fix(fix)
}

/// Checks that the proxy opens a tunnel to the server, or forwards to it.
pub(super) fn check_proxy(
    connection: Connection<'_>,
    steps: &mut Vec<DiagnosisStep>,
) -> Option<()> {
    let Some(proxy) = connection.proxy else {
        return Some(());
    };
    let (authority, variable) = (proxy.authority(), proxy.variable);
    let server = connection.target.authority();
    let (action, failure) = match proxy.method {
        ProxyMethod::Forward => ("forwards requests", forwarding_failure(connection)),
        _ => ("opens a tunnel", tunnel_failure(connection)),
    };
    let Some(failure) = failure else {
        let finding = format!("{authority} ({variable}) {action} to {server}");
        steps.push(DiagnosisStep::ok(NAME, finding));
        return Some(());
    };
    let host = connection.target.host();
    let fix = match failure {
        ProxyFailure::Status(AUTHENTICATION_REQUIRED) if proxy.credentials().is_some() => {
            format!("correct the user and password in {variable}")
        }
        ProxyFailure::Status(AUTHENTICATION_REQUIRED) => {
            format!(
                "set {variable} to a URL with user and password: http://USER:PASSWORD@{authority}"
            )
        }
        _ => format!(
            "check in the proxy's log whether it can reach {server} and is allowed to, or set NO_PROXY={host} to go without it"
        ),
    };
    let finding = match failure {
        ProxyFailure::Status(status) => {
            format!("{authority} ({variable}) answers {status} for {server}")
        }
        ProxyFailure::Io(error) => {
            format!("{authority} ({variable}) opens no tunnel to {server}: {error}")
        }
    };
    steps.push(DiagnosisStep::fail(NAME, finding, fix));
    None
}

enum ProxyFailure {
    Status(u16),
    Io(io::Error),
}

/// Opens a tunnel and returns the failure, if there is one.
fn tunnel_failure(connection: Connection<'_>) -> Option<ProxyFailure> {
    let error = connection.connect().err()?;
    let refusal = error.get_ref().and_then(|cause| cause.downcast_ref());
    Some(match refusal {
        Some(TunnelRefusal { status }) => ProxyFailure::Status(*status),
        None => ProxyFailure::Io(error),
    })
}

/// A proxy that reaches nothing answers as a gateway. Every other answer is the server's, as far as can be
/// told.
fn forwarding_failure(connection: Connection<'_>) -> Option<ProxyFailure> {
    match probe_http(connection, connection.target.path()) {
        ProbeAnswer::Http1(head) if matches!(head.status, AUTHENTICATION_REQUIRED | 502..=504) => {
            Some(ProxyFailure::Status(head.status))
        }
        _ => None,
    }
}
