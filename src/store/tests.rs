//! What holds of every store, and of the keeper before them.

mod keeper;
pub(crate) mod rows;
pub(crate) mod suite;

use std::sync::Arc;

use super::{Memory, Store};

#[test]
fn memory_keeps_every_promise_of_a_store() {
    for (name, claim) in suite::CLAIMS {
        eprintln!("{name}");
        let store: Arc<dyn Store> = Arc::new(Memory::default());
        super::keeper::block_on(claim(store));
    }
}
