//! Documents that are rendered once for each change of what they show, however many ask.
//!
//! | a request finds | it gets |
//! |---|---|
//! | the document of the present state | that one, at once |
//! | a rendering of the present state | its result |
//! | a rendering that has not begun | its result: it will be of the state at its begin |
//! | none of them | the result of a rendering that it adds to the queue |
//!
//! What is never the same twice is rendered once for all who wait for it, and not kept.
//!
//! Rendering takes milliseconds, and tens of them where there is much to tell. So it runs on a thread of the
//! supervisor and not on those that answer requests, probes among them; and one rendering of a cache at a time,
//! so that strangers who ask for each document that there is take one processor at most. Where the system
//! refuses that thread, all who wait are told at once, and the next request tries again.
//!
//! Bounds: a cache holds so many documents, those that were asked for last, and as many may wait. Keys have no
//! text of a request: who can invent keys could have each document rendered anew.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use axum::response::Response;
use tokio::sync::watch;

use super::response::retry_later;
use crate::background::Supervisor;
use crate::record::sync::lock;

/// The name of the threads that render.
const THREAD: &str = "vantage-render";

/// The state that documents are rendered from, and the way to render one.
pub(super) trait DocumentSource: Send + Sync + 'static {
    /// Names a document.
    type Key: Clone + PartialEq + fmt::Debug + Send;
    /// A state, as it was read.
    type State;
    /// Names a state.
    type Revision: Send;
    type Document: Send + Sync;

    /// Reads the present state.
    fn read(&self) -> (Self::Revision, Self::State);

    /// Returns true if a document of this revision is of the present state.
    fn is_current(&self, revision: &Self::Revision) -> bool;

    /// Renders a document of a state.
    fn render(&self, key: &Self::Key, state: Self::State) -> Self::Document;
}

/// The documents of a source, each rendered once for each state.
pub(super) struct DocumentCache<S: DocumentSource> {
    inner: Arc<Inner<S>>,
    supervisor: Supervisor,
}

/// The failure to render a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RenderError {
    /// As many documents wait as a cache holds.
    #[error("too many documents are being rendered")]
    Busy,
    /// The system refused the thread that renders. Its limits are for the log: strangers read this.
    #[error("there is no thread to render the document; the service's log says why")]
    NoThread,
    /// The rendering panicked.
    #[error("the document could not be rendered; the service's log says why")]
    Failed,
}

struct Inner<S: DocumentSource> {
    source: S,
    max_documents: usize,
    state: Mutex<CacheState<S>>,
}

struct CacheState<S: DocumentSource> {
    /// Those that were asked for last come last. One at most of each key.
    entries: Vec<Entry<S>>,
    queue: VecDeque<RenderJob<S>>,
    /// True while the queue is worked off.
    is_rendering: bool,
    next_id: u64,
}

/// A document, or the rendering that will bring it.
struct Entry<S: DocumentSource> {
    key: S::Key,
    id: u64,
    /// The revision that the document is of; `None` until its rendering begins.
    revision: Option<S::Revision>,
    document: Pending<S>,
}

/// `None` until it is rendered; the channel is closed if that fails without a reason.
type Pending<S> = watch::Receiver<Option<RenderResult<S>>>;

type RenderResult<S> = Result<Arc<<S as DocumentSource>::Document>, RenderError>;

struct RenderJob<S: DocumentSource> {
    key: S::Key,
    /// Of its entry, which may be gone.
    id: u64,
    document: watch::Sender<Option<RenderResult<S>>>,
}

/// The one rendering of a cache, which works off its queue.
struct QueueRenderer<S: DocumentSource> {
    cache: Arc<Inner<S>>,
    is_finished: bool,
}

impl<S: DocumentSource> DocumentCache<S> {
    /// Returns a cache of at most `max_documents`, which are rendered on threads of the supervisor.
    pub(super) fn new(source: S, max_documents: usize, supervisor: Supervisor) -> Self {
        let inner = Arc::new(Inner {
            source,
            max_documents,
            state: Mutex::new(CacheState {
                entries: Vec::new(),
                queue: VecDeque::new(),
                is_rendering: false,
                next_id: 0,
            }),
        });
        Self { inner, supervisor }
    }

    #[cfg(test)]
    pub(super) fn source(&self) -> &S {
        &self.inner.source
    }

