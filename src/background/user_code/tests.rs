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
