//! A time limit inside the service is answered by an error, or by a status that a layer made of it.
//! Here is the error.

use std::any::Any;

use tower::BoxError;

use crate::model::causes::causes;
use crate::record::error_class::is_elapsed;

/// Returns `true` if tower's or tokio's time limit is among the causes of an error.
pub(super) fn timed_out<E: 'static>(error: &E) -> bool {
    // tower's layers box their errors, and the box itself is what a cast sees.
    let error: &dyn Any = error;
    match error.downcast_ref::<BoxError>() {
        Some(boxed) => causes(&**boxed).any(is_elapsed),
        None => {
            error.is::<tower::timeout::error::Elapsed>()
                || error.is::<tokio::time::error::Elapsed>()
        }
    }
}
