//! All figures of a service.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Figure, rules::scrape_names};
use crate::model::catalog::MetricSpec;
use crate::model::fault::Fault;

/// The maximum number of figures: more would not fit on a dashboard, or in a reader's head.
pub(crate) const MAX_FIGURES: usize = 200;

/// The figures that a service declares, in the order of their declaration.
///
/// ```
/// use vantage_obs::figure::{Figure, Figures};
///
/// let mut figures = Figures::default();
/// figures.insert(Figure::counter("shop.orders"));
/// figures.insert(Figure::gauge("shop.open_carts"));
/// let names: Vec<_> = figures.metrics().map(|(_, metric)| metric.prometheus_name()).collect();
/// assert_eq!(names, ["shop_orders_total", "shop_open_carts"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// Adds a figure. Two of one name are a fault, which [`Config::resolve`](crate::Config::resolve) tells.
    pub fn insert(&mut self, figure: Figure) {
        self.0.push(figure);
    }

    /// Adds a figure, unless that would be a fault; returns whether it was added.
    pub(crate) fn try_insert(&mut self, figure: Figure) -> bool {
        let names = match figure.metric() {
            Some(metric) if self.0.len() < MAX_FIGURES => scrape_names(metric),
            _ => return false,
        };
        let is_free = self.metrics().all(|(other, metric)| {
            let taken = scrape_names(metric);
            other.name != figure.name && !names.iter().any(|name| taken.contains(name))
        });
        if is_free {
            self.insert(figure);
        }
        is_free
    }

    /// Returns the figure of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Figure> {
        self.iter().find(|figure| figure.name == name)
    }

    /// Returns the figure of this name, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Figure> {
        self.0.iter_mut().find(|figure| figure.name == name)
    }

    /// Returns all figures, in the order of their declaration.
    pub fn iter(&self) -> impl Iterator<Item = &Figure> {
        self.0.iter()
    }

    /// Returns each figure with its metric; in an effective configuration each has one.
    pub fn metrics(&self) -> impl Iterator<Item = (&Figure, &'static MetricSpec)> {
        self.iter()
            .filter_map(|figure| Some((figure, figure.metric()?)))
    }

    /// Returns the metric of the figure of this name.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<&'static MetricSpec> {
        self.get(name)?.metric()
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns every fault, each with the name of its figure; the path is relative to that.
    pub(crate) fn faults(&self) -> Vec<(&str, Fault)> {
        let mut faults = Vec::new();
        let mut taken = Vec::new();
        for (index, figure) in self.0.iter().enumerate() {
            let name = &*figure.name;
            let mut add = |found: String, allowed: &str| {
                let fault = Fault {
                    path: String::new(),
                    found,
                    allowed: allowed.into(),
                };
                faults.push((name, fault));
            };
            if index == MAX_FIGURES {
                add(format!("{} figures", self.0.len()), "at most 200");
                break;
            }
            let twice = self.0[..index].iter().any(|other| other.name == name);
            if twice {
                add("declared twice".into(), "each name once");
                continue;
            }
            let Some(spec) = figure.metric() else {
                faults.extend(figure.faults().into_iter().map(|fault| (name, fault)));
                continue;
            };
            let names = scrape_names(spec);
            let other = taken.iter().find(|(_, theirs): &&(&str, Vec<String>)| {
                names.iter().any(|own| theirs.contains(own))
            });
            if let Some((other, _)) = other {
                let found = format!("a name in the scrape that {other} has too");
                add(found, "names that differ in Prometheus, suffixes included");
            }
            taken.push((name, names));
        }
        faults
    }
}

impl Extend<Figure> for Figures {
    fn extend<I: IntoIterator<Item = Figure>>(&mut self, figures: I) {
        self.0.extend(figures);
    }
}

impl FromIterator<Figure> for Figures {
    fn from_iter<I: IntoIterator<Item = Figure>>(figures: I) -> Self {
        Self(figures.into_iter().collect())
    }
}

impl Serialize for Figures {
    /// `{"shop.orders": {"kind": "counter", …}, …}`
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for figure in &self.0 {
            map.serialize_entry(&figure.name, figure)?;
        }
        map.end()
    }
}
