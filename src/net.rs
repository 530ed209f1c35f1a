//! The HTTP client that everything shares: encryption, and errors with their causes in one line.
//!
//! | client | used by | proxy |
//! |---|---|---|
//! | HTTP/1.1 | OTLP over HTTP, heartbeats, checks, Prometheus | forwards `http`, tunnels `https` |
//! | gRPC | OTLP | tunnels |
//! | probes of `doctor` | the command | by hand, to see each step |
//!
//! One client, so that certificates, proxies and messages are right everywhere or nowhere.

mod error;

#[cfg(feature = "tls")]
pub(crate) mod tls;
#[cfg(not(feature = "tls"))]
#[path = "net/tls/disabled.rs"]
pub(crate) mod tls;

mod headers;

pub(crate) mod resolver;

mod proxy;

mod http;

pub(crate) use error::{explain, innermost, one_line};
pub(crate) use headers::{add_headers, basic_credentials, json_headers};
pub(crate) use http::{HttpClient, has_type, http_client, is_a_web_page, retry_after};
pub(crate) use proxy::grpc_connector;
#[cfg(feature = "cli")]
pub(crate) use proxy::{ProxyMethod, ProxyRoute};
