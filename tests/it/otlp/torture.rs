//! Every way in which a receiver can be broken, in every kind of runtime, by both protocols: the
//! deadline of a shutdown holds, the runtime goes on meanwhile, and the report says what was lost.

use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use vantage_obs::Telemetry;
use vantage_obs::config::{Protocol, TelemetrySignal};
use vantage_obs::{FlushError, FlushReport};

use super::broken_receiver::BrokenReceiver;
use super::receiver::{Behaviour, Receiver};
use super::{PROTOCOLS, config, make_spans, start};

const SPANS: usize = 40;
const DEADLINE: Duration = Duration::from_millis(800);
/// The wall-clock bound is part of the promise: nothing hangs for longer than it was allowed to.
const BOUND: Duration = Duration::from_millis(1100);
/// A runtime that was blocked for the deadline would show twice as much.
const LONGEST_GAP: Duration = Duration::from_millis(400);

#[derive(Clone, Copy, Debug)]
enum ReceiverFault {
    Refuses,
    Silent,
    NeverConnects,
    Slow,
    Unavailable,
    Throttled,
    Garbage,
}

#[derive(Clone, Copy, Debug)]
enum RuntimeKind {
    MultiThread,
    OneWorker,
    CurrentThread,
    NoRuntime,
}

const RECEIVER_FAULTS: [ReceiverFault; 7] = [
    ReceiverFault::Refuses,
    ReceiverFault::Silent,
    ReceiverFault::NeverConnects,
    ReceiverFault::Slow,
    ReceiverFault::Unavailable,
    ReceiverFault::Throttled,
    ReceiverFault::Garbage,
];
const RUNTIME_KINDS: [RuntimeKind; 4] = [
    RuntimeKind::MultiThread,
    RuntimeKind::OneWorker,
    RuntimeKind::CurrentThread,
    RuntimeKind::NoRuntime,
];

/// Something to push to, for as long as it lives.
#[expect(dead_code, reason = "they are kept, and not looked at")]
enum FaultyReceiver {
    BrokenReceiver(BrokenReceiver),
    Receiver(Receiver),
}

impl ReceiverFault {
    fn peer(self) -> (FaultyReceiver, String) {
        let broken = |peer: BrokenReceiver| {
            let endpoint = peer.endpoint();
            (FaultyReceiver::BrokenReceiver(peer), endpoint)
        };
        let receiver = |behaviour| {
            let receiver = Receiver::start(behaviour);
            let endpoint = receiver.endpoint();
            (FaultyReceiver::Receiver(receiver), endpoint)
        };
        match self {
            Self::Refuses => broken(BrokenReceiver::refuses()),
            Self::Silent => broken(BrokenReceiver::silent()),
            Self::NeverConnects => broken(BrokenReceiver::never_connects()),
            Self::Garbage => broken(BrokenReceiver::garbage()),
            Self::Slow => receiver(Behaviour::Slow(Duration::from_secs(30))),
            Self::Unavailable => receiver(Behaviour::Unavailable),
            Self::Throttled => receiver(Behaviour::Throttled(Some(Duration::from_secs(3600)))),
        }
    }

    /// What the report says of the traces.
    const fn causes(self) -> &'static [&'static str] {
        match self {
            Self::Refuses => &["refused"],
            Self::Silent | Self::NeverConnects | Self::Slow => &["before the deadline"],
            Self::Unavailable => &["503 Service Unavailable: the disk", "UNAVAILABLE: the disk"],
            Self::Throttled => &[
                "429 Too Many Requests: too much",
                "RESOURCE_EXHAUSTED: too much",
            ],
            Self::Garbage => &[""],
        }
    }
}

/// What a shutdown did, how long it took, and the longest time that another task had to wait.
struct ShutdownOutcome {
    report: Result<FlushReport, FlushError>,
    took: Duration,
    gap: Duration,
}

