//! `PARAMETER` values with their types.

use crate::parameter_table::{PARAMETERS, ParameterInfo, ParameterKind, parameter_info};
use crate::suggest;

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterValue {
    /// A whole number.
    Int(i64),
    /// A finite number, rounded to 32 bits as Ollama stores it.
    Float(f32),
    /// A switch.
    Bool(bool),
    /// Every value given, in order.
    StringList(Vec<String>),
    /// The last value given for a name that is not in the table, as written.
    Unknown(String),
}

/// A value that its parameter cannot take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// The text is not a value of the parameter's kind.
    #[error("invalid {kind} value [{value}] for parameter {name}, expected {}", expected(*kind))]
    InvalidValue {
        /// The parameter.
        name: String,
        /// The kind of value it takes.
        kind: ParameterKind,
        /// The value as written.
        value: String,
    },
    /// No parameter has this name.
    #[error("unknown parameter '{name}'{}", did_you_mean(name))]
    UnknownName {
        /// The name as written.
        name: String,
    },
}

fn expected(kind: ParameterKind) -> &'static str {
    match kind {
        ParameterKind::Int => "a whole number in base 10 that fits 64 bits",
        ParameterKind::Float => "a finite number that fits 32 bits",
        ParameterKind::Bool => "true or false",
        ParameterKind::StringList => "text",
    }
}

fn did_you_mean(name: &str) -> String {
    let suggestion = suggested_parameter(name);
    suggestion.map(|s| format!(", did you mean '{s}'?")).unwrap_or_default()
}

/// The parameter whose name `name` is a misspelling of.
pub fn suggested_parameter(name: &str) -> Option<&'static str> {
    suggest::nearest(name, PARAMETERS.iter().map(|p| p.name))
}

impl ParameterValue {
    /// Reads `text` as a value of the parameter.
    ///
    /// # Errors
    /// If the text is not a value of that kind. Its size is judged by the linter only.
    pub fn parse(parameter: &ParameterInfo, text: &str) -> Result<Self, ParameterError> {
        let value = match parameter.kind {
            ParameterKind::Int => text.parse().ok().map(Self::Int),
            ParameterKind::Float => {
                text.parse().ok().filter(|x: &f32| x.is_finite()).map(Self::Float)
            }
            ParameterKind::Bool => parse_bool(text).map(Self::Bool),
            ParameterKind::StringList => Some(Self::StringList(vec![text.to_owned()])),
        };
        value.ok_or_else(|| ParameterError::InvalidValue {
            name: parameter.name.to_owned(),
            kind: parameter.kind,
            value: text.to_owned(),
        })
    }

    /// The number, of either kind; for range checks.
    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            #[expect(
                clippy::cast_precision_loss,
                reason = "ranges end at powers of two or at small numbers"
            )]
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(f64::from(*value)),
            _ => None,
        }
    }
}

/// The spellings that Ollama accepts, and no others.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// The parameters of a Modelfile, in the order in which their names first appear.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters {
    entries: Vec<(String, ParameterValue)>,
}

impl Parameters {
    /// Types pairs of name and value: the last value of a scalar wins, lists add up.
    ///
    /// # Errors
    /// The first value that its parameter cannot take, even if a later one replaces it.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ParameterError> {
        let mut parameters = Self::default();
        for (name, text) in pairs {
            let value = match parameter_info(name) {
                Some(info) => ParameterValue::parse(info, text)?,
                None => ParameterValue::Unknown(text.to_owned()),
            };
            parameters.add(name, value);
        }
        Ok(parameters)
    }

    fn add(&mut self, name: &str, value: ParameterValue) {
        use ParameterValue::StringList;
        match (self.entries.iter_mut().find(|(n, _)| n == name), value) {
            (Some((_, StringList(list))), StringList(more)) => list.extend(more),
            (Some((_, old)), value) => *old = value,
            (None, value) => self.entries.push((name.to_owned(), value)),
        }
    }

    /// The value of the parameter called exactly `name`.
    pub fn get(&self, name: &str) -> Option<&ParameterValue> {
        self.entries.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// All parameters.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &ParameterValue)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Refuses parameters whose names are not in the table, as building a model does.
    ///
    /// # Errors
    /// [`ParameterError::UnknownName`] for the first of them, with a suggestion in its message.
    pub fn require_known(&self) -> Result<(), ParameterError> {
        let unknown =
            |(_, value): &&(String, ParameterValue)| matches!(value, ParameterValue::Unknown(_));
        match self.entries.iter().find(unknown) {
            Some((name, _)) => Err(ParameterError::UnknownName { name: name.clone() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str, text: &str) -> Result<ParameterValue, ParameterError> {
        ParameterValue::parse(parameter_info(name).unwrap(), text)
    }

    #[test]
    fn values_take_their_parameters_type() {
        assert_eq!(value("num_ctx", "4096"), Ok(ParameterValue::Int(4096)));
        assert_eq!(value("seed", "-1"), Ok(ParameterValue::Int(-1)));
        assert_eq!(value("top_p", ".5"), Ok(ParameterValue::Float(0.5)));
        assert_eq!(value("use_mmap", "T"), Ok(ParameterValue::Bool(true)));
    }

    #[test]
    fn wrong_values_are_named() {
        for (name, text) in [
            ("num_ctx", "4k"),
            ("num_ctx", "1.0"),
            ("num_ctx", "9223372036854775808"),
            ("top_p", "NaN"),
            ("top_p", "inf"),
            ("top_p", "1e400"),
            ("top_p", ""),
            ("use_mmap", "yes"),
        ] {
            let error = value(name, text).unwrap_err().to_string();
            assert!(error.contains(&format!("value [{text}] for parameter {name}")), "{error}");
        }
    }

    #[test]
    fn lists_add_up_and_scalars_are_replaced() {
        let pairs = [("stop", "a"), ("top_k", "1"), ("stop", "b"), ("top_k", "2"), ("x", "y")];
        let parameters = Parameters::from_pairs(pairs).unwrap();
        let stop = ParameterValue::StringList(vec!["a".into(), "b".into()]);
        assert_eq!(parameters.get("stop"), Some(&stop));
        assert_eq!(parameters.get("top_k"), Some(&ParameterValue::Int(2)));
        assert_eq!(parameters.get("x"), Some(&ParameterValue::Unknown("y".into())));
        assert_eq!(parameters.iter().len(), 3);
    }

    #[test]
    fn unknown_names_come_with_a_suggestion() {
        let parameters = Parameters::from_pairs([("temperture", "1")]).unwrap();
        assert_eq!(
            parameters.require_known().unwrap_err().to_string(),
            "unknown parameter 'temperture', did you mean 'temperature'?"
        );
        let parameters = Parameters::from_pairs([("temperature", "1")]).unwrap();
        assert_eq!(parameters.require_known(), Ok(()));
    }
}
