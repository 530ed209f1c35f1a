//! Pages for whoever is woken: one for each alert, the steps of an incident, the common issues, and
//! what to look at each day, week and month.
//!
//! What is known of an alert comes from its declaration: what it means, its levels, what it asks, which
//! dashboard shows it. What to do about it stands in [`advice`]. Below the last line of each page a team
//! writes what it has learned; that part is theirs, and kept.

mod advice;
mod alert;
mod calendar;
mod index;
mod issues;
mod page;
mod queries;
mod response;

use self::page::Page;
use super::{GeneratedFile, Source};

/// All pages.
pub(super) fn files(source: &Source) -> Vec<GeneratedFile> {
    let mut pages = alert::pages(source);
    pages.extend(issues::pages(source));
    pages.push(response::page(source));
    pages.extend(calendar::pages());
    pages.push(index::page());
    pages.into_iter().map(Page::into_file).collect()
}

#[cfg(test)]
mod tests;