impl RuntimeKind {
    fn shut_down(self, telemetry: Telemetry) -> ShutdownOutcome {
        let runtime = match self {
            Self::NoRuntime => return blocking(&telemetry),
            Self::MultiThread => Builder::new_multi_thread()
                .worker_threads(4)
                .enable_all()
                .build(),
            Self::OneWorker => Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build(),
            Self::CurrentThread => Builder::new_current_thread().enable_all().build(),
        };
        beside_a_ticker(&runtime.unwrap(), telemetry)
    }
}

fn blocking(telemetry: &Telemetry) -> ShutdownOutcome {
    let started = Instant::now();
    let report = telemetry.shutdown_blocking();
    ShutdownOutcome {
        report,
        took: started.elapsed(),
        gap: Duration::ZERO,
    }
}

/// Both are tasks, so that a runtime with one worker has both on it.
fn beside_a_ticker(runtime: &Runtime, telemetry: Telemetry) -> ShutdownOutcome {
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let ticker = runtime.spawn(async move {
        let (mut last, mut gap) = (Instant::now(), Duration::ZERO);
        while stopped.try_recv().is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            gap = gap.max(last.elapsed());
            last = Instant::now();
        }
        gap
    });
    let shutdown = runtime.spawn(async move {
        let started = Instant::now();
        let report = telemetry.shutdown_within(DEADLINE).await;
        let took = started.elapsed();
        let _ = stop.send(());
        (report, took)
    });
    let ((report, took), gap) =
        runtime.block_on(async { (shutdown.await.unwrap(), ticker.await.unwrap()) });
    ShutdownOutcome { report, took, gap }
}

/// What is wrong with a cell of the matrix; nothing when all is well.
fn cell(fault: ReceiverFault, runtime_kind: RuntimeKind, protocol: Protocol) -> Vec<String> {
    let (_peer, endpoint) = fault.peer();
    let mut config = config(&endpoint, protocol);
    config.metrics.otlp.enabled = true;
    config.otlp.shutdown_timeout = DEADLINE;
    let telemetry = start(config);
    make_spans(&telemetry, SPANS);
    let ShutdownOutcome { report, took, gap } = runtime_kind.shut_down(telemetry);
    let mut faults = Vec::new();
    let mut check = |fine: bool, fault: String| {
        if !fine {
            faults.push(format!("{fault:?}, {runtime_kind:?}, {protocol}: {fault}"));
        }
    };
    check(took < BOUND, format!("it took {took:?}"));
    check(gap < LONGEST_GAP, format!("a task waited for {gap:?}"));
    let Err(FlushError(report)) = report else {
        check(false, "the report says that all is well".to_owned());
        return faults;
    };
    for signal in [TelemetrySignal::Traces, TelemetrySignal::Metrics] {
        let report = report.signal(signal).expect("both signals are pushed");
        let cause = report.cause.as_deref().unwrap_or_default();
        check(report.exported == 0, format!("{report}"));
        check(!cause.is_empty(), format!("no cause: {report}"));
        let known = fault.causes().iter().any(|part| cause.contains(part));
        check(known, format!("another cause: {report}"));
        if signal == TelemetrySignal::Traces {
            let lost = report.left + report.refused;
            check(lost == SPANS as u64, format!("{report}"));
        }
    }
    faults
}

#[test]
fn a_shutdown_keeps_its_deadline_whatever_the_receiver_does_in_any_runtime() {
    let mut faults = Vec::new();
    for fault in RECEIVER_FAULTS {
        let cells: Vec<_> = RUNTIME_KINDS
            .into_iter()
            .flat_map(|runtime_kind| PROTOCOLS.map(|protocol| (runtime_kind, protocol)))
            .map(|(runtime_kind, protocol)| {
                thread::spawn(move || cell(fault, runtime_kind, protocol))
            })
            .collect();
        for cell in cells {
            faults.extend(cell.join().expect("nothing panics"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
