//! Headers and query strings of requests.

use std::collections::BTreeMap;

use http::{HeaderMap, Uri};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::BaggagePropagator;

use super::input::{headers, texts};
use super::{fingerprint, magnitude};
use crate::export::prometheus::text::{ExpositionFormat, accepts_gzip, named_weight, prefers_json};
use crate::model::url_parts::{parse_authority, parse_base_url, parse_prefix};
use crate::record::trace::{Carrier, HeaderExtractor, Propagators, Tracer};
use crate::serve::link_base::LinkBase;
use crate::serve::routes::request_base::RequestTarget;
use crate::serve::routes::workers::query::parse_query;

pub(super) fn trace_context(data: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(data);
    let headers = headers(&text);
    let tracer = Tracer::new(
        None,
        Propagators {
            trace_context: true,
            baggage: Some(BaggagePropagator::new()),
        },
    );
    let context = tracer.extract(&HeaderExtractor(&headers));
    let span = context.span().span_context().clone();
    let parent = single(&headers, "traceparent").and_then(traceparent);
    assert_eq!(span.is_valid(), parent.is_some(), "{headers:?}");
    let mut written = HeaderMap::new();
    tracer.inject(
        &context,
        &mut opentelemetry_http::HeaderInjector(&mut written),
    );
    if let Some((trace, id, flags)) = parent {
        assert_eq!(
            (span.trace_id().to_string(), span.span_id().to_string()),
            (trace.clone(), id.clone())
        );
        assert_eq!(span.is_sampled(), flags & 1 == 1);
        let expected = format!("00-{trace}-{id}-{:02x}", flags & 3);
        assert_eq!(single(&written, "traceparent"), Some(&*expected));
    }
    let received: usize = headers.iter().map(|(_, value)| value.len()).sum();
    let sent: usize = written.iter().map(|(_, value)| value.len()).sum();
    assert!(sent <= 64 + 4 * received, "{sent} bytes of {received}");
    // What is sent on is understood as what it was.
    let again = tracer.extract(&HeaderExtractor(&written));
    let mut rewritten = HeaderMap::new();
    tracer.inject(
        &again,
        &mut opentelemetry_http::HeaderInjector(&mut rewritten),
    );
    for name in ["traceparent", "tracestate"] {
        assert_eq!(written.get(name), rewritten.get(name));
    }
    let names = |context: &Context| -> BTreeMap<String, String> {
        let entries = context.baggage().into_iter();
        entries
            .map(|(name, (value, properties))| (name.to_string(), format!("{value};{properties}")))
            .collect()
    };
    // Encoded, it may be longer than the 8,192 bytes that a reader takes.
    let fits = written
        .get("baggage")
        .is_none_or(|value| value.len() <= 8_192);
    assert!(!fits || names(&context) == names(&again), "{written:?}");
    let members = single(&written, "tracestate").map_or(0, |state| state.matches('=').count());
    assert!(members <= 32);
    // A queue's carrier holds the same.
    if let Ok(carrier) = serde_json::from_slice::<Carrier>(data) {
        let context: Context = tracer.extract(&carrier);
        assert!(Carrier::from_context(&tracer, &context).is_empty() || !carrier.is_empty());
    }
    fingerprint((
        span.is_valid(),
        members,
        context.baggage().len(),
        parent_count(&headers),
    ))
}

fn parent_count(headers: &HeaderMap) -> usize {
    headers.get_all("traceparent").iter().count()
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    value.to_str().ok()
}

/// Trace id, span id and flags by a plain reading of the specification.
fn traceparent(value: &str) -> Option<(String, String, u8)> {
    let value = value.trim_matches([' ', '\t']);
    let fields: Vec<_> = value.splitn(5, '-').collect();
    let [version, trace, span, flags, rest @ ..] = fields.as_slice() else {
        return None;
    };
    let is_hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte))
    };
    let fine = is_hex(version, 2)
        && *version != "ff"
        && (*version != "00" || rest.is_empty())
        && is_hex(trace, 32)
        && trace.contains(|c| c != '0')
        && is_hex(span, 16)
        && span.contains(|c| c != '0')
        && is_hex(flags, 2)
        && value.is_ascii();
    let flags = u8::from_str_radix(flags, 16).ok()?;
    fine.then(|| ((*trace).to_owned(), (*span).to_owned(), flags))
}

