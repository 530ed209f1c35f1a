//! The first links: the name, and the connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::ReceiverChain;
use crate::doctor::network::{self, TimedStream};
use crate::doctor::step::DiagnosisStep;

/// The host that connections are made to: the receiver, or its proxy.
struct Peer<'a> {
    host: &'a str,
    port: u16,
    /// The setting or variable that names it.
    setting: &'a str,
}

impl ReceiverChain<'_> {
    fn peer(&self) -> Peer<'_> {
        match self.proxy {
            Some(proxy) => Peer {
                host: proxy.host(),
                port: proxy.port(),
                setting: proxy.variable,
            },
            None => Peer {
                host: self.target.host(),
                port: self.target.port(),
                setting: &self.target.paths.endpoint,
            },
        }
    }

    pub(super) fn check_name(&self, steps: &mut Vec<DiagnosisStep>) -> Option<Vec<SocketAddr>> {
        const NAME: &str = "name";
        let Peer {
            host,
            port,
            setting,
        } = self.peer();
        let finding = match network::resolve(host, port, self.deadline) {
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
                let reason = text.rsplit(": ").next().unwrap_or_default();
                format!("{host} is not found ({reason})")
            }
        };
        let advice = match host.contains('.') {
            true => ", or mend its name server",
            false => ": a name without dots is known only in its own network or namespace",
        };
        let fix = format!("set {setting} to a host that this machine knows{advice}");
        steps.push(DiagnosisStep::fail(NAME, finding, fix));
        None
    }

    pub(super) fn check_tcp(
        &self,
        steps: &mut Vec<DiagnosisStep>,
        addresses: &[SocketAddr],
    ) -> Option<SocketAddr> {
        const NAME: &str = "tcp";
        let (mut findings, mut refused) = (Vec::new(), false);
        for address in addresses {
            let started = Instant::now();
            match TimedStream::connect(*address, self.deadline) {
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

    fn connect_fix(&self, addresses: &[SocketAddr], refused: bool) -> String {
        let Peer { port, setting, .. } = self.peer();
        if self.proxy.is_none() {
            let default_port = if self.target.is_grpc() { 4317 } else { 4318 };
            let set_default_port = || self.target.suggest_endpoint(None, Some(default_port));
            if port == 14250 {
                return format!("{}: 14250 was Jaeger's former protocol", set_default_port());
            }
            if self.target.otlp.endpoint.port().is_none() {
                return format!("{}: without a port it is {port}", set_default_port());
            }
        }
        if !refused {
            return format!(
                "check the host in {setting}, then firewalls and network policies on the way to port {port}"
            );
        }
        let local = addresses.iter().all(|address| address.ip().is_loopback());
        let service = if self.proxy.is_some() {
            "proxy"
        } else {
            "receiver"
        };
        let container = match local {
            true => format!(
                "; in a container this is the container itself, so name the {service}'s host"
            ),
            false => String::new(),
        };
        format!("start the {service}, or set {setting} to where it listens{container}")
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
