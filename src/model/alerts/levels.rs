use super::AlertThreshold;

/// The thresholds of an alert, by severity.
///
/// `None` means that the signal has no alert of this severity, which the configuration can change
/// where the signal takes thresholds at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlertLevels {
    /// Of `warning`.
    pub warning: Option<AlertThreshold>,
    /// Of `high`.
    pub high: Option<AlertThreshold>,
    /// Of `critical`.
    pub critical: Option<AlertThreshold>,
}

/// The comparison with a threshold: which side is bad.
///
/// Generated rules choose their operator by it, panels the side that they colour, and the
/// configuration the order that the thresholds of several severities must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThresholdComparison {
    /// More than the threshold.
    Above,
    /// Less than the threshold.
    Below,
    /// Outside the band.
    Outside,
    /// A state that persists: the threshold is its duration.
    /// The duration becomes the rule's `for`, so that no value is compared.
    Sustained,
}

impl AlertLevels {
    /// No level.
    pub(super) const NONE: AlertLevels = AlertLevels {
        warning: None,
        high: None,
        critical: None,
    };

    /// A warning alone.
    pub(super) const fn warning(threshold: AlertThreshold) -> AlertLevels {
        AlertLevels {
            warning: Some(threshold),
            ..AlertLevels::NONE
        }
    }

    /// Returns the levels with this threshold for `high`.
    pub(super) const fn with_high(self, threshold: AlertThreshold) -> AlertLevels {
        AlertLevels {
            high: Some(threshold),
            ..self
        }
    }

    /// Returns the levels with this threshold for `critical`.
    pub(super) const fn with_critical(self, threshold: AlertThreshold) -> AlertLevels {
        AlertLevels {
            critical: Some(threshold),
            ..self
        }
    }

    /// Returns the thresholds in the order of [`Severity::ALL`](super::Severity::ALL).
    pub(super) const fn all(&self) -> [Option<AlertThreshold>; 3] {
        [self.warning, self.high, self.critical]
    }
}
