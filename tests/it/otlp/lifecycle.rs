//! The ends of telemetry: shut down twice, dropped, recorded into afterwards, with and without a
//! runtime.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use vantage_obs::config::{Protocol, TelemetrySignal};
use vantage_obs::trace::Carrier;
use vantage_obs::{FlushError, FlushReport};

use super::broken_receiver::BrokenReceiver;
use super::receiver::{Behaviour, Receiver};
use super::{PROTOCOLS, config, make_spans, start};

/// A runtime that knows nothing but polling.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

#[test]
fn flush_and_shutdown_work_in_a_runtime_that_is_not_tokios() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Accept);
        let telemetry = start(config(&receiver.endpoint(), protocol));
        make_spans(&telemetry, 3);
        let report = block_on(telemetry.flush()).unwrap();
        assert_eq!(report.signal(TelemetrySignal::Traces).unwrap().exported, 3);
        make_spans(&telemetry, 2);
        let report = block_on(telemetry.shutdown()).unwrap();
        assert_eq!(report.signal(TelemetrySignal::Traces).unwrap().exported, 2);
    }
}

#[tokio::test]
async fn a_second_shutdown_has_nothing_to_report_and_recording_goes_on_without_effect() {
    let receiver = Receiver::start(Behaviour::Accept);
    let telemetry = start(config(&receiver.endpoint(), Protocol::Grpc));
    make_spans(&telemetry, 3);
    let report = telemetry.shutdown().await.unwrap();
    assert_eq!(report.to_string(), "traces: 3 exported");
    make_spans(&telemetry, 3000);
    telemetry
        .worker("w1")
        .start("x", std::time::SystemTime::now(), &Carrier::EMPTY)
        .succeed();
    assert_eq!(telemetry.shutdown().await.unwrap(), FlushReport::default());
    assert_eq!(
        telemetry.shutdown_blocking().unwrap(),
        FlushReport::default()
    );
    assert_eq!(telemetry.flush().await.unwrap(), FlushReport::default());
    drop(telemetry);
    assert_eq!(receiver.spans().len(), 3);
}

#[tokio::test]
async fn two_shutdowns_at_once_report_everything_once() {
    let receiver = Receiver::start(Behaviour::Slow(Duration::from_millis(200)));
    let telemetry = start(config(&receiver.endpoint(), Protocol::Grpc));
    make_spans(&telemetry, 3);
    let (one, other) = tokio::join!(telemetry.shutdown(), telemetry.shutdown());
    // Goodbyes come first, so that either may be the one that finds what is to be exported.
    let mut reports = [one.unwrap().to_string(), other.unwrap().to_string()];
    reports.sort_by_key(String::len);
    assert_eq!(
        reports,
        [
            FlushReport::default().to_string(),
            "traces: 3 exported".into()
        ]
    );
}

#[tokio::test]
async fn a_flush_that_a_shutdown_cuts_off_does_not_say_that_all_is_well() {
    let silent = BrokenReceiver::silent();
    let telemetry = start(config(&silent.endpoint(), Protocol::Grpc));
    make_spans(&telemetry, 3);
    let cut_off = telemetry.flush();
    let shutdown = telemetry.shutdown_within(Duration::from_millis(200));
    let started = Instant::now();
    let (cut_off, shutdown) = tokio::join!(cut_off, shutdown);
    assert!(started.elapsed() < Duration::from_secs(2));
    let FlushError(report) = shutdown.unwrap_err();
    assert_eq!(report.signal(TelemetrySignal::Traces).unwrap().left, 3);
    let FlushError(report) = cut_off.unwrap_err();
    let cause = report
        .signal(TelemetrySignal::Traces)
        .unwrap()
        .cause
        .clone();
    assert_eq!(cause.as_deref(), Some("the exporter has ended"));
}

#[test]
fn the_last_handle_sends_what_waits_when_it_is_dropped() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Accept);
        let telemetry = start(config(&receiver.endpoint(), protocol));
        let clone = telemetry.clone();
        make_spans(&telemetry, 3);
        drop(telemetry);
        assert_eq!(receiver.spans().len(), 0, "a clone is left");
        drop(clone);
        assert_eq!(receiver.spans().len(), 3);
    }
}

#[test]
fn dropping_the_last_handle_takes_a_second_at_most_in_any_runtime() {
    let drops = |drop_it: fn(vantage_obs::Telemetry)| {
        PROTOCOLS.map(|protocol| {
            thread::spawn(move || {
                let silent = BrokenReceiver::silent();
                let telemetry = start(config(&silent.endpoint(), protocol));
                make_spans(&telemetry, 3);
                let started = Instant::now();
                drop_it(telemetry);
                started.elapsed()
            })
        })
    };
    let in_runtime = |telemetry: vantage_obs::Telemetry| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(async move { drop(telemetry) });
    };
    let all = [drops(drop), drops(in_runtime)];
    for dropped in all.into_iter().flatten() {
        let took = dropped.join().unwrap();
        assert!(took < Duration::from_millis(1300), "{took:?}");
    }
}

