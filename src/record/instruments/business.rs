//! Business metrics.

use std::fmt;
use std::sync::Arc;

use crate::model::catalog::MetricSpec;
use crate::model::catalog::business::{
    ACTIVE_ORGANIZATIONS, AI_GENERATIONS, ENGAGEMENT, GENERATION, MONEY, POSTS, REFUNDS, REVENUE,
    USER_ENGAGEMENT,
};
use crate::record::business_totals::{TotalPeak, TotalSum};
use crate::record::series::{
    Bindable, Binder, BoundSeries, Counter, Gauge, Instruments, is_overflow,
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
    organizations: Gauge,
    /// The day's largest value: an average over a day would depend on how often it is set.
    peak_organizations: TotalPeak,
    posts: TotaledCounter,
    generations: BoundSeries<TotaledCounter, 1>,
    revenue: BoundSeries<TotaledCounter, 1>,
    refunds: BoundSeries<TotaledCounter, 1>,
    engagement: BoundSeries<TotaledCounter, 1>,
}

/// A counter whose daily totals are kept too, where a store keeps them.
#[derive(Debug)]
struct TotaledCounter {
    counter: Counter,
    sum: TotalSum,
}

impl TotaledCounter {
    fn add(&self, events: u64) {
        self.counter.add(events);
        self.sum.add(events);
    }
}

impl Bindable for TotaledCounter {
    fn binder(instruments: &Instruments, spec: &'static MetricSpec) -> Binder<Self> {
        let counter = Counter::binder(instruments, spec);
        let business_totals = instruments.business_totals().clone();
        Box::new(move |labels| {
            // Each business metric has one label at most, and that is what distinguishes its
            // totals.
            let label = labels.first().map(|label| label.value.as_str());
            let attribute = match label {
                // Its label is lost, and its money is not.
                // In parentheses, so that it can't be the value of a label.
                _ if is_overflow(labels) => "(others)".into(),
                label => label.unwrap_or_default(),
            };
            Self {
                counter: counter(labels),
                sum: business_totals.register_sum(total_name(spec), &attribute),
            }
        })
    }
}

/// Returns the name of a metric's total: `posts_published` of `vantage.business.posts_published`.
fn total_name(spec: &'static MetricSpec) -> &'static str {
    let (_, total_name) = spec.name.rsplit_once('.').unwrap_or(("", spec.name));
    total_name
}

impl Business {
    pub(crate) fn new(instruments: &Instruments) -> Self {
        Self(Arc::new(Inner {
            organizations: instruments.single(&ACTIVE_ORGANIZATIONS),
            peak_organizations: instruments
                .business_totals()
                .register_peak(total_name(&ACTIVE_ORGANIZATIONS)),
            posts: instruments.single(&POSTS),
            generations: instruments.series(&AI_GENERATIONS, &GENERATION),
            revenue: instruments.series(&REVENUE, &MONEY),
            refunds: instruments.series(&REFUNDS, &MONEY),
            engagement: instruments.series(&USER_ENGAGEMENT, &ENGAGEMENT),
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
        self.0.organizations.set(organizations);
        self.0.peak_organizations.set(organizations);
    }

    /// Counts published posts.
    pub fn record_posts_published(&self, posts: u64) {
        self.0.posts.add(posts);
    }

    /// Counts one delivered AI generation of a kind out of a small set, such as `caption`: it becomes a label.
    pub fn record_ai_generation(&self, kind: &str) {
        self.0.generations.with([kind], |series| series.add(1));
    }

    /// Counts money taken, in minor units: 12.34 EUR is 1234.
    pub fn record_revenue(&self, currency: Currency, minor_units: u64) {
        self.0
            .revenue
            .with([currency.code()], |series| series.add(minor_units));
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
        self.0
            .refunds
            .with([currency.code()], |series| series.add(minor_units));
    }

    /// Counts one interaction of a user.
    pub fn record_engagement(&self, kind: Engagement) {
        self.0
            .engagement
            .with([kind.label()], |series| series.add(1));
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
