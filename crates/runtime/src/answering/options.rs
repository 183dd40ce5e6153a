//! From the wire's options to the engine's.
//!
//! A request's options lie over the model's parameters, and those over the defaults. What the
//! native engine has no use for is accepted and said so in the log.

use std::{
    collections::BTreeSet,
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

use camelid_api_types::{
    ApiError,
    ollama::{Format, Options},
};
use camelid_engine::{
    GenerateOptions, Grammar, LongPrompt, MirostatOptions, MirostatVersion, RopeOptions,
    SamplerOptions,
};
use serde_json::{Map, Value};

use super::closed_schema::closed;
use crate::scheduling::Needs;

/// Options whose meaning is a GPU's or a loader's, and most of those of 2024:
/// nothing to do on this engine.
const WITHOUT_EFFECT: &[&str] = &[
    "num_gpu",
    "main_gpu",
    "use_mmap",
    "numa",
    "num_gqa",
    "low_vram",
    "f16_kv",
    "logits_all",
    "vocab_only",
    "use_mlock",
    "embedding_only",
    "penalize_newline",
];

/// Options of which the log has been told. Requests repeat them, the log does not.
static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Names that are kept so at most: they come from outside.
const MAX_TOLD: usize = 256;

/// The longest of them, in bytes.
const MAX_TOLD_LEN: usize = 64;

/// Ollama's bound on a generation without one, in contexts.
const MAX_CONTEXTS: usize = 10;

/// Reads a request's options and lays them over the model's parameters.
///
/// # Errors
/// For a value of the wrong type: `BadRequest` in the request, `Internal` in the model.
pub(crate) fn merge(
    request: Option<&Map<String, Value>>,
    model: &Map<String, Value>,
) -> Result<Options, ApiError> {
    let (model, _) = Options::from_map(model).map_err(|e| ApiError::internal(e.to_string()))?;
    let Some(map) = request else { return Ok(model) };
    let (options, unknown) = Options::from_map(map)?;
    let said = |key: &&str| map.get(*key).is_some_and(|value| !value.is_null());
    for key in WITHOUT_EFFECT.iter().copied().filter(said) {
        tell_once(key, "this option has no effect on the native engine");
    }
    for key in unknown.iter().filter(|key| !WITHOUT_EFFECT.contains(&key.as_str())) {
        tell_once(key, "an option that nobody knows is ignored");
    }
    Ok(options.or(model))
}

fn tell_once(option: &str, what: &str) {
    if option.len() > MAX_TOLD_LEN {
        return;
    }
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.len() < MAX_TOLD && told.insert(option.to_owned()) {
        tracing::warn!(option, "{what}");
    }
}

/// What a request needs of a loaded model. A model was trained on `n_ctx_train` tokens at most.
pub(crate) fn needs(options: &Options, default_n_ctx: usize, n_ctx_train: usize) -> Needs {
    let count =
        |n: Option<i64>| n.and_then(|n| usize::try_from(n).ok()).and_then(NonZeroUsize::new);
    let rope = rope(options);
    Needs {
        n_ctx: n_ctx(options, default_n_ctx, reach(n_ctx_train, rope)),
        n_batch: count(options.num_batch),
        n_threads: count(options.num_thread),
        rope,
    }
}

/// Rope frequencies; 0, like a missing value, leaves the file's.
fn rope(options: &Options) -> RopeOptions {
    RopeOptions {
        freq_base: options.rope_frequency_base.filter(|&base| base != 0.0),
        freq_scale: options.rope_frequency_scale.filter(|&scale| scale != 0.0),
    }
}

/// How many tokens a model can tell apart by position: those it was trained on, and more where the
/// request slows its ropes down, so that more positions fall between the same angles.
fn reach(n_ctx_train: usize, rope: RopeOptions) -> usize {
    match rope.freq_scale {
        Some(scale) if scale > 0.0 && scale < 1.0 => {
            // Rounded down, and up to the largest count there is.
            (n_ctx_train as f64 / f64::from(scale)) as usize
        }
        _ => n_ctx_train,
    }
}

/// The context a request wants, in tokens: at least 4, at most what the model can tell apart.
fn n_ctx(options: &Options, default: usize, n_ctx_train: usize) -> usize {
    let wanted = match options.num_ctx {
        Some(n) if n > 0 => usize::try_from(n).unwrap_or(usize::MAX),
        _ => default,
    };
    wanted.clamp(4.min(n_ctx_train), n_ctx_train)
}

/// The grammar of a request's format.
///
/// # Errors
/// For a format that this engine has no grammar for.
pub(crate) fn grammar(format: &Format) -> Result<Grammar, ApiError> {
    Ok(match format {
        Format::Json => Grammar::Json,
        Format::Schema(schema) => Grammar::JsonSchema(closed(schema)),
        Format::Regex(pattern) => Grammar::Regex(pattern.clone()),
        Format::Lark(text) => Grammar::Lark(text.clone()),
        Format::Gbnf(text) => Grammar::Gbnf(text.clone()),
        Format::Choice(choices) => Grammar::Choice(choices.clone()),
        _ => return Err(ApiError::bad_request("this kind of format is not supported")),
    })
}

/// What a request says besides its options.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// In tokens.
    pub(crate) n_ctx: usize,
    /// Whether a prompt that does not fit is cut.
    pub(crate) truncate: bool,
    /// Whether a full context is shifted.
    pub(crate) shift: bool,
    /// What the answer must look like.
    pub(crate) grammar: Option<Grammar>,
    /// How many log-probabilities go with each token, where they are asked for.
    pub(crate) logprobs: Option<usize>,
    /// The same for the prompt's tokens.
    pub(crate) prompt_logprobs: Option<usize>,
}