    /// Returns the document of a key as of now, or waits until it is rendered.
    pub(super) async fn get(&self, key: S::Key) -> Result<Arc<S::Document>, RenderError> {
        let (mut document, must_render) = self.inner.subscribe(key)?;
        if must_render {
            self.start_rendering();
        }
        let document = document.wait_for(Option::is_some).await;
        let document = document.map_err(|_| RenderError::Failed)?;
        document.clone().ok_or(RenderError::Failed)?
    }

    /// Works off the queue on a thread; fails all who wait where the system refuses it.
    fn start_rendering(&self) {
        let cache = Arc::clone(&self.inner);
        // Made on the thread: what is refused is dropped, and has nothing to end.
        let work = move || QueueRenderer::new(cache).run();
        // The supervisor tells the refusal.
        if self.supervisor.try_spawn(THREAD, work).is_err() {
            lock(&self.inner.state).fail_waiting(RenderError::NoThread);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.inner.state).entries.len()
    }
}

impl<S: DocumentSource> fmt::Debug for DocumentCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentCache").finish_non_exhaustive()
    }
}

impl RenderError {
    /// Returns 503: another try may do better.
    pub(super) fn to_response(self) -> Response {
        retry_later(StatusCode::SERVICE_UNAVAILABLE, &self.to_string(), 1)
    }
}

impl<S: DocumentSource> Inner<S> {
    /// Returns the document of a key, perhaps to come; and true if the caller has to start the rendering.
    fn subscribe(&self, key: S::Key) -> Result<(Pending<S>, bool), RenderError> {
        let mut state = lock(&self.state);
        if let Some(at) = state.entries.iter().position(|entry| entry.key == key) {
            let entry = state.entries.remove(at);
            let is_outdated = |revision| !self.source.is_current(revision);
            if !entry.revision.as_ref().is_some_and(is_outdated) {
                let document = entry.document.clone();
                state.entries.push(entry);
                return Ok((document, false));
            }
        }
        state.make_room(self.max_documents)?;
        Ok(state.enqueue(key))
    }
}

impl<S: DocumentSource> CacheState<S> {
    /// Drops the document that was not asked for the longest, if there are that many.
    fn make_room(&mut self, max_documents: usize) -> Result<(), RenderError> {
        // Also those whose entry is gone, because a later state was asked for.
        if self.queue.len() >= max_documents {
            return Err(RenderError::Busy);
        }
        if self.entries.len() >= max_documents {
            let oldest = self.entries.iter().position(Entry::is_rendered);
            self.entries.remove(oldest.ok_or(RenderError::Busy)?);
        }
        Ok(())
    }

    fn enqueue(&mut self, key: S::Key) -> (Pending<S>, bool) {
        let (sender, document) = watch::channel(None);
        let id = self.next_id;
        self.next_id += 1;
        self.entries.push(Entry {
            key: key.clone(),
            id,
            revision: None,
            document: document.clone(),
        });
        self.queue.push_back(RenderJob {
            key,
            id,
            document: sender,
        });
        let must_render = !self.is_rendering;
        self.is_rendering = true;
        (document, must_render)
    }

    /// Ends the waiting of all, because nothing renders any more; the next request starts anew.
    fn fail_waiting(&mut self, error: RenderError) {
        self.is_rendering = false;
        for job in self.queue.drain(..) {
            job.document.send_replace(Some(Err(error)));
        }
        self.entries.retain(Entry::is_rendered);
    }
}

impl<S: DocumentSource> Entry<S> {
    fn is_rendered(&self) -> bool {
        self.document.borrow().as_ref().is_some_and(Result::is_ok)
    }
}

impl<S: DocumentSource> QueueRenderer<S> {
    const fn new(cache: Arc<Inner<S>>) -> Self {
        Self {
            cache,
            is_finished: false,
        }
    }

    fn run(mut self) {
        while let Some((job, state)) = self.next_job() {
            let source = &self.cache.source;
            let render = || source.render(&job.key, state);
            // The hook of panics tells one.
            let rendered = catch_unwind(AssertUnwindSafe(render));
            let rendered = rendered.map(Arc::new).map_err(|_| RenderError::Failed);
            let mut cache = lock(&self.cache.state);
            let is_rendered = rendered.is_ok();
            job.document.send_replace(Some(rendered));
            // A failure is not kept, so that the next request tries again; nor is what is outdated already.
            cache.entries.retain(|entry| {
                let is_current = |revision| source.is_current(revision);
                entry.id != job.id
                    || (is_rendered && entry.revision.as_ref().is_some_and(is_current))
            });
        }
    }

