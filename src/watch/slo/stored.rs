//! The objectives of services from the slices in their store, without the service.
//!
//! Each instance has a report of its own: what it judged itself can't be judged again over all of them,
//! because the requests of a slice are not kept. Whoever wants the fleet asks a Prometheus.
//!
//! A file is copied, and the copy is read.

use std::sync::Arc;

use jiff::Timestamp;

use super::objective_state::ObjectiveState;
use crate::config;
use crate::model::causes::debug_as_text;
use crate::model::slo::Objectives;
use crate::model::slo::report::{ReportSource, SloReport};
use crate::store::{SliceRow, Store, StoreError};
use crate::watch::store_access::{OpenedStore, block_on_store};

/// The slices of services' objectives, loaded from a store.
#[derive(Debug)]
pub struct StoredObjectives {
    instances: Vec<(Arc<str>, Vec<SliceRow>)>,
}

/// The error of a store that could not be read.
///
/// Whoever named it is at fault, or it is not there at the moment; the message says which.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct StoredObjectivesError(String);
debug_as_text!(StoredObjectivesError);

impl StoredObjectives {
    /// Loads the slices that ended after `since`, of one instance or of all. Blocks, and must not be called
    /// in a runtime.
    ///
    /// Nothing is created or changed, in a PostgreSQL neither.
    ///
    /// # Errors
    ///
    /// [`StoredObjectivesError`] where the store is not there, in use by a service that has it for itself,
    /// damaged, or of a kind that this build lacks.
    pub fn load_blocking(
        store: &config::StoreConfig,
        instance: Option<&str>,
        since: Timestamp,
    ) -> Result<StoredObjectives, StoredObjectivesError> {
        let opened = OpenedStore::of_copy(store).map_err(StoredObjectivesError)?;
        let read = read_slices(&*opened.store, instance, since);
        let instances = block_on_store(read).map_err(StoredObjectivesError)?;
        Ok(StoredObjectives { instances })
    }

    /// Returns the report of each instance at a moment, from the slices that were covered by then.
    #[must_use]
    pub fn reports(
        &self,
        objectives: &Objectives,
        slo: &config::SloConfig,
        at: Timestamp,
    ) -> Vec<(String, SloReport)> {
        let report = |(instance, rows): &(Arc<str>, Vec<SliceRow>)| {
            let mut report = SloReport::new(at, ReportSource::Store);
            let all = objectives.iter();
            report.objectives = all
                .map(|objective| {
                    let policy = slo.alert_policy();
                    let objective_state =
                        ObjectiveState::new(objective, slo.sample_interval, slo.slice, &policy);
                    objective_state.report_from_slices(rows, at, &slo.maintenance)
                })
                .collect();
            (instance.to_string(), report)
        };
        self.instances.iter().map(report).collect()
    }
}

async fn read_slices(
    store: &dyn Store,
    instance: Option<&str>,
    since: Timestamp,
) -> Result<Vec<(Arc<str>, Vec<SliceRow>)>, StoreError> {
    let mut names = store.instances().await?;
    names.retain(|name| instance.is_none_or(|wanted| **name == *wanted));
    let mut all = Vec::new();
    for name in names {
        let rows = store.slices(&name, since).await?;
        all.push((name, rows));
    }
    Ok(all)
}

