//! Service level objectives: the JSON files in `slo/`, parsed into exact, typed values.
//!
//! ```json
//! {"api": {"latency": {"target": 95, "threshold": 2000, "window": "30d",
//!                      "description": "95% of requests under 2s over 30 days"}}}
//! ```
//!
//! A file holds services, a service its objectives; any number of files add up to one set.
//!
//! | objective | unit of `threshold` | `method` |
//! |---|---|---|
//! | `api.availability` | takes none | `timeslices`, or `occurrences`: then each 5xx is bad |
//! | `api.latency` | `ms` | `occurrences` |
//! | `api.error_rate` | `percent`, and always 100 − target | `occurrences` |
//! | `workers.availability` | takes none | `timeslices` |
//! | `workers.processing_time` | `s` | `occurrences` |
//! | `workers.queue_lag` | `s` | `occurrences` |
//!
//! `target` is in percent and `window` a whole number with its unit (`"30d"`), or a window of the
//! calendar: `{"calendar": "month", "time_zone": "Europe/Berlin"}` with `week`, `month` or `quarter`, in
//! UTC unless a zone is named. Optional are `unit`, `method` and `description`.
//!
//! Any other objective, under these or any other service, names an instrument of the [`catalog`]:
//!
//! ```json
//! {"checkout": {
//!    "latency": {"metric": "http.server.request.duration",
//!                "where": {"http.route": "/api/v1/checkout"},
//!                "good": {"at_most": 500, "unit": "ms"}, "target": 99, "window": "30d"},
//!    "publish": {"metric": "vantage.worker.jobs", "where": {"job.kind": ["publish", "draft"]},
//!                "good": {"outcome": "succeeded"}, "target": 99.5, "window": "7d"}}}
//! ```
//!
//! - `metric` is a histogram of seconds or a counter of events, by its OpenTelemetry name.
//! - `where` says which series count: each label with a value, several in an array, or `null` where the
//!   label is absent. Without it all count.
//! - `good` of a histogram is a limit, good up to and including it; of a counter it is labels, as in
//!   `where`.
//!
//! Such events are counted when they are recorded. Requests to the SDK's own routes are in no metric of
//! requests, and count towards no objective. A caller that gave up (`error.type` is `cancelled`) is bad
//! past a histogram's limit and not counted before it; towards a counter it counts only where the
//! objective names that. A series past `metrics.cardinality_limit` has lost its labels, and counts only
//! where none is asked about.
//!
//! [`budget`] has the arithmetic with the source of each formula, [`policy`] says when a burning budget
//! is an alert, and a [`report`] is what is known at one moment.
//!
//! | word | means |
//! |---|---|
//! | time slice | a minute that is good or bad as a whole: `timeslices` of [OpenSLO], "good minutes" of the [SRE workbook] |
//! | occurrence | an event that is good or bad: `occurrences` of OpenSLO |
//! | coverage | the share of the window until now that has samples |
//! | seen | the share of the whole window that has samples, what is to come of a calendar window included |
//! | collecting | less than nine tenths are seen: figures are right, and of a part |
//! | burn rate | the share of bad over the permitted share, in a window of its own |
//! | frozen | samples are missing now, so that an alert neither fires nor clears |
//!
//! [OpenSLO]: https://github.com/OpenSLO/OpenSLO#slo
//! [SRE workbook]: https://sre.google/workbook/implementing-slos/
//!
//! [`catalog`]: crate::model::catalog
//!
//! Why time slices for an availability? Because counted by requests it would be the error rate once more, and an outage in
//! which nobody asked, or no process was left to count, would cost nothing. A slice is good or bad whatever the
//! traffic, and one in which the process was down is bad.
//!
//! Why are files refused as a whole? Because an objective that silently isn't tracked looks just
//! like one that is met. So [`Objectives::load`] reports every fault of every file at once, and
//! what is legal but probably not meant becomes a [`SloWarning`].

pub mod budget;
mod burn_rate;
mod fault;
mod file;
mod indicator;
mod json;
mod kind;
mod lint;
pub mod maintenance;
mod objective;
pub mod policy;
#[cfg(feature = "otlp")]
pub(crate) mod promql;
pub mod report;
mod window;

