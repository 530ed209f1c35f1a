use std::any::Any;
use std::error::Error;

use tower::BoxError;

/// Returns `true` if tower's or tokio's time limit is among the causes of an error.
pub(super) fn timed_out<E: 'static>(error: &E) -> bool {
    let error: &dyn Any = error;
    let mut cause: Option<&(dyn Error + 'static)> =
        if let Some(boxed) = error.downcast_ref::<BoxError>() {
            Some(&**boxed)
        } else if error.is::<tower::timeout::error::Elapsed>()
            || error.is::<tokio::time::error::Elapsed>()
        {
            return true;
        } else {
            None
        };
    while let Some(error) = cause {
        if error.is::<tower::timeout::error::Elapsed>() || error.is::<tokio::time::error::Elapsed>()
        {
            return true;
        }
        cause = error.source();
    }
    false
}
