//! Ids as clients of Statuspage's API insist on them.
//!
//! Statuspage ids are short lower-case texts, and clients put them into URLs and file names. 36^12
//! is about 2^62, so that twelve digits hold nearly all of 64 random bits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::random::random_u64;

/// The number of characters of an id.
const LENGTH: usize = 12;
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// The public id of an incident, a component or an update: 12 of `a-z0-9`.
///
/// ```
/// use vantage_obs::status::StatusId;
///
/// let id = StatusId::from_key("api"); // the same in each process and release
/// assert_eq!(id.as_str().len(), 12);
/// assert_eq!(id.as_str().parse(), Ok(id));
/// assert!("API".parse::<StatusId>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusId([u8; LENGTH]);

/// Text that is not a [`StatusId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 12 characters of a-z and 0-9")]
pub struct StatusIdError;

impl StatusId {
    /// Returns the id derived from this text, such as a component's key: in each process and
    /// each release the same.
    ///
    /// The id of a component must survive restarts, releases and moves of the file: subscribers of
    /// the feed and clients that store ids would otherwise see another component.
    #[must_use]
    pub fn from_key(text: &str) -> Self {
        // FNV-1a, and a finish that spreads what little differs over all digits.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        // Not the standard library's hasher: its result is not promised to stay the same between
        // releases of Rust.
        for byte in text.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self::from_bits(splitmix64_finish(hash))
    }

    /// An id that nobody else is likely to have.
    pub(crate) fn random() -> Self {
        Self::from_bits(random_u64())
    }

    fn from_bits(mut bits: u64) -> Self {
        let mut digits = [b'0'; LENGTH];
        for digit in &mut digits {
            let index = usize::try_from(bits % 36).unwrap_or_default();
            *digit = DIGITS.get(index).copied().unwrap_or(b'0');
            // 2^64 is no multiple of 36^12, so that some ids are likelier than others; no secret
            // depends on them.
            bits /= 36;
        }
        Self(digits)
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Made of `DIGITS`, or checked when it was parsed.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Returns the last step of splitmix64, a bijection.
const fn splitmix64_finish(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl FromStr for StatusId {
    type Err = StatusIdError;

    fn from_str(text: &str) -> Result<Self, StatusIdError> {
        let bytes: [u8; LENGTH] = text.as_bytes().try_into().map_err(|_| StatusIdError)?;
        let fine = bytes.iter().all(|byte| DIGITS.contains(byte));
        fine.then_some(Self(bytes)).ok_or(StatusIdError)
    }
}

impl fmt::Display for StatusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for StatusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for StatusId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for StatusId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_and_others_are_refused() {
        let id = StatusId::from_key("api");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "abc", "abcdefghijkL", "abcdefghijk-", "abcdefghijklm"] {
            assert_eq!(text.parse::<StatusId>(), Err(StatusIdError), "{text}");
        }
    }

    #[test]
    fn ids_of_keys_never_change() {
        assert_eq!(StatusId::from_key("api").as_str(), "nivb2x3jk24n");
        assert_ne!(StatusId::from_key("api"), StatusId::from_key("apj"));
        assert_ne!(StatusId::random(), StatusId::random());
    }
}
