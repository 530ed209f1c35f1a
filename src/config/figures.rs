//! Configuration of the service's own figures: name → declaration.
//!
//! A file changes single members of what the code declares, or declares figures of its own. It can't make
//! another kind of a figure: the code that records it would have the wrong instrument in hand.

use std::path::Path;

use serde_json::Value;

use super::Config;
use super::fault::{ConfigError, InvalidValue, join_path};
use super::field_value::FieldValue;
use super::layers::ConfigLayers;
use super::reader::ReadContext;
use super::setting::Setting;
use super::validator::ConfigValidator;
use crate::model::figure::{Figure, FigureKind, FigureLabel, Figures};
use crate::model::json_value::{format_scalar, json_type_name};
use crate::model::string_enum::{StringEnum, join_words};

/// The members of a figure, in the order of messages.
const KEYS: [&str; 9] = [
    "kind",
    "unit",
    "description",
    "labels",
    "buckets",
    "panel",
    "drop_alert",
    "spike_alert",
    "daily_total",
];

impl Setting for Figures {
    fn read(&mut self, value: &Value, path: &str, context: &mut ReadContext<'_>) {
        context.read_entries(value, path, |name, value, context| {
            let path = join_path(path, name);
            if let Some(figure) = self.get_mut(name) {
                read_figure(figure, value, &path, context);
            } else if let Some(mut figure) = new_figure(name, value, &path, context) {
                read_figure(&mut figure, value, &path, context);
                let members = value.as_object().into_iter().flatten();
                self.insert_of_file(figure, members.map(|(key, _)| key.clone()).collect());
            }
        });
    }

    fn check(&self, path: &str, validator: &mut ConfigValidator<'_>) {
        for (name, fault) in self.faults() {
            let figure_path = join_path(path, name);
            let kind_path = join_path(&figure_path, "kind");
            // A fault of the whole is told where its kind was set: each figure has one.
            let (set, shown) = match &*fault.path {
                "" => (kind_path, figure_path),
                member => {
                    let path = join_path(&figure_path, member);
                    let leaf = if validator.is_set(&path) {
                        path.clone()
                    } else {
                        kind_path
                    };
                    (leaf, path)
                }
            };
            validator.require_at(false, &set, &shown, fault.found, &fault.allowed);
        }
    }
}

impl Figures {
    /// Reads figures from a file: an object of declarations, as serde writes `Figures`, or a config file, of which
    /// the rest is left alone.
    ///
    /// ```
    /// use vantage_obs::figure::{Figure, Figures};
    ///
    /// let declared: Figures = [Figure::counter("shop.orders").panel().drop_alert(0.5)].into_iter().collect();
    /// let file = tempfile::NamedTempFile::new()?;
    /// std::fs::write(file.path(), serde_json::to_string_pretty(&declared)?)?;
    /// assert_eq!(Figures::from_file(file.path())?, declared);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError`] lists every fault of the figures.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Figures, ConfigError> {
        let mut layers = ConfigLayers::from_code(Config::default());
        layers.apply_figures(path.as_ref());
        layers.into_config().map(|config| config.figures)
    }
}

/// Requires labels whose limit the instrument has room for: it would overflow before.
pub(super) fn check_limits(config: &Config, validator: &mut ConfigValidator<'_>) {
    const LIMIT: &str = "metrics.cardinality_limit";
    let most = config.metrics.cardinality_limit;
    for figure in config.figures.iter() {
        for fault in figure.limit_faults(most) {
            let path = format!("figures.{}.{}", figure.name, fault.path);
            let path = validator.responsible(&[&path, LIMIT]);
            validator.require(false, path, fault.found, &fault.allowed);
        }
    }
}

/// Creates the figure of an entry that no layer below declares; `None` after a fault.
fn new_figure(
    name: &str,
    value: &Value,
    path: &str,
    context: &mut ReadContext<'_>,
) -> Option<Figure> {
    let members = context.members(value, path)?;
    if let (Some(skipped), None) = (&mut context.skipped_figures, members.get("kind")) {
        skipped.push(name.into());
        return None;
    }
    let path = join_path(path, "kind");
    let missing = || {
        let allowed = format!(
            "{}; where code declares it, by Config::figures before init",
            join_words(FigureKind::ALL)
        );
        InvalidValue::new("nothing", allowed)
    };
    let kind = context.ok(members.get("kind").ok_or_else(missing), &path)?;
    // Told here, because the other members can't be checked without a kind.
    let kind = context.read_value(kind, &path)?;
    Some(Figure::new(name, kind))
}

/// Reads the members of an entry into its figure.
fn read_figure(figure: &mut Figure, value: &Value, path: &str, context: &mut ReadContext<'_>) {
    context.read_members(value, path, &KEYS, |key, value, path, context| {
        match KEYS[key] {
            "kind" => read_kind(figure, value, path, context),
            "unit" => figure.unit.read(value, path, context),
            "description" => figure.description.read(value, path, context),
            "labels" => context.read_entries(value, path, |label, value, context| {
                let path = join_path(path, label);
                if let Some(values) = context.ok(read_label(value), &path) {
                    figure.labels.insert(label.into(), values);
                    context.mark_set(&path);
                }
            }),
            "buckets" => figure.buckets.read(value, path, context),
            "panel" => figure.panel.read(value, path, context),
            "drop_alert" => figure.drop_alert.read(value, path, context),
            "spike_alert" => figure.spike_alert.read(value, path, context),
            _ => figure.daily_total.read(value, path, context),
        }
    });
}

fn read_kind(figure: &Figure, value: &Value, path: &str, context: &mut ReadContext<'_>) {
    let Some(kind) = context.read_value::<FigureKind>(value, path) else {
        return;
    };
    if kind == figure.kind {
        context.mark_set(path);
        return;
    }
    let allowed = format!("{}, as the code declares it", figure.kind);
    context.add_fault(path, InvalidValue::from_text(kind.as_str(), allowed));
}

/// Reads a limit of values, or the values themselves.
fn read_label(value: &Value) -> Result<FigureLabel, InvalidValue> {
    let allowed = "a limit of values such as 200, or an array of the values";
    let items = match value {
        Value::Array(items) => items,
        number => {
            return usize::from_json(number)
                .map(FigureLabel::AtMost)
                .map_err(|_| InvalidValue::new(format_scalar(number), allowed));
        }
    };
    let texts = items.iter().map(|item| match item {
        Value::String(text) => Ok(text.clone()),
        other => {
            let found = format!("{} in an array", json_type_name(other));
            Err(InvalidValue::new(found, allowed))
        }
    });
    texts.collect::<Result<_, _>>().map(FigureLabel::OneOf)
}

impl FieldValue for FigureKind {
    fn allowed() -> String {
        join_words(Self::ALL)
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        Self::from_word(text).ok_or_else(|| InvalidValue::from_text(text, Self::allowed()))
    }
}
