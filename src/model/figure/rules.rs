//! The rules that a declaration must meet: those of the catalog, which breaks at compile time, and bounds.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::{Figure, FigureKind, FigureLabel, preset, spec};
use crate::model::catalog::{self, Instrument, MetricSpec};
use crate::model::fault::Fault;
use crate::model::units::{Ratio, Unit};

/// The maximum number of labels: each multiplies the series.
pub(crate) const MAX_LABELS: usize = 5;

/// The maximum number of listed values of a label.
pub(super) const MAX_LISTED: usize = 50;

/// The maximum length of a label's value in bytes: longer ones are cut when they are recorded.
const MAX_VALUE_BYTES: usize = 128;

/// The maximum length of a name; exporters append up to 15 bytes, and the SDK refuses 256.
const MAX_NAME_BYTES: usize = 200;

/// The maximum length of a description.
pub(super) const MAX_DESCRIPTION_BYTES: usize = 255;

/// The maximum number of buckets: each is a series.
const MAX_BUCKETS: usize = 50;

/// The maximum number of daily totals of a figure: each is a row of each day and process run, for years.
const MAX_DAILY_TOTALS: usize = 1_000;

/// The largest limit of a label: that of `metrics.cardinality_limit`.
pub(super) const MAX_LIMIT: usize = 100_000;

const OTHER_NAME: &str = "another name: those of vantage., of the catalog and of Prometheus itself are taken, \
                          suffixes included";

/// The characters that break a table, a code span or a template on a generated page.
const MARKUP: [u8; 6] = *b"{}<>|`";

/// Labels that Prometheus, the exposition or the generated configuration give each series.
const RESERVED_LABELS: [&str; 5] = ["environment", "instance", "job", "le", "quantile"];

pub(super) const UNITS: &str =
    "s, By, 1 of a gauge that is a ratio, or a count in braces such as {order}";

pub(super) const LISTABLE: &str =
    "different texts of 1 to 128 printable bytes without {}<>| and backticks";

