//! A receiver that refuses, wants to be left alone, or was away: what is tried again and when, and
//! that every item is counted once.

use std::time::{Duration, Instant};

use vantage_obs::ExpositionFormat;
use vantage_obs::Telemetry;
use vantage_obs::config::{Protocol, TelemetrySignal};
use vantage_obs::{FlushError, SignalReport};

use super::broken_receiver::BrokenReceiver;
use super::receiver::{Behaviour, Receiver};
use super::{PROTOCOLS, config, make_spans, start};
use crate::support::sample_with;

const SECOND: Duration = Duration::from_secs(1);

/// What a flush says of one signal, well or badly.
async fn flush(telemetry: &Telemetry, signal: TelemetrySignal) -> SignalReport {
    let report = match telemetry.flush().await {
        Ok(report) | Err(FlushError(report)) => report,
    };
    report.signal(signal).unwrap().clone()
}

fn value(telemetry: &Telemetry, name: &str, labels: &[(&str, &str)]) -> f64 {
    let text = telemetry.scrape(ExpositionFormat::Text).unwrap();
    sample_with(&text, name, labels).unwrap_or(0.0)
}

/// Looks again until it is so; no test waits for long.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < 10 * SECOND, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn what_is_refused_for_good_is_counted_and_not_sent_again() {
    for (protocol, behaviour, error) in [
        (Protocol::Grpc, Behaviour::Invalid, "INVALID_ARGUMENT"),
        (
            Protocol::Grpc,
            Behaviour::Throttled(None),
            "RESOURCE_EXHAUSTED",
        ),
        (Protocol::HttpProtobuf, Behaviour::Invalid, "400"),
    ] {
        let receiver = Receiver::start(behaviour);
        let telemetry = start(config(&receiver.endpoint(), protocol));
        make_spans(&telemetry, 5);
        let traces = flush(&telemetry, TelemetrySignal::Traces).await;
        assert_eq!((traces.exported, traces.refused, traces.left), (0, 5, 0));
        let cause = traces.cause.unwrap();
        assert!(cause.starts_with(error), "{cause}");
        let labels = [("error_type", error)];
        let name = "otel_sdk_exporter_span_exported_total";
        assert_eq!(value(&telemetry, name, &labels), 5.0);

        receiver.behave(Behaviour::Accept);
        make_spans(&telemetry, 2);
        assert_eq!(flush(&telemetry, TelemetrySignal::Traces).await.exported, 2);
        assert_eq!(receiver.arrivals().len(), 2);
    }
}

#[tokio::test]
async fn what_is_rejected_of_a_batch_is_told_from_what_was_taken() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Partial(3));
        let telemetry = start(config(&receiver.endpoint(), protocol));
        make_spans(&telemetry, 10);
        let traces = flush(&telemetry, TelemetrySignal::Traces).await;
        assert_eq!((traces.exported, traces.refused, traces.left), (7, 3, 0));
        let cause = traces.cause.as_deref();
        assert_eq!(cause, Some("the receiver rejected 3: too old"));
        let name = "otel_sdk_exporter_span_exported_total";
        assert_eq!(value(&telemetry, name, &[]), 7.0);
        let rejected = [("error_type", "rejected")];
        assert_eq!(value(&telemetry, name, &rejected), 3.0);
    }
}

#[test]
fn a_status_that_cannot_be_read_does_not_end_the_export() {
    let receiver = Receiver::start(Behaviour::Undecodable);
    let mut config = config(&receiver.endpoint(), Protocol::Grpc);
    config.traces.batch.delay = Duration::from_millis(20);
    let telemetry = start(config);
    make_spans(&telemetry, 5);
    receiver.wait_for(1);
    receiver.behave(Behaviour::Accept);
    // The same batch once more.
    assert_eq!(receiver.wait_for(2)[1].message.spans().len(), 5);
    let name = "otel_sdk_exporter_span_exported_total";
    let exported = || value(&telemetry, name, &[]);
    until("the spans are counted", || exported() == 5.0);
}

#[test]
fn a_receiver_is_left_alone_for_as_long_as_it_asks() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Throttled(Some(SECOND)));
        let mut config = config(&receiver.endpoint(), protocol);
        config.traces.batch.delay = Duration::from_millis(20);
        let telemetry = start(config);
        make_spans(&telemetry, 5);
        receiver.wait_for(1);
        receiver.behave(Behaviour::Accept);
        make_spans(&telemetry, 5);
        let arrivals = receiver.wait_for(3);
        let pause = arrivals[1].at - arrivals[0].at;
        assert!(pause >= SECOND, "{protocol}: {pause:?}");
        assert_eq!(receiver.spans().len(), 10);
    }
}

