//! The status page: its components, and incidents as they open and resolve.

use std::collections::HashMap;
use std::time::Duration;

use vantage_obs::config::StatusComponentConfig;
use vantage_obs::status::{Incident, StatusId};
use vantage_obs::{Config, Telemetry};

/// A page with a component of the platform's own. Of an incident of seconds it speaks after a moment;
/// services leave that at minutes.
pub(crate) fn configure(config: &mut Config, incident: Option<Duration>) {
    let status = &mut config.status;
    status.title = Some("VANTAGE platform".into());
    let mut queue = StatusComponentConfig::new("queue");
    queue.name = Some("Job queue".into());
    queue.description = Some("Takes posts until they are published.".into());
    queue.checks = vec!["queue".into()];
    status.components = vec![queue];
    if let Some(length) = incident {
        status.open_after = (length / 20).clamp(Duration::from_secs(1), status.open_after);
        status.resolve_after = (length / 5).clamp(status.open_after, status.resolve_after);
    }
}

/// The number of updates printed, by incident.
#[derive(Debug, Default)]
pub(crate) struct PrintedUpdates(HashMap<StatusId, usize>);

impl PrintedUpdates {
    /// Returns a line for each new update of an incident.
    pub(crate) fn new_lines(&mut self, telemetry: &Telemetry) -> Vec<String> {
        let Some(status) = telemetry.incidents().status() else {
            return Vec::new();
        };
        let incidents = status.incidents.iter().rev();
        incidents
            .flat_map(|incident| self.lines_of(incident))
            .collect()
    }

    fn lines_of(&mut self, incident: &Incident) -> Vec<String> {
        let printed = self.0.entry(incident.id).or_default();
        let new = incident.updates.len() - *printed;
        *printed = incident.updates.len();
        let new = incident.updates.iter().take(new).rev();
        let line =
            |status: &str, body: &str| format!("STATUS  {}: {status}. {body}", incident.title);
        new.map(|update| line(update.status.as_str(), &update.body))
            .collect()
    }
}
