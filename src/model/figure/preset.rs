//! The figures that the library ships: those of a platform that publishes posts. Nothing of them shows in a
//! process that does not touch them.

use super::FigureSpec;
use crate::model::catalog::{MetricSpec, business};

/// The organisations that are active.
pub(crate) const ACTIVE_ORGANIZATIONS: FigureSpec =
    totaled(&business::ACTIVE_ORGANIZATIONS, "active_organizations");
/// Published posts.
pub(crate) const POSTS: FigureSpec = totaled(&business::POSTS, "posts_published");
/// AI generations by kind.
pub(crate) const AI_GENERATIONS: FigureSpec = totaled(&business::AI_GENERATIONS, "ai_generations");
/// Money taken, by currency.
pub(crate) const REVENUE: FigureSpec = totaled(&business::REVENUE, "revenue");
/// Money given back, by currency.
pub(crate) const REFUNDS: FigureSpec = totaled(&business::REFUNDS, "refunds");
/// Interactions of users by kind.
pub(crate) const ENGAGEMENT: FigureSpec = totaled(&business::USER_ENGAGEMENT, "engagement");

/// All of them. Their totals have short names, which no figure of a service may share.
pub(super) const ALL: [FigureSpec; 6] = [
    ACTIVE_ORGANIZATIONS,
    POSTS,
    AI_GENERATIONS,
    REVENUE,
    REFUNDS,
    ENGAGEMENT,
];

const fn totaled(metric: &'static MetricSpec, total: &'static str) -> FigureSpec {
    FigureSpec {
        metric,
        daily_total: Some(total),
    }
}
