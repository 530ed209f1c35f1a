//! Enums whose values are words in files, reports and metrics.

/// An enum of words.
pub(crate) trait StringEnum: Copy + 'static {
    /// Every value, in the order of messages.
    const ALL: &'static [Self];

    /// Returns the word of a value.
    fn word(self) -> &'static str;

    /// Returns the value of a word.
    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.word() == word)
    }
}

/// Joins the words of these values, for messages.
pub(crate) fn join_words<T: StringEnum>(values: &[T]) -> String {
    let words: Vec<_> = values.iter().map(|value| value.word()).collect();
    words.join(", ")
}

/// Implements the words of an enum: `as_str`, `Display`, `Serialize` and [`StringEnum`].
///
/// One list of variants and words gives parsing, formatting and serialization; a variant without a
/// word does not compile.
macro_rules! string_enum {
    ($visibility:vis $name:ident { $($variant:ident: $word:literal),+ $(,)? }) => {
        impl $name {
            /// Returns the word that files, reports and metrics use.
            #[must_use]
            $visibility const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl crate::model::string_enum::StringEnum for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn word(self) -> &'static str {
                self.as_str()
            }
        }
    };
}
pub(crate) use string_enum;
