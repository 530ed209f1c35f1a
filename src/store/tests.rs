//! What holds of every store, and of the keeper before them.

mod keeper;
pub(crate) mod rows;
pub(crate) mod suite;

use std::sync::Arc;

use super::{Course, Memory, Store};
use crate::model::status::StatusId;

#[test]
fn memory_keeps_every_promise_of_a_store() {
    for (name, claim) in suite::CLAIMS {
        eprintln!("{name}");
        let store: Arc<dyn Store> = Arc::new(Memory::default());
        super::writer::block_on(claim(store));
    }
}

#[test]
fn a_version_that_somebody_has_gone_on_with_is_still_its_writers() {
    let ours = rows::incident("a", 0, None);
    let mut next = ours.clone();
    next.version = 2;
    let Course::Incident(course) = &mut next.course else {
        panic!("it is an incident");
    };
    let mut word = course.updates[0].clone();
    word.id = StatusId::of("another");
    course.updates.push(word.clone());
    assert!(ours.includes(&ours) && next.includes(&ours));
    assert!(!ours.includes(&next), "what is not there yet was not kept");
    let mut rival = ours.clone();
    let Course::Incident(course) = &mut rival.course else {
        panic!("it is an incident");
    };
    course.updates[0] = word;
    assert!(
        !rival.includes(&ours),
        "the same version with another's word"
    );
}
