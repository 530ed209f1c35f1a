//! W3C Trace Context, level 2: how a trace stands in the headers `traceparent` and `tracestate`.
//! See <https://www.w3.org/TR/trace-context-2/>.
//!
//! Why not the SDK's propagator? It takes what the specification refuses (a second `traceparent`, ids and
//! flags of any length, trailing text), reads only the first `tracestate`, cuts a list that is too long
//! instead of discarding it, refuses keys that level 2 allows, and clears the flag of random trace ids.
//! A trace that was joined by mistake mixes the requests of strangers.
//!
//! | `traceparent` | this process |
//! |---|---|
//! | absent, twice, malformed, version ff, ids of zeros | starts a trace of its own |
//! | version 00 | joins it; nothing may follow the flags |
//! | a later version | joins it by the first four fields, as far as they parse |
//!
//! A bad `tracestate` costs only itself: the trace is joined without it, as the specification has
//! it.

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// The flag of a trace id whose right half is random, which samplers further on may rely on.
const RANDOM: u8 = 0x02;
/// The version that is not allowed.
const INVALID_VERSION: u8 = 0xff;
/// The length of a `traceparent` of version 0; later versions may append to it.
const TRACEPARENT_LENGTH: usize = 55;
/// The maximum number of members of a `tracestate`.
///
/// See <https://www.w3.org/TR/trace-context-2/#list>.
const MAX_MEMBERS: usize = 32;
/// The maximum length of a key, and of a value.
const MAX_MEMBER_PART: usize = 256;

/// The part of a caller's trace for which the SDK's span context has no place.
#[derive(Clone, Debug)]
struct CallerTrace {
    /// Of the caller: the rest holds for spans of this trace only.
    trace_id: TraceId,
    /// The whole list, in the caller's order and spelling, because a mediator must not change what
    /// it doesn't understand.
    tracestate: String,
    /// The flag of level 2 that the SDK's flags have no bit for.
    random: bool,
}

/// A parsed `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TraceParent {
    trace_id: TraceId,
    span_id: SpanId,
    flags: u8,
}

/// Returns the context with the trace of these fields, or `None` where they hold none, or a malformed one.
pub(super) fn extract(context: &Context, fields: &dyn Extractor) -> Option<Context> {
    let values = fields.get_all(TRACEPARENT)?;
    // Two headers may be of two traces; the specification leaves none of them to trust.
    let [value] = values.as_slice() else {
        return None;
    };
    let TraceParent {
        trace_id,
        span_id,
        flags,
    } = TraceParent::parse(value)?;
    let members = parse_tracestate(&fields.get_all(TRACESTATE).unwrap_or_default());
    // The SDK refuses keys that begin with a digit; what it can't hold is kept beside it.
    let tracestate = TraceState::from_key_value(members.iter().copied()).unwrap_or_default();
    let random = flags & RANDOM != 0;
    // What an outer trace left in the context must not be taken for this one's.
    // The usual case needs no value in the context, which costs an allocation.
    let is_representable = !random
        && members.is_empty() == tracestate.header().is_empty()
        && context.get::<CallerTrace>().is_none();
    // Unknown flags are cleared: level 2 has them zero where their meaning isn't known.
    let sampled = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    let span_context = SpanContext::new(trace_id, span_id, sampled, true, tracestate);
    let context = context.with_remote_span_context(span_context);
    if is_representable {
        return Some(context);
    }
    Some(context.with_value(CallerTrace {
        trace_id,
        tracestate: format_members(&members),
        random,
    }))
}

/// Writes the context's trace into fields that go out.
pub(super) fn inject(context: &Context, fields: &mut dyn Injector) {
    let span = context.span();
    let span_context = span.span_context();
    if !span_context.is_valid() {
        return;
    }
    // A new trace below an old context is none of the caller's.
    let caller = context
        .get::<CallerTrace>()
        .filter(|caller| caller.trace_id == span_context.trace_id());
    let random = caller.is_some_and(|caller| caller.random);
    let sampled = (span_context.trace_flags() & TraceFlags::SAMPLED).to_u8();
    let flags = sampled | if random { RANDOM } else { 0 };
    let (trace_id, span_id) = (span_context.trace_id(), span_context.span_id());
    // Version 00 always: we write what we know, whatever version came in.
    fields.set(TRACEPARENT, format!("00-{trace_id}-{span_id}-{flags:02x}"));
    let tracestate = caller.map_or_else(
        || span_context.trace_state().header(),
        |caller| caller.tracestate.clone(),
    );
    fields.set(TRACESTATE, tracestate);
}

