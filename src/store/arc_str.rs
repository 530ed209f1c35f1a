//! Shared text in rows, as serde's own feature `rc` would have it: that one would be switched on for
//! the whole tree of a service.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the text itself; that it was shared is not kept.
pub(super) fn serialize<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// Reads a text into an allocation of its own.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Arc<str>, D::Error> {
    String::deserialize(source).map(Arc::from)
}

/// The same where there may be none.
pub(super) mod option {
    use super::{Arc, Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::store) fn serialize<S: Serializer>(
        text: &Option<Arc<str>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        text.as_deref().serialize(serializer)
    }

    pub(in crate::store) fn deserialize<'de, D: Deserializer<'de>>(
        source: D,
    ) -> Result<Option<Arc<str>>, D::Error> {
        let text = Option::<String>::deserialize(source)?;
        Ok(text.map(Arc::from))
    }
}
