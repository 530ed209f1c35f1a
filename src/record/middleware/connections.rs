//! The number of requests says nothing of idle connections, and those are what limits of file
//! descriptors and load balancers are about.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{future::Future, pin::Pin};

use pin_project_lite::pin_project;
use tower::Service;

use crate::record::instruments::ApiInstruments;

/// A make-service that counts the connections it makes services for.
///
/// Wrapping the make-service and not the listener leaves `ConnectInfo` as it is.
#[derive(Clone, Debug)]
pub struct CountConnections<M> {
    make: M,
    api: ApiInstruments,
}

impl<M> CountConnections<M> {
    pub(crate) const fn new(make: M, api: ApiInstruments) -> Self {
        Self { make, api }
    }
}

impl<M: Service<T>, T> Service<T> for CountConnections<M> {
    type Response = ConnectionService<M::Response>;
    type Error = M::Error;
    type Future = MakeFuture<M::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        self.make.poll_ready(cx)
    }

    fn call(&mut self, target: T) -> Self::Future {
        self.api.connections().add(1);
        MakeFuture {
            inner: self.make.call(target),
            // In the future from the start: a connection whose service is never made is counted
            // down when the future is dropped.
            open_connection: Some(Arc::new(OpenConnection(self.api.clone()))),
        }
    }
}

pin_project! {
    /// A connection's service in the making.
    #[derive(Debug)]
    pub struct MakeFuture<F> {
        #[pin]
        inner: F,
        open_connection: Option<Arc<OpenConnection>>,
    }
}

impl<F: Future<Output = Result<S, E>>, S, E> Future for MakeFuture<F> {
    type Output = Result<ConnectionService<S>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let made = ready!(this.inner.poll(cx));
        Poll::Ready(made.map(|inner| ConnectionService {
            inner,
            _open_connection: this.open_connection.take(),
        }))
    }
}

/// The service of one connection, which is open until the last clone is dropped.
#[derive(Clone, Debug)]
pub struct ConnectionService<S> {
    inner: S,
    /// Shared by the clones of the service: the connection ends with the last one.
    _open_connection: Option<Arc<OpenConnection>>,
}

impl<S: Service<R>, R> Service<R> for ConnectionService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.inner.call(request)
    }
}

/// Counts the connection down on drop.
#[derive(Debug)]
struct OpenConnection(ApiInstruments);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections().add(-1);
    }
}
