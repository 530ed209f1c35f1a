//! The fleet's report of a service: asked for in the background, again and again, and never by whoever
//! looks at it.
//!
//! On a thread of its own. The export thread is there only where something is exported, and has
//! deadlines to keep; those that watch health and objectives must not wait for a large answer to be
//! read.

use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::{Fleet, FleetReport};
use crate::config::Config;
use crate::model::slo::Objectives;
use crate::model::snapshot::slo::LatestFleet;
use crate::record::clock::Clock;

/// For so many intervals a report is worth showing.
const GOOD_FOR: u32 = 5;
/// How long one report may take, at most.
const LONGEST: Duration = Duration::from_secs(30);
/// How soon it is tried again after a failure: sooner than an interval, because a service often starts
/// before what it asks.
const AGAIN: Duration = Duration::from_secs(10);

/// Asks for the report of a fleet.
#[derive(Debug)]
pub(crate) struct Refresh {
    fleet: Arc<Fleet>,
    objectives: Arc<Objectives>,
    interval: Duration,
    clock: Clock,
    latest: LatestFleet,
}

/// Where the report will be, if the configuration says whom to ask.
pub(crate) fn place(config: &Config) -> Option<LatestFleet> {
    let asked = config.slo.prometheus.url.is_some() && !config.disabled;
    asked.then(|| LatestFleet::new(config.slo.prometheus.interval * GOOD_FOR))
}

impl Refresh {
    /// `None` where the configuration doesn't say whom to ask.
    pub(crate) fn new(
        config: &Config,
        objectives: &Objectives,
        clock: Clock,
        latest: LatestFleet,
    ) -> Option<Self> {
        let settings = &config.slo.prometheus;
        let mut fleet = Fleet::of(settings.url.clone()?, config);
        fleet.deadline = settings.interval.min(LONGEST);
        Some(Self {
            fleet: Arc::new(fleet),
            objectives: Arc::new(objectives.clone()),
            interval: settings.interval,
            clock,
            latest,
        })
    }

    /// Asks from now on; it ends when the answer is dropped, whatever it waits for.
    pub(crate) fn start(self) -> io::Result<oneshot::Sender<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(2)
            .build()?;
        let (stop, stopped) = oneshot::channel();
        thread::Builder::new()
            .name("vantage-fleet".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = stopped => {}
                        () = self.run() => {}
                    }
                });
                // A name that is being resolved must not keep the process.
                runtime.shutdown_background();
            })?;
        Ok(stop)
    }

    async fn run(&self) {
        let mut said = None;
        loop {
            let began = Instant::now();
            let trouble = self.round().await;
            let wait = match trouble {
                Some(Trouble::Nothing(_)) => self.interval.min(AGAIN),
                _ => self.interval,
            };
            tell(&mut said, trouble);
            sleep_until(began + wait).await;
        }
    }

    /// Asks once; answers what was not as it should be.
    async fn round(&self) -> Option<Trouble> {
        let at = Timestamp::try_from(self.clock.wall()).ok()?;
        let (fleet, objectives) = (Arc::clone(&self.fleet), Arc::clone(&self.objectives));
        // A panic costs one report, and not all that come after it.
        let asked = tokio::spawn(async move { fleet.report(&objectives, at, |_, _| ()).await });
        let answer = match asked.await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match answer {
            Ok(FleetReport {
                report, failures, ..
            }) => {
                self.latest.publish(report);
                (!failures.is_empty()).then(|| Trouble::Partly(failures.join("; ")))
            }
            Err(cause) => {
                self.latest.fail();
                Some(Trouble::Nothing(cause))
            }
        }
    }
}

/// What was not as it should be.
#[derive(Debug, PartialEq, Eq)]
enum Trouble {
    /// There is no new report.
    Nothing(String),
    /// Some queries failed.
    Partly(String),
}

/// Says what has changed since it was said last.
fn tell(said: &mut Option<Trouble>, now: Option<Trouble>) {
    if *said == now {
        return;
    }
    match &now {
        Some(Trouble::Nothing(cause)) => {
            tracing::warn!(cause, "there is no new report of the fleet's objectives");
        }
        Some(Trouble::Partly(failures)) => {
            tracing::warn!(
                failures,
                "the report of the fleet's objectives lacks figures"
            );
        }
        None => tracing::info!("the report of the fleet's objectives is whole again"),
    }
    *said = now;
}