pub(super) fn accept(data: &[u8]) -> u64 {
    let [text, name] = texts(data);
    // The order of entries has no meaning.
    let mut entries: Vec<_> = text.split(',').collect();
    entries.reverse();
    let reversed = entries.join(",");
    let answer = |text: &str| {
        let weight = named_weight(Some(text), &name);
        assert!((0.0..=1.0).contains(&weight), "{weight}");
        let format = ExpositionFormat::negotiate(Some(text));
        (
            format,
            accepts_gzip(Some(text)),
            prefers_json(Some(text)),
            weight.to_bits(),
        )
    };
    let answered = answer(&text);
    assert_eq!(answer(&reversed), answered, "{text:?}");
    // Neither has the case of names, nor white space around them.
    if text.is_ascii() && !text.contains("version") {
        assert_eq!(answer(&text.to_ascii_uppercase()), answered, "{text:?}");
    }
    assert_eq!(answer(&text.replace(',', " , ")), answered, "{text:?}");
    fingerprint((
        answered.0,
        answered.1,
        answered.2,
        answered.3 == 0,
        magnitude(entries.len()),
    ))
}

pub(super) fn link_base(data: &[u8]) -> u64 {
    let [uri, nested, lines] = texts(data);
    let headers = headers(&lines);
    let mut way = Vec::new();
    for text in [&uri, &nested] {
        if let Some(authority) = parse_authority(text) {
            assert!(
                authority.parse::<http::uri::Authority>().is_ok(),
                "{authority:?}"
            );
            assert_eq!(
                parse_authority(&authority),
                Some(authority.clone()),
                "{text:?}"
            );
            way.push(1);
        }
        if let Some(prefix) = parse_prefix(text) {
            assert_eq!(parse_prefix(&prefix), Some(prefix));
            way.push(2);
        }
        if let Some((scheme, authority, prefix)) = parse_base_url(text) {
            assert_url(&format!("{}://{authority}{prefix}", scheme.as_str()));
            way.push(3);
        }
    }
    let (Ok(original), Ok(nested)) = (uri.parse::<Uri>(), nested.parse::<Uri>()) else {
        return fingerprint(way);
    };
    for uri in [&nested, &original] {
        let target = RequestTarget {
            uri,
            original: &original,
            headers: &headers,
        };
        let base: LinkBase = target.link_base();
        let url = base.url("/status");
        assert!(url.len() <= 1_024, "{} bytes", url.len());
        match url.starts_with('/') {
            true => assert!(!url.starts_with("//"), "{url} is another host"),
            false => assert_url(&url),
        }
        let relative = base.relative_to("/status/incidents");
        assert!(
            relative
                .url("/x")
                .split('/')
                .all(|step| [".", "..", "x", ""].contains(&step)),
            "{relative:?}"
        );
        way.push(4 + u8::from(url.starts_with('/')) + 2 * u8::from(base.prefix().is_empty()));
    }
    fingerprint((way, headers.len()))
}

/// A link that a reader follows, and that no page has to escape.
#[track_caller]
fn assert_url(url: &str) {
    let parsed: Uri = url
        .parse()
        .unwrap_or_else(|error| panic!("{error}: {url:?}"));
    assert!(
        matches!(parsed.scheme_str(), Some("http" | "https")),
        "{url:?}"
    );
    assert!(
        !url.contains(['<', '>', '"', '\'', '&', '\\', ' ', '#', '?']) && url.is_ascii(),
        "{url:?}"
    );
    assert!(
        !parsed
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@')),
        "{url:?}"
    );
    assert!(parsed.path().split('/').all(|step| step != ".."), "{url:?}");
}

pub(super) fn worker_query(data: &[u8]) -> u64 {
    let [query] = texts(data);
    let Ok(uri) = format!("/api/v1/workers/health?{query}").parse::<Uri>() else {
        return 0;
    };
    match parse_query(&uri) {
        Ok(query) => {
            assert!(
                (1..=1_000).contains(&query.limit) && query.states.len() <= 16,
                "{query:?}"
            );
            fingerprint((
                query.limit == 100,
                query.states.len(),
                query.role,
                query.after.is_some(),
            ))
        }
        Err(faults) => {
            assert!(!faults.is_empty() && faults.len() <= 20);
            let size: usize = faults.iter().map(|fault| fault.to_string().len()).sum();
            assert!(size <= 20 * 512, "{size} bytes");
            fingerprint(faults.iter().map(|fault| &*fault.path).collect::<Vec<_>>())
        }
    }
}
