//! A build without encryption, in which the configuration refuses `https` endpoints: no handshake is
//! tried.

use std::io::{self, Read, Write};

use super::network::TimedStream;
use super::step::DiagnosisStep;
use super::url_target::UrlTarget;

/// An encrypted connection, which is never made.
pub(super) enum TlsSession {}

pub(super) fn handshake(_: &UrlTarget, _: TimedStream, _: &[&str]) -> io::Result<TlsSession> {
    Err(io::Error::other("this build has no encryption"))
}

pub(super) const fn success_step(session: &TlsSession) -> DiagnosisStep {
    match *session {}
}

pub(super) fn failure_step(error: &io::Error, target: &UrlTarget) -> DiagnosisStep {
    let section = &target.settings.tls;
    let fix =
        format!("enable the feature `tls` of vantage-obs, without which {section} has no effect");
    DiagnosisStep::fail("tls", error.to_string(), fix)
}

/// Returns false: an alert in answer to plain text is found elsewhere.
pub(super) const fn is_rejection(_: &io::Error) -> bool {
    false
}

pub(super) const fn is_tls_answer(_: &io::Error) -> bool {
    false
}

impl Read for TlsSession {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }
}

impl Write for TlsSession {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match *self {}
    }
}
