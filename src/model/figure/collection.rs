//! All figures of a service.
//!
//! A file may declare a figure before the code does: it is read first where the code declares late, after `init`.
//! Whichever comes first, members that the file sets hold, and the others are the code's.

use std::collections::{BTreeMap, BTreeSet};

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
#[derive(Clone, Debug, Default)]
pub struct Figures {
    all: Vec<Figure>,
    /// The members that a file sets, of the figures that only it declares so far.
    of_file: BTreeMap<String, BTreeSet<String>>,
}

impl Figures {
    /// Adds a figure. Where a file declared it, that changes single members of this one. Two of one name are a fault,
    /// which [`Config::resolve`](crate::Config::resolve) tells.
    ///
    /// ```
    /// use vantage_obs::figure::{Figure, Figures};
    ///
    /// let file = tempfile::NamedTempFile::new()?;
    /// std::fs::write(file.path(), r#"{"shop.orders": {"kind": "counter", "drop_alert": 0.3}}"#)?;
    /// let mut figures = Figures::from_file(file.path())?;
    /// let declared = Figure::counter("shop.orders").label("tenant", 200).drop_alert(0.5);
    /// figures.insert(declared.clone());
    /// assert_eq!(figures.get("shop.orders"), Some(&declared.drop_alert(0.3)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn insert(&mut self, figure: Figure) {
        match self.take_changes(&figure.name) {
            Some(changes) => self.replace(changes.apply(figure)),
            None => self.all.push(figure),
        }
    }

    /// Adds a figure as a file declares it, which sets these members.
    pub(crate) fn insert_of_file(&mut self, figure: Figure, members: BTreeSet<String>) {
        self.of_file.insert(figure.name.clone(), members);
        self.all.push(figure);
    }

    /// Returns what a file sets of the figure of this name, where no code has declared that yet; from then on it
    /// counts as declared by the code.
    pub(crate) fn take_changes(&mut self, name: &str) -> Option<FigureChanges> {
        let members = self.of_file.remove(name)?;
        let figure = self.get(name)?.clone();
        Some(FigureChanges { figure, members })
    }

    /// Replaces the figure of the same name.
    pub(crate) fn replace(&mut self, figure: Figure) {
        if let Some(known) = self.get_mut(&figure.name) {
            *known = figure;
        }
    }

    /// Adds a figure, unless that would be a fault.
    pub(crate) fn try_insert(&mut self, figure: Figure) -> Result<(), Fault> {
        self.check_place(&figure)?;
        self.insert(figure);
        Ok(())
    }

    /// Checks that there is room for a figure, and that no other one has its names in the scrape.
    pub(crate) fn check_place(&self, figure: &Figure) -> Result<(), Fault> {
        let others = || self.iter().filter(|other| other.name != figure.name);
        if others().count() >= MAX_FIGURES {
            return Err(too_many(MAX_FIGURES + 1));
        }
        let Some(metric) = figure.metric() else {
            return Err(figure.faults().swap_remove(0));
        };
        let names = scrape_names(metric);
        let metrics = others().filter_map(|other| Some((&*other.name, other.metric()?)));
        let mut taken = metrics.map(|(name, metric)| (name, scrape_names(metric)));
        match taken.find(|(_, theirs)| names.iter().any(|own| theirs.contains(own))) {
            Some((other, _)) => Err(shared_names(other)),
            None => Ok(()),
        }
    }

    /// Returns the figure of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Figure> {
        self.iter().find(|figure| figure.name == name)
    }

    /// Returns the figure of this name, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Figure> {
        self.all.iter_mut().find(|figure| figure.name == name)
    }

    /// Returns all figures, in the order of their declaration.
    pub fn iter(&self) -> impl Iterator<Item = &Figure> {
        self.all.iter()
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
        self.all.is_empty()
    }

    /// Returns every fault, each with the name of its figure; the path is relative to that.
    pub(crate) fn faults(&self) -> Vec<(&str, Fault)> {
        let mut faults = Vec::new();
        let mut taken: Vec<(&str, Vec<String>)> = Vec::new();
        for (index, figure) in self.all.iter().enumerate() {
            let name = &*figure.name;
            if index == MAX_FIGURES {
                faults.push((name, too_many(self.all.len())));
                break;
            }
            let twice = self.all[..index].iter().any(|other| other.name == name);
            if twice {
                faults.push((name, whole("declared twice".into(), "each name once")));
                continue;
            }
            let Some(spec) = figure.metric() else {
                faults.extend(figure.faults().into_iter().map(|fault| (name, fault)));
                continue;
            };
            let names = scrape_names(spec);
            let other = taken
                .iter()
                .find(|(_, theirs)| names.iter().any(|own| theirs.contains(own)));
            if let Some((other, _)) = other {
                faults.push((name, shared_names(other)));
            }
            taken.push((name, names));
        }
        faults
    }
}

/// What a file sets of a figure.
#[derive(Clone, Debug)]
pub(crate) struct FigureChanges {
    figure: Figure,
    members: BTreeSet<String>,
}

impl FigureChanges {
    /// Returns the figure as the file alone declares it.
    pub(crate) const fn figure(&self) -> &Figure {
        &self.figure
    }

    /// Returns the declaration of the code with the members that the file sets; the kind is the code's.
    pub(crate) fn apply(self, mut declared: Figure) -> Figure {
        let Self { figure, members } = self;
        if members.contains("unit") {
            declared.unit = figure.unit;
        }
        if members.contains("description") {
            declared.description = figure.description;
        }
        if members.contains("buckets") {
            declared.buckets = figure.buckets;
        }
        if members.contains("panel") {
            declared.panel = figure.panel;
        }
        if members.contains("drop_alert") {
            declared.drop_alert = figure.drop_alert;
        }
        if members.contains("spike_alert") {
            declared.spike_alert = figure.spike_alert;
        }
        if members.contains("daily_total") {
            declared.daily_total = figure.daily_total;
        }
        // A file adds labels and changes their values, and takes none away.
        declared.labels.extend(figure.labels);
        declared
    }
}

/// Returns a fault of the whole declaration.
fn whole(found: String, allowed: &str) -> Fault {
    Fault {
        path: String::new(),
        found,
        allowed: allowed.into(),
    }
}

fn too_many(count: usize) -> Fault {
    whole(format!("{count} figures"), "at most 200")
}

fn shared_names(other: &str) -> Fault {
    let found = format!("a name in the scrape that {other} has too");
    whole(found, "names that differ in Prometheus, suffixes included")
}

impl PartialEq for Figures {
    fn eq(&self, other: &Self) -> bool {
        // The place of the declaration is no part of the figures.
        self.all == other.all
    }
}

impl Extend<Figure> for Figures {
    fn extend<I: IntoIterator<Item = Figure>>(&mut self, figures: I) {
        figures.into_iter().for_each(|figure| self.insert(figure));
    }
}

impl FromIterator<Figure> for Figures {
    fn from_iter<I: IntoIterator<Item = Figure>>(figures: I) -> Self {
        let mut all = Self::default();
        all.extend(figures);
        all
    }
}

impl Serialize for Figures {
    /// `{"shop.orders": {"kind": "counter", …}, …}`
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.all.len()))?;
        for figure in &self.all {
            map.serialize_entry(&figure.name, figure)?;
        }
        map.end()
    }
}
