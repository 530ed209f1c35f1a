//! The burn rates that raise alerts.
//!
//! Why two windows? The long one shows that enough of the budget is gone to matter, the short one
//! that it is still going: an alert clears soon after the trouble has ended. See
//! <https://sre.google/workbook/alerting-on-slos/>.

use std::time::Duration;

use super::SloPolicy;
use crate::config::checks::range;
use crate::config::fault::join_path;
use crate::config::setting::section;
use crate::config::validator::ConfigValidator;
use crate::model::slo::policy::{self, AlertLevel, BurnRatePolicy, WindowPair};
use crate::model::units::{Ratio, format_duration};

/// The longest burn window: as long as the tracker's memory.
// Windows are summed from rings that hold this much.
const MAX_DURATION: Duration = Duration::from_secs(30 * 86_400);

section! {
    /// The burn rates that raise alerts.
    pub struct BurnRatesConfig {
        /// The pair of windows that pages. Default: more than 10x over 1 h and 5 min.
        pub critical: BurnWindowsConfig = BurnWindowsConfig::new(10, 1);
        /// The pair of windows that warns. Default: more than 2x over 6 h and 30 min.
        pub warning: BurnWindowsConfig = BurnWindowsConfig::new(2, 6);
        /// The minimum number of bad events in the long window.
        pub min_bad: MinBadConfig;
    }
}

section! {
    /// Two windows over which a budget must burn faster than a factor.
    #[derive(PartialEq, Eq)]
    pub struct BurnWindowsConfig, rules: check_windows {
        /// The burn rate that both windows must exceed: above 0, at most 10,000.
        pub factor: Ratio = Ratio::from(10), check_factor;
        /// The window that says how much is gone: longer than `short`, at most 30 d. Seconds are allowed.
        pub long: Duration = Duration::from_secs(3_600);
        /// The window that says that it goes on: more than 0.
        pub short: Duration = Duration::from_secs(300);
    }
}

section! {
    /// The minimum number of bad events in the long window, so that one error does not page a quiet service.
    #[derive(PartialEq, Eq)]
    pub struct MinBadConfig {
        /// Of an objective that counts occurrences: 1 to 1,000,000. Default: 10.
        pub occurrences: usize = 10, range(1..=1_000_000);
        /// Of one that counts time slices: 1 to 1,000,000. Default: 3.
        pub timeslices: usize = 3, range(1..=1_000_000);
    }
}

impl BurnRatesConfig {
    /// Converts to the policy that tracker and rules share; the critical pair first.
    pub(super) fn to_policy(&self) -> BurnRatePolicy {
        let pairs = vec![
            self.critical.to_window_pair(AlertLevel::Critical),
            self.warning.to_window_pair(AlertLevel::Warning),
        ];
        BurnRatePolicy::new(pairs, self.min_bad.to_min_bad_events())
    }

    /// Rejects burn windows that have no effect: the workbook's policy has pairs of its own.
    pub(super) fn check_in_force(&self, policy: SloPolicy, validator: &mut ConfigValidator<'_>) {
        let defaults = Self::default();
        for (path, windows, default) in [
            ("slo.burn_rate.critical", &self.critical, defaults.critical),
            ("slo.burn_rate.warning", &self.warning, defaults.warning),
        ] {
            // Compared by value: setting the default while another policy is in force does no harm.
            let without_effect = policy != SloPolicy::BurnRate && *windows != default;
            for (key, value) in [
                ("factor", windows.factor.to_f64().to_string()),
                ("long", format_duration(windows.long)),
                ("short", format_duration(windows.short)),
            ] {
                let path = join_path(path, key);
                let fine = !(without_effect && validator.is_set(&path));
                validator.require(fine, &path, value, "only with slo.policy burn-rate");
            }
        }
    }
}

impl BurnWindowsConfig {
    /// Creates a long window of whole hours, and a short one of a twelfth of it.
    fn new(factor: u32, hours: u64) -> Self {
        Self {
            factor: Ratio::from(factor),
            long: Duration::from_secs(hours * 3_600),
            short: Duration::from_secs(hours * 300),
        }
    }

    /// Converts one pair.
    fn to_window_pair(&self, level: AlertLevel) -> WindowPair {
        WindowPair::new(level, self.factor, self.long, self.short)
    }

    /// Requires windows that fit into memory, the short one within the long one.
    fn check_windows(&self, path: &str, validator: &mut ConfigValidator<'_>) {
        let (long_path, short_path) = (join_path(path, "long"), join_path(path, "short"));
        let (long, short) = (format_duration(self.long), format_duration(self.short));
        let fine = self.long <= MAX_DURATION;
        validator.require(fine, &long_path, &long, "at most 30d");
        validator.require(!self.short.is_zero(), &short_path, &short, "more than 0s");
        let place = validator.responsible(&[&long_path, &short_path]);
        let shown = format!("a long of {long} with a short of {short}");
        let allowed = "a long that is longer than short";
        validator.require(self.long > self.short, place, shown, allowed);
    }
}

impl MinBadConfig {
    pub(super) fn to_min_bad_events(&self) -> policy::MinBadEvents {
        policy::MinBadEvents::new(self.occurrences as u64, self.timeslices as u64)
    }
}

/// Requires a factor above 0. Below 1 is allowed: such an alert fires while the budget would still
/// last.
fn check_factor(factor: &Ratio, path: &str, validator: &mut ConfigValidator<'_>) {
    let fine = *factor > Ratio::ZERO && *factor <= Ratio::from(10_000);
    let allowed = "more than 0 and at most 10000";
    validator.require(fine, path, factor.to_f64(), allowed);
}
