//! Logits of every architecture against Hugging Face transformers'.
//!
//! `testdata/arch/*.json` are made by `tests/oracle/generate.py`, whose README says how.

use camelid_engine::{
    Batch, CpuDevice, Decoder, Error, Runner, SeqId,
    gguf::{GgufFile, GgufWriter, TensorType},
    supported_architectures,
};

use crate::arch_fixture::{self, Fixture};

/// Largest difference of a logit, relative to the range that logits have.
const MAX_ERROR: f32 = 2e-3;

/// The largest error of a row of logits at a position, as far as the fixture knows it.
fn error_at(fixture: &Fixture, pos: usize, logits: &[f32]) -> f32 {
    assert_eq!(logits.len(), fixture.width());
    assert!(logits.iter().all(|x| x.is_finite()), "{}: position {pos}", fixture.name);
    let full = fixture.full_logits.iter().filter(|(at, _)| *at == pos);
    let full = full.flat_map(|(_, row)| row.iter().copied().enumerate());
    let differences = full.chain(fixture.sampled(pos)).map(|(id, want)| (logits[id] - want).abs());
    differences.fold(0.0, f32::max) / fixture.range()
}

/// The prompt at once, then the rest token by token.
fn errors(fixture: &Fixture, decoder: &mut Decoder<CpuDevice>, n_at_once: usize) -> f32 {
    let (prompt, rest) = fixture.tokens.split_at(n_at_once);
    let mut worst = 0.0f32;
    if !prompt.is_empty() {
        let batch = Batch::prompt(SeqId(0), 0, prompt).with_all_logits();
        for (pos, row) in fixture.run(decoder, &batch).iter().enumerate() {
            worst = worst.max(error_at(fixture, pos, row));
        }
    }
    for (pos, &token) in (n_at_once..).zip(rest) {
        let logits = decoder.forward(&Batch::prompt(SeqId(0), pos as u32, &[token])).unwrap();
        worst = worst.max(error_at(fixture, pos, logits.row(0)));
    }
    decoder.truncate(SeqId(0), 0);
    worst
}

