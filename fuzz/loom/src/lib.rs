//! Lock-free code of `vantage-obs` under loom.

#![cfg(test)]

#[path = "../../../src/record/business_totals/peak.rs"]
mod peak;

/// The wing that the files import from, with loom's atomics.
mod record {
    pub(crate) mod sync {
        pub(crate) use loom::sync::atomic;
    }
}

use loom::sync::Arc;
use loom::thread;

use peak::PeakValue;

/// Of two threads that set a gauge and one that reads it: the larger value is in a reading.
#[test]
fn no_peak_is_lost_between_readings() {
    loom::model(|| {
        let peak = Arc::new(PeakValue::default());
        let setters = [9, 5].map(|value| {
            let peak = Arc::clone(&peak);
            thread::spawn(move || peak.set(value))
        });
        let during = peak.read();
        for setter in setters {
            setter.join().unwrap();
        }
        assert_eq!(during.max(peak.read()), Some(9));
    });
}

/// The value that was set last is in the next reading, though nothing is set any more.
#[test]
fn what_holds_is_told_again() {
    loom::model(|| {
        let peak = Arc::new(PeakValue::default());
        let setter = {
            let peak = Arc::clone(&peak);
            thread::spawn(move || [9, 3].into_iter().for_each(|value| peak.set(value)))
        };
        let during = peak.read();
        setter.join().unwrap();
        assert_eq!(during.max(peak.read()), Some(9));
        assert_eq!(peak.read(), Some(3));
    });
}

/// A reading that finds the flag finds a value: 0 is never told of a gauge that was never 0.
#[test]
fn a_gauge_is_told_only_with_its_value() {
    loom::model(|| {
        let peak = Arc::new(PeakValue::default());
        let setter = {
            let peak = Arc::clone(&peak);
            thread::spawn(move || peak.set(7))
        };
        assert!([None, Some(7)].contains(&peak.read()));
        setter.join().unwrap();
        assert_eq!(peak.read(), Some(7));
    });
}
