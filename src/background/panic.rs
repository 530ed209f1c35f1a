//! Panics as values: the text of one, and a future that ends with one instead of its thread.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// The payload of a panic.
pub(crate) type PanicPayload = Box<dyn Any + Send>;

/// Returns the text of a panic. `panic!` makes a `&str` or a `String`; `panic_any` may carry anything.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    let owned = || payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(owned)
        .unwrap_or("a panic with a value that is not text")
}

/// Returns the output of a future, or the panic that ended it.
///
/// The caller decides whether what the future borrows is whole after a panic.
pub(crate) async fn catch_panic<T>(future: impl Future<Output = T>) -> Result<T, PanicPayload> {
    let mut future = pin!(future);
    // Not polled again after a panic: the result is ready.
    poll_fn(move |context| {
        let poll = AssertUnwindSafe(|| future.as_mut().poll(context));
        match catch_unwind(poll) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_panic_is_what_it_was_given() {
        let text = |panic: fn()| {
            let payload = catch_unwind(panic).unwrap_err();
            panic_text(&*payload).to_owned()
        };
        assert_eq!(text(|| panic!("constant")), "constant");
        assert_eq!(text(|| panic!("formatted {}", 7)), "formatted 7");
        let other = text(|| std::panic::panic_any(7));
        assert_eq!(other, "a panic with a value that is not text");
    }

    #[tokio::test]
    async fn a_future_ends_with_its_output_or_its_panic() {
        assert_eq!(catch_panic(async { 1 }).await.ok(), Some(1));
        let payload = catch_panic(async {
            tokio::task::yield_now().await;
            panic!("late");
        });
        let payload: PanicPayload = payload.await.map(|(): ()| ()).unwrap_err();
        assert_eq!(panic_text(&*payload), "late");
    }
}
