//! The first links: the name, and the connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::ReceiverChain;
use crate::doctor::network::{self, TimedStream};
use crate::doctor::step::DiagnosisStep;

impl ReceiverChain<'_> {
    pub(super) fn check_name(&self, steps: &mut Vec<DiagnosisStep>) -> Option<Vec<SocketAddr>> {
        const NAME: &str = "name";
        let (host, port) = (self.target.host(), self.target.port());
        let found = network::resolve(host, port, self.deadline);
        let fail = |finding: String| {
            let fix = format!(
                "set {} to a host that this machine knows{}",
                self.target.paths.endpoint,
                if host.contains('.') {
                    ", or mend its name server"
                } else {
                    ": a name without dots is known only in its own network or namespace"
                }
            );
            DiagnosisStep::fail(NAME, finding, fix)
        };
        let (step, addresses) = match found {
            Ok(addresses) if host.parse::<IpAddr>().is_ok() => (
                DiagnosisStep::ok(NAME, format!("{host} is an address")),
                Some(addresses),
            ),
            Ok(addresses) if !addresses.is_empty() => {
                let ips: Vec<_> = addresses
                    .iter()
                    .map(|found| found.ip().to_string())
                    .collect();
                let step = DiagnosisStep::ok(NAME, format!("{host} is {}", ips.join(", ")));
                (step, Some(addresses))
            }
            Ok(_) => (fail(format!("{host} has no address")), None),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => (
                fail(format!("{host}: the name server doesn't answer")),
                None,
            ),
            Err(error) => {
                let text = error.to_string();
                let reason = text.rsplit(": ").next().unwrap_or_default();
                (fail(format!("{host} is not found ({reason})")), None)
            }
        };
        steps.push(step);
        addresses
    }

    pub(super) fn check_tcp(
        &self,
        steps: &mut Vec<DiagnosisStep>,
        addresses: &[SocketAddr],
    ) -> Option<SocketAddr> {
        let mut failures = Vec::new();
        for address in addresses {
            let started = Instant::now();
            match TimedStream::connect(*address, self.deadline) {
                Ok(_) => {
                    let elapsed_ms = started.elapsed().as_secs_f64() * 1000.0;
                    let mut finding = format!("connected to {address} in {elapsed_ms:.1} ms");
                    for (address, error) in &failures {
                        finding.push_str(&format!("; {address} {}", describe_failure(error)));
                    }
                    steps.push(DiagnosisStep::ok("tcp", finding));
                    return Some(*address);
                }
                Err(error) => failures.push((address, error)),
            }
        }
        let findings = failures
            .iter()
            .map(|(address, error)| format!("{address} {}", describe_failure(error)));
        let finding = findings.collect::<Vec<_>>().join("; ");
        let refused = failures
            .iter()
            .any(|(_, error)| error.kind() == io::ErrorKind::ConnectionRefused);
        steps.push(DiagnosisStep::fail(
            "tcp",
            finding,
            self.connect_fix(addresses, refused),
        ));
        None
    }

    fn connect_fix(&self, addresses: &[SocketAddr], refused: bool) -> String {
        let endpoint = &self.target.paths.endpoint;
        let default_port = if self.target.is_grpc() { 4317 } else { 4318 };
        let set_default_port = || {
            let url = self.target.endpoint_with(None, Some(default_port));
            self.settings.suggest(endpoint, &url)
        };
        if self.target.port() == 14250 {
            return format!("{}: 14250 was Jaeger's former protocol", set_default_port());
        }
        if self.target.otlp.endpoint.port().is_none() {
            return format!(
                "{}: without a port it is {}",
                set_default_port(),
                self.target.port()
            );
        }
        if !refused {
            return format!(
                "check the host in {endpoint}, then firewalls and network policies on the way to port {}",
                self.target.port()
            );
        }
        let local = addresses.iter().all(|address| address.ip().is_loopback());
        let container = if local {
            "; in a container this is the container itself, so name the receiver's host"
        } else {
            ""
        };
        format!("start the receiver, or set {endpoint} to where it listens{container}")
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
