//! Tests that hold for every store, and for the writer.

pub(crate) mod rows;
pub(crate) mod suite;
mod writer;

use std::sync::Arc;

use super::{IncidentKind, MemoryStore, Store};
use crate::model::status::StatusId;

#[test]
fn the_memory_store_fulfils_the_contract() {
    for (name, contract_test) in suite::CONTRACT {
        eprintln!("{name}");
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        super::writer::block_on(contract_test(store));
    }
}

#[test]
fn a_later_version_includes_the_one_before() {
    let ours = rows::incident("a", 0, None);
    let mut next = ours.clone();
    next.version = 2;
    let IncidentKind::Incident(details) = &mut next.kind else {
        panic!("it is an incident");
    };
    let mut update = details.updates[0].clone();
    update.id = StatusId::from_key("another");
    details.updates.push(update.clone());
    assert!(ours.includes(&ours) && next.includes(&ours));
    assert!(!ours.includes(&next), "what is not there yet was not kept");
    let mut rival = ours.clone();
    let IncidentKind::Incident(details) = &mut rival.kind else {
        panic!("it is an incident");
    };
    details.updates[0] = update;
    assert!(
        !rival.includes(&ours),
        "the same version with another's word"
    );
}
