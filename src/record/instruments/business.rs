//! The figures that the library ships, with a typed method for each.

use std::fmt;
use std::sync::Arc;

use super::figures::{FigureCounter, FigureGauge, FigureInstruments};
use crate::model::figure::preset::{
    ACTIVE_ORGANIZATIONS, AI_GENERATIONS, ENGAGEMENT, POSTS, REFUNDS, REVENUE,
};

/// Business figures. A cheap clone.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use vantage_obs::instruments::{Currency, Engagement};
/// # use vantage_obs::testing::TestTelemetry;
///
/// const EUR: Currency = Currency::new("EUR").unwrap();
/// # let test = TestTelemetry::new();
/// let business = test.telemetry().business();
/// business.record_posts_published(2);
/// business.record_engagement(Engagement::Like);
/// business.record_revenue(EUR, 1_999); // 19.99 EUR
/// business.record_revenue(EUR, 500);
/// assert_eq!(test.value("vantage_business_posts_published_total", &[]), Some(2.0));
/// let euros = [("currency", "EUR")];
/// assert_eq!(test.value("vantage_business_revenue_total", &euros), Some(2_499.0));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Business(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    organizations: FigureGauge,
    posts: FigureCounter,
    generations: FigureCounter,
    revenue: FigureCounter,
    refunds: FigureCounter,
    engagement: FigureCounter,
}

impl Business {
    pub(crate) fn new(figures: &FigureInstruments) -> Self {
        Self(Arc::new(Inner {
            organizations: figures.preset_gauge(ACTIVE_ORGANIZATIONS),
            posts: figures.preset_counter(POSTS),
            generations: figures.preset_counter(AI_GENERATIONS),
            revenue: figures.preset_counter(REVENUE),
            refunds: figures.preset_counter(REFUNDS),
            engagement: figures.preset_counter(ENGAGEMENT),
        }))
    }

    /// Sets the number of active organisations, counted by the service's own rule.
    ///
    /// Over replicas the largest counts: each counts the same organisations.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// let business = test.telemetry().business();
    /// business.record_active_organizations(42);
    /// business.record_active_organizations(40); // a gauge: the last value counts
    /// assert_eq!(test.value("vantage_business_active_organizations", &[]), Some(40.0));
    /// # }
    /// ```
    pub fn record_active_organizations(&self, organizations: u64) {
        self.0.organizations.set(organizations, &[]);
    }

    /// Counts published posts.
    pub fn record_posts_published(&self, posts: u64) {
        self.0.posts.add_to(posts, &[]);
    }

    /// Counts one delivered AI generation of a kind out of a small set, such as `caption`: it becomes a label.
    pub fn record_ai_generation(&self, kind: &str) {
        self.0.generations.add_to(1, &[kind]);
    }

    /// Counts money taken, in minor units: 12.34 EUR is 1234.
    pub fn record_revenue(&self, currency: Currency, minor_units: u64) {
        self.0.revenue.add_to(minor_units, &[currency.code()]);
    }

    /// Counts money given back, in minor units.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::instruments::Currency;
    /// # use vantage_obs::testing::TestTelemetry;
    /// const JPY: Currency = Currency::new("JPY").unwrap();
    /// # let test = TestTelemetry::new();
    /// test.telemetry().business().record_refund(JPY, 500); // 500 yen: the yen has no minor unit
    /// let yen = [("currency", "JPY")];
    /// assert_eq!(test.value("vantage_business_refunds_total", &yen), Some(500.0));
    /// # }
    /// ```
    pub fn record_refund(&self, currency: Currency, minor_units: u64) {
        self.0.refunds.add_to(minor_units, &[currency.code()]);
    }

    /// Counts one interaction of a user.
    pub fn record_engagement(&self, kind: Engagement) {
        self.0.engagement.add_to(1, &[kind.label()]);
    }
}

/// An interaction of a user with a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Engagement {
    /// Liked it.
    Like,
    /// Commented on it.
    Comment,
    /// Shared it.
    Share,
    /// Followed its link.
    Click,
    /// Anything else.
    Other,
}

impl Engagement {
    /// Returns the value of the label, which is one of the catalog's.
    const fn label(self) -> &'static str {
        match self {
            Self::Like => "like",
            Self::Comment => "comment",
            Self::Share => "share",
            Self::Click => "click",
            Self::Other => "other",
        }
    }
}

/// A currency by its ISO 4217 code.
///
/// ```
/// use vantage_obs::instruments::Currency;
///
/// const EUR: Currency = Currency::new("EUR").unwrap();
/// assert_eq!(EUR.code(), "EUR");
/// assert!(Currency::new("euro").is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Returns the currency with this code of three capital letters; `None` for any other text.
    #[must_use]
    pub const fn new(code: &str) -> Option<Self> {
        match *code.as_bytes() {
            [a, b, c]
                if a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_uppercase() =>
            {
                // Any three letters: the list of ISO 4217 changes, and a wrong one would refuse
                // money.
                Some(Self([a, b, c]))
            }
            _ => None,
        }
    }

    /// Returns the code: three capital letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
