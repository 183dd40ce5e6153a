//! `keep_alive`: how long a model stays in memory after its last use.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::duration::{self, DurationError};

/// How long to keep an idle model.
///
/// On the wire a number of seconds (fractions allowed) or a Go duration; anything negative means
/// forever, zero means unload as soon as it is idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeepAlive {
    /// Never unload for idleness.
    Forever,
    /// Unload after this much idleness.
    For(Duration),
}

impl KeepAlive {
    /// Unload as soon as the model is idle.
    pub const UNLOAD: Self = Self::For(Duration::ZERO);

    fn from_ns(ns: i64) -> Self {
        match u64::try_from(ns) {
            Ok(ns) => Self::For(Duration::from_nanos(ns)),
            Err(_) => Self::Forever,
        }
    }

    fn from_seconds(seconds: f64) -> Self {
        // 292 years and more is the range's end, where Ollama's "forever" lies too.
        const MAX_SECONDS: f64 = (i64::MAX / 1_000_000_000) as f64;
        if (0.0..MAX_SECONDS).contains(&seconds) {
            Self::For(Duration::from_secs_f64(seconds))
        } else {
            Self::Forever
        }
    }
}

impl FromStr for KeepAlive {
    type Err = DurationError;

    /// Reads what environments and command lines hold: a Go duration or whole seconds.
    ///
    /// The wire is stricter: there the text `"5"` lacks its unit.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<i64>() {
            Ok(seconds) => Ok(Self::from_ns(seconds.saturating_mul(1_000_000_000))),
            Err(_) => duration::parse_ns(text).map(Self::from_ns),
        }
    }
}

impl Serialize for KeepAlive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Forever => serializer.serialize_i64(-1),
            Self::For(duration) => serializer.serialize_str(&duration::format(*duration)),
        }
    }
}

impl<'de> Deserialize<'de> for KeepAlive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let unsupported =
            |found| Err(de::Error::custom(format_args!("Unsupported type: '{found}'")));
        match Value::deserialize(deserializer)? {
            Value::Number(seconds) => Ok(Self::from_seconds(
                seconds
                    .as_f64()
                    .expect("because every number is a float without arbitrary_precision"),
            )),
            Value::String(text) => {
                duration::parse_ns(&text).map(Self::from_ns).map_err(de::Error::custom)
            }
            // The names are those of Go's types.
            Value::Bool(_) => unsupported("bool"),
            Value::Array(_) => unsupported("[]interface {}"),
            Value::Object(_) => unsupported("map[string]interface {}"),
            Value::Null => unsupported("null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seconds(seconds: f64) -> KeepAlive {
        KeepAlive::For(Duration::from_secs_f64(seconds))
    }

    #[test]
    fn numbers_and_durations_are_read() {
        let cases = [
            (json!(300), seconds(300.0)),
            (json!(0.5), seconds(0.5)),
            (json!(0), KeepAlive::UNLOAD),
            (json!(-0.0), KeepAlive::UNLOAD),
            (json!("0"), KeepAlive::UNLOAD),
            (json!("1h30m"), seconds(5400.0)),
            (json!("500ms"), seconds(0.5)),
            (json!(-1), KeepAlive::Forever),
            (json!("-1m"), KeepAlive::Forever),
            (json!(1e300), KeepAlive::Forever),
            (json!(u64::MAX), KeepAlive::Forever),
        ];
        for (wire, want) in cases {
            let read: KeepAlive = serde_json::from_value(wire.clone()).expect("a valid value");
            assert_eq!(read, want, "{wire}");
        }
    }

    #[test]
    fn errors_read_as_clients_know_them() {
        let cases = [
            (json!("5"), r#"time: missing unit in duration "5""#),
            (json!("soon"), r#"time: invalid duration "soon""#),
            (json!(""), r#"time: invalid duration """#),
            (json!(true), "Unsupported type: 'bool'"),
            (json!({}), "Unsupported type: 'map[string]interface {}'"),
        ];
        for (wire, want) in cases {
            let error = serde_json::from_value::<KeepAlive>(wire).expect_err(want);
            assert_eq!(error.to_string(), want);
        }
    }

    #[test]
    fn environment_texts_may_lack_the_unit() {
        assert_eq!("5".parse(), Ok(seconds(5.0)));
        assert_eq!("-1".parse(), Ok(KeepAlive::Forever));
        assert_eq!("10m".parse(), Ok(seconds(600.0)));
        assert!("soon".parse::<KeepAlive>().is_err());
    }

    #[test]
    fn what_is_written_reads_back() {
        for value in [KeepAlive::Forever, KeepAlive::UNLOAD, seconds(0.25), seconds(90.0)] {
            let wire = serde_json::to_value(value).expect("plain data");
            assert_eq!(serde_json::from_value::<KeepAlive>(wire).expect("our own text"), value);
        }
    }
}
