//! What is usual: the same hours of the last three weeks.
//!
//! Why a median? Because one holiday or one outage among three weeks doesn't move it. Before there are
//! three weeks of history there is no median, and nothing is said.

use super::{Measure, Time};
use crate::generate::rule::Record;
use crate::model::catalog::business::{AI_GENERATIONS, POSTS, REVENUE};
use crate::model::catalog::health::READY;
use crate::model::promql::{Counter, Gauge, Recorded, Vector, Window};

/// Fewer events are no custom that something could differ from.
const FLOOR: u32 = 20;
/// The same in minor units of a currency: what 20 sales of the smallest price bring, a whole unit each.
const FLOOR_OF_MINOR_UNITS: u32 = 2_000;
const WEEKS: [(&str, u64); 3] = [("1", 7), ("2", 14), ("3", 21)];

/// A counter of 3 hours, now and at the same time of the weeks before.
#[derive(Debug)]
pub(in crate::generate) struct Usual<'a> {
    name: &'static str,
    counted: Vector,
    floor: u32,
    time: Time<'a>,
}

impl<'a> Usual<'a> {
    pub(super) fn posts(time: Time<'a>) -> Self {
        let counted = Counter::of(&POSTS).increase(time.hours(3));
        let counted = counted.sum_by(&["environment"]);
        Self::of("vantage:posts_published", counted, FLOOR, time)
    }

    pub(super) fn generations(time: Time<'a>) -> Self {
        let counted = Counter::of(&AI_GENERATIONS).increase(time.hours(3));
        let counted = counted.sum_by(&["environment"]);
        Self::of("vantage:ai_generations", counted, FLOOR, time)
    }

    pub(super) fn revenue(time: Time<'a>) -> Self {
        let counted = Counter::of(&REVENUE).increase(time.hours(3));
        let counted = counted.sum_by(&["environment", "currency"]);
        Self::of("vantage:revenue", counted, FLOOR_OF_MINOR_UNITS, time)
    }

    /// All three.
    pub(in crate::generate) fn all(time: Time<'a>) -> [Self; 3] {
        [
            Self::posts(time),
            Self::generations(time),
            Self::revenue(time),
        ]
    }

    const fn of(name: &'static str, counted: Vector, floor: u32, time: Time<'a>) -> Self {
        Self {
            name,
            counted,
            floor,
            time,
        }
    }

    fn recorded(&self) -> Recorded {
        Recorded::of(format!("{}:increase3h", self.name), &self.counted)
    }

    fn usual(&self) -> Recorded {
        Recorded::of(format!("{}:usual3h", self.name), &self.counted)
    }

    /// The rules that record what is and what is usual.
    pub(in crate::generate) fn records(&self) -> [Record; 2] {
        let (now, usual) = (self.recorded(), self.usual());
        let weeks = WEEKS.map(|(week, days)| now.before(self.days(days)).labelled("week", week));
        let [first, second, third] = &weeks;
        let weeks = first.or(second).or(third);
        let complete = weeks.count_without("week").at_least(3_u32);
        let median = weeks.median_without("week").and(&complete);
        [
            Record::new(now.name(), &self.counted),
            Record::new(usual.name(), &median),
        ]
    }

    fn days(&self, days: u64) -> Window {
        self.time.days(days)
    }

    /// The share of what is usual, where enough is usual: for what may not be less.
    pub(super) fn drop(&self) -> Measure {
        let usual = self.usual().now();
        // A counter that is gone after a restart counts nothing, as long as anybody is scraped who
        // could have counted.
        let scraped = Gauge::of(&READY).now().count_by(&["environment"]);
        let nothing = usual.times(0_u32).and_on(&["environment"], &scraped);
        let share = self.recorded().now().or(&nothing).over(&usual);
        Measure::only(share, usual.at_least(self.floor))
    }

    /// The share of what is usual, where enough is usual or enough is there: for what may be neither
    /// less nor more.
    pub(super) fn change(&self) -> Measure {
        let (usual, now) = (self.usual().now(), self.recorded().now());
        let Measure { value, .. } = self.drop();
        let enough = usual.at_least(self.floor);
        Measure::only(value, enough.or(&now.at_least(self.floor)))
    }
}
