//! The declaration of a metric, and the rules that every declaration must meet. They are checked in
//! constant functions: a bad declaration is a compile error, and nothing is left to check at run
//! time.

use crate::model::units::Unit;

/// Declares the metrics of a family or of a part of one, and lists them in `ALL`, so that none can be
/// declared and left out.
///
/// Each metric is a constant of its own and an element of `ALL`. The constants are what code names;
/// `ALL` is what tables, dashboards and tests iterate over.
macro_rules! family {
    ($($(#[$doc:meta])* $visibility:vis const $name:ident: MetricSpec = $spec:expr;)+) => {
        $($(#[$doc])* $visibility const $name: MetricSpec = $spec;)+

        /// All of them, in the order of the table.
        pub(crate) const ALL: &[&MetricSpec] = &[$(&$name),+];
    };
}
pub(super) use family;

/// One metric: everything that an instrument, a table, a panel or a rule needs to know of it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MetricSpec {
    /// The OpenTelemetry name, such as `http.server.request.duration`.
    pub name: &'static str,
    /// The kind of instrument that records it.
    pub instrument: Instrument,
    /// The unit of its values.
    pub unit: Unit,
    /// One sentence: the help text of the scrape.
    /// Without a full stop, as the conventions and Prometheus's own metrics write them.
    pub description: &'static str,
    /// The attributes of its series, in key order.
    /// Order matters: the SDK compares attribute lists as they come, and would keep one series
    /// twice for two orders.
    pub attributes: &'static [Attribute],
    /// The part of the platform that it describes.
    pub family: MetricFamily,
}

/// The kind of instrument that records a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Instrument {
    /// A sum that only grows, recorded where the event happens.
    Counter,
    /// A sum that grows and shrinks, recorded where the event happens.
    UpDownCounter,
    /// A distribution over buckets with these upper bounds, in the metric's unit.
    /// They ascend, and `+Inf` is implied.
    Histogram(&'static [f64]),
    /// The last value that was set.
    Gauge,
    /// A sum that only grows, read from the latest snapshot when metrics are collected.
    /// Its source may start anew (another server, a reset of statistics): readers must expect a
    /// counter reset.
    ObservableCounter,
    /// A value read from the latest snapshot; a thing that went away takes its series with it.
    ObservableGauge,
}

/// One label of a metric.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Attribute {
    /// The OpenTelemetry key, such as `http.route`.
    pub key: &'static str,
    /// Its values.
    pub values: AttributeValues,
    /// The name on panels of series without the label, such as `no route`. Default: `no` and the last
    /// word of the key.
    pub(crate) absent: Option<&'static str>,
}

/// The values of a label.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum AttributeValues {
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A number, as text in Prometheus and as an integer over OTLP.
    Integer(&'static str),
    /// Text, bounded in number by the instrument's cardinality limit; here is where it comes from.
    /// The text is for the reference table.
    Open(&'static str),
    /// Text, at most this many different ones; further ones go to the overflow series.
    AtMost(usize),
}

/// The family of a metric: the part of the platform that it describes.
///
/// Families are shown as they are used: the instruments of a family are built with its first
/// handle, so that a service without a database has no series of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricFamily {
    /// HTTP requests and connections.
    Api,
    /// Calls to other services.
    Client,
    /// Jobs and queues.
    Worker,
    /// Schedules and their executions.
    Scheduler,
    /// Database calls, pools and transactions.
    Database,
    /// Posts, AI generations, revenue and engagement: a preset of figures.
    Business,
    /// The service's own figures, as the configuration declares them.
    Figures,
    /// The process and its machine.
    Process,
    /// Health checks, and what they make of the service.
    Health,
    /// The store of what must outlive the process.
    Store,
    /// The telemetry itself.
    Telemetry,
}

impl MetricFamily {
    /// Returns the family's name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Client => "client",
            Self::Worker => "worker",
            Self::Scheduler => "scheduler",
            Self::Database => "database",
            Self::Business => "business",
            Self::Figures => "figures",
            Self::Process => "process",
            Self::Health => "health",
            Self::Store => "store",
            Self::Telemetry => "telemetry",
        }
    }
}

