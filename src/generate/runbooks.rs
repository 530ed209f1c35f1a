//! Runbooks: a page for each alert, the steps of an incident, the common issues, and checklists for each
//! day, week and month.
//!
//! What is known of an alert comes from its declaration: what it means, its levels, what it asks, which
//! dashboard shows it. What to do about it stands in [`advice`]. Below the last line of each page a team
//! writes what it has learned; that part is theirs, and kept.

mod advice;
mod alert;
mod checklist;
mod index;
mod issues;
mod page;
mod queries;
mod response;

use self::page::RunbookPage;
use super::{GenerateInput, GeneratedFile};

/// Returns all pages.
pub(super) fn files(input: &GenerateInput) -> Vec<GeneratedFile> {
    let mut pages = alert::pages(input);
    pages.extend(issues::pages(input));
    pages.push(response::page(input));
    pages.extend(checklist::pages());
    pages.push(index::page());
    pages.into_iter().map(RunbookPage::into_file).collect()
}

#[cfg(test)]
mod tests;
