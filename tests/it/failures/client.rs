//! A client of a service that may end at any moment, and what it was told by then.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::processes::child::{ChildProcess, eventually};

pub(super) const STATUS_TOKEN: &str = "status-t0ken";
pub(super) const BEAT_TOKEN: &str = "beat-t0ken";
/// The tokens of a service, as its environment.
pub(super) const TOKENS: [(&str, &str); 2] = [
    ("VANTAGE_OBS_STATUS_TOKEN", STATUS_TOKEN),
    ("VANTAGE_OBS_HEARTBEAT_TOKEN", BEAT_TOKEN),
];
/// Longer than any deadline of the service.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends a body, and returns the status and the JSON of the answer.
pub(super) fn post(
    address: SocketAddr,
    path: &str,
    token: &str,
    body: &Value,
) -> io::Result<(u16, Value)> {
    let body = body.to_string();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let broken = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).ok_or_else(broken)?;
    // A kill may cut the body off: then nothing was acknowledged.
    let body = serde_json::from_str(body).map_err(|_| broken())?;
    Ok((status.parse().map_err(|_| broken())?, body))
}

/// Opens an incident with this title, and returns its status and id.
pub(super) fn open_incident(address: SocketAddr, title: &str) -> io::Result<(u16, String)> {
    let body = json!({"title": title, "body": "It is looked into.", "components": {"api": "partial_outage"}});
    let (status, answer) = post(address, "/api/v1/incidents", STATUS_TOKEN, &body)?;
    Ok((status, answer["id"].as_str().unwrap_or_default().to_owned()))
}

/// Sends a beat and returns its status.
pub(super) fn beat(
    address: SocketAddr,
    worker: &str,
    boot: &str,
    sequence: u64,
) -> io::Result<u16> {
    let path = format!("/api/v1/workers/{worker}/heartbeat");
    let body = json!({"boot_id": boot, "sequence": sequence});
    Ok(post(address, &path, BEAT_TOKEN, &body)?.0)
}

/// Returns id and title of all incidents, from every page of the history; none before the store was read.
pub(super) fn incidents(service: &ChildProcess) -> Vec<(String, String)> {
    let (mut all, mut page) = (Vec::new(), 1);
    loop {
        let (status, body) = service.get(&format!("/status/history.json?page={page}"));
        if status == 503 {
            return Vec::new();
        }
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        let text = |incident: &Value, name: &str| incident[name].as_str().unwrap().to_owned();
        let incidents = body["incidents"].as_array().unwrap();
        all.extend(
            incidents
                .iter()
                .map(|incident| (text(incident, "id"), text(incident, "title"))),
        );
        page += 1;
        if page > body["pages"].as_u64().unwrap() {
            return all;
        }
    }
}

/// Asserts that incidents that were acknowledged are there, and that none is there twice.
pub(super) fn assert_kept(service: &ChildProcess, acknowledged: &[(String, String)]) {
    eventually("what was acknowledged is there", || {
        let found = incidents(service);
        acknowledged.iter().all(|incident| found.contains(incident))
    });
    let mut titles: Vec<_> = incidents(service)
        .into_iter()
        .map(|(_, title)| title)
        .collect();
    titles.sort();
    let all = titles.len();
    titles.dedup();
    assert_eq!(titles.len(), all, "an incident is there twice");
}

/// Returns a figure of a process in kB from `/proc`, such as `VmRSS`.
pub(super) fn memory(process: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let figure = line.unwrap().trim_start_matches(':').trim();
    figure.trim_end_matches(" kB").parse().unwrap()
}
