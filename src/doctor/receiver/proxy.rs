//! The link through a proxy of the environment.

use std::io;

use super::ReceiverChain;
use super::protocol::probe_configured_path;
use crate::doctor::probe::ProbeAnswer;
use crate::doctor::step::DiagnosisStep;
use crate::doctor::stream::{Connection, TunnelRefusal};
use crate::net::{ProxyMethod, ProxyRoute};

pub(super) const NAME: &str = "proxy";

/// The status by which a proxy asks for credentials.
const AUTHENTICATION_REQUIRED: u16 = 407;

/// Returns the step about a proxy that receivers are reached without.
pub(super) fn unsupported_step(proxy: &ProxyRoute) -> DiagnosisStep {
    let (variable, scheme) = (proxy.variable, proxy.scheme());
    let finding = format!("{variable} names a proxy of {scheme}, which is not used");
    let fix = format!("set {variable} to a proxy of http if the receiver needs one");
    DiagnosisStep::warn(NAME, finding).with_fix(fix)
}

impl ReceiverChain<'_> {
    /// Checks that the proxy opens a tunnel to the receiver, or forwards to it.
    pub(super) fn check_proxy(
        &self,
        steps: &mut Vec<DiagnosisStep>,
        connection: Connection<'_>,
    ) -> Option<()> {
        let Some(proxy) = self.proxy else {
            return Some(());
        };
        let (authority, variable) = (proxy.authority(), proxy.variable);
        let receiver = self.target.authority();
        let (action, failure) = match proxy.method {
            ProxyMethod::Forward => ("forwards requests", forwarding_failure(connection)),
            _ => ("opens a tunnel", tunnel_failure(connection)),
        };
        let Some(failure) = failure else {
            let finding = format!("{authority} ({variable}) {action} to {receiver}");
            steps.push(DiagnosisStep::ok(NAME, finding));
            return Some(());
        };
        let host = self.target.host();
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
                "check in the proxy's log whether it reaches {receiver} and may, or set NO_PROXY={host} to go without it"
            ),
        };
        let finding = match failure {
            ProxyFailure::Status(status) => {
                format!("{authority} ({variable}) answers {status} for {receiver}")
            }
            ProxyFailure::Io(error) => {
                format!("{authority} ({variable}) opens no tunnel to {receiver}: {error}")
            }
        };
        steps.push(DiagnosisStep::fail(NAME, finding, fix));
        None
    }
}

enum ProxyFailure {
    Status(u16),
    Io(io::Error),
}

fn tunnel_failure(connection: Connection<'_>) -> Option<ProxyFailure> {
    let error = connection.connect().err()?;
    let refusal = error.get_ref().and_then(|cause| cause.downcast_ref());
    Some(match refusal {
        Some(TunnelRefusal { status }) => ProxyFailure::Status(*status),
        None => ProxyFailure::Io(error),
    })
}

/// A proxy that reaches nothing answers as a gateway. Every other answer is the receiver's, as far as can be
/// told.
fn forwarding_failure(connection: Connection<'_>) -> Option<ProxyFailure> {
    match probe_configured_path(connection) {
        ProbeAnswer::Http1(head) if matches!(head.status, AUTHENTICATION_REQUIRED | 502..=504) => {
            Some(ProxyFailure::Status(head.status))
        }
        _ => None,
    }
}
