use http::StatusCode;
use opentelemetry::KeyValue;

use crate::model::catalog::api::GRPC_STATUSES;

/// The status of a gRPC call: one of 17.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GrpcStatus(
    /// A position in [`GRPC_STATUSES`].
    u8,
);

impl GrpcStatus {
    pub(crate) const OK: Self = Self(0);
    pub(crate) const UNKNOWN: Self = Self(2);
    pub(crate) const PERMISSION_DENIED: Self = Self(7);
    pub(crate) const RESOURCE_EXHAUSTED: Self = Self(8);
    pub(crate) const UNIMPLEMENTED: Self = Self(12);
    pub(crate) const INTERNAL: Self = Self(13);
    pub(crate) const UNAVAILABLE: Self = Self(14);
    pub(crate) const UNAUTHENTICATED: Self = Self(16);

    /// Reads the value of `grpc-status`. What is no status is `UNKNOWN` to every client.
    pub(crate) const fn from_header(value: &[u8]) -> Self {
        match value {
            [digit @ b'0'..=b'9'] => Self(*digit - b'0'),
            [b'1', digit @ b'0'..=b'6'] => Self(10 + *digit - b'0'),
            _ => Self::UNKNOWN,
        }
    }

    /// Returns the status that clients take a response for which has none:
    /// <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>.
    pub(crate) const fn from_http(status: StatusCode) -> Self {
        // By constants, because `as_u16` is not constant in the oldest releases of `http`.
        match status {
            StatusCode::BAD_REQUEST => Self::INTERNAL,
            StatusCode::UNAUTHORIZED => Self::UNAUTHENTICATED,
            StatusCode::FORBIDDEN => Self::PERMISSION_DENIED,
            StatusCode::NOT_FOUND => Self::UNIMPLEMENTED,
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Self::UNAVAILABLE,
            _ => Self::UNKNOWN,
        }
    }

    /// The number, at most 16.
    pub(crate) const fn code(self) -> u8 {
        self.0
    }

    /// The name, such as `NOT_FOUND`.
    pub(crate) const fn name(self) -> &'static str {
        GRPC_STATUSES[self.0 as usize]
    }

    /// The attribute of a span.
    pub(crate) fn attribute(self) -> KeyValue {
        KeyValue::new("rpc.response.status_code", self.name())
    }

    /// Returns the name where the status is an error of the server's, as OpenTelemetry's conventions have it, or
    /// else an empty text: every other status is the caller's affair.
    pub(crate) const fn server_error(self) -> &'static str {
        match self.0 {
            2 | 4 | 12..=15 => self.name(),
            _ => "",
        }
    }

    /// Returns the name of every status but `OK`: to a client all of them are errors.
    pub(crate) const fn client_error(self) -> &'static str {
        match self {
            Self::OK => "",
            error => error.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_2_4_and_12_to_15_are_errors_of_the_server() {
        for code in 0..=16_u8 {
            let status = GrpcStatus::from_header(code.to_string().as_bytes());
            assert_eq!(status.code(), code);
            let is_error = matches!(code, 2 | 4 | 12..=15);
            let expected = if is_error { status.name() } else { "" };
            assert_eq!(status.server_error(), expected);
            assert_eq!(status.client_error().is_empty(), code == 0);
        }
        assert_eq!(GrpcStatus::from_header(b"5").name(), "NOT_FOUND");
        assert_eq!(GrpcStatus::UNAUTHENTICATED.name(), "UNAUTHENTICATED");
    }

    #[test]
    fn what_is_no_status_is_unknown() {
        for value in [
            "",
            "17",
            "-1",
            "013",
            "1000000000000",
            "OK",
            "13, 0",
            "\u{b9}",
        ] {
            let status = GrpcStatus::from_header(value.as_bytes());
            assert_eq!(status, GrpcStatus::UNKNOWN, "{value}");
        }
    }

    #[test]
    fn a_status_of_http_alone_is_what_clients_take_it_for() {
        for (http, expected) in [
            (200, "UNKNOWN"),
            (400, "INTERNAL"),
            (401, "UNAUTHENTICATED"),
            (403, "PERMISSION_DENIED"),
            (404, "UNIMPLEMENTED"),
            (429, "UNAVAILABLE"),
            (500, "UNKNOWN"),
            (503, "UNAVAILABLE"),
        ] {
            let http = StatusCode::from_u16(http).unwrap();
            assert_eq!(GrpcStatus::from_http(http).name(), expected, "{http}");
        }
    }
}
