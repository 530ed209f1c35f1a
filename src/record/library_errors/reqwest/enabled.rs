//! The errors of reqwest, and of the middleware around it.

use reqwest_middleware::Error;

use crate::record::error_class::{OTHER, error_class};
use crate::record::error_reasons::ErrorReasons;

/// Gives a job that ends with such an error the class of the call for its reason.
pub(super) fn classify(reasons: &ErrorReasons) {
    reasons.classify_by_default(class);
    reasons.classify_by_default(reqwest_class);
}

/// Returns the class of an error: that of its causes, or else the part of the call in which it happened.
pub(crate) fn class(error: &Error) -> &'static str {
    match error {
        Error::Middleware(error) => error_class(&**error),
        Error::Reqwest(error) => reqwest_class(error),
    }
}

fn reqwest_class(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        return "timeout";
    }
    match error_class(error) {
        OTHER if error.is_connect() => "connect",
        OTHER if error.is_redirect() => "redirect",
        OTHER if error.is_builder() => "invalid_request",
        // Of a response that has come: by `error_for_status`, and by its body.
        OTHER if error.is_decode() => "decode",
        OTHER if error.is_body() => "body",
        OTHER => match error.status() {
            Some(status) if status.is_server_error() => "http_5xx",
            Some(status) if status.is_client_error() => "http_4xx",
            _ => OTHER,
        },
        class => class,
    }
}