impl Attribute {
    /// A label that holds one of `values`, or is absent.
    #[must_use]
    pub(crate) const fn one_of(key: &'static str, values: &'static [&'static str]) -> Self {
        Self {
            key,
            values: AttributeValues::OneOf(values),
            absent: None,
        }
    }

    /// A label whose values come from `source`.
    #[must_use]
    pub(crate) const fn open(key: &'static str, source: &'static str) -> Self {
        Self {
            key,
            values: AttributeValues::Open(source),
            absent: None,
        }
    }

    /// Its name in Prometheus: dots become underscores.
    /// The catalog allows nothing else that Prometheus does not, so that no other replacement is
    /// needed.
    #[must_use]
    pub fn label(&self) -> String {
        self.key.replace('.', "_")
    }

    /// A label that holds a number from `source`.
    #[must_use]
    pub(crate) const fn integer(key: &'static str, source: &'static str) -> Self {
        Self {
            key,
            values: AttributeValues::Integer(source),
            absent: None,
        }
    }

    /// Sets the name on panels of series without the label, which each metric with this label may have.
    #[must_use]
    pub(crate) const fn or_absent(self, name: &'static str) -> Self {
        Self {
            absent: Some(name),
            ..self
        }
    }
}

impl MetricSpec {
    /// Declares a metric.
    ///
    /// # Panics
    ///
    /// In a constant, and so at compile time, when the declaration breaks a rule of the catalog.
    #[must_use]
    pub(crate) const fn new(
        family: MetricFamily,
        name: &'static str,
        instrument: Instrument,
        unit: Unit,
        description: &'static str,
        attributes: &'static [Attribute],
    ) -> Self {
        assert_name(name);
        assert_sorted(attributes);
        assert!(!description.is_empty(), "a metric needs a description");
        if matches!(unit, Unit::Ratio) {
            let gauge = matches!(instrument, Instrument::Gauge | Instrument::ObservableGauge);
            // The Prometheus name of a unit of 1 ends in `_ratio`, which only the value of a gauge
            // can be.
            assert!(gauge, "unit 1 is for gauges: exporters append _ratio");
        }
        if let Unit::Count(annotation) = unit {
            let bytes = annotation.as_bytes();
            // An annotation of UCUM. Without braces `request` would be read as a unit and end up in
            // the Prometheus name.
            let braced = bytes.len() > 2 && bytes[0] == b'{' && bytes[bytes.len() - 1] == b'}';
            assert!(braced, "a unit of things is written in braces");
        }
        if let Instrument::Histogram(bounds) = instrument {
            assert_ascending(bounds);
        }
        Self {
            name,
            instrument,
            unit,
            description,
            attributes,
            family,
        }
    }

    /// Returns the name under which Prometheus knows the metric: dots become underscores, and unit and
    /// `_total` are appended, as the OpenTelemetry specification's compatibility page has it.
    ///
    /// See <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>.
    #[must_use]
    pub fn prometheus_name(&self) -> String {
        let mut name = self.name.replace('.', "_");
        if let Some(suffix) = self.unit.suffix() {
            name.push('_');
            name.push_str(suffix);
        }
        if self.is_monotonic() {
            name.push_str("_total");
        }
        name
    }

    /// Returns the word that follows `# TYPE` in a scrape.
    #[must_use]
    pub const fn prometheus_type(&self) -> &'static str {
        match self.instrument {
            Instrument::Counter | Instrument::ObservableCounter => "counter",
            Instrument::Histogram(_) => "histogram",
            Instrument::UpDownCounter | Instrument::Gauge | Instrument::ObservableGauge => "gauge",
        }
    }

