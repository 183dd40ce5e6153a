//! `options`: how the model is loaded and how it picks tokens.
//!
//! A request carries them as a JSON object, a model's parameters layer as another. Each is read into
//! [`Options`], whose fields are all optional, and the layers are laid over each other with
//! [`Options::or`]: request over model over the server's defaults, key by key.
//!
//! No value is checked for range here; what a temperature of -3 means is the sampler's affair.

use serde_json::{Map, Value};

use super::LogitBias;
use crate::ApiError;

/// A value of the wrong type in an options object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("option {key:?} must be {expected}")]
pub struct OptionError {
    /// The option's name.
    pub key: &'static str,
    /// What it must be, in the words that clients know.
    pub expected: &'static str,
}

impl From<OptionError> for ApiError {
    /// Takes the options for a request's; a model's own bad parameters are no fault of the caller.
    fn from(error: OptionError) -> Self {
        Self::bad_request(error.to_string())
    }
}

/// Declares [`Options`] with the operations that concern every field: a row per option.
macro_rules! options {
    ($($(#[$doc:meta])* $key:ident: $type:ty = $read:ident,)+) => {
        /// The options that a request or a model may set; `None` is "not said".
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct Options {
            $($(#[$doc])* pub $key: Option<$type>,)+
        }

        impl Options {
            /// The names of all options.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($key)),+];

            /// Reads an options object: null is "not said", floats for integers lose their
            /// fraction. Also gives the keys that no option has, for the log.
            ///
            /// # Errors
            /// When an option's value has another type than the option.
            pub fn from_map(map: &Map<String, Value>) -> Result<(Self, Vec<String>), OptionError> {
                let mut options = Self::default();
                let mut unknown = Vec::new();
                for (key, value) in map.iter().filter(|(_, value)| !value.is_null()) {
                    match key.as_str() {
                        $(stringify!($key) => {
                            options.$key = Some($read(stringify!($key), value)?);
                        })+
                        _ => unknown.push(key.clone()),
                    }
                }
                Ok((options, unknown))
            }

            /// These options, with `base` for those that are not said.
            #[must_use]
            pub fn or(self, base: Self) -> Self {
                Self { $($key: self.$key.or(base.$key),)+ }
            }

            /// The options that are said, as an object.
            pub fn to_map(&self) -> Map<String, Value> {
                let mut map = Map::new();
                $(if let Some(value) = &self.$key {
                    map.insert(stringify!($key).to_owned(), Value::from(value.clone()));
                })+
                map
            }
        }
    };
}

options! {
    /// Tokens that the window holds.
    num_ctx: i64 = integer,
    /// Tokens evaluated at once.
    num_batch: i64 = integer,
    /// Layers on a GPU; -1 decides by itself, 0 is none.
    num_gpu: i64 = integer,
    /// The GPU for what is not split.
    main_gpu: i64 = integer,
    /// Whether weights are mapped rather than read.
    use_mmap: bool = boolean,
    /// Threads; 0 decides by itself.
    num_thread: i64 = integer,
    /// Tokens that a draft model proposes at once.
    draft_num_predict: i64 = integer,
    /// Base of the rope's frequencies; 0 takes the model's. Of servers of 2024.
    rope_frequency_base: f32 = float,
    /// Factor on the rope's positions; 0 takes the model's. Of servers of 2024.
    rope_frequency_scale: f32 = float,
    /// Leading tokens kept when the window shifts; negative keeps the whole prompt.
    num_keep: i64 = integer,
    /// The random seed; -1 takes one from the clock.
    seed: i64 = integer,
    /// The most tokens generated; negative is "until it ends".
    num_predict: i64 = integer,
    /// Only this many of the likeliest tokens; 0 and less is all.
    top_k: i64 = integer,
    /// Only the likeliest tokens that sum up to this probability.
    top_p: f32 = float,
    /// Only tokens at least this likely, measured by the likeliest.
    min_p: f32 = float,
    /// Locally typical sampling; 1 is off.
    typical_p: f32 = float,
    /// Tail-free sampling; 1 is off. Of servers of 2024.
    tfs_z: f32 = float,
    /// Keeps the surprise near a target: 0 is off, 1 and 2 the algorithm. Of servers of 2024.
    mirostat: i64 = integer,
    /// The target, in bits.
    mirostat_tau: f32 = float,
    /// How much of the error is corrected at each token.
    mirostat_eta: f32 = float,
    /// How far back repetition is looked for; 0 is off, -1 the whole window.
    repeat_last_n: i64 = integer,
    /// 0 takes the likeliest token, 1 samples the model's own distribution.
    temperature: f32 = float,
    /// Divides the logits of tokens seen lately; 1 is off.
    repeat_penalty: f32 = float,
    /// Subtracted from the logits of tokens seen lately.
    presence_penalty: f32 = float,
    /// Subtracted from the logits of tokens seen lately, once for each time.
    frequency_penalty: f32 = float,
    /// Added to the logits of single tokens. Not Ollama's.
    logit_bias: LogitBias = biases,
    /// Texts that end the answer.
    stop: Vec<String> = texts,
}

fn integer(key: &'static str, value: &Value) -> Result<i64, OptionError> {
    let Value::Number(number) = value else {
        return Err(OptionError { key, expected: "of type integer" });
    };
    // `as` is the rule here: it truncates toward zero and saturates.
    let truncated = number.as_f64().map(|float| float as i64);
    number.as_i64().or(truncated).ok_or(OptionError { key, expected: "of type integer" })
}

fn float(key: &'static str, value: &Value) -> Result<f32, OptionError> {
    let float = value.as_f64().map(|float| float as f32);
    // An infinite temperature would end in probabilities that are no numbers.
    float.filter(|float| float.is_finite()).ok_or(OptionError { key, expected: "of type float32" })
}

fn boolean(key: &'static str, value: &Value) -> Result<bool, OptionError> {
    value.as_bool().ok_or(OptionError { key, expected: "of type boolean" })
}

fn biases(key: &'static str, value: &Value) -> Result<LogitBias, OptionError> {
    LogitBias::from_wire(value)
        .ok_or(OptionError { key, expected: "of an object of token ids to numbers" })
}

fn texts(key: &'static str, value: &Value) -> Result<Vec<String>, OptionError> {
    let array = value.as_array().ok_or(OptionError { key, expected: "of type array" })?;
    let text = |element: &Value| element.as_str().map(str::to_owned);
    array
        .iter()
        .map(text)
        .collect::<Option<_>>()
        .ok_or(OptionError { key, expected: "of an array of strings" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<(Options, Vec<String>), OptionError> {
        Options::from_map(value.as_object().expect("an object"))
    }

    #[test]
    fn values_are_read_and_unknown_keys_reported() {
        let (options, unknown) = read(json!({
            "num_ctx": 128.9, "seed": -1, "top_k": null, "temperature": 0, "use_mmap": false,
            "stop": ["a", "b"], "numa": true, "num_predict": 1e300, "foo": null
        }))
        .expect("well typed");
        assert_eq!(
            options,
            Options {
                num_ctx: Some(128),
                seed: Some(-1),
                temperature: Some(0.0),
                use_mmap: Some(false),
                stop: Some(vec!["a".to_owned(), "b".to_owned()]),
                num_predict: Some(i64::MAX),
                ..Options::default()
            }
        );
        assert_eq!(unknown, ["numa"]);
    }

    #[test]
    fn wrong_types_are_named() {
        let cases = [
            (json!({"temperature": "hot"}), r#"option "temperature" must be of type float32"#),
            (json!({"top_p": 1e39}), r#"option "top_p" must be of type float32"#),
            (json!({"num_ctx": "big"}), r#"option "num_ctx" must be of type integer"#),
            (json!({"use_mmap": 1}), r#"option "use_mmap" must be of type boolean"#),
            (json!({"stop": "x"}), r#"option "stop" must be of type array"#),
            (json!({"stop": [1]}), r#"option "stop" must be of an array of strings"#),
        ];
        for (wire, want) in cases {
            assert_eq!(read(wire).expect_err(want).to_string(), want);
        }
    }

    #[test]
    fn one_layer_lies_over_another() {
        let request = Options { top_k: Some(1), stop: Some(Vec::new()), ..Options::default() };
        let model = Options {
            top_k: Some(40),
            seed: Some(7),
            stop: Some(vec!["x".to_owned()]),
            ..Options::default()
        };
        let merged = request.or(model);
        assert_eq!((merged.top_k, merged.seed), (Some(1), Some(7)));
        assert_eq!(merged.stop, Some(Vec::new()), "an empty list still replaces the model's");
    }

    #[test]
    fn a_map_of_options_reads_back() {
        let (options, _) = read(json!({"num_ctx": 8, "top_p": 0.5, "stop": ["x"]})).expect("valid");
        let map = options.to_map();
        assert_eq!(map.keys().collect::<Vec<_>>(), ["num_ctx", "top_p", "stop"]);
        assert_eq!(Options::from_map(&map), Ok((options, Vec::new())));
    }

    #[test]
    fn every_key_is_known() {
        for key in Options::KEYS {
            let map = Map::from_iter([((*key).to_owned(), json!({"x": 1}))]);
            let error = Options::from_map(&map).expect_err("no option is such an object");
            assert_eq!(error.key, *key);
        }
    }
}
