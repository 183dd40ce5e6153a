//! `think`: whether and how hard a model reasons before it answers.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How much a model is to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThinkLevel {
    /// `"low"`
    Low,
    /// `"medium"`
    Medium,
    /// `"high"`
    High,
    /// `"max"`
    Max,
}

impl ThinkLevel {
    /// The text on the wire and in templates.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Max => "max",
        }
    }

    fn from_wire(text: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High, Self::Max].into_iter().find(|l| l.as_str() == text)
    }
}

impl fmt::Display for ThinkLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A boolean or a level on the wire. Absent means what the model prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Think {
    /// `false`
    Off,
    /// `true`
    On,
    /// One of the level texts.
    Level(ThinkLevel),
}

impl Think {
    /// True unless thinking is switched off.
    pub fn is_on(self) -> bool {
        self != Self::Off
    }

    /// The level asked for, where one was.
    pub fn level(self) -> Option<ThinkLevel> {
        match self {
            Self::Level(level) => Some(level),
            Self::Off | Self::On => None,
        }
    }
}

impl From<bool> for Think {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

impl Serialize for Think {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_bool(false),
            Self::On => serializer.serialize_bool(true),
            Self::Level(level) => serializer.serialize_str(level.as_str()),
        }
    }
}

impl<'de> Deserialize<'de> for Think {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Bool(on) => Ok(on.into()),
            serde_json::Value::String(text) => {
                ThinkLevel::from_wire(&text).map(Self::Level).ok_or_else(|| {
                    de::Error::custom(format_args!(
                        r#"invalid think value: {text:?} (must be "high", "medium", "low", "max", true, or false)"#
                    ))
                })
            }
            _ => Err(de::Error::custom(
                r#"think must be a boolean or string ("high", "medium", "low", "max", true, or false)"#,
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn booleans_and_levels_round_trip() {
        for wire in [json!(true), json!(false), json!("low"), json!("max")] {
            let think: Think = serde_json::from_value(wire.clone()).expect("a known value");
            assert_eq!(serde_json::to_value(think).expect("plain data"), wire);
        }
    }

    #[test]
    fn refusals_list_what_is_allowed() {
        let error = serde_json::from_value::<Think>(json!("enormous")).expect_err("no such level");
        assert_eq!(
            error.to_string(),
            r#"invalid think value: "enormous" (must be "high", "medium", "low", "max", true, or false)"#
        );
        let error = serde_json::from_value::<Think>(json!(3)).expect_err("no such type");
        assert_eq!(
            error.to_string(),
            r#"think must be a boolean or string ("high", "medium", "low", "max", true, or false)"#
        );
    }
}
