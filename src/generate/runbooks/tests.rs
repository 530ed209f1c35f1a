use std::collections::BTreeSet;

use super::*;
use crate::config::Config;
use crate::generate::MAX_EXPRESSION_LENGTH;
use crate::generate::alerts::prose;
use crate::generate::platform_config;
use crate::model::alerts::{self, AlertSignal, AlertThreshold, Severity};
use crate::model::slo::Objectives;

fn input(config: Config) -> GenerateInput {
    GenerateInput::new(config, Objectives::load("slo").unwrap())
}

fn page(files: &[GeneratedFile], name: &str) -> String {
    let path = format!("runbooks/{name}.md");
    files
        .iter()
        .find(|file| file.path == path)
        .unwrap()
        .text
        .clone()
}

/// Returns the title of a page's text.
fn title(text: &str) -> &str {
    text.lines().next().unwrap().strip_prefix("# ").unwrap()
}

#[test]
fn every_alert_has_its_page_and_every_link_between_pages_leads_somewhere() {
    let files = files(&input(platform_config()));
    let pages: BTreeSet<_> = files.iter().map(|file| file.path.as_str()).collect();
    for spec in alerts::ALL {
        let path = format!("runbooks/{}.md", spec.runbook());
        assert!(pages.contains(path.as_str()), "{path}");
    }
    let mut links = 0;
    for file in &files {
        for target in file.text.split("](").skip(1) {
            let target = target.split(')').next().unwrap();
            if !target.starts_with("http") {
                assert!(
                    pages.contains(format!("runbooks/{target}").as_str()),
                    "{}: {target}",
                    file.path
                );
                links += 1;
            }
        }
    }
    assert!(links > 100, "{links}");
}

#[test]
fn every_page_can_be_found_from_the_first() {
    let files = files(&input(platform_config()));
    let index = page(&files, "README");
    for file in &files {
        let name = file.path.strip_prefix("runbooks/").unwrap();
        assert!(
            name == "README.md" || index.contains(&format!("]({name})")),
            "{name}"
        );
    }
}

#[test]
fn page_of_an_alert_shows_the_configured_levels() {
    let mut config = platform_config();
    let threshold = AlertThreshold::Count(7);
    config
        .alerts
        .set(AlertSignal::QueueDepth, Severity::High, Some(threshold));
    let text = page(&files(&input(config)), "queue-depth-high");
    assert!(text.contains("| warning | above 500 | 5m |"), "{text}");
    assert!(text.contains("| high | above 7 | 5m |"), "{text}");
}

#[test]
fn page_of_budgets_shows_the_configured_burn_windows() {
    let mut config = platform_config();
    config.slo.burn_rate.critical.factor = crate::model::units::Ratio::new(17, 2).unwrap();
    let text = page(&files(&input(config)), "error-budget-burn");
    assert!(
        text.contains("| critical | above 8.5x | 1h and 5m |"),
        "{text}"
    );
}

#[test]
fn each_page_has_a_section_for_notes_and_no_unknown_directive() {
    for file in files(&input(platform_config())) {
        assert!(file.text.contains(MANUAL_SECTION_MARKER), "{}", file.path);
        assert!(!file.text.contains("{{"), "{}", file.path);
    }
}

#[test]
fn prose_of_every_alert_has_its_sections_and_a_query() {
    let expected = [
        "Impact",
        "Diagnosis",
        "Mitigation",
        "Escalation",
        "Common issue",
    ];
    for spec in alerts::ALL {
        let text = prose(spec.signal);
        assert_eq!(title(text), spec.name);
        let sections: Vec<_> = markdown::sections(text).collect();
        let headings: Vec<_> = sections.iter().map(|(heading, _)| *heading).collect();
        assert_eq!(headings, expected, "{}", spec.name);
        assert!(
            sections.iter().all(|(_, body)| !body.is_empty()),
            "{}",
            spec.name
        );
        let diagnosis = markdown::section(text, "Diagnosis");
        assert!(diagnosis.contains("\n{{"), "{}", spec.name);
    }
}

#[test]
fn a_common_issue_is_named_by_the_title_of_its_page() {
    let links: BTreeSet<_> = PAGES
        .iter()
        .filter(|(_, text)| text.ends_with("## Alerts that point here\n\n{{alerts}}\n"))
        .map(|(name, text)| format!("[{}]({name}.md)", title(text)))
        .collect();
    let all = Alert::all(&input(platform_config()));
    let named: BTreeSet<_> = all
        .iter()
        .filter_map(alert::common_issue)
        .map(str::to_owned)
        .collect();
    // Each of these pages lists alerts, and each link leads to one of them.
    assert_eq!(named, links);
}

#[test]
fn every_query_has_a_name_of_its_own_and_is_shown() {
    let texts: Vec<_> = alerts::ALL
        .iter()
        .map(|spec| prose(spec.signal))
        .chain(PAGES.map(|(_, text)| text))
        .collect();
    let names: BTreeSet<_> = queries::QUERIES.iter().map(|query| query.name).collect();
    assert_eq!(names.len(), queries::QUERIES.len());
    for query in queries::QUERIES {
        assert!(query.caption.ends_with(':'), "{}", query.name);
        let directive = format!("\n{{{{query {}}}}}\n", query.name);
        assert!(
            texts.iter().any(|text| text.contains(&directive)),
            "{}",
            query.name
        );
    }
}

#[test]
fn no_query_is_too_long_to_be_read() {
    for file in files(&input(platform_config())) {
        let queries = file.text.split("```promql\n").skip(1);
        for query in queries.filter_map(|text| text.split("\n```").next()) {
            let length = query.chars().count();
            assert!(length <= MAX_EXPRESSION_LENGTH, "{length}: {query}");
        }
    }
}
