//! Instants on the wire: RFC 3339 in UTC, up to nine fractional digits, trailing zeros trimmed.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text that is no point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("timestamp {text:?} is not RFC 3339: {cause}")]
pub struct InvalidTimestamp {
    /// The text found.
    pub text: String,
    /// What is wrong with it.
    pub cause: String,
}

/// A point in time, to the nanosecond.
///
/// Reads any RFC 3339 offset, writes `Z`:
///
/// ```
/// use camelid_api_types::Timestamp;
///
/// let t: Timestamp = "2026-01-15T10:30:00.5+01:00".parse()?;
/// assert_eq!(t.to_string(), "2026-01-15T09:30:00.5Z");
/// # Ok::<(), camelid_api_types::InvalidTimestamp>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The present moment by the system's clock.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now())
    }

    /// Whole seconds since the start of 1970 in UTC.
    pub fn as_second(self) -> i64 {
        self.0.as_second()
    }

    /// Nanoseconds since the start of 1970 in UTC.
    pub fn as_nanosecond(self) -> i128 {
        self.0.as_nanosecond()
    }
}

impl From<SystemTime> for Timestamp {
    /// Times beyond the year 9999 become the last instant that can be written.
    fn from(time: SystemTime) -> Self {
        let limit = match time < SystemTime::UNIX_EPOCH {
            true => jiff::Timestamp::MIN,
            false => jiff::Timestamp::MAX,
        };
        Self(jiff::Timestamp::try_from(time).unwrap_or(limit))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        time.0.into()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|cause: jiff::Error| InvalidTimestamp {
            text: text.to_owned(),
            cause: cause.to_string(),
        })
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_trimmed_and_utc_is_z() {
        let cases = [
            ("2026-11-21T05:53:43.559493021Z", "2026-11-21T05:53:43.559493021Z"),
            ("2026-11-21T05:53:43.120000000Z", "2026-11-21T05:53:43.12Z"),
            ("2026-11-21T05:53:43.000Z", "2026-11-21T05:53:43Z"),
            ("2024-05-01T00:00:00.25-07:00", "2024-05-01T07:00:00.25Z"),
            // What Go writes for a time that was never set.
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ];
        for (input, want) in cases {
            let time: Timestamp = input.parse().expect(input);
            assert_eq!(time.to_string(), want);
        }
    }

    #[test]
    fn text_without_offset_is_refused() {
        assert!("2026-11-21T05:53:43".parse::<Timestamp>().is_err());
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn system_time_round_trips() {
        let now = SystemTime::now();
        assert_eq!(SystemTime::from(Timestamp::from(now)), now);
    }
}
