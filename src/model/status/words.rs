//! Enums whose variants each have a word in JSON and in stores, which is Statuspage's where that has one. A
//! variant and its words stand in one place.

/// Declares an enum with the words of `string_enum!`, and with `label` where each variant has a text for people too.
///
/// Words are contracts with clients and with rows in stores; the names of variants are not, and may
/// change.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$doc:meta])* $variant:ident = $word:literal, $label:literal;)+
    }) => {
        words! {
            $(#[$meta])*
            pub enum $name { $($(#[$doc])* $variant = $word;)+ }
        }

        impl $name {
            /// Returns the text for people.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)+
                }
            }
        }
    };
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$doc:meta])* $variant:ident = $word:literal;)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)+
        }

        crate::model::string_enum::string_enum!(pub $name { $($variant: $word),+ });
    };
}
pub(super) use words;
