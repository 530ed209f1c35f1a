use std::collections::BTreeSet;

use super::*;
use crate::config::Config;
use crate::generate::MANUAL_SECTION_MARKER;
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

#[test]
fn every_alert_has_its_page_and_every_link_between_pages_leads_somewhere() {
    let files = files(&input(Config::default()));
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
    let files = files(&input(Config::default()));
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
    let mut config = Config::default();
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
    let mut config = Config::default();
    config.slo.burn_rate.critical.factor = crate::model::units::Ratio::new(17, 2).unwrap();
    let text = page(&files(&input(config)), "error-budget-burn");
    assert!(
        text.contains("| critical | above 8.5x | 1h and 5m |"),
        "{text}"
    );
}

#[test]
fn every_alert_has_a_query_and_each_page_a_section_for_notes() {
    for file in files(&input(Config::default())) {
        assert!(file.text.contains(MANUAL_SECTION_MARKER), "{}", file.path);
    }
    let input = input(Config::default());
    for spec in alerts::ALL {
        assert!(
            !queries::queries_for(spec.signal, &input).is_empty(),
            "{}",
            spec.name
        );
    }
}