#[tokio::test]
async fn recording_takes_its_usual_time_while_the_exporter_is_stuck() {
    let receiver = Receiver::start(Behaviour::Accept);
    let silent = BrokenReceiver::silent();
    let median = |endpoint: &str| {
        let mut config = config(endpoint, Protocol::Grpc);
        config.otlp.shutdown_timeout = Duration::from_millis(50);
        let telemetry = start(config);
        make_spans(&telemetry, 5000); // more than the queue holds
        let mut took: Vec<_> = (0..2000)
            .map(|_| {
                let started = Instant::now();
                make_spans(&telemetry, 1);
                started.elapsed()
            })
            .collect();
        took.sort();
        let _ = telemetry.shutdown_blocking();
        took[took.len() / 2]
    };
    let (usual, stuck) = (median(&receiver.endpoint()), median(&silent.endpoint()));
    let bound = 3 * usual + Duration::from_micros(50);
    assert!(stuck < bound, "{stuck:?} and not {usual:?}");
}

#[tokio::test]
async fn a_callback_that_hangs_does_not_hold_up_the_shutdown() {
    let receiver = Receiver::start(Behaviour::Accept);
    let mut config = config(&receiver.endpoint(), Protocol::Grpc);
    config.metrics.otlp.enabled = true;
    let telemetry = start(config);
    let (_release, hanging) = std::sync::mpsc::channel::<()>();
    let hanging = std::sync::Mutex::new(hanging);
    let _gauge = telemetry
        .meter("theirs")
        .u64_observable_gauge("theirs.depth")
        .with_callback(move |_| {
            let _ = hanging.lock().map(|hanging| hanging.recv());
        })
        .build();
    make_spans(&telemetry, 3);
    let started = Instant::now();
    let shutdown = telemetry.shutdown_within(Duration::from_millis(800)).await;
    let FlushError(report) = shutdown.unwrap_err();
    drop(telemetry);
    let took = started.elapsed();
    assert!(took < Duration::from_millis(1100), "{took:?}");
    assert_eq!(report.signal(TelemetrySignal::Traces).unwrap().exported, 3);
    let metrics = report.signal(TelemetrySignal::Metrics).unwrap();
    assert!(metrics.exported > 10, "{metrics}");
    let cause = metrics.cause.as_deref();
    assert_eq!(cause, Some("some metrics could not be collected"));
}

#[tokio::test]
async fn a_deadline_may_be_as_long_or_as_short_as_one_likes() {
    let receiver = Receiver::start(Behaviour::Accept);
    for protocol in PROTOCOLS {
        let telemetry = start(config(&receiver.endpoint(), protocol));
        make_spans(&telemetry, 1);
        telemetry.shutdown_within(Duration::MAX).await.unwrap();
        let telemetry = start(config(&receiver.endpoint(), protocol));
        make_spans(&telemetry, 3);
        let report = match telemetry.shutdown_within(Duration::ZERO).await {
            Ok(report) | Err(FlushError(report)) => report,
        };
        // Whether it was in time is the machine's business, and the report's to say.
        let traces = report.signal(TelemetrySignal::Traces).unwrap();
        assert_eq!(traces.exported + traces.left, 3, "{traces}");
        assert_eq!(traces.is_complete(), traces.left == 0, "{traces}");
    }
}

/// An order that came in just while the export ended was answered by nobody: who dropped the
/// telemetry after its shutdown waited for ever, once in some thousand times.
#[test]
fn nobody_waits_for_ever_who_asks_while_the_export_ends() {
    let (all, done) = std::sync::mpsc::channel();
    let asking = thread::spawn(move || {
        for _ in 0..1000 {
            let telemetry = start(config(
                &BrokenReceiver::refuses().endpoint(),
                Protocol::Grpc,
            ));
            let callers: Vec<_> = (0..4)
                .map(|_| {
                    let telemetry = telemetry.clone();
                    thread::spawn(move || {
                        for _ in 0..3 {
                            let _ = telemetry.shutdown_blocking();
                        }
                    })
                })
                .collect();
            for caller in callers {
                caller.join().unwrap();
            }
        }
        let _ = all.send(());
    });
    let over = done.recv_timeout(Duration::from_secs(120));
    assert!(over.is_ok(), "somebody waits for ever");
    asking.join().unwrap();
}
