use std::future::pending;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::channel;
use std::thread;

use super::*;

const SOON: Duration = Duration::from_secs(10);
const NAME: &str = "vantage-test";

fn is_disconnected<T: PartialEq>(receiver: &Receiver<T>) -> bool {
    let ended = |received| received == Err(RecvTimeoutError::Disconnected);
    std::iter::repeat_with(|| receiver.recv_timeout(SOON))
        .find(Result::is_err)
        .is_some_and(ended)
}

/// Returns a supervisor that is refused threads while the flag is set.
fn refused_by(flag: &Arc<AtomicBool>) -> Supervisor {
    let flag = Arc::clone(flag);
    Supervisor::refused_while(move |_| flag.load(Ordering::SeqCst))
}

#[test]
fn a_loop_ticks_on_a_thread_of_its_name_until_its_guard_is_dropped() {
    let supervisor = Supervisor::default();
    let (ticked, ticks) = channel();
    let guard = supervisor.repeat(NAME, Duration::from_millis(1), move || {
        let _ = ticked.send(thread::current().name().map(str::to_owned));
    });
    for _ in 0..3 {
        let name = ticks.recv_timeout(SOON).unwrap();
        assert_eq!(name.as_deref(), Some(NAME));
    }
    assert_eq!(supervisor.threads(), BTreeMap::from([(NAME, true)]));
    drop(guard);
    assert!(is_disconnected(&ticks));
}

#[test]
fn a_loop_that_waits_ends_at_once() {
    let (ticked, ticks) = channel::<()>();
    drop(Supervisor::default().repeat(NAME, Duration::MAX, move || {
        let _ = ticked.send(());
    }));
    assert!(is_disconnected(&ticks));
}

#[test]
fn a_future_is_cancelled_when_the_guard_is_dropped_and_may_do_more() {
    let (sender, received) = channel();
    let run = async move |stopped: &Stopped, _: &ThreadStatus| {
        let _ = sender.send(stopped.or(async { 1 }).await);
        let _ = sender.send(stopped.or(pending()).await);
        // It stays stopped.
        let _ = sender.send(stopped.or(async { 2 }).await);
    };
    let guard = Supervisor::default().run(NAME, 1, run).unwrap();
    assert_eq!(received.recv_timeout(SOON), Ok(Some(1)));
    drop(guard);
    assert_eq!(received.recv_timeout(SOON), Ok(None));
    assert_eq!(received.recv_timeout(SOON), Ok(None));
    assert!(is_disconnected(&received));
}

#[test]
fn a_panic_costs_one_tick_and_the_loop_keeps_its_state() {
    let supervisor = Supervisor::default();
    let (ticked, ticks) = channel();
    let mut count = 0;
    let told = Arc::new(AtomicUsize::new(0));
    let changes = Arc::clone(&told);
    let (changed, change) = channel();
    supervisor.on_change(move || {
        changes.fetch_add(1, Ordering::SeqCst);
        let _ = changed.send(());
    });
    let guard = supervisor.repeat(NAME, Duration::from_millis(1), move || {
        count += 1;
        let _ = ticked.send(count);
        assert_ne!(count, 2, "no luck");
    });
    assert_eq!(ticks.recv_timeout(SOON), Ok(1));
    assert_eq!(ticks.recv_timeout(SOON), Ok(2));
    change.recv_timeout(SOON).unwrap();
    assert_eq!(supervisor.threads(), BTreeMap::from([(NAME, false)]));
    let down = supervisor.down();
    let Some(ThreadFailure::Panicked(text)) = down.get(NAME) else {
        panic!("{down:?}");
    };
    assert!(text.contains("no luck"), "{text}");
    assert_eq!(ticks.recv_timeout(SOON), Ok(3));
    change.recv_timeout(SOON).unwrap();
    assert_eq!(supervisor.threads(), BTreeMap::from([(NAME, true)]));
    assert_eq!(told.load(Ordering::SeqCst), 2);
    drop(guard);
    assert!(is_disconnected(&ticks));
}

#[test]
fn a_loop_that_panics_ends_with_its_guard_while_it_waits_for_its_next_try() {
    let supervisor = Supervisor::default();
    let (ticked, ticks) = channel();
    let guard = supervisor.repeat(NAME, Duration::from_millis(1), move || {
        let _ = ticked.send(());
        panic!("no luck");
    });
    ticks.recv_timeout(SOON).unwrap();
    drop(guard);
    assert!(is_disconnected(&ticks));
}

#[test]
fn a_future_that_panics_is_made_anew_beside_the_tasks_of_its_runtime() {
    let supervisor = Supervisor::default();
    let (sender, received) = channel();
    let mut runs = 0;
    let run = async move |stopped: &Stopped, thread: &ThreadStatus| {
        runs += 1;
        if runs == 1 {
            let sender = sender.clone();
            tokio::spawn(async move {
                pending::<()>().await;
                drop(sender);
            });
            panic!("no luck");
        }
        thread.record_round();
        let _ = sender.send((runs, thread.is_up()));
        stopped.or(pending::<()>()).await;
    };
    let guard = supervisor.run(NAME, 1, run).unwrap();
    assert_eq!(received.recv_timeout(SOON), Ok((2, true)));
    drop(guard);
    assert!(
        is_disconnected(&received),
        "the runtime ends with the thread"
    );
}

