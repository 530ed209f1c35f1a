//! The alerts of the figures that the library ships.

use super::{AlertRow, Baseline, CURRENCY, Counted};
use crate::model::alerts::AlertSignal;
use crate::model::catalog::business::{AI_GENERATIONS, POSTS, REFUNDS, REVENUE};

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
        Self::new(Counted::posts())
    }

    pub(in crate::generate) fn generations() -> Self {
        Self::new(Counted::generations())
    }

    pub(in crate::generate) fn revenue() -> Self {
        Self::new(Counted::revenue())
    }

    /// Returns those of the figures that the library ships.
    pub(in crate::generate) fn business() -> [Self; 3] {
        [Self::posts(), Self::generations(), Self::revenue()]
    }
}

impl Counted {
    pub(in crate::generate) fn posts() -> Self {
        let posts = Self::new("vantage:posts_published", &POSTS, &[]);
        posts.compared().by_day()
    }

    pub(in crate::generate) fn generations() -> Self {
        let by = &["generation.kind"];
        let generations = Self::new("vantage:ai_generations", &AI_GENERATIONS, by);
        generations.compared().by_day()
    }

    pub(in crate::generate) fn revenue() -> Self {
        let revenue = Self::new("vantage:revenue", &REVENUE, &[CURRENCY]);
        revenue.compared().by_day()
    }

    pub(in crate::generate) fn refunds() -> Self {
        Self::new("vantage:refunds", &REFUNDS, &[CURRENCY]).by_day()
    }

    /// Returns those of the figures that the library ships.
    pub(in crate::generate) fn business() -> [Self; 4] {
        [
            Self::posts(),
            Self::generations(),
            Self::revenue(),
            Self::refunds(),
        ]
    }
}