    /// Returns the maximum number of series of the metric when all labels are closed sets; `None` when one is open.
    pub(crate) fn max_closed_series(&self) -> Option<usize> {
        self.attributes
            .iter()
            .try_fold(1_usize, |series, attribute| match attribute.values {
                // An absent label is a value of its own.
                AttributeValues::OneOf(values) => Some(series * (values.len() + 1)),
                AttributeValues::Integer(_)
                | AttributeValues::Open(_)
                | AttributeValues::AtMost(_) => None,
            })
    }

    /// Returns the name on panels of series without a label of the metric; `None` where each series has it.
    ///
    /// A label is absent where the declaration says so, where its value was empty, and on the series that
    /// takes what is over the limit of an instrument: that one has no label at all.
    #[must_use]
    pub fn absent_name(&self, attribute: &Attribute) -> Option<String> {
        // What is read from a snapshot is complete, and has no limit of its own.
        let is_read = matches!(
            self.instrument,
            Instrument::ObservableCounter | Instrument::ObservableGauge
        );
        // What a figure's list of values lacks goes over its limit too.
        let is_open = self.family == MetricFamily::Figures || self.max_closed_series().is_none();
        let is_limited = !is_read && is_open;
        let words = attribute.key.rsplit(['.', '_']).next();
        match attribute.absent {
            Some(name) => Some(format!("({name})")),
            None if is_limited => words.map(|word| format!("(no {word})")),
            None => None,
        }
    }

    const fn is_monotonic(&self) -> bool {
        matches!(
            self.instrument,
            Instrument::Counter | Instrument::ObservableCounter
        )
    }
}

/// Refuses a name that an exporter would have to change, or to which it would append a suffix
/// twice.
const fn assert_name(name: &str) {
    if let Some(rule) = broken_name_rule(name) {
        panic!("{}", rule);
    }
}

/// Returns the rule that a name breaks; `None` for a good name.
pub(crate) const fn broken_name_rule(name: &str) -> Option<&'static str> {
    let bytes = name.as_bytes();
    if bytes.is_empty() || !bytes[0].is_ascii_lowercase() {
        return Some("a name that starts with a letter of a-z");
    }
    // Loops by index: iterators can't be used in constant functions.
    let mut i = 0;
    while i < bytes.len() {
        let byte = bytes[i];
        let allowed =
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'_';
        if !allowed {
            return Some("a name of a-z, 0-9, dots and underscores");
        }
        i += 1;
    }
    if ends_with(bytes, b"total") {
        return Some("a name without total at its end, which exporters append");
    }
    if ends_with(bytes, b"seconds") || ends_with(bytes, b"bytes") || ends_with(bytes, b"ratio") {
        return Some("a name without its unit at its end, which exporters append");
    }
    None
}

/// Returns whether the bytes end so; `slice::ends_with` can't be called in a constant function.
const fn ends_with(text: &[u8], end: &[u8]) -> bool {
    if text.len() < end.len() {
        return false;
    }
    let mut i = 0;
    while i < end.len() {
        if text[text.len() - end.len() + i] != end[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Refuses attributes out of key order, or given twice.
const fn assert_sorted(attributes: &[Attribute]) {
    let mut i = 1;
    while i < attributes.len() {
        assert!(
            is_less(attributes[i - 1].key, attributes[i].key),
            "attributes stand in key order, once each"
        );
        i += 1;
    }
}

/// Compares two keys by their bytes, as the SDK sorts them.
const fn is_less(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut i = 0;
    while i < left.len() && i < right.len() {
        if left[i] != right[i] {
            return left[i] < right[i];
        }
        i += 1;
    }
    left.len() < right.len()
}

/// Refuses bounds that don't ascend: a bucket that can never be hit would be exported for ever.
const fn assert_ascending(bounds: &[f64]) {
    let mut i = 1;
    while i < bounds.len() {
        assert!(bounds[i - 1] < bounds[i], "bucket bounds ascend");
        i += 1;
    }
}
