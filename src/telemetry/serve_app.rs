//! Serving a service's own app, from the first connection to the last log line.
//!
//! | step | open | ends |
//! |---|---|---|
//! | serving | everything | with a signal |
//! | draining: health is 503 | everything; each response closes its connection | after `health.shutdown_delay` |
//! | finishing | requests in flight; the SDK's own routes, where something scrapes | with the last request |
//! | last scrape, while OTLP is flushed | the SDK's own routes | with a scrape that shows the last request |
//! | shutdown | nothing | after `otlp.shutdown_timeout` |
//!
//! `http.shutdown_timeout` bounds finishing and the last scrape together; what is in flight then is cut off. A
//! second signal ends each of the steps at once.
//!
//! Why is the listener closed while requests finish, where nothing scrapes at it? A load balancer tries the next
//! instance where a connection is refused, and passes a 503 on. With a scraper it stays open for the routes of
//! the SDK: the counts since the last scrape, those of a whole interval, would be in none.

mod report;
mod signals;

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::panic::catch_unwind;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::response::IntoResponse;
use axum::serve::Listener;
use tokio::task::JoinHandle;
use tower::Service;

pub use report::{ServeReport, StopCause};

use super::Telemetry;
use super::last_scrape::LastScrape;
use crate::export::flush_report::{FlushError, FlushReport};
use crate::serve::app_server::{AppListener, AppMaker, AppServer, Connections, RequestPolicy};
use signals::StopSignals;

/// The interval at which idle connections are looked for while requests finish.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// The time for the answer of the last scrape to be sent.
const LAST_ANSWER: Duration = Duration::from_secs(1);

/// The time for those that are cut off to be told so, and then for their connections to break off.
const CUT_OFF: Duration = Duration::from_millis(200);

/// The time for the flush after a second signal, as for a telemetry that is dropped.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The time for the last log line to be written.
const LAST_LINES: Duration = Duration::from_millis(100);

/// A service's app to be served; `.await` serves it until a signal. See [`Telemetry::serve_app`].
#[must_use = "nothing is served until it is awaited"]
pub struct ServeApp<L, A> {
    telemetry: Telemetry,
    listener: L,
    app: A,
    until: Option<StopFuture>,
}

type StopFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Telemetry {
    /// Serves the app until SIGTERM or SIGINT (Ctrl-C on Windows), and ends in order, by a deadline, whatever a
    /// client does.
    ///
    /// Health says from the signal on that the service is not ready; after `health.shutdown_delay` no new request
    /// is begun, and those in flight have `http.shutdown_timeout` to finish. Where something scrapes, the scrape
    /// stays open until it has shown the last of them, within the same time. What is in flight then is cut off, by HTTP/1
    /// with 503 where there is no answer: such a request counts as a failure. Then everything is flushed as by
    /// [`shutdown`](Self::shutdown), and the last log line says how it went. A second signal ends it at once.
    /// Altogether it takes at most `health.shutdown_delay` + `http.shutdown_timeout` + `otlp.shutdown_timeout`
    /// and a second or two for what is written last: by default 12 s, and 27 s on Kubernetes.
    ///
    /// `listener` is a [`TcpListener`](tokio::net::TcpListener) or another [`Listener`]. `app` is a
    /// [`Router`](axum::Router) or another service, such as a router in a layer; best one from
    /// [`mount`](Self::mount), which measures its requests. Handlers find the client's address in
    /// [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo). Open connections are
    /// `vantage_api_active_connections`. A head that has begun has `http.header_timeout` to be complete; bodies,
    /// responses and idle connections have no limit. Connections that were upgraded, such as WebSockets, are open until the end, and
    /// nothing waits for them.
    ///
    /// Registration of health checks ends with it, as with [`started`](Self::started).
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use axum::{Router, routing::get};
    /// use vantage_obs::StopCause;
    /// # use vantage_obs::testing::TestTelemetry;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let app = Router::new().route("/posts/{id}", get(|| async { "a post" }));
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let stop = async {}; // in a service: a signal
    /// let report = telemetry.serve_app(listener, app).until(stop).await?;
    /// assert_eq!((report.cause, report.cut_off), (StopCause::Requested, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When a signal can't be listened for, or the runtime has no timers. What telemetry loses is no error, but in
    /// the [`ServeReport`] and the log.
    pub fn serve_app<L, A>(&self, listener: L, app: A) -> ServeApp<L, A> {
        ServeApp {
            telemetry: self.clone(),
            listener,
            app,
            until: None,
        }
    }
}

