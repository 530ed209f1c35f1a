//! Typed handles over the catalog's instruments. Recording never fails, blocks or panics.

mod api;
mod business;
mod crew;
mod database;
mod health;
mod live;
mod observed;
mod own;
mod running;
mod scheduler;
#[cfg(feature = "postgres")]
mod server;
mod slo;
mod store;
mod tally;
mod verdict;
mod worker;

pub(crate) use api::{Answer, Api, Asked, Ending};
pub use business::{Business, Currency, Engagement};
pub(crate) use crew::{Crew, Member, Number};
pub use database::{Database, Pool, Query, SLOW_QUERY, Transaction};
pub(crate) use health::observe_health;
pub(crate) use observed::observe;
pub(crate) use own::Own;
pub(crate) use running::Watched;
pub(crate) use scheduler::Executions;
pub use scheduler::{Execution, Scheduler};
#[cfg(feature = "postgres")]
pub(crate) use server::observe_databases;
pub(crate) use slo::observe_slo;
pub(crate) use store::observe_store;
pub(crate) use tally::Tally;
pub(crate) use worker::Jobs;
pub use worker::{Job, Worker};