#[test]
fn every_architecture_agrees_with_transformers_in_prefill_and_decode() {
    let mut failures = Vec::new();
    for fixture in arch_fixture::all() {
        let mut decoder = match fixture.decoder(None) {
            Ok(decoder) => decoder,
            Err(error) => {
                failures.push(format!("{}: {error}", fixture.name));
                continue;
            }
        };
        let [n_prompt, n_alone] = match fixture.is_encoder {
            true => [fixture.tokens.len(); 2],
            false => [fixture.n_prompt, 0],
        };
        let prefill = errors(&fixture, &mut decoder, n_prompt);
        let decode = errors(&fixture, &mut decoder, n_alone);
        println!("{:20} prefill {prefill:.1e}  token by token {decode:.1e}", fixture.name);
        if !(prefill < MAX_ERROR && decode < MAX_ERROR) {
            failures.push(format!("{}: {prefill:e}, {decode:e}", fixture.name));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn every_architecture_has_a_fixture() {
    let fixtures = arch_fixture::all();
    let known = |name: &str| {
        fixtures.iter().any(|f| f.gguf(None).metadata().require_architecture().unwrap() == name)
    };
    let without: Vec<_> =
        supported_architectures().into_iter().filter(|name| !known(name)).collect();
    assert_eq!(without, [""; 0]);
}

/// Every key and every tensor that a model has is needed, or named as one that may be left out.
/// The error says the name, or what does not fit what is taken for granted without the key.
#[test]
fn a_model_without_any_one_key_or_tensor_is_refused() {
    for fixture in arch_fixture::all() {
        for name in fixture.keys().into_iter().chain(fixture.tensor_names()) {
            let is_optional = fixture.optional.contains(&name);
            match fixture.decoder(Some(&name)) {
                Ok(_) => assert!(is_optional, "{}: `{name}` is not missed", fixture.name),
                Err(error) => {
                    let text = error.to_string();
                    assert!(!is_optional, "{}: `{name}`: {text}", fixture.name);
                    let contradicts =
                        matches!(error, Error::Weights { .. } | Error::Metadata { .. });
                    let is_said = contradicts || text.contains(&name);
                    assert!(is_said, "{}: `{name}`: {text}", fixture.name);
                }
            }
        }
    }
}

/// Optional keys that say in these models what is so without them.
const DEFAULTS: [&str; 6] = [
    // Must be as `key_length`.
    "attention.value_length",
    // Beside `key_length_mla`.
    "deepseek2.attention.key_length",
    // A sigmoid.
    "lfm2moe.expert_gating_func",
    // The width of a head.
    "llama.rope.dimension_count",
    "phi3.rope.dimension_count",
    // Beside an attention factor.
    "phi3.rope.scaling.type",
];

/// What is left out changes what the model computes: nothing that is read is ignored.
#[test]
fn what_may_be_left_out_counts_where_it_is_there() {
    for fixture in arch_fixture::all() {
        let logits = |decoder: &mut Decoder<CpuDevice>| -> Vec<f32> {
            let batch = Batch::prompt(SeqId(0), 0, &fixture.tokens).with_all_logits();
            let rows = fixture.run(decoder, &batch);
            let pooled = fixture.pooled(decoder, &rows);
            [rows.concat(), pooled].concat()
        };
        let whole = logits(&mut fixture.decoder(None).unwrap());
        for name in &fixture.optional {
            let mut without = fixture.decoder(Some(name)).unwrap();
            let is_same = logits(&mut without) == whole;
            let is_default = DEFAULTS.iter().any(|default| name.ends_with(default));
            assert_eq!(is_same, is_default, "{}: `{name}`", fixture.name);
        }
    }
}

/// The last logits of a prompt alone.
fn alone(
    fixture: &Fixture,
    decoder: &mut Decoder<CpuDevice>,
    (seq, tokens): (SeqId, &[u32]),
) -> Vec<f32> {
    let logits = fixture.run(decoder, &Batch::prompt(seq, 0, tokens)).remove(0);
    decoder.truncate(seq, 0);
    logits
}

#[test]
fn sequences_in_one_batch_do_not_see_each_other() {
    for fixture in arch_fixture::all() {
        let mut decoder = fixture.decoder(None).unwrap();
        let (a, b) = fixture.tokens.split_at(40);
        let want =
            [(SeqId(0), a), (SeqId(1), b)].map(|prompt| alone(&fixture, &mut decoder, prompt));
        let mut batch = Batch::new();
        batch.push_slice(SeqId(0), 0, a, true);
        batch.push_slice(SeqId(1), 0, b, true);
        let logits = fixture.run(&mut decoder, &batch);
        for (got, want) in logits.iter().zip(&want) {
            assert_eq!(got, want, "{}", fixture.name);
        }
    }
}

#[test]
fn learned_positions_end_and_do_not_move() {
    let fixture = arch_fixture::named("gpt2");
    let mut decoder = fixture.decoder(None).unwrap();
    decoder.forward(&Batch::prompt(SeqId(0), 0, &[1; 128])).unwrap();
    let beyond = decoder.forward(&Batch::prompt(SeqId(0), 128, &[1])).unwrap_err();
    assert!(beyond.to_string().contains("found 128; supported: 0 to 127"), "{beyond}");
    let moved = decoder.shift(SeqId(0), 1..20).unwrap_err();
    assert!(matches!(moved, Error::CannotShift { .. }), "{moved}");
    assert_eq!(decoder.n_cached(SeqId(0)), 128);
}

/// With one block nothing but the token itself and its position makes a key, so that moving keys
/// gives what computing them at their new place gives, whatever the mixer.
#[test]
fn moved_keys_are_as_if_computed_at_their_new_place() {
    let (keep, n_dropped) = (3, 10);
    for fixture in arch_fixture::all() {
        let has_positions =
            fixture.tensor_names().iter().any(|name| name == "position_embd.weight");
        if has_positions || fixture.is_encoder {
            continue;
        }
        let fixture = fixture.first_block_only();
        let mut decoder = fixture.decoder(None).unwrap();
        let (last, before) = fixture.tokens.split_last().unwrap();
        decoder.forward(&Batch::prompt(SeqId(0), 0, before)).unwrap();
        match decoder.shift(SeqId(0), keep as u32..(keep + n_dropped) as u32) {
            // A state has no keys; see `recurrent`.
            Err(Error::CannotShift { .. }) => continue,
            shifted => shifted.unwrap(),
        }
        let pos = (before.len() - n_dropped) as u32;
        let got = decoder.forward(&Batch::prompt(SeqId(0), pos, &[*last])).unwrap().row(0).to_vec();
        let without = [&fixture.tokens[..keep], &fixture.tokens[keep + n_dropped..]].concat();
        let want = alone(&fixture, &mut decoder, (SeqId(1), &without));
        let difference = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 1e-4 * fixture.range(), "{}: {difference}", fixture.name);
    }
}

/// Files of models that also see hold the tensors of both; those of the other tower are let be.
#[test]
fn tensors_of_a_vision_tower_are_let_be() {
    let fixture = arch_fixture::named("gemma3");
    let whole = fixture.gguf(None);
    let with = |name: &str| {
        let writer = GgufWriter::copy_of(&whole).tensor(name, TensorType::F32, &[1], vec![0; 4]);
        let file = GgufFile::from_vec(writer.to_bytes().unwrap()).unwrap();
        fixture.decoder_of(file).map(drop)
    };
    with("v.blk.0.attn_q.weight").unwrap();
    with("mm.input_projection.weight").unwrap();
    let error = with("blk.0.attn_scale.weight").unwrap_err();
    assert!(error.to_string().contains("blk.0.attn_scale.weight"), "{error}");
}