impl Figure {
    /// Returns every fault of the declaration by itself; paths are relative to it.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut faults = Faults(Vec::new());
        self.check_name(&mut faults);
        self.check_unit(&mut faults);
        self.check_description(&mut faults);
        self.check_labels(&mut faults);
        self.check_buckets(&mut faults);
        self.check_alerts(&mut faults);
        self.check_daily_total(&mut faults);
        // Kind and unit decide on the names in a scrape, so that they have to be right first.
        if faults.0.is_empty() {
            let names = scrape_names(spec::intern(self));
            let fine = !names.iter().any(|name| is_taken_series(name));
            faults.require(fine, "", shown(&self.name), OTHER_NAME);
        }
        faults.0
    }

    /// Returns a fault for each label whose limit the instrument has no room for: it would overflow before. `most` is
    /// `metrics.cardinality_limit`.
    pub(crate) fn limit_faults(&self, most: usize) -> impl Iterator<Item = Fault> {
        self.labels.iter().filter_map(move |(key, values)| {
            let FigureLabel::AtMost(limit) = *values else {
                return None;
            };
            (limit > most).then(|| Fault {
                path: format!("labels.{key}"),
                found: format!("a limit of {limit} with a metrics.cardinality_limit of {most}"),
                allowed: "at most metrics.cardinality_limit".into(),
            })
        })
    }

    /// Returns the unit; `None` where it is none.
    pub(super) fn parse_unit(&self) -> Option<Unit> {
        match self.unit.as_deref() {
            None => Some(Unit::Count("")),
            Some("s") => Some(Unit::Seconds),
            Some("By") => Some(Unit::Bytes),
            Some("1") => Some(Unit::Ratio),
            Some(text) => is_count(text).then_some(Unit::Count("{}")),
        }
    }

    fn check_name(&self, faults: &mut Faults) {
        let name = &*self.name;
        let shown = shown(name);
        if let Some(rule) = broken_own_name_rule(name) {
            faults.add("", shown, rule);
        } else if is_taken(name) {
            faults.add("", shown, OTHER_NAME);
        }
    }

    fn check_unit(&self, faults: &mut Faults) {
        let found = || shown(self.unit.as_deref().unwrap_or_default());
        match self.parse_unit() {
            None => faults.add("unit", found(), UNITS),
            // The Prometheus name of a unit of 1 ends in `_ratio`, which only the value of a gauge can be.
            Some(Unit::Ratio) if self.kind != FigureKind::Gauge => {
                faults.add("unit", found(), UNITS);
            }
            Some(_) => {}
        }
    }

    fn check_description(&self, faults: &mut Faults) {
        let Some(text) = &self.description else {
            return;
        };
        let fine = !text.trim().is_empty()
            && text.len() <= MAX_DESCRIPTION_BYTES
            && !text.contains(char::is_control);
        let allowed = "1 to 255 bytes of printable text";
        faults.require(fine, "description", shown(text), allowed);
    }

    fn check_labels(&self, faults: &mut Faults) {
        let count = self.labels.len();
        let fine = count <= MAX_LABELS;
        faults.require(fine, "labels", format!("{count} of them"), "at most 5");
        let mut before = Vec::new();
        for (key, values) in &self.labels {
            let path = format!("labels.{key}");
            let label = key.replace('.', "_");
            if let Some(allowed) = broken_label_rule(key) {
                faults.add(&path, shown(key), allowed);
            }
            let allowed = "keys that differ in Prometheus, where dots are underscores";
            faults.require(!before.contains(&label), &path, shown(key), allowed);
            before.push(label);
            match values {
                FigureLabel::AtMost(limit) => {
                    let fine = (1..=MAX_LIMIT).contains(limit);
                    let allowed = "1 to metrics.cardinality_limit";
                    faults.require(fine, &path, limit.to_string(), allowed);
                }
                FigureLabel::OneOf(values) => check_values(values, &path, faults),
            }
        }
    }

    fn check_buckets(&self, faults: &mut Faults) {
        let bounds = &self.buckets;
        if self.kind != FigureKind::Histogram {
            let fine = bounds.is_empty();
            faults.require(
                fine,
                "buckets",
                format!("{bounds:?}"),
                "only of a histogram",
            );
            return;
        }
        let ascending = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        let fine = bounds.len() <= MAX_BUCKETS
            && ascending
            && bounds
                .iter()
                .all(|bound| bound.is_finite() && *bound >= 0.0);
        let found = match bounds.len() {
            0..=MAX_BUCKETS => format!("{bounds:?}"),
            count => format!("{count} of them"),
        };
        let allowed = "at most 50 numbers from 0 on, ascending";
        faults.require(fine, "buckets", found, allowed);
    }

    fn check_daily_total(&self, faults: &mut Faults) {
        if !self.daily_total {
            return;
        }
        let summed = match self.kind {
            FigureKind::Counter => true,
            FigureKind::Gauge => self.parse_unit() != Some(Unit::Ratio),
            FigureKind::Histogram => false,
        };
        let allowed = "false, or a counter, or a gauge of whole numbers";
        faults.require(summed, "daily_total", "true", allowed);
        let is_preset = preset::ALL
            .iter()
            .any(|preset| preset.daily_total == Some(&*self.name));
        let allowed = "only of a figure of another name: the library keeps a total of this one";
        faults.require(!is_preset, "daily_total", shown(&self.name), allowed);
        let totals = self.labels.values().map(|values| match values {
            FigureLabel::AtMost(limit) => *limit,
            FigureLabel::OneOf(values) => values.len(),
        });
        let totals = totals.fold(1_usize, usize::saturating_mul);
        let found = format!("up to {totals} totals a day");
        let allowed = "labels whose limits multiply to at most 1000, or false";
        faults.require(totals <= MAX_DAILY_TOTALS, "daily_total", found, allowed);
    }

    fn check_alerts(&self, faults: &mut Faults) {
        for (member, multiple, fine, allowed) in [
            (
                "drop_alert",
                self.drop_alert,
                (|it| Ratio::ZERO < it && it < Ratio::ONE) as fn(Ratio) -> bool,
                "more than 0 and less than 1",
            ),
            (
                "spike_alert",
                self.spike_alert,
                |it| Ratio::ONE < it && it <= Ratio::from(1_000),
                "more than 1 and at most 1000",
            ),
        ] {
            let Some(multiple) = multiple else { continue };
            let found = multiple.format_trimmed(6);
            if self.kind != FigureKind::Counter {
                faults.add(member, found, "only of a counter");
            } else if !fine(multiple) {
                faults.add(member, found, allowed);
            }
        }
    }
}

/// The faults that were found so far.
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, path: &str, found: impl Into<String>, allowed: &str) {
        self.0.push(Fault {
            path: path.into(),
            found: found.into(),
            allowed: allowed.into(),
        });
    }

    fn require(&mut self, fine: bool, path: &str, found: impl Into<String>, allowed: &str) {
        if !fine {
            self.add(path, found, allowed);
        }
    }
}

/// Returns the names under which the series of a metric, and its family in each format, stand in a scrape.
// A counter's family has another name in OpenMetrics than its series.
pub(super) fn scrape_names(spec: &MetricSpec) -> Vec<String> {
    let name = spec.prometheus_name();
    match spec.instrument {
        Instrument::Histogram(_) => ["", "_bucket", "_count", "_sum"]
            .map(|suffix| format!("{name}{suffix}"))
            .into(),
        _ => match name.strip_suffix("_total") {
            Some(family) => vec![family.into(), name],
            None => vec![name],
        },
    }
}