#[test]
fn a_refused_thread_is_started_by_the_round_of_another() {
    let is_refused = Arc::new(AtomicBool::new(false));
    let supervisor = refused_by(&is_refused);
    let living = supervisor.repeat("vantage-living", Duration::from_millis(1), || {});
    is_refused.store(true, Ordering::SeqCst);
    let (ticked, ticks) = channel();
    let guard = supervisor.repeat(NAME, Duration::from_millis(1), move || {
        let _ = ticked.send(());
    });
    let threads = BTreeMap::from([("vantage-living", true), (NAME, false)]);
    assert_eq!(supervisor.threads(), threads);
    is_refused.store(false, Ordering::SeqCst);
    ticks.recv_timeout(SOON).unwrap();
    assert!(supervisor.down().is_empty());
    drop((guard, living));
}

#[test]
fn without_a_living_thread_whoever_touches_the_supervisor_starts_the_others() {
    let is_refused = Arc::new(AtomicBool::new(true));
    let supervisor = refused_by(&is_refused);
    let (ran, runs) = channel();
    for name in ["vantage-one", "vantage-two"] {
        let ran = ran.clone();
        supervisor.spawn(name, move |_| {
            let _ = ran.send(name);
        });
    }
    supervisor.make_due();
    supervisor.nudge();
    assert_eq!(supervisor.down().len(), 2, "they are refused once more");
    is_refused.store(false, Ordering::SeqCst);
    supervisor.nudge();
    assert_eq!(supervisor.down().len(), 2, "they are not due");
    supervisor.make_due();
    supervisor.nudge();
    let mut names = [(); 2].map(|()| runs.recv_timeout(SOON).unwrap());
    names.sort_unstable();
    assert_eq!(names, ["vantage-one", "vantage-two"]);
}

#[test]
fn a_refused_piece_of_work_names_the_limits_and_is_down_until_one_starts() {
    let is_refused = Arc::new(AtomicBool::new(true));
    let supervisor = refused_by(&is_refused);
    let error = supervisor.try_spawn(NAME, || {}).unwrap_err().to_string();
    assert!(error.contains("pids.max"), "{error}");
    assert_eq!(supervisor.threads(), BTreeMap::from([(NAME, false)]));
    is_refused.store(false, Ordering::SeqCst);
    supervisor.try_spawn(NAME, || {}).unwrap();
    assert_eq!(supervisor.threads(), BTreeMap::from([(NAME, true)]));
}

#[tokio::test]
async fn a_refused_runtime_may_be_given_up_within_another() {
    let supervisor = Supervisor::refused_while(|_| true);
    let run = async |stopped: &Stopped, _: &ThreadStatus| {
        stopped.or(pending::<()>()).await;
    };
    let guard = supervisor.run(NAME, 1, run).unwrap();
    supervisor.stop();
    assert!(supervisor.threads().is_empty());
    drop(guard);
}

#[test]
fn nothing_is_started_after_the_end_and_who_asks_is_told() {
    let supervisor = Supervisor::default();
    supervisor.stop();
    let run = async |stopped: &Stopped, _: &ThreadStatus| {
        stopped.or(pending::<()>()).await;
    };
    let error = supervisor.run(NAME, 1, run).unwrap_err().to_string();
    assert_eq!(error, "the telemetry has been shut down");
    assert!(supervisor.threads().is_empty());
}

#[test]
fn queued_lines_are_written_in_order_after_one_that_panics() {
    let supervisor = Supervisor::default();
    supervisor.start_log_queue();
    let (written, lines) = channel();
    let queue = supervisor.log_queue().clone();
    queue.write(|| panic!("the service's log panicked"));
    for line in 0..3 {
        let written = written.clone();
        queue.write(move || {
            let _ = written.send(line);
        });
    }
    let lines: Vec<_> = (0..3).map(|_| lines.recv_timeout(SOON)).collect();
    assert_eq!(lines, [Ok(0), Ok(1), Ok(2)]);
    queue.flush(SOON);
}

#[test]
fn lines_that_wait_for_their_thread_are_written_when_it_starts() {
    let is_refused = Arc::new(AtomicBool::new(true));
    let supervisor = refused_by(&is_refused);
    supervisor.start_log_queue();
    let (written, lines) = channel();
    supervisor.log_queue().write(move || {
        let _ = written.send(());
    });
    is_refused.store(false, Ordering::SeqCst);
    supervisor.make_due();
    supervisor.nudge();
    assert_eq!(lines.recv_timeout(SOON), Ok(()));
}