#[test]
fn pushes_of_metrics_leave_a_receiver_alone_across_intervals() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Throttled(Some(SECOND)));
        let mut config = config(&receiver.endpoint(), protocol);
        config.metrics.otlp.enabled = true;
        config.metrics.otlp.interval = Duration::from_millis(20);
        config.metrics.otlp.timeout = Duration::from_millis(500);
        let _telemetry = start(config);
        let arrivals = receiver.wait_for(2);
        let pause = arrivals[1].at - arrivals[0].at;
        assert!(pause >= SECOND, "{protocol}: {pause:?}");
    }
}

#[tokio::test]
async fn a_flush_asks_again_at_once() {
    for protocol in PROTOCOLS {
        let hour = Duration::from_secs(3600);
        let receiver = Receiver::start(Behaviour::Throttled(Some(hour)));
        let mut config = config(&receiver.endpoint(), protocol);
        config.metrics.otlp.enabled = true;
        let telemetry = start(config);
        make_spans(&telemetry, 5);
        let traces = flush(&telemetry, TelemetrySignal::Traces).await;
        assert_eq!((traces.exported, traces.refused, traces.left), (0, 0, 5));
        assert_eq!(receiver.arrivals().len(), 2);

        receiver.behave(Behaviour::Accept);
        let report = telemetry.flush().await.unwrap();
        assert_eq!(report.signal(TelemetrySignal::Traces).unwrap().exported, 5);
        assert_eq!(receiver.spans().len(), 5);
    }
}

#[tokio::test]
async fn a_push_that_waits_for_its_next_try_gives_way_to_a_flush_and_nothing_is_lost() {
    let receiver = Receiver::start(Behaviour::Unavailable);
    let mut config = config(&receiver.endpoint(), Protocol::HttpProtobuf);
    config.metrics.otlp.enabled = true;
    config.metrics.otlp.interval = Duration::from_millis(20);
    let telemetry = start(config);
    receiver.wait_for(1);
    receiver.behave(Behaviour::Accept);
    let report = telemetry.flush().await.unwrap();
    assert!(report.signal(TelemetrySignal::Metrics).unwrap().exported > 0);
}

#[tokio::test]
async fn a_batch_outlives_any_number_of_flushes_that_fail() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Unavailable);
        let telemetry = start(config(&receiver.endpoint(), protocol));
        make_spans(&telemetry, 5);
        for _ in 0..100 {
            let traces = flush(&telemetry, TelemetrySignal::Traces).await;
            assert_eq!((traces.refused, traces.left), (0, 5));
        }
        receiver.behave(Behaviour::Accept);
        // Also the back-off hasn't grown by them: this one comes by itself.
        let patience = Instant::now();
        until("the batch arrives", || receiver.spans().len() == 5);
        assert!(patience.elapsed() < 2 * SECOND, "{:?}", patience.elapsed());
    }
}

#[test]
fn what_waited_arrives_when_the_receiver_is_back_and_drops_are_counted_exactly() {
    for protocol in PROTOCOLS {
        let away = Receiver::start(Behaviour::Accept);
        let address = away.address();
        drop(away);
        let mut config = config(&format!("http://{address}"), protocol);
        config.traces.batch.queue_size = 50;
        config.traces.batch.size = 10;
        config.traces.batch.delay = Duration::from_secs(3600);
        let telemetry = start(config);
        make_spans(&telemetry, 30);
        let queue = "otel_sdk_processor_span_queue_size";
        // One batch is in the exporter's hands, two are behind it.
        until("a batch was tried", || {
            value(&telemetry, queue, &[]) == 20.0
        });
        make_spans(&telemetry, 40);
        assert_eq!(value(&telemetry, queue, &[]), 50.0);
        let processed = "otel_sdk_processor_span_processed_total";
        let full = [("error_type", "queue_full")];
        assert_eq!(value(&telemetry, processed, &full), 10.0);

        let back = Receiver::start_at(address, Behaviour::Accept);
        back.wait_for(6);
        assert_eq!(back.spans().len(), 60);
        until("all is counted", || {
            value(&telemetry, "otel_sdk_exporter_span_exported_total", &[]) == 60.0
        });
        assert_eq!(value(&telemetry, processed, &[]), 60.0);
        assert_eq!(value(&telemetry, processed, &full), 10.0);
        assert_eq!(value(&telemetry, queue, &[]), 0.0);
        telemetry.shutdown_blocking().unwrap();
    }
}

