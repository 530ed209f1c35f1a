//! Checks of what the configuration points to on this machine.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::disk::disk_step;
use super::fix::SettingFixes;
use super::network::TimedStream;
use super::step::{DiagnosisStep, listed};
use crate::config::EffectiveConfig;
use crate::model::slo::Objectives;

/// The time limit of a request over the loopback, which answers at once, or not at all.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// A port above those that only root may listen on.
/// 9464 is what OpenTelemetry's Prometheus exporters listen on by default.
const FREE_PORT: u16 = 9464;

/// Returns the checks of this machine. Each is run on its own: a file system of a network may hang.
pub(super) fn checks(effective: &Arc<EffectiveConfig>) -> Vec<LocalCheck> {
    let config = &effective.config;
    let shared = || Arc::clone(effective);
    let objectives = shared();
    let directory = &config.slo.directory;
    let mut checks = vec![LocalCheck {
        name: "objectives",
        subject: directory.display().to_string(),
        run: Box::new(move || objectives_steps(&objectives)),
    }];
    if let Some(address) = config.http.listen {
        let effective = shared();
        checks.push(LocalCheck {
            name: "listen",
            subject: address.to_string(),
            run: Box::new(move || vec![listen_step(SettingFixes(&effective), address)]),
        });
    }
    checks.extend(config.metrics.disks.iter().cloned().map(|disk| LocalCheck {
        name: DISKS,
        subject: disk.display().to_string(),
        run: Box::new(move || vec![mount_step(&disk)]),
    }));
    checks
}

/// A check of this machine.
pub(super) struct LocalCheck {
    /// The name of its steps.
    pub(super) name: &'static str,
    /// The folder or address that it looks at.
    pub(super) subject: String,
    pub(super) run: Box<dyn FnOnce() -> Vec<DiagnosisStep> + Send>,
}

const DISKS: &str = "disks";

fn mount_step(disk: &Path) -> DiagnosisStep {
    if disk.is_dir() {
        return disk_step(DISKS, disk);
    }
    let finding = format!("{} is not there: its space is not measured", disk.display());
    let fix = "mount it, or remove it from metrics.disks";
    DiagnosisStep::fail(DISKS, finding, fix)
}

/// Loads the SLO files as a service does, a step for each fault and warning.
fn objectives_steps(effective: &EffectiveConfig) -> Vec<DiagnosisStep> {
    const NAME: &str = "objectives";
    let folder = &effective.config.slo.directory;
    let path = folder.display();
    if !folder.is_dir() {
        // The default folder need not exist; one that is configured was found to be there by the
        // configuration.
        let finding =
            format!("there is no folder {path} (slo.directory is not set): no objectives");
        return vec![DiagnosisStep::skipped(NAME, finding)];
    }
    let objectives = match Objectives::load_with(folder, &effective.config.figures) {
        Ok(objectives) => objectives,
        Err(error) => {
            return listed(NAME, error.faults(), |fault| {
                let value = fault.value.as_ref();
                let value = value.map_or(String::new(), |value| format!(": {value}"));
                let finding = format!("{}: {}: {}{value}", fault.file, fault.path, fault.problem);
                DiagnosisStep::fail(NAME, finding, format!("allowed: {}", fault.allowed))
            });
        }
    };
    let loaded = DiagnosisStep::ok(NAME, format!("{} in {path}", objectives.len()));
    let warnings: Vec<_> = objectives.warnings().collect();
    let warnings = listed(NAME, &warnings, |warning| {
        DiagnosisStep::warn(NAME, warning.to_string())
    });
    std::iter::once(loaded).chain(warnings).collect()
}

/// Binds the address for a moment. If it is in use, the service there is asked for its health, so that
/// a running service can be diagnosed.
fn listen_step(settings: SettingFixes<'_>, address: SocketAddr) -> DiagnosisStep {
    const NAME: &str = "listen";
    let Err(error) = TcpListener::bind(address) else {
        return DiagnosisStep::ok(NAME, format!("{address} is free to listen on"));
    };
    let (ip, port) = (address.ip(), address.port());
    let health = format!("{}/api/v1/health", settings.0.config.http.prefix());
    let (finding, instead) = match error.kind() {
        io::ErrorKind::AddrInUse if is_healthy(address, &health) => {
            let finding = format!("{address} is served: {health} answers");
            return DiagnosisStep::ok(NAME, finding);
        }
        io::ErrorKind::AddrInUse => (
            format!("{address} is in use by a program without {health}"),
            (ip, port.checked_add(1).unwrap_or(FREE_PORT)),
        ),
        io::ErrorKind::PermissionDenied => (
            format!("{address}: this user may not listen on port {port}"),
            (ip, FREE_PORT),
        ),
        io::ErrorKind::AddrNotAvailable => (
            format!("no interface of this machine has the address {ip}"),
            (unspecified(ip), port),
        ),
        _ => (format!("{address}: {error}"), (unspecified(ip), FREE_PORT)),
    };
    let set = settings.suggest("http.listen", &SocketAddr::from(instead).to_string());
    let fix = match error.kind() {
        io::ErrorKind::AddrInUse => format!("stop the program that listens there, or {set}"),
        _ => set,
    };
    if settings.0.source("http.listen").is_standard_variable() {
        let finding =
            format!("{finding}; the service ignores it, because the variable is a shared one");
        return DiagnosisStep::warn(NAME, finding).with_fix(fix);
    }
    DiagnosisStep::fail(NAME, finding, fix)
}

/// Returns the address of all interfaces, of the same family.
const fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

fn is_healthy(address: SocketAddr, path: &str) -> bool {
    request_health(address, path).is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200"))
}

/// Requests the health of what listens there, and returns the begin of its status line.
fn request_health(mut address: SocketAddr, path: &str) -> io::Result<[u8; 12]> {
    // "All addresses" can be listened on and not be connected to, on every system.
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let mut stream = TimedStream::connect(address, Instant::now() + HEALTH_TIMEOUT)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    // `HTTP/1.1 200` has 12 bytes; nothing else of the answer matters.
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}
