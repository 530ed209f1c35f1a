//! Renderings of the scrape, each for all who wait for it.
//!
//! A scraper shares a rendering that begins when or after its request arrives, and never an older one: what was
//! recorded before a request is in its answer. So one rendering of a format runs and one waits, whatever the number
//! of scrapers.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot, watch};

use super::super::document::gzip;
use super::shared_text::{SharedText, UnreadTexts};
use crate::background::panic::panic_text;
use crate::export::prometheus::ScrapeHandler;
use crate::export::prometheus::text::ExpositionFormat;
use crate::record::sync::lock;

/// Renders scrapes for one router.
#[derive(Debug)]
pub(super) struct ScrapeRenderer {
    scrape: Arc<ScrapeHandler>,
    /// One rendering at a time: the others wait here, and not on a thread each.
    turn: Semaphore,
    text: Mutex<Option<QueuedRendering>>,
    open_metrics: Mutex<Option<QueuedRendering>>,
    unread: UnreadTexts,
}

/// A rendering that has not begun.
#[derive(Debug)]
struct QueuedRendering {
    forms: Forms,
    /// The least time for the service's callbacks that anybody who waits has.
    callbacks: Duration,
    rendered: watch::Receiver<Option<RenderResult>>,
}

/// The forms of a text that are waited for.
#[derive(Clone, Copy, Debug, Default)]
struct Forms {
    plain: bool,
    gzip: bool,
}

/// A text in these forms.
#[derive(Clone, Debug, Default)]
struct Rendered {
    plain: Option<Arc<SharedText>>,
    gzip: Option<Arc<SharedText>>,
}

type RenderResult = Result<Rendered, Arc<str>>;

impl Forms {
    const fn add(&mut self, gzip: bool) {
        if gzip {
            self.gzip = true;
        } else {
            self.plain = true;
        }
    }
}

impl ScrapeRenderer {
    pub(super) fn new(scrape: Arc<ScrapeHandler>) -> Self {
        Self {
            scrape,
            turn: Semaphore::new(1),
            text: Mutex::default(),
            open_metrics: Mutex::default(),
            unread: UnreadTexts::default(),
        }
    }

    /// Returns a text that is rendered from now on, or the reason why there is none.
    pub(super) async fn render(
        self: &Arc<Self>,
        format: ExpositionFormat,
        gzip: bool,
        callbacks: Duration,
    ) -> Result<Arc<SharedText>, Arc<str>> {
        let mut rendered = self.join(format, gzip, callbacks);
        // The runtime of the task that renders ends.
        let broken = || Arc::from("the scrape ended without a result");
        let rendered = rendered.wait_for(Option::is_some).await;
        let rendered = rendered.ok().and_then(|rendered| rendered.clone());
        let rendered = rendered.ok_or_else(broken)??;
        let form = if gzip { rendered.gzip } else { rendered.plain };
        form.ok_or_else(broken)
    }

    /// Joins the rendering that waits, or queues one.
    fn join(
        self: &Arc<Self>,
        format: ExpositionFormat,
        gzip: bool,
        callbacks: Duration,
    ) -> watch::Receiver<Option<RenderResult>> {
        let mut queued = lock(self.queue(format));
        // One whose task is gone is never rendered.
        let waiting = queued.as_mut();
        if let Some(waiting) = waiting.filter(|waiting| waiting.rendered.has_changed().is_ok()) {
            waiting.forms.add(gzip);
            waiting.callbacks = waiting.callbacks.min(callbacks);
            return waiting.rendered.clone();
        }
        let (sender, rendered) = watch::channel(None);
        let mut forms = Forms::default();
        forms.add(gzip);
        *queued = Some(QueuedRendering {
            forms,
            callbacks,
            rendered: rendered.clone(),
        });
        // A task and no part of a request: a client that goes away must not take the others' rendering with it.
        tokio::spawn(Arc::clone(self).run(format, sender));
        rendered
    }

    async fn run(
        self: Arc<Self>,
        format: ExpositionFormat,
        rendered: watch::Sender<Option<RenderResult>>,
    ) {
        let Ok(_permit) = self.turn.acquire().await else {
            return;
        };
        let rendered = Arc::new(rendered);
        let (renderer, result) = (Arc::clone(&self), Arc::clone(&rendered));
        let (over, ended) = oneshot::channel::<Infallible>();
        // Callbacks may expect the runtime from which the scrape came.
        let runtime = Handle::try_current().ok();
        // Rendering takes milliseconds, and runs the callbacks of instruments, which may block. Not on the
        // runtime's threads for blocking calls: it panics where the system refuses one.
        let work = move || {
            // Dropped at the end, also by a panic.
            let _over = over;
            let _entered = runtime.as_ref().map(Handle::enter);
            // From here on a request has to wait for the next one.
            let Some(queued) = lock(renderer.queue(format)).take() else {
                return;
            };
            let (forms, callbacks) = (queued.forms, queued.callbacks);
            drop(queued);
            // All of them went away.
            if result.is_closed() {
                return;
            }
            match catch_unwind(AssertUnwindSafe(|| {
                renderer.render_forms(format, forms, callbacks)
            })) {
                Ok(rendered) => drop(result.send_replace(Some(rendered))),
                Err(payload) => {
                    let text = format!("the scrape panicked: {}", panic_text(&*payload));
                    result.send_replace(Some(Err(text.into())));
                    // The supervisor tells.
                    resume_unwind(payload);
                }
            }
        };
        let supervisor = self.scrape.supervisor();
        if let Err(error) = supervisor.try_spawn("vantage-scrape", work) {
            lock(self.queue(format)).take();
            let text = format!("the scrape could not run: {error}");
            rendered.send_replace(Some(Err(text.into())));
            return;
        }
        let _ = ended.await;
    }

    fn render_forms(
        &self,
        format: ExpositionFormat,
        forms: Forms,
        callbacks: Duration,
    ) -> RenderResult {
        let text = self.scrape.render_within(format, callbacks);
        let text = text.map_err(|error| Arc::from(error.to_string()))?;
        let share = |bytes: &[u8]| self.unread.share(bytes);
        Ok(Rendered {
            gzip: forms
                .gzip
                .then(|| share(&gzip(text.as_bytes(), Compression::fast()))),
            plain: forms.plain.then(|| share(text.as_bytes())),
        })
    }

    const fn queue(&self, format: ExpositionFormat) -> &Mutex<Option<QueuedRendering>> {
        match format {
            ExpositionFormat::OpenMetrics => &self.open_metrics,
            _ => &self.text,
        }
    }
}
