//! The alerts of the figures that the library ships.

use super::{AlertRow, Baseline};
use crate::model::alerts::AlertSignal;
use crate::model::catalog::business::{AI_GENERATIONS, POSTS, REVENUE};

pub(super) const ALERTS: &[AlertRow] = &[
    AlertRow::new(
        AlertSignal::PostsPublished,
        |_| Baseline::posts().query(AlertSignal::PostsPublished.spec().comparison),
        include_str!("posts-published-drop.md"),
    ),
    AlertRow::new(
        AlertSignal::AiGenerations,
        |_| Baseline::generations().query(AlertSignal::AiGenerations.spec().comparison),
        include_str!("ai-generations-spike.md"),
    ),
    AlertRow::new(
        AlertSignal::Revenue,
        |_| Baseline::revenue().query(AlertSignal::Revenue.spec().comparison),
        include_str!("revenue-anomaly.md"),
    ),
];

impl Baseline {
    pub(in crate::generate) fn posts() -> Self {
        Self::new("vantage:posts_published", &POSTS)
    }

    pub(in crate::generate) fn generations() -> Self {
        Self::new("vantage:ai_generations", &AI_GENERATIONS)
    }

    pub(in crate::generate) fn revenue() -> Self {
        Self::new("vantage:revenue", &REVENUE)
    }

    /// Returns those of the figures that the library ships.
    pub(in crate::generate) fn business() -> [Self; 3] {
        [Self::posts(), Self::generations(), Self::revenue()]
    }
}
