//! The figures of the business: posts, generations, revenue, engagement.
//!
//! Figures of the product rather than of the machine. The service's own code records them.
//!
//! Money is counted in minor units (cents, yen): a counter of floating-point amounts drifts, and
//! currencies are never added together.

use super::{Attribute, Instrument, MetricFamily, MetricSpec, family};
use crate::model::units::Unit;

/// The kinds of engagement.
///
/// Closed, so that a free text from a client can't become a label; the rest is `other`.
pub(crate) const ENGAGEMENTS: &[&str] = &["like", "comment", "share", "click", "other"];

/// The labels of an AI generation.
pub(crate) const GENERATION: [Attribute; 1] = [Attribute::open(
    "generation.kind",
    "what was generated, such as `caption`",
)];
/// The labels of an amount: without a currency a sum of amounts means nothing.
pub(crate) const MONEY: [Attribute; 1] = [Attribute::open("currency", "ISO 4217 code")];
/// The labels of an interaction.
pub(crate) const ENGAGEMENT: [Attribute; 1] = [Attribute::one_of("kind", ENGAGEMENTS)];

family! {
    /// Organisations that are active.
    pub(crate) const ACTIVE_ORGANIZATIONS: MetricSpec = MetricSpec::new(
        MetricFamily::Business,
        "vantage.business.active_organizations",
        Instrument::Gauge,
        Unit::Count("{organization}"),
        "Active organisations, as the service counts them; of several replicas use the largest value, not the sum",
        &[],
    );

    /// Published posts.
    pub(crate) const POSTS: MetricSpec = MetricSpec::new(
        MetricFamily::Business,
        "vantage.business.posts_published",
        Instrument::Counter,
        Unit::Count("{post}"),
        "Posts that were published",
        &[],
    );

    /// AI generations.
    pub(crate) const AI_GENERATIONS: MetricSpec = MetricSpec::new(
        MetricFamily::Business,
        "vantage.business.ai_generations",
        Instrument::Counter,
        Unit::Count("{generation}"),
        "AI generations that were delivered",
        &GENERATION,
    );

    /// Money taken.
    pub(crate) const REVENUE: MetricSpec = MetricSpec::new(
        MetricFamily::Business,
        "vantage.business.revenue",
        Instrument::Counter,
        Unit::Count("{minor_unit}"),
        "Revenue in minor units of the currency, such as cents",
        &MONEY,
    );

    /// Money given back.
    pub(crate) const REFUNDS: MetricSpec = MetricSpec::new(
        MetricFamily::Business,
        "vantage.business.refunds",
        Instrument::Counter,
        Unit::Count("{minor_unit}"),
        "Refunds in minor units of the currency, such as cents",
        &MONEY,
    );

    /// User engagement.
    pub(crate) const USER_ENGAGEMENT: MetricSpec = MetricSpec::new(
        MetricFamily::Business,
        "vantage.business.engagement",
        Instrument::Counter,
        Unit::Count("{interaction}"),
        "Interactions of users with posts, by kind",
        &ENGAGEMENT,
    );
}
