//! The check of bearer tokens (RFC 6750). Refused ones are counted; wrong ones are logged, at most once a
//! minute, and slowed down.
//!
//! Why is a caller not locked out after so many wrong tokens? Because behind a proxy all callers have one
//! address, and a stranger could lock the right one out. A right token is verified first and never waits; a
//! wrong one is answered after a second where many come, and a waiting one costs no more than its connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::rate_limit::RateLimit;
use super::response::{error_response, retry_later};
use super::timer::sleep;
use crate::config::Secret;
use crate::model::snapshot::private::Authorized;
use crate::record::clock::Clock;
use crate::record::instruments::RefusedTokens;

/// The number of wrong tokens that are answered at once, in a second.
const PROMPT_REFUSALS: u32 = 10;
/// The time that others wait for their answer.
const DELAY: Duration = Duration::from_secs(1);
/// The number of answers that wait at a time; others are refused without a wait, and told to come later.
const MAX_WAITING: usize = 256;

/// The routes that a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenRealm {
    Health,
    Heartbeat,
    Status,
}

/// The token of one realm. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct TokenCheck {
    realm: TokenRealm,
    token: Option<Secret>,
    refusals: Arc<TokenRefusals>,
}

/// The refused tokens of a process.
#[derive(Debug)]
pub(crate) struct TokenRefusals {
    counter: RefusedTokens,
    clock: Clock,
    logs: [RefusalLog; 3],
    prompt: RateLimit,
    waiting: AtomicUsize,
}

/// The log of wrong tokens of one realm.
#[derive(Debug)]
struct RefusalLog {
    limit: RateLimit,
    unlogged: AtomicU64,
}

/// An answer that waits.
struct Waiting<'a>(&'a AtomicUsize);

impl TokenRealm {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Heartbeat => "heartbeat",
            Self::Status => "status",
        }
    }

    const fn challenge(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Health => r#"Bearer realm="health""#,
            Self::Heartbeat => r#"Bearer realm="heartbeat""#,
            Self::Status => r#"Bearer realm="status""#,
        })
    }
}

impl TokenCheck {
    /// Without a token, nothing is authorized.
    pub(crate) const fn new(
        realm: TokenRealm,
        token: Option<Secret>,
        refusals: Arc<TokenRefusals>,
    ) -> Self {
        Self {
            realm,
            token,
            refusals,
        }
    }

    /// Returns `true` if a token is configured.
    pub(super) const fn is_set(&self) -> bool {
        self.token.is_some()
    }

    /// Verifies the token of a request that is answered without one as well; a wrong one is slowed down, or
    /// refused, as where it is needed.
    pub(super) async fn verify(&self, headers: &HeaderMap) -> Result<Option<Authorized>, Response> {
        let Some(offered) = offered_token(headers) else {
            return Ok(None);
        };
        if let Some(authorized) = self.authorize(offered) {
            return Ok(Some(authorized));
        }
        self.refusals.record(self.realm, "wrong");
        // Where there is no token nothing can be guessed.
        if self.is_set() {
            self.refusals.slow_down().await?;
        }
        Ok(None)
    }

    /// Verifies the token of a request that needs one.
    pub(super) async fn require(&self, headers: &HeaderMap) -> Result<Authorized, Response> {
        let Some(offered) = offered_token(headers) else {
            self.refusals.record(self.realm, "missing");
            return Err(self.refuse());
        };
        if let Some(authorized) = self.authorize(offered) {
            return Ok(authorized);
        }
        self.refusals.record(self.realm, "wrong");
        self.refusals.slow_down().await?;
        Err(self.refuse())
    }

    fn authorize(&self, offered: &str) -> Option<Authorized> {
        Authorized::verify(self.token.as_ref()?.expose()?, offered)
    }

    fn refuse(&self) -> Response {
        let mut response = error_response(StatusCode::UNAUTHORIZED, "unauthorized");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, self.realm.challenge());
        response
    }
}

/// Returns the text after the scheme; empty for another scheme, and for what is no text.
fn offered_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?;
    let offered = value.to_str().ok().and_then(|text| text.split_once(' '));
    let token = offered.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Some(token.map_or("", |(_, token)| token.trim()))
}

impl TokenRefusals {
    pub(crate) fn new(counter: RefusedTokens, clock: Clock) -> Self {
        Self {
            counter,
            clock,
            logs: std::array::from_fn(|_| RefusalLog {
                limit: RateLimit::new(1, Duration::from_secs(60)),
                unlogged: AtomicU64::new(0),
            }),
            prompt: RateLimit::new(PROMPT_REFUSALS, Duration::from_secs(1)),
            waiting: AtomicUsize::new(0),
        }
    }

    fn record(&self, realm: TokenRealm, reason: &'static str) {
        self.counter.record(realm.as_str(), reason);
        if reason == "missing" {
            return;
        }
        let log = &self.logs[realm as usize];
        log.unlogged.fetch_add(1, Ordering::Relaxed);
        if log.limit.try_acquire(self.clock.now()) {
            let refused = log.unlogged.swap(0, Ordering::Relaxed);
            tracing::warn!(
                realm = realm.as_str(),
                refused,
                "requests with a wrong bearer token; told at most once a minute"
            );
        }
    }

    /// Lets the answer to a wrong token wait, where many come.
    async fn slow_down(&self) -> Result<(), Response> {
        if self.prompt.try_acquire(self.clock.now()) {
            return Ok(());
        }
        let waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            let error = "too many wrong tokens";
            return Err(retry_later(StatusCode::TOO_MANY_REQUESTS, error, 1));
        }
        sleep(DELAY).await;
        drop(waiting);
        Ok(())
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