use std::fs;
use std::io;
use std::path::Path;

use crate::model::figure::Figures;
use crate::model::input_file::read_input_text;

pub use fault::{SloError, SloFault, SloProblem, SloWarning};
pub use indicator::{GoodCriterion, Indicator, LabelFilter};
pub use kind::{BudgetingMethod, ObjectiveKind, ObjectiveThreshold, ServiceKey};
pub use objective::Objective;
pub use window::{
    CalendarPeriod, CalendarWindow, RollingWindow, RollingWindowError, SloWindow, TimeRange,
};

/// Every objective that is declared, in the order of the files and of the entries in them.
///
/// ```
/// use vantage_obs::slo::Objectives;
///
/// let objectives = Objectives::load("slo")?; // those of this repository
/// let ids: Vec<_> = objectives.iter().map(|objective| objective.id()).collect();
/// assert_eq!(ids[..3], ["api.availability", "api.latency", "api.error_rate"]);
/// # Ok::<(), vantage_obs::slo::SloError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Objectives(Vec<Objective>);

impl Objectives {
    /// Reads every `*.json` file that stands directly in `directory`, in the order of their names.
    ///
    /// Hidden files are left alone: editors and Kubernetes ConfigMap mounts leave copies there.
    ///
    /// ```
    /// use vantage_obs::slo::{Objectives, SloProblem};
    ///
    /// let error = Objectives::load("there/is/no/such/folder").unwrap_err();
    /// assert_eq!(error.faults()[0].problem, SloProblem::Unreadable);
    /// ```
    ///
    /// # Errors
    ///
    /// [`SloError`] lists what is wrong in all files: a directory or file that can't be read, no
    /// file at all, and every [`SloProblem`] in them. Whoever wrote the files is at fault.
    pub fn load(directory: impl AsRef<Path>) -> Result<Objectives, SloError> {
        Self::load_with(directory, &Figures::default())
    }

