//! Pages and the feed, with any text in them.

use std::sync::Arc;

use jiff::Timestamp;

use super::input::texts;
use super::oracle::markup::elements;
use super::{fingerprint, magnitude};
use crate::model::routes::StatusPage;
use crate::model::status::{
    AffectedComponent, Author, ComponentState, ComponentStatus, Impact, Incident, IncidentStatus,
    MaintenanceStatus, ScheduledMaintenance, StateDurations, StatusId, StatusSnapshot,
    StatusUpdate,
};
use crate::serve::link_base::LinkBase;
use crate::serve::notice::Notice;
use crate::serve::pages::{PageContext, render_feed, render_incident, render_page};

/// The texts of a page that people write.
#[derive(Clone, Copy)]
struct PageTexts<'a> {
    title: &'a str,
    body: &'a str,
    component: &'a str,
}

pub(super) fn pages(data: &[u8]) -> u64 {
    let [title, body, component, base] = texts(data);
    let base = LinkBase::from_url(&base).unwrap_or_default();
    // Letters in place of what is no line break: a text has no say in what elements a page has.
    let harmless = |text: &str| -> String {
        text.chars()
            .map(|c| {
                if c.is_whitespace() || is_removed(c) {
                    c
                } else {
                    'x'
                }
            })
            .collect()
    };
    let plain = [harmless(&title), harmless(&body), harmless(&component)];
    let texts = PageTexts {
        title: &title,
        body: &body,
        component: &component,
    };
    let plain = PageTexts {
        title: &plain[0],
        body: &plain[1],
        component: &plain[2],
    };
    let (documents, expected) = (documents(texts, &base), self::documents(plain, &base));
    let mut way = Vec::new();
    for (text, plain) in documents.iter().zip(&expected) {
        let is_xml = text.starts_with("<?xml");
        let found = elements(text, is_xml);
        assert_eq!(found, elements(plain, is_xml), "{text}");
        assert!(
            text.len() <= plain.len() + 512 * data.len(),
            "{} bytes of {}",
            text.len(),
            data.len()
        );
        way.push(magnitude(found.len()));
    }
    fingerprint(way)
}

/// Characters that pages leave out, or that XML can't hold.
fn is_removed(c: char) -> bool {
    c.is_control() || crate::serve::pages::is_invisible(c)
}

fn documents(texts: PageTexts<'_>, base: &LinkBase) -> Vec<String> {
    let snapshot = snapshot(texts);
    let context = PageContext {
        snapshot: &snapshot,
        now: snapshot.taken_at,
        auto_refresh: false,
        base,
        page: 1,
    };
    let pages = [StatusPage::Status, StatusPage::Current, StatusPage::History];
    let mut documents: Vec<_> = pages
        .into_iter()
        .map(|page| render_page(page, context))
        .collect();
    documents.extend(Notice::all(&snapshot).map(|notice| render_incident(context, notice)));
    documents.push(render_feed(&snapshot, base));
    documents
}

fn snapshot(texts: PageTexts<'_>) -> StatusSnapshot {
    let at = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1_800_000_000);
    let before = at - jiff::SignedDuration::from_hours(2);
    let id = StatusId::from_key("fuzz");
    let component: Arc<str> = texts.component.into();
    let affected = vec![AffectedComponent {
        id,
        key: "api".into(),
        name: Arc::clone(&component),
        state: ComponentState::MajorOutage,
    }];
    StatusSnapshot {
        title: texts.title.into(),
        time_zone: "UTC".into(),
        taken_at: at,
        store_away_since: None,
        workers_unknown_since: None,
        components: vec![ComponentStatus {
            id,
            key: "api".into(),
            name: component,
            description: Some(texts.body.into()),
            state: ComponentState::MajorOutage,
            since: before,
            first_seen: before,
            in_maintenance: false,
            days: Vec::new(),
            seconds: StateDurations::default(),
        }],
        incidents: vec![Incident {
            id,
            title: texts.title.into(),
            impact: Impact::Major,
            status: IncidentStatus::Identified,
            affected: affected.clone(),
            started_at: before,
            created_at: before,
            updated_at: at,
            monitoring_at: None,
            resolved_at: None,
            author: Author::Person,
            updates: vec![StatusUpdate {
                id,
                status: IncidentStatus::Identified,
                body: texts.body.into(),
                at,
                author: Author::Person,
                affected: affected.clone(),
            }],
        }],
        maintenances: vec![ScheduledMaintenance {
            id: StatusId::from_key("maintenance"),
            title: texts.title.into(),
            status: MaintenanceStatus::Scheduled,
            affected: affected.clone(),
            scheduled_for: at + jiff::SignedDuration::from_hours(2),
            scheduled_until: at + jiff::SignedDuration::from_hours(3),
            created_at: before,
            updated_at: before,
            completed_at: None,
            updates: vec![StatusUpdate {
                id: StatusId::from_key("update"),
                status: MaintenanceStatus::Scheduled,
                body: texts.body.into(),
                at: before,
                author: Author::Person,
                affected,
            }],
        }],
    }
}
