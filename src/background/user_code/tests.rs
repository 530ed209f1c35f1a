use std::sync::mpsc::{Sender, channel};

use super::*;

const SOON: Duration = Duration::from_secs(30);
/// Long enough for what hangs to be met.
const SHORT: Duration = Duration::from_millis(20);

/// A call that hangs until the sender is dropped.
fn hanging(name: &str) -> (Arc<UserCall>, Sender<()>) {
    let (release, hanging) = channel();
    let hanging = Mutex::new(hanging);
    let call = UserCall::new(name, move || {
        let _ = lock(&hanging).recv();
        Ok(())
    });
    (Arc::new(call), release)
}

fn counted(name: &str) -> (Reading<usize>, Arc<AtomicUsize>) {
    let times = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&times);
    let reading = Reading::new(
        name,
        move || Ok(counter.fetch_add(1, Ordering::Relaxed) + 1),
    );
    (reading, times)
}

fn names(failed: &[&UserCall]) -> Vec<String> {
    failed.iter().map(|call| call.name().to_owned()).collect()
}

/// Waits until the calls that were given up have returned.
fn until_returned(code: &UserCode) {
    while code.hanging().count() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn a_call_that_hangs_costs_its_own_result_only_and_is_not_called_again() {
    let code = UserCode::new("vantage-test");
    let (stuck, release) = hanging("stuck");
    let (before, _) = counted("before");
    let (after, times) = counted("after");
    let calls = [Arc::clone(before.call()), stuck, Arc::clone(after.call())];
    for round in 1..=3 {
        // More than the patience of the first round.
        let failed = code.call_all(&calls, 4 * PATIENCE);
        assert_eq!(names(&failed), ["stuck"], "{round}");
        assert_eq!(code.hanging().count(), 1);
        assert_eq!(after.with_result(|value| *value), Some(round));
        assert_eq!(before.with_result(|value| *value), Some(round));
    }
    assert_eq!(times.load(Ordering::Relaxed), 3);
    drop(release);
    until_returned(&code);
    assert!(code.call_all(&calls, SOON).is_empty(), "it works again");
}

#[test]
fn a_late_result_is_never_used() {
    let code = UserCode::new("vantage-test");
    let (release, hanging) = channel::<()>();
    let hanging = Mutex::new(hanging);
    let slow = Reading::new("slow", move || {
        let _ = lock(&hanging).recv();
        Ok(())
    });
    let calls = [Arc::clone(slow.call())];
    assert_eq!(names(&code.call_all(&calls, SHORT)), ["slow"]);
    drop(release);
    until_returned(&code);
    assert_eq!(slow.with_result(|()| ()), None);
    assert!(code.call_all(&calls, SOON).is_empty());
    assert_eq!(slow.with_result(|()| ()), Some(()));
}

#[test]
fn a_panic_costs_its_own_result_only() {
    let code = UserCode::new("vantage-test");
    let broken = Reading::<()>::new("broken", || panic!("this function panics"));
    let (whole, _) = counted("whole");
    let calls = [Arc::clone(broken.call()), Arc::clone(whole.call())];
    for round in 1..=2 {
        assert_eq!(names(&code.call_all(&calls, SOON)), ["broken"]);
        assert_eq!(broken.with_result(|()| ()), None);
        assert_eq!(whole.with_result(|value| *value), Some(round));
    }
    assert_eq!(code.hanging().count(), 0);
}

#[test]
fn threads_that_are_given_up_are_bounded_and_one_that_returns_is_used_again() {
    let code = UserCode::new("vantage-test");
    let (stuck, mut releases): (Vec<_>, Vec<_>) = (0..2 * MAX_THREADS)
        .map(|number| hanging(&number.to_string()))
        .unzip();
    let failed = code.call_all(&stuck, 20 * PATIENCE);
    assert_eq!(failed.len(), 2 * MAX_THREADS);
    assert_eq!(code.hanging().count(), MAX_THREADS);
    let (late, times) = counted("late");
    let calls = [Arc::clone(late.call())];
    // At once: an hour is not waited for.
    let failed = code.call_all(&calls, Duration::from_secs(3600));
    assert_eq!(names(&failed), ["late"]);
    assert_eq!(times.load(Ordering::Relaxed), 0);
    drop(releases.remove(0));
    while code.hanging().count() == MAX_THREADS {
        std::thread::yield_now();
    }
    assert!(code.call_all(&calls, SOON).is_empty());
    assert_eq!(late.with_result(|value| *value), Some(1));
}

#[test]
fn a_call_that_asks_for_calls_gets_what_is_there() {
    let code = UserCode::new("vantage-test");
    let (inner, times) = counted("inner");
    let calls = [Arc::clone(inner.call())];
    assert!(code.call_all(&calls, SOON).is_empty());
    let (asking, asked) = (code.clone(), inner.clone());
    let outer = Reading::new("outer", move || {
        let calls = [Arc::clone(asked.call())];
        assert!(
            asking
                .call_all(&calls, Duration::from_secs(3600))
                .is_empty()
        );
        Ok(asked.with_result(|value| *value))
    });
    assert!(code.call_all(&[Arc::clone(outer.call())], SOON).is_empty());
    assert_eq!(outer.with_result(|value| *value), Some(Some(1)));
    assert_eq!(times.load(Ordering::Relaxed), 1);
}

#[test]
fn callers_at_the_same_time_share_a_call_that_is_under_way() {
    let code = UserCode::new("vantage-test");
    let (begun, began) = channel();
    let (release, hanging) = channel::<()>();
    let hanging = Mutex::new(hanging);
    let calls = [Arc::new(UserCall::new("slow", move || {
        let _ = begun.send(());
        let _ = lock(&hanging).recv();
        Ok(())
    }))];
    std::thread::scope(|scope| {
        let callers = [(); 2].map(|()| scope.spawn(|| code.call_all(&calls, SOON).len()));
        began.recv_timeout(SOON).unwrap();
        drop(release);
        for caller in callers {
            assert_eq!(caller.join().unwrap(), 0);
        }
    });
    assert_eq!(code.hanging().count(), 0);
}

#[test]
fn a_late_call_that_returns_within_5_s_has_the_whole_time_again() {
    let code = UserCode::new("vantage-test");
    let (slow, release) = hanging("slow");
    let calls = [slow];
    assert_eq!(names(&code.call_all(&calls, SHORT)), ["slow"]);
    assert!(calls[0].progress().is_stuck);
    drop(release);
    until_returned(&code);
    assert!(!calls[0].progress().is_stuck);
    assert!(code.call_all(&calls, SOON).is_empty());
}

#[test]
fn the_second_of_what_hung_counts_from_its_begin() {
    let begin = Instant::now();
    let at = |millis| begin + Duration::from_millis(millis);
    let mut progress = CallProgress {
        phase: CallPhase::GivenUp(begin),
        ..CallProgress::default()
    };
    for (returned, is_stuck) in [(4_900, false), (5_100, true)] {
        progress.phase = CallPhase::GivenUp(begin);
        assert!(progress.end(Ok(()), at(returned)));
        assert_eq!(progress.is_stuck, is_stuck, "{returned}");
    }
    // Not while it waits for a thread.
    progress.phase = CallPhase::Waiting(begin);
    assert_eq!(progress.rest(SOON, at(3_000)), Some(SOON));
    progress.phase = CallPhase::Running(at(3_000));
    let rest = |now| progress.rest(SOON, at(now));
    assert_eq!(rest(3_300), Some(Duration::from_millis(700)));
    assert_eq!(rest(4_000), None);
    assert_eq!(progress.rest(SHORT, at(3_300)), Some(SHORT));
    // In time again.
    assert!(!progress.end(Ok(()), at(3_900)));
    progress.phase = CallPhase::Running(begin);
    assert_eq!(progress.rest(SOON, at(3_000)), Some(SOON));
}

#[test]
fn a_call_that_waits_gets_another_thread_although_the_others_get_on() {
    let asked = Instant::now();
    let at = |passed| asked + passed;
    let code = UserCode::new("vantage-test");
    let mut state = lock(&code.0.state);
    let calls: Vec<_> = ["first", "second"]
        .map(|name| Arc::clone(counted(name).0.call()))
        .into();
    enqueue(&mut state, &calls, asked);
    state.started = Some(asked);
    assert!(!state.is_late(at(PATIENCE / 2)));
    // The first begins.
    let _running = state.waiting.pop_front();
    assert!(state.is_late(at(PATIENCE)));
    // One thread each time.
    state.started = Some(at(PATIENCE));
    assert!(!state.is_late(at(PATIENCE)));
    assert!(state.is_late(at(2 * PATIENCE)));
    state.waiting.clear();
    assert!(!state.is_late(at(2 * PATIENCE)));
}

#[test]
fn the_cause_of_a_call_that_never_began_is_named() {
    let code = UserCode::new("vantage-test");
    let (late, _) = counted("late");
    let (stuck, releases): (Vec<_>, Vec<_>) = (0..MAX_THREADS)
        .map(|number| hanging(&number.to_string()))
        .unzip();
    let mut calls = stuck;
    calls.push(Arc::clone(late.call()));
    for cause in ["it was not begun in time", "no thread is left to call it"] {
        let failed = code.call_all(&calls, 20 * PATIENCE);
        assert_eq!(failed.len(), MAX_THREADS + 1);
        let failure = late.call().progress().failure;
        assert_eq!(failure.map(CallFailure::as_str), Some(cause));
    }
    drop(releases);
}

#[test]
fn a_caller_whose_calls_are_done_leaves_although_anothers_hangs() {
    let code = UserCode::new("vantage-test");
    let (begun, began) = channel();
    let (release, waiting) = channel::<()>();
    let waiting = Mutex::new(waiting);
    let own = [Arc::new(UserCall::new("own", move || {
        let _ = begun.send(());
        let _ = lock(&waiting).recv();
        Ok(())
    }))];
    let (stuck, end) = hanging("stuck");
    let other = [stuck];
    let (left, leaves) = channel();
    std::thread::scope(|scope| {
        let (code, own, other) = (&code, &own, &other);
        scope.spawn(move || {
            let failed = code.call_all(own, 4 * SOON).len();
            let _ = left.send(failed);
        });
        began.recv_timeout(SOON).unwrap();
        scope.spawn(|| code.call_all(other, SOON));
        while !other[0].is_under_way() {
            std::thread::yield_now();
        }
        drop(release);
        let failed = leaves.recv_timeout(SOON);
        drop(end);
        assert_eq!(failed, Ok(0));
    });
}