#[test]
fn a_connection_that_died_without_a_word_is_replaced() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Accept);
        let between = BrokenReceiver::half_open(receiver.address());
        let mut config = config(&between.endpoint(), protocol);
        config.otlp.timeout = Duration::from_millis(300);
        config.traces.batch.delay = Duration::from_millis(20);
        let telemetry = start(config);
        make_spans(&telemetry, 5);
        receiver.wait_for(1);
        telemetry.shutdown_blocking().unwrap();
        assert_eq!(receiver.spans().len(), 5);
    }
}

#[tokio::test]
async fn an_answer_that_never_ends_is_a_success_all_the_same() {
    let receiver = Receiver::start(Behaviour::EndlessAnswer);
    let telemetry = start(config(&receiver.endpoint(), Protocol::HttpProtobuf));
    make_spans(&telemetry, 5);
    assert_eq!(flush(&telemetry, TelemetrySignal::Traces).await.exported, 5);
    assert_eq!(receiver.arrivals().len(), 1, "nothing is sent twice");
}

#[test]
fn a_flush_ends_although_spans_keep_coming() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Slow(Duration::from_millis(30)));
        let mut config = config(&receiver.endpoint(), protocol);
        config.otlp.shutdown_timeout = 8 * SECOND;
        let telemetry = start(config);
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let producer = std::thread::spawn({
            let telemetry = telemetry.clone();
            move || {
                let tick = Duration::from_millis(1);
                while stopped
                    .recv_timeout(tick)
                    .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout)
                {
                    make_spans(&telemetry, 1);
                }
            }
        });
        receiver.wait_for(1);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        for _ in 0..3 {
            let started = Instant::now();
            let traces = runtime.block_on(flush(&telemetry, TelemetrySignal::Traces));
            assert_eq!(traces.cause, None, "{protocol}");
            let took = started.elapsed();
            assert!(took < 2 * SECOND, "{protocol}: {took:?}");
        }
        drop(stop);
        producer.join().unwrap();
    }
}

#[tokio::test]
async fn a_callback_that_hangs_costs_its_own_metrics_only() {
    let receiver = Receiver::start(Behaviour::Accept);
    let mut config = config(&receiver.endpoint(), Protocol::HttpProtobuf);
    config.metrics.otlp.enabled = true;
    config.otlp.shutdown_timeout = SECOND;
    let telemetry = start(config);
    let (release, hanging) = std::sync::mpsc::channel::<()>();
    let hanging = std::sync::Mutex::new(hanging);
    let _gauge = telemetry
        .meter("theirs")
        .u64_observable_gauge("theirs.depth")
        .with_callback(move |observer| {
            let _ = hanging.lock().map(|hanging| hanging.recv());
            observer.observe(1, &[]);
        })
        .build();
    for _ in 0..3 {
        let metrics = flush(&telemetry, TelemetrySignal::Metrics).await;
        let cause = metrics.cause.as_deref();
        assert_eq!(cause, Some("some metrics could not be collected"));
        assert!(metrics.exported > 10, "{metrics}");
    }
    drop(release);
    let complete = telemetry.flush().await;
    let complete = match complete {
        // What was under way when it hung is complete by now; the next one is for certain.
        Err(_) => telemetry.flush().await,
        complete => complete,
    };
    assert!(complete.is_ok(), "{complete:?}");
    let last = receiver.arrivals().pop().unwrap();
    assert_eq!(last.message.metrics()["theirs.depth"], 1);
}

#[tokio::test]
async fn a_connection_that_is_not_made_is_told_from_an_answer_that_does_not_come() {
    for protocol in PROTOCOLS {
        for (broken, error, cause) in [
            (
                BrokenReceiver::never_connects(),
                "connection",
                "no connection within the time limit",
            ),
            (
                BrokenReceiver::silent(),
                "timeout",
                "no answer within 300ms",
            ),
        ] {
            let mut config = config(&broken.endpoint(), protocol);
            config.otlp.timeout = Duration::from_millis(300);
            let telemetry = start(config);
            make_spans(&telemetry, 1);
            let traces = flush(&telemetry, TelemetrySignal::Traces).await;
            assert_eq!(traces.cause.as_deref(), Some(cause), "{protocol}");
            let name = "otel_sdk_exporter_operation_duration_seconds_count";
            let exporter = match protocol {
                Protocol::Grpc => "otlp_grpc_span_exporter",
                _ => "otlp_http_span_exporter",
            };
            let labels = [("error_type", error), ("otel_component_type", exporter)];
            assert_eq!(value(&telemetry, name, &labels), 1.0, "{protocol}");
        }
    }
}