/// Returns whether the name of a figure is taken, whatever suffixes it gets.
fn is_taken(name: &str) -> bool {
    is_taken_series(&name.replace('.', "_")) || catalog::find(name).is_some()
}

/// Returns whether a name in a scrape is one of the catalog's or of the series that Prometheus makes of each target.
fn is_taken_series(name: &str) -> bool {
    static CATALOG: LazyLock<HashSet<String>> =
        LazyLock::new(|| catalog::all().flat_map(scrape_names).collect());
    matches!(name, "up" | "target_info") || name.starts_with("scrape_") || CATALOG.contains(name)
}

/// Returns the rule that the name of a figure breaks by itself.
pub(super) const fn broken_own_name_rule(name: &str) -> Option<&'static str> {
    if let Some(rule) = catalog::broken_name_rule(name) {
        return Some(rule);
    }
    if name.len() > MAX_NAME_BYTES {
        return Some("a name of at most 200 bytes");
    }
    if starts_with(name, "vantage.") {
        return Some(OTHER_NAME);
    }
    None
}

/// Returns the rule that the key of a label breaks by itself.
pub(super) const fn broken_label_rule(key: &str) -> Option<&'static str> {
    let bytes = key.as_bytes();
    let mut fine = !bytes.is_empty() && bytes.len() <= 64 && bytes[0].is_ascii_lowercase();
    let mut i = 0;
    while i < bytes.len() {
        fine &= matches!(bytes[i], b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_');
        i += 1;
    }
    if !fine {
        return Some("1 to 64 of a-z 0-9 . _, beginning with a letter");
    }
    let mut reserved = starts_with(key, "otel_")
        || starts_with(key, "otel.")
        || starts_with(key, "exported_")
        || starts_with(key, "exported.");
    let mut i = 0;
    while i < RESERVED_LABELS.len() {
        reserved |= is_same(key, RESERVED_LABELS[i]);
        i += 1;
    }
    if reserved {
        return Some(
            "another key: environment, instance, job, le, quantile, otel.… and exported.… are taken",
        );
    }
    None
}

/// Returns whether a unit is a count in braces.
pub(super) const fn is_count(unit: &str) -> bool {
    let bytes = unit.as_bytes();
    let end = bytes.len().saturating_sub(1);
    // The word within has 1 to 60 bytes.
    let mut fine = bytes.len() >= 3 && bytes.len() <= 62 && bytes[0] == b'{' && bytes[end] == b'}';
    let mut i = 1;
    while i < end {
        fine &= bytes[i].is_ascii_graphic() && !matches!(bytes[i], b'"' | b'\\');
        fine &= !is_markup(bytes[i]);
        i += 1;
    }
    fine
}

/// Returns whether a text can be a listed value, as far as its ASCII goes.
pub(super) const fn is_listable(value: &str) -> bool {
    let bytes = value.as_bytes();
    let mut fine = !bytes.is_empty() && bytes.len() <= MAX_VALUE_BYTES;
    let mut i = 0;
    while i < bytes.len() {
        fine &= !bytes[i].is_ascii_control() && !is_markup(bytes[i]);
        i += 1;
    }
    fine
}

const fn is_markup(byte: u8) -> bool {
    let mut i = 0;
    while i < MARKUP.len() {
        if MARKUP[i] == byte {
            return true;
        }
        i += 1;
    }
    false
}

/// Returns whether two texts are the same; `==` can't be called in a constant function.
pub(super) const fn is_same(left: &str, right: &str) -> bool {
    left.len() == right.len() && starts_with(left, right)
}

const fn starts_with(text: &str, start: &str) -> bool {
    let (text, start) = (text.as_bytes(), start.as_bytes());
    if text.len() < start.len() {
        return false;
    }
    let mut i = 0;
    while i < start.len() {
        if text[i] != start[i] {
            return false;
        }
        i += 1;
    }
    true
}

fn check_values(values: &[String], path: &str, faults: &mut Faults) {
    let count = values.len();
    let fine = (1..=MAX_LISTED).contains(&count);
    faults.require(fine, path, format!("{count} values"), "1 to 50 of them");
    for (index, value) in values.iter().enumerate().take(MAX_LISTED) {
        let fine = is_listable(value)
            && !value.contains(char::is_control)
            && !values[..index].contains(value);
        faults.require(fine, path, shown(value), LISTABLE);
    }
}

/// Quotes a text, shortened.
fn shown(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
