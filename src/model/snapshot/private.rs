//! Text that requires the details token: error texts, addresses, versions.
//!
//! Why a type and not care? Details of checks are passed through five modules before a route
//! decides whether to show them. A `String` would be shown by the first `format!` that forgets.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

/// A text that is revealed with [`Authorized`] only: it has no `Display`, no `Serialize`, and its
/// `Debug` is a mask.
#[derive(Clone)]
pub(crate) struct PrivateText(Arc<str>);

/// Proof that a caller had the token. [`Authorized::verify`] is the only constructor.
///
/// A function that reveals private text asks for a reference to this; a route that has not verified
/// a token has none, and does not compile.
#[derive(Debug)]
pub(crate) struct Authorized(());

impl PrivateText {
    pub(crate) fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// For a check's detail, which becomes private again.
    pub(crate) fn to_detail(&self) -> String {
        self.0.as_ref().to_owned()
    }

    pub(crate) fn reveal(&self, _: &Authorized) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Authorized {
    /// Verifies the token in a time that depends on `offered` alone.
    ///
    /// `None` for a wrong token, and for an empty configured one: no caller can be authorized by a
    /// setting that is missing.
    pub(crate) fn verify(token: &str, offered: &str) -> Option<Self> {
        constant_time_eq(token.as_bytes(), offered.as_bytes()).then_some(Self(()))
    }
}

/// Compares every byte of `offered`, whether an earlier one was wrong or not.
fn constant_time_eq(secret: &[u8], offered: &[u8]) -> bool {
    // An empty secret is unequal to everything, also to an empty offer; a wrong length is
    // remembered and all bytes are compared all the same.
    let mut different = usize::from(secret.is_empty()) | (secret.len() ^ offered.len());
    for (index, byte) in offered.iter().enumerate() {
        // The index wraps, so that the number of steps is that of the offer, which the caller knows
        // already.
        let expected = secret.get(index % secret.len().max(1)).copied();
        // Hidden from the optimiser, which could end the loop at the first difference.
        different |= usize::from(black_box(expected.unwrap_or_default() ^ byte));
    }
    black_box(different) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        assert!(Authorized::verify("abc", "abc").is_some());
        for offered in ["", "a", "ab", "abd", "xbc", "abcabc", "abcx", "ABC"] {
            assert!(Authorized::verify("abc", offered).is_none(), "{offered}");
        }
        assert!(
            Authorized::verify("", "").is_none(),
            "no token opens nothing"
        );
    }

    #[test]
    fn a_private_text_does_not_show_itself() {
        assert_eq!(
            format!("{:?}", Some(PrivateText::new("canary"))),
            "Some(***)"
        );
    }
}