/// The engine's options for one generation.
pub(crate) fn to_engine(options: &Options, rules: &Rules) -> GenerateOptions {
    let &Rules { n_ctx, truncate, shift, ref grammar, logprobs, prompt_logprobs } = rules;
    let is_scored = prompt_logprobs.is_some();
    let bound = n_ctx.saturating_mul(MAX_CONTEXTS);
    // Zero, like a negative number, asks for as much as there is.
    let asked = options.num_predict.filter(|&n| n > 0).and_then(|n| usize::try_from(n).ok());
    let mut engine = GenerateOptions::default();
    engine.n_predict = match options.num_predict {
        // It is the prompt that is asked about.
        Some(0) if is_scored => Some(0),
        _ => Some(asked.unwrap_or(bound).min(bound)),
    };
    engine.n_ctx = Some(n_ctx);
    // Negative keeps the whole prompt; the engine cuts that down to what leaves room.
    engine.n_keep = usize::try_from(options.num_keep.unwrap_or(4)).unwrap_or(usize::MAX);
    engine.long_prompt =
        if truncate && shift && !is_scored { LongPrompt::DropMiddle } else { LongPrompt::Refuse };
    engine.shift = shift;
    engine.sampler = sampler(options, n_ctx);
    engine.stop = options.stop.clone().unwrap_or_default();
    engine.grammar = grammar.clone();
    engine.logprobs = logprobs;
    // Where no draft model goes with the model, it is for nobody.
    let n_draft = options.draft_num_predict.map(|n| usize::try_from(n).unwrap_or(0));
    engine.n_draft_model = n_draft.unwrap_or(engine.n_draft_model);
    engine.prompt_logprobs = prompt_logprobs;
    engine
}

fn sampler(options: &Options, n_ctx: usize) -> SamplerOptions {
    let mut sampler = SamplerOptions::default();
    // Below zero means greedy to every client that sends it.
    sampler.temperature = options.temperature.unwrap_or(0.8).max(0.0);
    sampler.top_k = usize::try_from(options.top_k.unwrap_or(40)).unwrap_or(0);
    sampler.top_p = options.top_p.unwrap_or(0.9);
    sampler.min_p = options.min_p.unwrap_or(0.0);
    sampler.typical_p = options.typical_p.unwrap_or(1.0);
    sampler.tfs_z = options.tfs_z.unwrap_or(1.0);
    sampler.mirostat = mirostat(options);
    sampler.repeat_last_n = usize::try_from(options.repeat_last_n.unwrap_or(64)).unwrap_or(n_ctx);
    sampler.repeat_penalty = options.repeat_penalty.unwrap_or(1.0);
    sampler.presence_penalty = options.presence_penalty.unwrap_or(0.0);
    sampler.frequency_penalty = options.frequency_penalty.unwrap_or(0.0);
    let bias = options.logit_bias.iter().flat_map(|bias| &bias.0);
    sampler.logit_bias = bias.map(|(&id, &bias)| (id, bias)).collect();
    sampler.seed = match options.seed {
        Some(seed) if seed >= 0 => seed.unsigned_abs(),
        _ => entropy(),
    };
    sampler
}

/// Numbers other than 1 and 2 switch it off.
fn mirostat(options: &Options) -> Option<MirostatOptions> {
    let version = match options.mirostat? {
        1 => MirostatVersion::V1,
        2 => MirostatVersion::V2,
        _ => return None,
    };
    let mut mirostat = MirostatOptions::new(version);
    mirostat.tau = options.mirostat_tau.unwrap_or(mirostat.tau);
    mirostat.eta = options.mirostat_eta.unwrap_or(mirostat.eta);
    Some(mirostat)
}

