//! Accepts connections within their cap.
//!
//! An error of the listener is that of the process, as a rule: it has no descriptor left. Trying again at once
//! would take a core, and giving up would take the probes.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::connections::{Admission, Connections, Slot};
use super::limits::ConnectionLimits;
use crate::background::Backoff;
use crate::background::log_queue::LogQueue;
use crate::background::outage::OutageTracker;

/// The delays after errors of the listener.
const DELAYS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// A listener whose connections have limits.
#[derive(Debug)]
pub(super) struct Acceptor {
    listener: Arc<TcpListener>,
    connections: Arc<Connections>,
    limits: ConnectionLimits,
    log: LogQueue,
    /// Of the listener, which can't accept.
    failure: OutageTracker,
    /// Of places.
    shortage: OutageTracker,
    backoff: Backoff,
}

impl Acceptor {
    pub(super) fn new(
        listener: Arc<TcpListener>,
        connections: Arc<Connections>,
        limits: ConnectionLimits,
        log: LogQueue,
    ) -> Self {
        Self {
            listener,
            connections,
            limits,
            log,
            failure: OutageTracker::default(),
            shortage: OutageTracker::default(),
            backoff: Backoff::new(DELAYS.0, DELAYS.1, 0.8..1.2),
        }
    }

    pub(super) const fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    /// Returns the next connection, with its place.
    pub(super) async fn accept(&mut self) -> (TcpStream, SocketAddr, Slot) {
        loop {
            let first_poll =
                poll_fn(|context| Poll::Ready(self.listener.poll_accept(context))).await;
            let accepted = match first_poll {
                Poll::Ready(accepted) => accepted,
                Poll::Pending => {
                    // There is a descriptor: the system looks for one first, and for a connection then.
                    self.record_accept();
                    self.listener.accept().await
                }
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.record_accept();
                    let admitted = self.connections.admit(peer.ip(), self.limits).await;
                    self.record_admission(&admitted);
                    return (stream, peer, admitted.slot);
                }
                // The client went away before it was accepted.
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    self.record_failure(error);
                    self.connections.evict_idle();
                    sleep(self.backoff.next_delay(None)).await;
                }
            }
        }
    }

    fn record_failure(&mut self, error: io::Error) {
        if self.failure.record_failure(Instant::now().into_std()) {
            self.log.write(move || {
                tracing::error!(%error, "the telemetry's server can't accept connections; tried again until it can");
            });
        }
    }

    fn record_accept(&mut self) {
        self.backoff.reset();
        if let Some(outage) = self.failure.record_success(Instant::now().into_std()) {
            let (seconds, tries) = (outage.lasted.as_secs(), outage.failures);
            self.log.write(move || {
                tracing::info!(
                    seconds,
                    tries,
                    "the telemetry's server accepts connections again"
                );
            });
        }
    }

    fn record_admission(&mut self, admission: &Admission) {
        let now = Instant::now().into_std();
        let max_connections = self.connections.capacity();
        if admission.has_evicted {
            if self.shortage.record_failure(now) {
                self.log.write(move || {
                    tracing::warn!(
                        max_connections,
                        "the telemetry's server has as many connections as it may: those that wait for their client the longest make room for new ones"
                    );
                });
            }
        // Not at the first free place: at the cap there is one every so often.
        } else if self.connections.is_half_free()
            && let Some(outage) = self.shortage.record_success(now)
        {
            let (seconds, evicted) = (outage.lasted.as_secs(), outage.failures);
            self.log.write(move || {
                tracing::info!(
                    seconds,
                    evicted,
                    "the telemetry's server has places for connections again"
                );
            });
        }
    }
}

/// Returns whether an error concerns one connection, and the next one may be fine.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}