    /// Takes a job from the queue, with the present state.
    fn next_job(&mut self) -> Option<(RenderJob<S>, S::State)> {
        let mut cache = lock(&self.cache.state);
        loop {
            let Some(job) = cache.queue.pop_front() else {
                cache.is_rendering = false;
                self.is_finished = true;
                return None;
            };
            let entry = cache.entries.iter().position(|entry| entry.id == job.id);
            // The entry waits for it, too.
            let waiting = job.document.receiver_count() - usize::from(entry.is_some());
            if waiting == 0 {
                // All who asked have gone.
                entry.map(|at| cache.entries.remove(at));
                continue;
            }
            // Below the lock: a request that finds the revision knows what the rendering is of.
            let (revision, state) = self.cache.source.read();
            if let Some(at) = entry {
                cache.entries[at].revision = Some(revision);
            }
            return Some((job, state));
        }
    }
}

impl<S: DocumentSource> Drop for QueueRenderer<S> {
    /// Fails what waits, if a panic outside of a rendering ended the thread.
    fn drop(&mut self) {
        if !self.is_finished {
            lock(&self.cache.state).fail_waiting(RenderError::Failed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::sync::mpsc;

    use super::*;

    /// Renders its number, and counts that. A rendering begins with a word of `begin`, where there is one.
    #[derive(Default)]
    struct Numbered {
        number: AtomicU64,
        rendered: AtomicU64,
        panics: AtomicBool,
        begin: Mutex<Option<mpsc::Receiver<()>>>,
    }

    impl DocumentSource for Arc<Numbered> {
        type Key = u32;
        type State = u64;
        type Revision = u64;
        type Document = (u32, u64);

        fn read(&self) -> (u64, u64) {
            let number = self.number.load(Ordering::SeqCst);
            (number, number)
        }

        fn is_current(&self, revision: &u64) -> bool {
            self.number.load(Ordering::SeqCst) == *revision
        }

        fn render(&self, key: &u32, state: u64) -> (u32, u64) {
            if let Some(begin) = &*lock(&self.begin) {
                begin.recv().unwrap();
            }
            self.rendered.fetch_add(1, Ordering::SeqCst);
            assert!(!self.panics.load(Ordering::SeqCst), "as asked");
            (*key, state)
        }
    }

    fn cache(max_documents: usize) -> (Arc<Numbered>, Arc<DocumentCache<Arc<Numbered>>>) {
        let source = Arc::new(Numbered::default());
        let supervisor = Supervisor::default();
        let cache = DocumentCache::new(Arc::clone(&source), max_documents, supervisor);
        (source, Arc::new(cache))
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    }

    impl Numbered {
        fn rendered(&self) -> u64 {
            self.rendered.load(Ordering::SeqCst)
        }

        fn hold(&self) -> mpsc::Sender<()> {
            let (sender, begin) = mpsc::channel();
            *lock(&self.begin) = Some(begin);
            sender
        }
    }

    #[test]
    fn sixteen_readers_cost_one_rendering_for_each_change() {
        let (source, cache) = cache(4);
        let runtime = runtime();
        for number in 1..=3 {
            source.number.store(number, Ordering::SeqCst);
            let begin = source.hold();
            runtime.block_on(async {
                let readers: Vec<_> = (0..16)
                    .map(|_| {
                        let cache = Arc::clone(&cache);
                        tokio::spawn(async move { cache.get(7).await })
                    })
                    .collect();
                // All of them have asked before it begins.
                tokio::task::yield_now().await;
                begin.send(()).unwrap();
                for reader in readers {
                    assert_eq!(*reader.await.unwrap().unwrap(), (7, number));
                }
                assert_eq!(*cache.get(7).await.unwrap(), (7, number));
            });
            assert_eq!(source.rendered(), number);
        }
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn a_change_during_a_rendering_is_rendered_for_those_who_ask_after_it() {
        let (source, cache) = cache(4);
        let begin = source.hold();
        runtime().block_on(async {
            let first = {
                let cache = Arc::clone(&cache);
                tokio::spawn(async move { cache.get(1).await })
            };
            tokio::task::yield_now().await;
            // It may have begun and not, so that both ask until one is of the change.
            while lock(&cache.inner.state).entries[0].revision.is_none() {
                std::thread::yield_now();
            }
            source.number.store(5, Ordering::SeqCst);
            begin.send(()).unwrap();
            begin.send(()).unwrap();
            assert_eq!(*cache.get(1).await.unwrap(), (1, 5));
            assert_eq!(*first.await.unwrap().unwrap(), (1, 0));
        });
        assert_eq!(source.rendered(), 2);
    }

    #[test]
    fn a_cache_is_bounded_and_keeps_what_was_asked_for_last() {
        let (source, cache) = cache(3);
        runtime().block_on(async {
            for key in [1, 2, 3, 1, 4, 1] {
                cache.get(key).await.unwrap();
            }
            assert_eq!((cache.len(), source.rendered()), (3, 4));
            cache.get(2).await.unwrap();
            assert_eq!((cache.len(), source.rendered()), (3, 5));
        });
    }

    #[test]
    fn more_than_it_holds_do_not_wait_and_what_nobody_waits_for_is_not_rendered() {
        let (source, cache) = cache(3);
        let begin = source.hold();
        runtime().block_on(async {
            let ask = |key| {
                let cache = Arc::clone(&cache);
                tokio::spawn(async move { cache.get(key).await })
            };
            let asked: Vec<_> = (0..3).map(ask).collect();
            tokio::task::yield_now().await;
            assert_eq!(cache.get(9).await.unwrap_err(), RenderError::Busy);
            asked[1].abort();
            asked[2].abort();
            tokio::task::yield_now().await;
            begin.send(()).unwrap();
            let first = asked.into_iter().next().unwrap().await.unwrap();
            assert_eq!(*first.unwrap(), (0, 0));
            begin.send(()).unwrap();
            assert_eq!(*cache.get(9).await.unwrap(), (9, 0));
        });
        assert_eq!(source.rendered(), 2);
    }

    #[test]
    fn a_panic_fails_those_who_wait_and_nothing_else() {
        let (source, cache) = cache(2);
        source.panics.store(true, Ordering::SeqCst);
        runtime().block_on(async {
            assert_eq!(cache.get(1).await.unwrap_err(), RenderError::Failed);
            source.panics.store(false, Ordering::SeqCst);
            assert_eq!(*cache.get(1).await.unwrap(), (1, 0));
        });
    }

    #[test]
    fn a_renderer_that_ends_early_leaves_a_cache_that_works() {
        let (source, cache) = cache(2);
        let (mut document, must_render) = cache.inner.subscribe(1).unwrap();
        assert!(must_render);
        drop(QueueRenderer::new(Arc::clone(&cache.inner)));
        runtime().block_on(async {
            let failed = document.wait_for(Option::is_some).await.unwrap().clone();
            assert_eq!(failed, Some(Err(RenderError::Failed)));
            assert_eq!(*cache.get(1).await.unwrap(), (1, 0));
        });
        assert_eq!(source.rendered(), 1);
    }

    #[test]
    fn a_refused_thread_fails_all_who_wait_and_the_next_request_tries_again() {
        let source = Arc::new(Numbered::default());
        let is_refused = Arc::new(AtomicBool::new(true));
        let refuses = Arc::clone(&is_refused);
        let supervisor =
            Supervisor::refused_while(move |name| name == THREAD && refuses.load(Ordering::SeqCst));
        let cache = DocumentCache::new(Arc::clone(&source), 2, supervisor.clone());
        // Two who ask before the start is tried, one of whom tries it.
        let (first, must_render) = cache.inner.subscribe(1).unwrap();
        assert!(must_render);
        let (second, must_render) = cache.inner.subscribe(2).unwrap();
        assert!(!must_render);
        cache.start_rendering();
        for waiting in [first, second] {
            assert_eq!(*waiting.borrow(), Some(Err(RenderError::NoThread)));
        }
        assert_eq!(supervisor.threads().get(THREAD), Some(&false));
        runtime().block_on(async {
            assert_eq!(cache.get(1).await.unwrap_err(), RenderError::NoThread);
            assert_eq!(cache.len(), 0);
            is_refused.store(false, Ordering::SeqCst);
            assert_eq!(*cache.get(1).await.unwrap(), (1, 0));
        });
        let response = RenderError::NoThread.to_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
