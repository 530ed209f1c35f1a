//! The first links to a host: its name, and a connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::doctor::network::{self, TimedStream};
use crate::doctor::step::DiagnosisStep;

/// A host that connections are made to.
pub(in crate::doctor) struct Peer<'a> {
    pub(in crate::doctor) host: &'a str,
    pub(in crate::doctor) port: u16,
    /// The setting or variable that names it.
    pub(in crate::doctor) setting: &'a str,
    /// The noun for what listens there.
    pub(in crate::doctor) noun: &'static str,
    /// The fix of a port that can hardly be right, for a connection that fails.
    pub(in crate::doctor) port_fix: Option<String>,
}

impl Peer<'_> {
    /// Resolves the name; `None` ends the chain.
    pub(in crate::doctor) fn check_name(
        &self,
        deadline: Instant,
        steps: &mut Vec<DiagnosisStep>,
    ) -> Option<Vec<SocketAddr>> {
        const NAME: &str = "name";
        let Self {
            host,
            port,
            setting,
            ..
        } = *self;
        let finding = match network::resolve(host, port, deadline) {
            Ok(addresses) if !addresses.is_empty() => {
                let ips = addresses.iter().map(|found| found.ip().to_string());
                let is = match host.parse::<IpAddr>() {
                    Ok(_) => "an address".into(),
                    Err(_) => ips.collect::<Vec<_>>().join(", "),
                };
                steps.push(DiagnosisStep::ok(NAME, format!("{host} is {is}")));
                return Some(addresses);
            }
            Ok(_) => format!("{host} has no address"),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                format!("{host}: the name server doesn't answer")
            }
            Err(error) => {
                let text = error.to_string();
                // The system's text begins with words of its resolver that say nothing to a reader.
                let reason = text.rsplit(": ").next().unwrap_or_default();
                format!("{host} is not found ({reason})")
            }
        };
        let advice = match host.contains('.') {
            true => ", or fix its name server",
            false => ": a name without dots is known only in its own network or namespace",
        };
        let fix = format!("set {setting} to a host that this machine knows{advice}");
        steps.push(DiagnosisStep::fail(NAME, finding, fix));
        None
    }

    /// Connects to the addresses in turn; the first that answers is used by all later steps.
    pub(in crate::doctor) fn check_tcp(
        &self,
        addresses: &[SocketAddr],
        deadline: Instant,
        steps: &mut Vec<DiagnosisStep>,
    ) -> Option<SocketAddr> {
        const NAME: &str = "tcp";
        let (mut findings, mut refused) = (Vec::new(), false);
        // In the system's order, as the service connects.
        for address in addresses {
            let started = Instant::now();
            match TimedStream::connect(*address, deadline) {
                Ok(_) => {
                    let elapsed_ms = started.elapsed().as_secs_f64() * 1000.0;
                    let connected = format!("connected to {address} in {elapsed_ms:.1} ms");
                    findings.insert(0, connected);
                    steps.push(DiagnosisStep::ok(NAME, findings.join("; ")));
                    return Some(*address);
                }
                Err(error) => {
                    refused |= error.kind() == io::ErrorKind::ConnectionRefused;
                    findings.push(format!("{address} {}", describe_failure(&error)));
                }
            }
        }
        let fix = self.connect_fix(addresses, refused);
        steps.push(DiagnosisStep::fail(NAME, findings.join("; "), fix));
        None
    }

    /// Returns the fix: a default port where the address has none or a former one, else the host,
    /// or what keeps others away.
    fn connect_fix(&self, addresses: &[SocketAddr], refused: bool) -> String {
        let Self {
            port,
            setting,
            noun,
            port_fix,
            ..
        } = self;
        if let Some(fix) = port_fix {
            return fix.clone();
        }
        if !refused {
            return format!(
                "check the host in {setting}, then firewalls and network policies on the way to port {port}"
            );
        }
        let local = addresses.iter().all(|address| address.ip().is_loopback());
        let container = match local {
            true => {
                format!("; in a container this is the container itself, so name the {noun}'s host")
            }
            false => String::new(),
        };
        format!("start the {noun}, or set {setting} to where it listens{container}")
    }
}

fn describe_failure(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refuses: nothing listens there".into(),
        io::ErrorKind::TimedOut => "doesn't answer in time".into(),
        io::ErrorKind::HostUnreachable => "can't be reached: no route to the host".into(),
        io::ErrorKind::NetworkUnreachable => "can't be reached: no route to its network".into(),
        io::ErrorKind::PermissionDenied => "is forbidden by this machine's firewall".into(),
        _ => format!("fails: {error}"),
    }
}
