//! What only those may read who have the token: error texts, addresses, versions.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

/// A text that nobody sees without [`Authorized`]: it has no `Display`, no `Serialize`, and its
/// `Debug` is a mask.
#[derive(Clone)]
pub(crate) struct Private(Arc<str>);

/// Proof that a caller had the token. There is no other way to one than [`Authorized::by`].
#[derive(Debug)]
pub(crate) struct Authorized(());

impl Private {
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

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Authorized {
    /// Compares in a time that depends on what was offered alone.
    pub(crate) fn by(token: &str, offered: &str) -> Option<Self> {
        same(token.as_bytes(), offered.as_bytes()).then_some(Self(()))
    }
}

/// Looks at every byte that was offered, whether an earlier one was wrong or not.
fn same(secret: &[u8], offered: &[u8]) -> bool {
    let mut different = usize::from(secret.is_empty()) | (secret.len() ^ offered.len());
    for (index, byte) in offered.iter().enumerate() {
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
        assert!(Authorized::by("abc", "abc").is_some());
        for offered in ["", "a", "ab", "abd", "xbc", "abcabc", "abcx", "ABC"] {
            assert!(Authorized::by("abc", offered).is_none(), "{offered}");
        }
        assert!(Authorized::by("", "").is_none(), "no token opens nothing");
    }

    #[test]
    fn a_private_text_does_not_show_itself() {
        assert_eq!(format!("{:?}", Some(Private::new("canary"))), "Some(***)");
    }
}
