//! When a field is written, and how a number of nanoseconds is.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// True for the value that a field has when nobody set it; such fields are left out.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// `#[serde(with = "nanoseconds")]`: a [`Duration`] as whole nanoseconds.
pub(super) mod nanoseconds {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        // 584 years: a longer measurement is written as that.
        serializer.serialize_u64(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_nanos)
    }
}