impl<L, A> ServeApp<L, A> {
    /// Stops also when this future resolves, as at a first signal.
    pub fn until(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.until = Some(Box::pin(stop));
        self
    }
}

impl<L, A> fmt::Debug for ServeApp<L, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeApp").finish_non_exhaustive()
    }
}

impl<L, A> IntoFuture for ServeApp<L, A>
where
    L: Listener,
    L::Addr: Clone + fmt::Debug + Send + Sync,
    A: Service<Request, Error = Infallible> + Clone + Send + 'static,
    A::Response: IntoResponse,
    A::Future: Send,
{
    type Output = io::Result<ServeReport>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<ServeReport>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<L, A> ServeApp<L, A>
where
    L: Listener,
    L::Addr: Clone + fmt::Debug + Send + Sync,
    A: Service<Request, Error = Infallible> + Clone + Send + 'static,
    A::Response: IntoResponse,
    A::Future: Send,
{
    async fn run(self) -> io::Result<ServeReport> {
        let Self {
            telemetry,
            listener,
            app,
            until,
        } = self;
        // Tokio tells it by a panic, and in no other way.
        if catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO))).is_err() {
            let error = "the runtime has no timers: build it with `enable_all`";
            return Err(io::Error::other(error));
        }
        let mut signals = StopSignals::listen(until)?;
        telemetry.started();
        let connections = Connections::new(telemetry.0.handles.api.clone());
        let header_timeout = telemetry.0.config.config.http.header_timeout;
        let listener = AppListener::new(listener, connections.clone(), header_timeout);
        let maker = AppMaker::new(app, connections.clone(), telemetry.operational_paths());
        let server = AppServer::start(listener.clone(), maker.clone());
        let cause = signals.next().await;
        tracing::info!(target: "vantage_obs", %cause, "stopping: not ready from now on");
        let stop = Stop {
            began: Instant::now(),
            ended_before: connections.ended(),
            cause,
            connections,
            hurry: Hurry::Awaited(signals),
            telemetry,
        };
        Ok(stop.run(server, listener, maker).await)
    }
}

/// The end of serving.
struct Stop {
    telemetry: Telemetry,
    connections: Connections,
    cause: StopCause,
    began: Instant,
    /// The number of requests that had ended when it began.
    ended_before: u64,
    hurry: Hurry,
}

impl Stop {
    async fn run<L, A>(
        mut self,
        mut server: AppServer,
        listener: AppListener<L>,
        maker: AppMaker<A>,
    ) -> ServeReport
    where
        L: Listener,
        L::Addr: Clone + fmt::Debug + Send + Sync,
        A: Service<Request, Error = Infallible> + Clone + Send + 'static,
        A::Response: IntoResponse,
        A::Future: Send,
    {
        let delay = self.telemetry.0.unready();
        self.connections.drain();
        self.hurry.unless(tokio::time::sleep(delay)).await;

        let deadline = tokio::time::Instant::now() + self.shutdown_timeout();
        let scraped_within = self.scraped_within();
        server.stop_accepting();
        let is_scraped_here = scraped_within.is_some_and(|time| self.connections.is_scraped(time));
        let operational = is_scraped_here.then(|| {
            let maker = maker.with_policy(RequestPolicy::OperationalOnly);
            AppServer::start(listener.clone(), maker)
        });
        // Where nothing scrapes at this port, connections are refused from now on.
        drop(listener);
        // What is pushed is safe by then, should something kill the process while a request takes its time.
        let is_waiting = self.connections.in_flight() > 0;
        let flush = is_waiting.then(|| BackgroundFlush::spawn(self.telemetry.clone(), None));
        let finished = finish(&mut server, &self.connections);
        let finished = tokio::time::timeout_at(deadline, finished);
        self.hurry.unless(finished).await;
        let cut_off = self.connections.in_flight();
        let finished = self.connections.ended() - self.ended_before;
        // Those that are cut off now have an end that no scrape can have shown.
        let last_end = self.connections.last_end();
        if cut_off > 0 {
            self.cut_off(&mut server).await;
        }
        let last_scrape = match (scraped_within, last_end) {
            (Some(_), Some(last_end)) => {
                // Once more, for the requests that have finished since.
                let _flush = BackgroundFlush::spawn(self.telemetry.clone(), flush);
                self.await_scrape(last_end, operational, deadline).await
            }
            _ => {
                drop(flush);
                LastScrape::NotAwaited
            }
        };
        self.connections.cut_all();

        let flush = self.shutdown().await;
        let report = ServeReport {
            cause: self.cause,
            finished,
            cut_off: cut_off.try_into().unwrap_or(u64::MAX),
            last_scrape,
            flush,
            took: self.began.elapsed(),
        };
        report.log();
        // The line comes after the flush that it tells of.
        self.telemetry.0.flush_lines(LAST_LINES).await;
        report
    }

