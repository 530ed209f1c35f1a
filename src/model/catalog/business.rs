//! What the platform is for.

use super::{Attribute, Family, Instrument, MetricSpec};
use crate::model::units::Unit;

/// The kinds of engagement.
pub const ENGAGEMENTS: &[&str] = &["like", "comment", "share", "click", "other"];

pub(crate) const GENERATION: [Attribute; 1] = [Attribute::open(
    "generation.kind",
    "what was generated, such as `caption`",
)];
pub(crate) const MONEY: [Attribute; 1] = [Attribute::open("currency", "ISO 4217 code")];
pub(crate) const ENGAGEMENT: [Attribute; 1] = [Attribute::one_of("kind", ENGAGEMENTS)];

/// Organisations that are active.
pub const ACTIVE_ORGANIZATIONS: MetricSpec = MetricSpec::new(
    Family::Business,
    "vantage.business.active_organizations",
    Instrument::Gauge,
    Unit::Things("{organization}"),
    "Active organisations, as the service counts them; over replicas the largest is right, not the sum",
    &[],
);
/// Published posts.
pub const POSTS: MetricSpec = MetricSpec::new(
    Family::Business,
    "vantage.business.posts_published",
    Instrument::Counter,
    Unit::Things("{post}"),
    "Posts that were published",
    &[],
);
/// AI generations.
pub const AI_GENERATIONS: MetricSpec = MetricSpec::new(
    Family::Business,
    "vantage.business.ai_generations",
    Instrument::Counter,
    Unit::Things("{generation}"),
    "AI generations that were delivered",
    &GENERATION,
);
/// Money taken.
pub const REVENUE: MetricSpec = MetricSpec::new(
    Family::Business,
    "vantage.business.revenue",
    Instrument::Counter,
    Unit::Things("{minor_unit}"),
    "Revenue in minor units of the currency, such as cents",
    &MONEY,
);
/// Money given back.
pub const REFUNDS: MetricSpec = MetricSpec::new(
    Family::Business,
    "vantage.business.refunds",
    Instrument::Counter,
    Unit::Things("{minor_unit}"),
    "Refunds in minor units of the currency, such as cents",
    &MONEY,
);
/// User engagement.
pub const USER_ENGAGEMENT: MetricSpec = MetricSpec::new(
    Family::Business,
    "vantage.business.engagement",
    Instrument::Counter,
    Unit::Things("{interaction}"),
    "Interactions of users with posts, by kind",
    &ENGAGEMENT,
);

/// The family, in the order of its table.
pub const ALL: &[&MetricSpec] = &[
    &ACTIVE_ORGANIZATIONS,
    &POSTS,
    &AI_GENERATIONS,
    &REVENUE,
    &REFUNDS,
    &USER_ENGAGEMENT,
];
