/// The urgency of an alert.
///
/// Alertmanager routes by the label `severity`, and a higher severity of the same alert inhibits
/// the lower ones: two thresholds of one signal never notify twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// For working hours.
    Warning,
    /// For today.
    High,
    /// A page, at any hour.
    Critical,
}

impl Severity {
    /// All of them, the least urgent first.
    pub const ALL: [Severity; 3] = [Severity::Warning, Severity::High, Severity::Critical];

    /// Returns the word in labels, routes and the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
