//! The parameters that the language has, or once had.

use std::fmt;

/// The kind of value a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterKind {
    /// A whole number in base 10, 64 bits wide.
    Int,
    /// A finite number, rounded to 32 bits.
    Float,
    /// `true` or `false`, or one of their short forms.
    Bool,
    /// A string; several of them make a list.
    StringList,
}

impl fmt::Display for ParameterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ParameterKind::Int => "int",
            ParameterKind::Float => "float",
            ParameterKind::Bool => "bool",
            ParameterKind::StringList => "string",
        })
    }
}

/// Whether a parameter still does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterStatus {
    /// It does.
    Current,
    /// It is accepted and ignored.
    Deprecated,
    /// Old Modelfiles have it; today's Ollama refuses to build with it.
    Removed,
}

/// What is known about one parameter.
#[derive(Debug, Clone, Copy)]
pub struct ParameterInfo {
    /// The name, in the only case that is accepted.
    pub name: &'static str,
    /// The kind of value it takes.
    pub kind: ParameterKind,
    /// Whether it still does something.
    pub status: ParameterStatus,
    /// The values that make sense, both ends included. Values outside are linted, not refused.
    pub sensible: Option<(f64, f64)>,
}

const fn current(name: &'static str, kind: ParameterKind, range: (f64, f64)) -> ParameterInfo {
    ParameterInfo { name, kind, status: ParameterStatus::Current, sensible: Some(range) }
}

const fn unbounded(
    name: &'static str,
    kind: ParameterKind,
    status: ParameterStatus,
) -> ParameterInfo {
    ParameterInfo { name, kind, status, sensible: None }
}

use ParameterKind::{Bool, Float, Int, StringList};
use ParameterStatus::{Current, Deprecated, Removed};

const I32_MAX: f64 = i32::MAX as f64;
const I64_MIN: f64 = i64::MIN as f64;
const I64_MAX: f64 = i64::MAX as f64;
const F32_MAX: f64 = f32::MAX as f64;

/// Every parameter by name. -1 stands for "automatic", "unlimited" or "random" where it is allowed.
pub static PARAMETERS: &[ParameterInfo] = &[
    current("num_ctx", Int, (1.0, I32_MAX)),
    current("num_batch", Int, (1.0, I32_MAX)),
    current("num_gpu", Int, (-1.0, I32_MAX)),
    current("main_gpu", Int, (0.0, I32_MAX)),
    current("num_thread", Int, (0.0, I32_MAX)),
    current("draft_num_predict", Int, (0.0, I32_MAX)),
    current("num_keep", Int, (-1.0, I32_MAX)),
    current("seed", Int, (I64_MIN, I64_MAX)),
    current("num_predict", Int, (-2.0, I32_MAX)),
    current("top_k", Int, (0.0, I32_MAX)),
    current("repeat_last_n", Int, (-1.0, I32_MAX)),
    current("top_p", Float, (0.0, 1.0)),
    current("min_p", Float, (0.0, 1.0)),
    current("typical_p", Float, (0.0, 1.0)),
    current("temperature", Float, (0.0, F32_MAX)),
    current("repeat_penalty", Float, (0.0, F32_MAX)),
    current("presence_penalty", Float, (-2.0, 2.0)),
    current("frequency_penalty", Float, (-2.0, 2.0)),
    unbounded("use_mmap", Bool, Current),
    unbounded("stop", StringList, Current),
    unbounded("penalize_newline", Bool, Deprecated),
    unbounded("low_vram", Bool, Deprecated),
    unbounded("f16_kv", Bool, Deprecated),
    unbounded("logits_all", Bool, Deprecated),
    unbounded("vocab_only", Bool, Deprecated),
    unbounded("use_mlock", Bool, Deprecated),
    unbounded("mirostat", Int, Deprecated),
    unbounded("mirostat_tau", Float, Deprecated),
    unbounded("mirostat_eta", Float, Deprecated),
    unbounded("numa", Bool, Removed),
    unbounded("num_gqa", Int, Removed),
    unbounded("rope_frequency_base", Float, Removed),
    unbounded("rope_frequency_scale", Float, Removed),
    unbounded("tfs_z", Float, Removed),
];

/// What is known about the parameter called `name`, which is compared exactly.
pub fn parameter_info(name: &str) -> Option<&'static ParameterInfo> {
    PARAMETERS.iter().find(|p| p.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_writable() {
        for (i, p) in PARAMETERS.iter().enumerate() {
            assert!(crate::ParameterName::new(p.name).is_some(), "{}", p.name);
            assert!(PARAMETERS[..i].iter().all(|q| q.name != p.name), "{} twice", p.name);
            assert!(p.sensible.is_none_or(|(low, high)| low < high), "{}", p.name);
        }
    }

    #[test]
    fn lookup_is_exact() {
        assert_eq!(parameter_info("top_k").map(|p| p.kind), Some(ParameterKind::Int));
        assert!(parameter_info("Top_K").is_none());
    }
}