#[cfg(feature = "file-store")]
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::StoreKind;
    use crate::store::{FileStore, StoreOp, block_on};

    const FILE: &str = r#"{"api":{"availability":{"target":99,"window":"1d"},
        "error_rate":{"target":99,"threshold":1,"window":"1d"}}}"#;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
    }

    fn slice(instance: &str, objective: &str, minute: i64, good: u64, bad: u64) -> StoreOp {
        let minute_long = Duration::from_secs(60);
        StoreOp::Slice(SliceRow {
            instance: instance.into(),
            objective: objective.into(),
            start: at(minute),
            length: minute_long,
            covered: minute_long,
            good,
            bad,
        })
    }

    /// Two instances, one of which was down for two minutes of ten.
    fn file() -> (tempfile::TempDir, config::StoreConfig) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("obs.redb");
        let store = FileStore::open(&path).unwrap();
        let mut rows = Vec::new();
        for minute in (0..10).filter(|minute| ![4, 5].contains(minute)) {
            rows.push(slice("one", "api.availability", minute, 1, 0));
            rows.push(slice("one", "api.error_rate", minute, 99, 1));
        }
        rows.push(slice("two", "api.error_rate", 9, 10, 10));
        block_on(store.commit(&rows)).unwrap();
        let config = config::StoreConfig {
            kind: StoreKind::File,
            path: Some(path),
            ..config::StoreConfig::default()
        };
        drop(store);
        (folder, config)
    }

    fn reports(stored: &StoredObjectives, minute: i64) -> Vec<(String, SloReport)> {
        let objectives = Objectives::parse(&[("api.json", FILE)]).unwrap();
        stored.reports(&objectives, &config::SloConfig::default(), at(minute))
    }

    #[test]
    fn each_instance_has_a_report_of_its_slices_and_its_downtime() {
        let (_folder, config) = file();
        let stored = StoredObjectives::load_blocking(&config, None, at(-60)).unwrap();
        let reports = reports(&stored, 10);
        let names: Vec<_> = reports.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["one", "two"]);
        let counts = |instance: usize, objective: usize| {
            let found: &crate::model::slo::report::ObjectiveReport =
                &reports[instance].1.objectives[objective];
            (found.good, found.bad)
        };
        assert_eq!(counts(0, 0), (8, 2), "a gap between slices is down time");
        assert_eq!(counts(0, 1), (792, 8));
        assert_eq!(counts(1, 1), (10, 10));
        assert_eq!(reports[1].1.objectives[0].data.as_str(), "absent");
        let one = StoredObjectives::load_blocking(&config, Some("two"), at(-60)).unwrap();
        assert_eq!(one.instances.len(), 1);
    }

    #[test]
    fn a_report_of_an_earlier_moment_excludes_later_slices() {
        let (_folder, config) = file();
        let stored = StoredObjectives::load_blocking(&config, Some("one"), at(-60)).unwrap();
        let report = reports(&stored, 3).remove(0).1;
        assert_eq!(
            (report.objectives[1].good, report.objectives[1].bad),
            (297, 3)
        );
        assert_eq!(report.objectives[1].data.as_str(), "partial");
        let late = reports(&stored, 60).remove(0).1;
        assert_eq!(late.objectives[1].data.as_str(), "stale");
        assert_eq!(
            late.objectives[0].bad, 2,
            "nobody knows what came after the last slice"
        );
    }

    #[test]
    fn a_file_in_use_or_not_there_is_left_as_it_is() {
        let (folder, config) = file();
        let path = config.path.clone().unwrap();
        let service = FileStore::open(&path).unwrap();
        let describe = |config: &config::StoreConfig| {
            let error = StoredObjectives::load_blocking(config, None, at(0)).unwrap_err();
            error.to_string()
        };
        if cfg!(target_os = "linux") {
            assert!(describe(&config).contains("--url"), "{}", describe(&config));
        }
        drop(service);
        let mut nowhere = config.clone();
        nowhere.path = Some(folder.path().join("none.redb"));
        assert!(describe(&nowhere).contains("none.redb can't be read"));
        assert!(!folder.path().join("none.redb").exists());
        std::fs::write(&path, b"no database at all, but some text").unwrap();
        let damaged = describe(&config);
        let shown = path.display().to_string();
        let expected = format!("{shown} is damaged, or no file of a store (");
        assert!(damaged.starts_with(&expected), "{damaged}");
        assert!(damaged.ends_with("); it was left as it is"), "{damaged}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let text = std::fs::read(&path).unwrap();
        assert_eq!(text, b"no database at all, but some text");
    }

    #[test]
    fn an_unfinished_slice_counts_for_its_covered_part() {
        let (_folder, config) = file();
        let mut stored = StoredObjectives::load_blocking(&config, Some("two"), at(-60)).unwrap();
        let half = SliceRow {
            start: at(10),
            covered: Duration::from_secs(20),
            ..stored.instances[0].1[0].clone()
        };
        stored.instances[0].1.push(half);
        let objectives = Objectives::parse(&[("api.json", FILE)]).unwrap();
        let moment = at(10) + Duration::from_secs(20);
        let mut reports = stored.reports(&objectives, &config::SloConfig::default(), moment);
        let report = reports.remove(0).1.objectives.remove(1);
        assert_eq!((report.good, report.bad), (20, 20));
        assert_eq!(report.data.as_str(), "partial");
    }
}
