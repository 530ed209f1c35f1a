//! A service that tells its handlers the address of their client, as axum's own server does.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use axum::extract::ConnectInfo;
use http::Request;
use tower::Service;

/// A service whose requests hold the address of the connection's other end.
#[derive(Clone, Debug)]
pub(super) struct WithPeer<S> {
    service: S,
    peer: SocketAddr,
}

impl<S> WithPeer<S> {
    pub(super) const fn new(service: S, peer: SocketAddr) -> Self {
        Self { service, peer }
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for WithPeer<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(ConnectInfo(self.peer));
        self.service.call(request)
    }
}
