use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{ALL, AlertSignal, AlertThreshold, Severity, ThresholdQuantity};

/// The thresholds in force: those of the declarations, unless the configuration says otherwise.
///
/// A level without a threshold raises nothing.
///
/// Signals whose quantity is [`ThresholdQuantity::None`] are not in the map: their levels are
/// decided elsewhere (`config.slo.burn_rate`), or there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thresholds(BTreeMap<AlertSignal, [Option<AlertThreshold>; 3]>);

impl Thresholds {
    /// Returns the threshold of a level; `None` where there is no such level.
    #[must_use]
    pub fn get(&self, signal: AlertSignal, severity: Severity) -> Option<AlertThreshold> {
        self.0.get(&signal)?[severity as usize]
    }

    /// Sets the threshold of a level; `None` switches it off. Whether it is possible is judged when the
    /// configuration is resolved. Signals without thresholds have none to set.
    ///
    /// ```
    /// use vantage_obs::alerts::{AlertSignal, Severity};
    /// use vantage_obs::{Config, Role};
    ///
    /// let mut config = Config::new("vantage-worker", Role::Worker);
    /// let stricter = config.alerts.get(AlertSignal::QueueDepth, Severity::Warning);
    /// config.alerts.set(AlertSignal::QueueDepth, Severity::High, stricter); // 500 instead of 1000
    /// config.alerts.set(AlertSignal::QueueDepth, Severity::Warning, None); // off
    /// let levels: Vec<_> = config.alerts.levels(AlertSignal::QueueDepth)
    ///     .map(|(severity, threshold)| (severity, threshold.lower_bound()))
    ///     .collect();
    /// assert_eq!(levels, [(Severity::High, 500.0)]);
    /// ```
    pub fn set(
        &mut self,
        signal: AlertSignal,
        severity: Severity,
        threshold: Option<AlertThreshold>,
    ) {
        if let Some(levels) = self.0.get_mut(&signal) {
            levels[severity as usize] = threshold;
        }
    }

    /// Returns the levels that a signal has, the least urgent first.
    pub fn levels(&self, signal: AlertSignal) -> impl Iterator<Item = (Severity, AlertThreshold)> {
        Severity::ALL
            .into_iter()
            .filter_map(move |severity| Some((severity, self.get(signal, severity)?)))
    }

    /// Returns every signal that has thresholds, in order.
    pub fn signals(&self) -> impl Iterator<Item = AlertSignal> {
        ALL.iter()
            .map(|spec| spec.signal)
            .filter(|signal| self.0.contains_key(signal))
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        let configurable = ALL
            .iter()
            .filter(|spec| spec.quantity != ThresholdQuantity::None);
        Self(
            configurable
                .map(|spec| (spec.signal, spec.levels.all()))
                .collect(),
        )
    }
}

impl Serialize for Thresholds {
    /// `{"api_error_ratio": {"warning": 0.02, "high": 0.05, "critical": 0.1}, …}`
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (signal, levels) in &self.0 {
            let named =
                Severity::ALL.map(|severity| (severity.as_str(), levels[severity as usize]));
            map.serialize_entry(signal.key(), &BTreeMap::from(named))?;
        }
        map.end()
    }
}
