use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use opentelemetry::Context;
use pin_project_lite::pin_project;

pin_project! {
    /// A future inside a span: what it logs and starts belongs to it.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// let telemetry = test.telemetry().clone();
    /// let execution = telemetry.scheduler().start("digest", test.clock().wall());
    /// execution.trace(async { telemetry.database("sqlite").query("SELECT", "posts").succeed() }).await;
    /// execution.succeed();
    /// test.span("SELECT posts").assert_child_of(&test.span("digest"));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub struct Traced<F> {
        #[pin]
        inner: F,
        context: Context,
    }
}

impl<F> Traced<F> {
    pub(crate) const fn new(inner: F, context: Context) -> Self {
        Self { inner, context }
    }
}

impl<F: Future> Future for Traced<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // For the time of one poll: between polls other tasks run on this thread.
        let _guard = this.context.clone().attach();
        this.inner.poll(cx)
    }
}

impl<F> std::fmt::Debug for Traced<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Traced").finish_non_exhaustive()
    }
}
