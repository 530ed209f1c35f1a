use std::io;

use tokio::net::{TcpStream, lookup_host};

use crate::watch::health::finding::Finding;

/// Connects to `host:port`.
pub(in crate::watch::health) async fn check_tcp(address: &str) -> Finding {
    connect(address)
        .await
        .map_or_else(|finding| finding, |_| Finding::pass())
}

/// Connects to the first of the name's addresses that accepts one.
pub(super) async fn connect(address: &str) -> Result<TcpStream, Finding> {
    let describe = |error: &io::Error| format!("{address}: {error}");
    let addresses = lookup_host(address).await.map_err(|error| {
        let code = match error.kind() {
            io::ErrorKind::InvalidInput => "bad_address",
            _ => "name_unknown",
        };
        Finding::fail(code).with_detail(describe(&error))
    })?;
    let mut failed = Finding::fail("name_unknown").with_detail(address.to_owned());
    // A name may have an address that leads nowhere, such as IPv6 on a host without it.
    for each in addresses {
        match TcpStream::connect(each).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = Finding::fail(error_code(&error)).with_detail(describe(&error)),
        }
    }
    Err(failed)
}

/// Returns the public code of an error.
/// Few and stable, because they are public and alerts may compare them.
pub(super) fn error_code(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => "reset",
        io::ErrorKind::TimedOut => "timeout",
        io::ErrorKind::UnexpectedEof => "closed",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "unreachable",
        _ => "io_error",
    }
}