    /// Reads the files of `directory`, as [`load`](Self::load) does; their objectives may name these figures of the
    /// service too.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_with(
        directory: impl AsRef<Path>,
        figures: &Figures,
    ) -> Result<Objectives, SloError> {
        let directory = directory.as_ref();
        let unusable = |problem, value: String, allowed: &str| {
            let file = directory.display().to_string();
            SloError::new(vec![SloFault::for_file(&file, problem, value, allowed)])
        };
        let paths = list_json_files(directory).map_err(|error| {
            unusable(
                SloProblem::Unreadable,
                error.to_string(),
                "a directory that can be read",
            )
        })?;
        if paths.len() > MAX_FILES {
            let value = format!("more than {MAX_FILES}");
            let allowed = format!("at most {MAX_FILES} *.json files");
            return Err(unusable(SloProblem::TooMuch, value, &allowed));
        }
        if paths.is_empty() {
            return Err(unusable(
                SloProblem::NoFile,
                "nothing".into(),
                "at least one *.json file",
            ));
        }
        let mut reader = file::SloFileReader::new(figures);
        let mut total_bytes = 0;
        for path in paths {
            let name = path.display().to_string();
            match read_input_text(&path) {
                Ok(text) => {
                    total_bytes += text.len();
                    if total_bytes > MAX_TOTAL_BYTES {
                        let value = "the files up to this one have more".into();
                        let allowed = "files of 16 MiB together";
                        let problem = SloProblem::TooMuch;
                        reader.add(SloFault::for_file(&name, problem, value, allowed));
                        break;
                    }
                    reader.read_text(&name, &text);
                }
                Err(error) => reader.add_unreadable(&name, &error),
            }
        }
        reader.finish()
    }

    /// Reads objectives from `(file name, text)` pairs; the name only appears in faults and
    /// warnings.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), but for what concerns the file system.
    ///
    /// # Examples
    ///
    /// ```
    /// use vantage_obs::slo::Objectives;
    ///
    /// let text = r#"{"api": {"availability": {"target": 99.9, "window": "30d"}}}"#;
    /// let objectives = Objectives::parse(&[("api.json", text)])?;
    /// let availability = objectives.get("api.availability").unwrap();
    /// assert_eq!(availability.time_budget().as_secs(), 43 * 60 + 12);
    /// # Ok::<(), vantage_obs::slo::SloError>(())
    /// ```
    pub fn parse(files: &[(&str, &str)]) -> Result<Objectives, SloError> {
        Self::parse_with(files, &Figures::default())
    }

    /// Reads objectives as [`parse`](Self::parse) does; they may name these figures of the service too.
    ///
    /// ```
    /// use vantage_obs::figure::{Figure, Figures};
    /// use vantage_obs::slo::Objectives;
    ///
    /// let checkouts = Figure::counter("shop.checkouts").label_values("result", ["paid", "failed"]);
    /// let figures: Figures = [checkouts].into_iter().collect();
    /// let file = r#"{"shop": {"checkout": {
    ///     "metric": "shop.checkouts", "good": {"result": "paid"}, "target": 99.5, "window": "30d"}}}"#;
    /// let objectives = Objectives::parse_with(&[("shop.json", file)], &figures)?;
    /// assert_eq!(objectives.len(), 1);
    /// let slip = file.replace("shop.checkouts", "shop.checkout");
    /// let error = Objectives::parse_with(&[("shop.json", &slip)], &figures).unwrap_err();
    /// assert!(error.to_string().contains("did you mean shop.checkouts?"));
    /// # Ok::<(), vantage_obs::slo::SloError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_with(files: &[(&str, &str)], figures: &Figures) -> Result<Objectives, SloError> {
        let mut reader = file::SloFileReader::new(figures);
        for (name, text) in files {
            reader.read_text(name, text);
        }
        reader.finish()
    }

    /// Returns the objective with this [id](Objective::id), such as `api.latency`.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Objective> {
        self.0.iter().find(|objective| objective.id() == id)
    }

    /// Returns the objectives, each over this rolling window: a report of a week instead of a month.
    ///
    /// ```
    /// use vantage_obs::slo::Objectives;
    ///
    /// let file = r#"{"api": {"availability": {"target": 99.9, "window": "30d"}}}"#;
    /// let month = Objectives::parse(&[("api.json", file)])?;
    /// let week = month.with_window("7d".parse()?);
    /// assert_eq!(week.iter().next().expect("one").time_budget().as_secs(), 604); // 10 min 4.8 s
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_window(&self, window: RollingWindow) -> Objectives {
        let over = |objective: &Objective| Objective {
            window: SloWindow::Rolling(window),
            ..objective.clone()
        };
        Objectives(self.0.iter().map(over).collect())
    }

    /// Returns every objective, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Objective> {
        self.0.iter()
    }

    /// Returns the number of objectives.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if no objective is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the warnings of all of them, in order.
    pub fn warnings(&self) -> impl Iterator<Item = &SloWarning> {
        self.0.iter().flat_map(Objective::warnings)
    }

    /// Returns a warning for each alert of a policy that can never fire, in order: with a target of 90 the burn rate is 10x
    /// when everything is bad, so that more than 10x is impossible.
    pub fn unreachable_alerts(
        &self,
        policy: &policy::BurnRatePolicy,
    ) -> impl Iterator<Item = SloWarning> {
        let warnings = |objective| lint::lint_unreachable_alerts(objective, policy);
        self.0.iter().filter_map(warnings)
    }
}

impl<'a> IntoIterator for &'a Objectives {
    type Item = &'a Objective;
    type IntoIter = std::slice::Iter<'a, Objective>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The maximum number of files in a directory. A company has tens of services.
const MAX_FILES: usize = 1_000;

/// The maximum size of all of them, in bytes. An objective takes some 200.
const MAX_TOTAL_BYTES: usize = 16 << 20;

/// Lists the JSON files of a directory, sorted, because directories list their entries in any order. Stops after
/// the first that is too many.
fn list_json_files(directory: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden
            && path
                .extension()
                .is_some_and(|extension| extension == "json")
        {
            paths.push(path);
            if paths.len() > MAX_FILES {
                break;
            }
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests;