impl TraceParent {
    fn parse(text: &str) -> Option<Self> {
        let text = trim(text);
        // Before it is cut at fixed places.
        if !text.is_ascii() || text.len() < TRACEPARENT_LENGTH {
            return None;
        }
        let (fields, rest) = text.split_at(TRACEPARENT_LENGTH);
        let mut fields = fields.split('-');
        let version = parse_hex::<2>(fields.next()?)?;
        let trace_id = parse_hex::<32>(fields.next()?)?;
        let span_id = parse_hex::<16>(fields.next()?)?;
        let flags = parse_hex::<2>(fields.next()?)?;
        // A later version may append fields, after a hyphen.
        let may_follow = version != 0 && rest.starts_with('-');
        let fine = fields.next().is_none()
            && version != u128::from(INVALID_VERSION)
            && trace_id != 0
            && span_id != 0
            && (rest.is_empty() || may_follow);
        fine.then_some(Self {
            trace_id: trace_id.into(),
            span_id: u64::try_from(span_id).ok()?.into(),
            flags: u8::try_from(flags).ok()?,
        })
    }
}

/// Parses exactly `N` lower-case hexadecimal digits.
fn parse_hex<const N: usize>(text: &str) -> Option<u128> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let fine = text.len() == N && text.bytes().all(is_digit);
    u128::from_str_radix(text, 16).ok().filter(|_| fine)
}

/// Parses the members of all `tracestate` fields, in order, of equal keys the first. One that is malformed, or
/// one too many, discards all of them, as the specification has it.
fn parse_tracestate<'a>(values: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    let mut members: Vec<(&str, &str)> = Vec::new();
    let texts = values.iter().flat_map(|value| value.split(',')).map(trim);
    for text in texts.filter(|text| !text.is_empty()) {
        match text.split_once('=') {
            Some((key, value)) if is_key(key) && is_value(value) => {
                if !members.iter().any(|(known, _)| *known == key) {
                    members.push((key, value));
                }
            }
            _ => return Vec::new(),
        }
        if members.len() > MAX_MEMBERS {
            return Vec::new();
        }
    }
    members
}

/// Joins the members with commas, without the optional spaces.
fn format_members(members: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (key, value) in members {
        if !text.is_empty() {
            text.push(',');
        }
        text.extend([key, "=", value]);
    }
    text
}

/// Returns whether a text is a key of level 2: 1 to 256 of lower case, digits and `_-*/@`, the
/// first a letter or a digit.
fn is_key(key: &str) -> bool {
    let is_first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_further = |byte: u8| is_first(byte) || b"_-*/@".contains(&byte);
    let mut bytes = key.bytes();
    let fits = (1..=MAX_MEMBER_PART).contains(&key.len());
    fits && bytes.next().is_some_and(is_first) && bytes.all(is_further)
}

/// Spaces at its end were trimmed, so that a value that is not empty ends as it must.
// Printable ASCII without a comma, at which the list was split, and without an equals sign.
fn is_value(value: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'=';
    (1..=MAX_MEMBER_PART).contains(&value.len()) && value.bytes().all(is_allowed)
}

/// Trims what HTTP calls optional white space.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_strictly() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parsed = TraceParent::parse(good).unwrap();
        assert_eq!(parsed.trace_id.to_string(), &good[3..35]);
        assert_eq!(parsed.span_id.to_string(), &good[36..52]);
        assert_eq!(parsed.flags, 1);
        for bad in [
            "",
            &good[..54],
            &good.to_uppercase(),
            &good.replace("00-4", "+0-4"),
            &good.replace("-01", "-+1"),
            &good.replace("4bf9", "4bé"),
            &format!("{good}-"),
            &format!("{good}0"),
            &good.replacen("00-", "ff-", 1),
            &good.replacen("00-", "0-0", 1),
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_later_version_may_say_more_after_a_hyphen() {
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff";
        assert_eq!(TraceParent::parse(later).unwrap().flags, 0xff);
        assert!(TraceParent::parse(&format!("{later}-more")).is_some());
        assert!(TraceParent::parse(&format!("{later}.more")).is_none());
    }

    #[test]
    fn one_bad_member_discards_the_whole_list() {
        assert_eq!(
            parse_tracestate(&["a=1 , b= 2", "", "a=3,c=x@y"]),
            [("a", "1"), ("b", " 2"), ("c", "x@y")]
        );
        for bad in [
            "a", "=1", "a=", "A=1", "@a=1", "a =1", "a=1=2", "a=\u{7f}", "é=1", "a=é",
        ] {
            assert_eq!(parse_tracestate(&["ok=1", bad]), [], "{bad}");
        }
    }
}
