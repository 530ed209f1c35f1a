//! The links to a server: its name, TCP, the proxy on the way, and TLS. Each is tried when the one before it
//! holds.

mod peer;
mod proxy;

use std::time::Instant;

use super::step::DiagnosisStep;
use super::stream::Connection;
use super::url_target::UrlTarget;
use super::{network, tls};
use crate::net::{ProxyMethod, ProxyRoute};

pub(super) use peer::Peer;

/// Checks the links to a server, and then what `last` checks: the steps that are named in `rest`. After one
/// that failed, the others are reported as not tried.
pub(super) fn check_links(
    target: &UrlTarget,
    deadline: Instant,
    rest: &[&'static str],
    last: impl FnOnce(Connection<'_>, &mut Vec<DiagnosisStep>) -> Option<()>,
) -> Vec<DiagnosisStep> {
    let mut steps = Vec::new();
    let route = ProxyRoute::find(&target.uri, target.settings.is_grpc);
    let (unsupported, proxy) = match route {
        Some(route) if route.method == ProxyMethod::Unsupported => (Some(route), None),
        usable => (None, usable),
    };
    let noun = target.settings.noun;
    let unsupported = unsupported.as_ref();
    steps.extend(unsupported.map(|proxy| proxy::unsupported_step(proxy, noun)));
    let links = Links {
        target,
        proxy: proxy.as_ref(),
        deadline,
    };
    let mut names = vec!["name", "tcp"];
    names.extend(proxy.as_ref().map(|_| proxy::NAME));
    names.push("tls");
    names.extend(rest);
    let checked = links.check(&mut steps);
    let checked = checked.and_then(|connection| last(connection, &mut steps));
    if checked.is_none() {
        add_untried(&mut steps, &names);
    }
    steps
}

/// Adds a step for each of these that was not tried.
pub(super) fn add_untried(steps: &mut Vec<DiagnosisStep>, names: &[&'static str]) {
    // Shown all the same, so that a missing line is not taken for a passed step.
    let is_untried = |name: &&&'static str| steps.iter().all(|step| step.name != **name);
    let untried: Vec<_> = names.iter().filter(is_untried).copied().collect();
    let skipped = |name| DiagnosisStep::skipped(name, "not tried after the failure above");
    steps.extend(untried.into_iter().map(skipped));
}

#[derive(Clone, Copy)]
struct Links<'a> {
    target: &'a UrlTarget,
    /// The proxy by way of which the server is reached.
    proxy: Option<&'a ProxyRoute>,
    deadline: Instant,
}

impl<'a> Links<'a> {
    /// Checks the links in order; `None` if one broke.
    fn check(self, steps: &mut Vec<DiagnosisStep>) -> Option<Connection<'a>> {
        let peer = self.peer();
        let addresses = peer.check_name(self.deadline, steps)?;
        let address = peer.check_tcp(&addresses, self.deadline, steps)?;
        let connection = Connection {
            target: self.target,
            proxy: self.proxy,
            address,
            deadline: self.deadline,
            timeout: network::IO_TIMEOUT,
        };
        proxy::check_proxy(connection, steps)?;
        check_tls(connection, steps)?;
        Some(connection)
    }

    /// Returns the host that connections are made to: the server, or its proxy.
    fn peer(self) -> Peer<'a> {
        match self.proxy {
            Some(proxy) => Peer {
                host: proxy.host(),
                port: proxy.port(),
                setting: proxy.variable,
                noun: "proxy",
                port_fix: None,
            },
            None => Peer {
                host: self.target.host(),
                port: self.target.port(),
                setting: &self.target.settings.endpoint,
                noun: self.target.settings.noun,
                port_fix: self.port_fix(),
            },
        }
    }

    /// Returns the fix of a port that can hardly be right.
    fn port_fix(self) -> Option<String> {
        let usual = Some(self.target.settings.usual_port);
        let set_usual_port = || self.target.suggest_endpoint(None, usual);
        let port = self.target.port();
        if port == 14250 && matches!(usual, Some(4317 | 4318)) {
            return Some(format!(
                "{}: 14250 was Jaeger's former protocol",
                set_usual_port()
            ));
        }
        let is_default = self.target.endpoint.port().is_none();
        is_default.then(|| format!("{}: without a port it is {port}", set_usual_port()))
    }
}

/// Completes a handshake where the URL is `https`.
fn check_tls(connection: Connection<'_>, steps: &mut Vec<DiagnosisStep>) -> Option<()> {
    let target = connection.target;
    if !target.is_https() {
        let finding = format!("{} is http: not encrypted", target.settings.endpoint);
        steps.push(DiagnosisStep::skipped("tls", finding));
        return Some(());
    }
    // Both versions are offered: which one is spoken is for the next link.
    let handshake = connection
        .connect()
        .and_then(|socket| tls::handshake(target, socket, &["h2", "http/1.1"]));
    let step = match &handshake {
        Ok(session) => tls::success_step(session),
        Err(error) => tls::failure_step(error, target),
    };
    steps.push(step);
    handshake.ok().map(drop)
}
