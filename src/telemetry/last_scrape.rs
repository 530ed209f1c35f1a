//! The scrape after the last thing that was recorded: what is counted in between is in none.

use std::fmt;
use std::time::{Duration, Instant};

use super::{Inner, Telemetry, timer};

/// The number of scrape intervals after which nothing is taken to scrape any more.
const SCRAPES_MISSED: u32 = 3;

/// The scrape after the last request, or the last job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LastScrape {
    /// It was answered, or there was one already: everything that has finished is in a scrape.
    Answered,
    /// None came in time; what was counted since the one before is in none.
    Missed,
    /// Nothing had scraped lately, there was no request, or `serve_app` was stopped by Ctrl-C.
    NotAwaited,
}

impl Telemetry {
    /// Waits for a scrape of everything that has been recorded up to now, at most for `http.shutdown_timeout` (15 s on
    /// Kubernetes, else 5 s).
    ///
    /// For a worker or scheduler that ends, between its last job and [`shutdown`](Self::shutdown): without it, what was
    /// counted since the scrape before is in none. It returns at once where nothing has scraped in the last three
    /// `metrics.prometheus.scrape_interval`s. [`serve_app`](Self::serve_app) does it itself.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use vantage_obs::LastScrape;
    /// # let test = vantage_obs::testing::TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    ///
    /// // The last job has ended.
    /// assert_eq!(telemetry.last_scrape().await, LastScrape::NotAwaited); // nothing scrapes here
    /// telemetry.shutdown().await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn last_scrape(&self) -> LastScrape {
        let recorded = Instant::now();
        if self.0.scraped_within().is_none() {
            return LastScrape::NotAwaited;
        }
        let scraped = self.0.server.scrape_activity.after(recorded);
        let timeout = self.0.config.config.http.shutdown_timeout;
        match timer::at_most(timeout, scraped).await {
            Some(()) => LastScrape::Answered,
            None => LastScrape::Missed,
        }
    }
}

impl Inner {
    /// Returns the time within which something has scraped, at whichever port; `None` where nothing has.
    pub(super) fn scraped_within(&self) -> Option<Duration> {
        let interval = self.config.config.metrics.prometheus.scrape_interval;
        let within = interval.saturating_mul(SCRAPES_MISSED);
        let is_recent = self.server.scrape_activity.is_recent(within);
        is_recent.then_some(within)
    }
}

impl fmt::Display for LastScrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answered => "the last finished one is in a scrape",
            Self::Missed => "no scrape came after the last of them",
            Self::NotAwaited => "no scrape was awaited",
        })
    }
}