    /// Cuts off what is in flight, and waits until it is recorded.
    async fn cut_off(&mut self, server: &mut AppServer) {
        self.connections.cut_requests();
        let answered = tokio::time::timeout(CUT_OFF, server.ended());
        if answered.await.is_err() {
            // Those whose clients take nothing, or that speak HTTP/2.
            self.connections.cut_all();
            let _ = tokio::time::timeout(CUT_OFF, server.ended()).await;
        }
    }

    fn shutdown_timeout(&self) -> Duration {
        self.telemetry.0.config.config.http.shutdown_timeout
    }

    /// Returns the time within which something has scraped, at whichever port; `None` where nothing has.
    /// After Ctrl-C none is awaited.
    fn scraped_within(&self) -> Option<Duration> {
        let is_awaited = self.cause != StopCause::Interrupt && !self.hurry.is_over();
        is_awaited
            .then(|| self.telemetry.0.scraped_within())
            .flatten()
    }

    /// Waits for a scrape that began after the end of the last request.
    async fn await_scrape(
        &mut self,
        last_end: Instant,
        server: Option<AppServer>,
        deadline: tokio::time::Instant,
    ) -> LastScrape {
        let scrape = self.telemetry.0.server.scrape_activity.clone();
        let scraped = tokio::time::timeout_at(deadline, scrape.after(last_end));
        let scraped = self.hurry.unless(scraped).await;
        if let Some(mut server) = server {
            server.stop_accepting();
            let sent = tokio::time::timeout(LAST_ANSWER, server.ended());
            self.hurry.unless(sent).await;
        }
        match scraped {
            Some(Ok(())) => LastScrape::Answered,
            _ => LastScrape::Missed,
        }
    }

    /// Ends the telemetry; `None` where a signal didn't wait for it.
    async fn shutdown(&mut self) -> Option<FlushReport> {
        let telemetry = self.telemetry.clone();
        let report = if self.hurry.is_over() {
            Some(telemetry.shutdown_within(AT_ONCE).await)
        } else {
            self.hurry.unless(telemetry.shutdown()).await
        };
        report.map(|report| report.unwrap_or_else(|FlushError(report)| report))
    }
}

/// A flush beside what is waited for, which is given up when this is dropped: the one at the end does it again.
struct BackgroundFlush(JoinHandle<()>);

impl BackgroundFlush {
    /// Starts one, after the one that runs already.
    fn spawn(telemetry: Telemetry, before: Option<Self>) -> Self {
        Self(tokio::spawn(async move {
            if let Some(mut before) = before {
                let _ = (&mut before.0).await;
            }
            let _ = telemetry.flush().await;
        }))
    }
}

impl Drop for BackgroundFlush {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits until the requests on a server's connections have finished, and the rest of its connections is closed.
async fn finish(server: &mut AppServer, connections: &Connections) {
    let mut ended = pin!(server.ended());
    loop {
        connections.cut_idle();
        let ended = tokio::time::timeout(IDLE_INTERVAL, ended.as_mut()).await;
        if ended.is_ok() {
            return;
        }
    }
}

/// A second signal, after which nothing is waited for.
enum Hurry {
    Awaited(StopSignals),
    Over,
}

impl Hurry {
    const fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    /// Returns the future's output; `None` once there was a second signal.
    async fn unless<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let Self::Awaited(signals) = self else {
            return None;
        };
        let output = {
            let (mut future, mut signal) = (pin!(future), pin!(signals.next()));
            std::future::poll_fn(|cx| match signal.as_mut().poll(cx) {
                Poll::Ready(_) => Poll::Ready(None),
                Poll::Pending => future.as_mut().poll(cx).map(Some),
            })
            .await
        };
        if output.is_none() {
            *self = Self::Over;
        }
        output
    }
}
