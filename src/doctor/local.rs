//! What the configuration points to on this machine.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::fix::Settings;
use super::step::Step;
use crate::config::EffectiveConfig;
use crate::model::slo::Objectives;

/// Loopback answers at once, or not at all.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn steps(effective: &EffectiveConfig) -> Vec<Step> {
    let settings = Settings(effective);
    let config = &effective.config;
    let mut steps = objectives(effective);
    if let Some(address) = config.http.listen {
        steps.push(listen(settings, address));
    }
    let missing = |disk: &&std::path::PathBuf| !disk.is_dir();
    for disk in config.metrics.disks.iter().filter(missing) {
        let finding = format!("{} is not there: its space is not measured", disk.display());
        let fix = "mount it, or take it out of metrics.disks";
        steps.push(Step::fail("disks", finding, fix));
    }
    steps
}

fn objectives(effective: &EffectiveConfig) -> Vec<Step> {
    const NAME: &str = "objectives";
    let folder = &effective.config.slo.directory;
    let shown = folder.display();
    if !folder.is_dir() {
        let finding = format!("no folder {shown} here (slo.directory is not set): no objectives");
        return vec![Step::skipped(NAME, finding)];
    }
    let objectives = match Objectives::load(folder) {
        Ok(objectives) => objectives,
        Err(error) => {
            let faults = error.faults().iter();
            return faults
                .map(|fault| {
                    let value = fault.value.as_ref();
                    let value = value.map_or(String::new(), |value| format!(": {value}"));
                    let finding =
                        format!("{}: {}: {}{value}", fault.file, fault.path, fault.problem);
                    Step::fail(NAME, finding, format!("allowed: {}", fault.allowed))
                })
                .collect();
        }
    };
    let read = Step::ok(NAME, format!("{} in {shown}", objectives.len()));
    let warnings = objectives.warnings();
    let warnings = warnings.map(|warning| Step::warn(NAME, warning.to_string()));
    std::iter::once(read).chain(warnings).collect()
}

/// Takes the address for a moment. Where it is taken already, a service that runs is asked for its
/// health: whoever examines one at night doesn't stop it first.
fn listen(settings: Settings<'_>, address: SocketAddr) -> Step {
    const NAME: &str = "listen";
    let Err(error) = TcpListener::bind(address) else {
        return Step::ok(NAME, format!("{address} is free to listen on"));
    };
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse if is_healthy(address) => {
            Step::ok(NAME, format!("{address} is served: /api/v1/health answers"))
        }
        io::ErrorKind::AddrInUse => {
            let finding = format!("{address} is taken by something without /api/v1/health");
            let other = SocketAddr::new(address.ip(), port.checked_add(1).unwrap_or(9464));
            let fix = settings.set("http.listen", &other.to_string());
            Step::fail(NAME, finding, format!("stop what listens there, or {fix}"))
        }
        io::ErrorKind::PermissionDenied => {
            let finding = format!("{address}: this user may not listen on port {port}");
            let other = SocketAddr::new(address.ip(), 9464);
            Step::fail(
                NAME,
                finding,
                settings.set("http.listen", &other.to_string()),
            )
        }
        io::ErrorKind::AddrNotAvailable => {
            let finding = format!(
                "no interface of this machine has the address {}",
                address.ip()
            );
            let any = SocketAddr::new(unspecified(address.ip()), port);
            Step::fail(NAME, finding, settings.set("http.listen", &any.to_string()))
        }
        _ => {
            let any = SocketAddr::new(unspecified(address.ip()), 9464);
            let fix = settings.set("http.listen", &any.to_string());
            Step::fail(NAME, format!("{address}: {error}"), fix)
        }
    }
}

const fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

fn is_healthy(address: SocketAddr) -> bool {
    asked(address).is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200"))
}

fn asked(mut address: SocketAddr) -> io::Result<[u8; 12]> {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request =
        format!("GET /api/v1/health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}