/// A seed nobody chose: the standard library's hasher is keyed by the system's randomness.
fn entropy() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::time::Instant::now())
}

#[cfg(test)]
mod tests {
    use camelid_api_types::ErrorKind;
    use serde_json::json;

    use super::*;

    fn rules(n_ctx: usize) -> Rules {
        Rules {
            n_ctx,
            truncate: true,
            shift: true,
            grammar: None,
            logprobs: None,
            prompt_logprobs: None,
        }
    }

    #[test]
    fn a_request_lies_over_the_model() {
        let model = json!({"temperature": 0.3, "top_k": 7});
        let request = json!({"temperature": 0, "numa": true});
        let merged = merge(request.as_object(), model.as_object().unwrap()).unwrap();
        assert_eq!((merged.temperature, merged.top_k), (Some(0.0), Some(7)));
    }

    #[test]
    fn a_wrong_type_is_told_with_the_key() {
        let request = json!({"num_ctx": "big"});
        let error = merge(request.as_object(), &Map::new()).unwrap_err();
        assert_eq!(error.message, r#"option "num_ctx" must be of type integer"#);
        assert_eq!(error.kind, ErrorKind::BadRequest);
        let error = merge(None, request.as_object().unwrap()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Internal, "the model is at fault");
    }

    #[test]
    fn the_context_is_between_4_and_what_was_trained() {
        let with = |n| Options { num_ctx: Some(n), ..Options::default() };
        assert_eq!(n_ctx(&with(1), 4096, 2048), 4);
        assert_eq!(n_ctx(&with(i64::MAX), 4096, 2048), 2048);
        assert_eq!(n_ctx(&with(-5), 1024, 2048), 1024);
        assert_eq!(n_ctx(&Options::default(), 4096, 2), 2);
    }

    #[test]
    fn slower_ropes_reach_further() {
        let n_ctx = |scale| {
            let options = Options {
                num_ctx: Some(1 << 20),
                rope_frequency_scale: scale,
                ..Options::default()
            };
            needs(&options, 4096, 2048).n_ctx
        };
        for (scale, want) in [
            (None, 2048),
            (Some(0.0), 2048),
            (Some(0.25), 8192),
            (Some(2.0), 2048),
            (Some(-0.5), 2048),
            (Some(f32::NAN), 2048),
        ] {
            assert_eq!(n_ctx(scale), want, "{scale:?}");
        }
    }

    #[test]
    fn a_generation_is_bounded_by_ten_contexts() {
        for (asked, got) in [(None, 1000), (Some(-1), 1000), (Some(0), 1000), (Some(7), 7)] {
            let options = Options { num_predict: asked, ..Options::default() };
            assert_eq!(to_engine(&options, &rules(100)).n_predict, Some(got), "{asked:?}");
        }
    }

    #[test]
    fn a_prompt_that_is_scored_is_whole_and_may_be_all_there_is() {
        let rules = Rules { prompt_logprobs: Some(3), ..rules(100) };
        for (asked, got) in [(None, 1000), (Some(0), 0), (Some(7), 7)] {
            let options = Options { num_predict: asked, ..Options::default() };
            let engine = to_engine(&options, &rules);
            assert_eq!((engine.n_predict, engine.prompt_logprobs), (Some(got), Some(3)));
            assert_eq!(engine.long_prompt, LongPrompt::Refuse);
        }
    }

    #[test]
    fn a_draft_model_guesses_as_many_as_the_request_says() {
        for (asked, got) in [(None, 4), (Some(7), 7), (Some(0), 0), (Some(-1), 0)] {
            let options = Options { draft_num_predict: asked, ..Options::default() };
            assert_eq!(to_engine(&options, &rules(100)).n_draft_model, got, "{asked:?}");
        }
    }

    #[test]
    fn seeds_below_zero_are_random() {
        let with = |n| to_engine(&Options { seed: Some(n), ..Options::default() }, &rules(8));
        assert_eq!(with(42).sampler.seed, 42);
        assert_ne!(with(-1).sampler.seed, with(-1).sampler.seed);
    }

    #[test]
    fn a_prompt_is_cut_only_if_both_switches_allow_it() {
        for (truncate, shift, want) in [
            (true, true, LongPrompt::DropMiddle),
            (true, false, LongPrompt::Refuse),
            (false, true, LongPrompt::Refuse),
        ] {
            let rules = Rules { truncate, shift, ..rules(8) };
            assert_eq!(to_engine(&Options::default(), &rules).long_prompt, want);
        }
    }
}
