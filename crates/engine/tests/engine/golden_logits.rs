//! Logits of the bundled model against Hugging Face transformers'.
//!
//! `testdata/tiny_logits.safetensors` is made by `models/tiny/golden_logits.py`, which says how.

use std::sync::Arc;

use camelid_engine::{
    Batch, CacheOptions, CpuDevice, Decoder, Runner, SeqId, Special, TokenId, Tokenizer,
    gguf::{GgufFile, TensorType},
    kernels::{Cpu, Kernels, KvType, ThreadTeam},
};
use safetensors::SafeTensors;

use crate::tiny;

const PROMPTS: [&str; 3] = ["sky", "story", "json"];

struct Golden {
    text: String,
    tokens: Vec<TokenId>,
    /// `[n_tokens, n_vocab]`
    logits: Vec<Vec<f32>>,
}

fn golden(name: &str) -> Golden {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/tiny_logits.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let text = header.metadata().as_ref().unwrap()[&format!("{name}.text")].clone();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let words = |name: &str| -> Vec<[u8; 4]> {
        file.tensor(name).unwrap().data().chunks_exact(4).map(|b| b.try_into().unwrap()).collect()
    };
    let tokens: Vec<TokenId> =
        words(&format!("{name}.tokens")).into_iter().map(u32::from_le_bytes).collect();
    let logits: Vec<f32> =
        words(&format!("{name}.logits")).into_iter().map(f32::from_le_bytes).collect();
    let n_vocab = logits.len() / tokens.len();
    let logits = logits.chunks_exact(n_vocab).map(<[f32]>::to_vec).collect();
    Golden { text, tokens, logits }
}

fn decoder(file: GgufFile, kernels: &'static Kernels, ty: KvType) -> Decoder<CpuDevice> {
    let device = CpuDevice::new(Cpu::new(kernels, ThreadTeam::new(2)));
    Decoder::new(&Arc::new(file), device, CacheOptions::new(256, ty)).unwrap()
}

fn max_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn argmax(logits: &[f32]) -> usize {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap()
}

/// The largest difference over all positions of all prompts.
fn worst_difference(decoder: &mut Decoder<CpuDevice>) -> f32 {
    let mut worst = 0.0f32;
    for (name, seq) in PROMPTS.into_iter().zip((0..).map(SeqId)) {
        let golden = golden(name);
        let batch = Batch::prompt(seq, 0, &golden.tokens).with_all_logits();
        let logits = decoder.forward(&batch).unwrap();
        assert_eq!(logits.n_outputs(), golden.logits.len());
        for (got, want) in logits.rows().zip(&golden.logits) {
            worst = worst.max(max_difference(got, want));
        }
    }
    worst
}

#[test]
fn f32_weights_agree_with_transformers_at_every_position() {
    for kernels in Kernels::available() {
        let mut decoder = decoder(tiny::converted(TensorType::F32), kernels, KvType::F32);
        let worst = worst_difference(&mut decoder);
        println!("kernels {}: largest difference {worst:e}", kernels.name());
        assert!(worst < 1e-3, "kernels {}: {worst}", kernels.name());
    }
}

#[test]
fn bf16_weights_are_the_trained_ones_and_agree_as_well() {
    let mut decoder = decoder(tiny::converted(TensorType::BF16), Kernels::detect(), KvType::F32);
    let worst = worst_difference(&mut decoder);
    assert!(worst < 1e-3, "{worst}");
}

/// Largest difference that half precision in cache or weights may make: logits reach about 20,
/// half precision keeps 11 bits.
const MAX_F16_DIFFERENCE: f32 = 0.05;

#[test]
fn a_cache_or_weights_in_half_precision_stay_close() {
    for (ty, kv) in [(TensorType::F32, KvType::F16), (TensorType::F16, KvType::F16)] {
        let mut decoder = decoder(tiny::converted(ty), Kernels::detect(), kv);
        let worst = worst_difference(&mut decoder);
        println!("weights {}, cache {kv:?}: largest difference {worst:e}", ty.name());
        assert!(worst < MAX_F16_DIFFERENCE, "{worst}");
    }
}

/// Largest difference that a cache of fewer bits may make, of logits up to about 20.
const MAX_CACHE_DIFFERENCES: [(KvType, f32); 3] =
    [(KvType::BF16, 0.05), (KvType::Q8_0, 0.25), (KvType::Q4_0, 4.0)];

#[test]
fn a_cache_of_fewer_bits_stays_as_close_as_its_bits_allow() {
    for kernels in Kernels::available() {
        for (kv, allowed) in MAX_CACHE_DIFFERENCES {
            let mut decoder = decoder(tiny::converted(TensorType::F32), kernels, kv);
            let worst = worst_difference(&mut decoder);
            println!("{}, cache {kv:?}: largest difference {worst:e}", kernels.name());
            assert!(worst < allowed, "{kv:?}: {worst}");
        }
    }
}

#[test]
fn q8_0_weights_choose_the_same_token_at_every_position() {
    for kernels in Kernels::available() {
        let mut decoder = decoder(tiny::q8_0(), kernels, KvType::F16);
        for (name, seq) in PROMPTS.into_iter().zip((0..).map(SeqId)) {
            let golden = golden(name);
            let batch = Batch::prompt(seq, 0, &golden.tokens).with_all_logits();
            let logits = decoder.forward(&batch).unwrap();
            for (i, (got, want)) in logits.rows().zip(&golden.logits).enumerate() {
                assert_eq!(argmax(got), argmax(want), "{name}, {i}, kernels {}", kernels.name());
            }
        }
    }
}

#[test]
fn the_tokenizer_agrees_with_transformers() {
    let file = tiny::q8_0();
    let tokenizer = Tokenizer::from_metadata(file.metadata()).unwrap();
    for name in PROMPTS {
        let golden = golden(name);
        assert_eq!(tokenizer.encode(&golden.text, Special::Recognise).unwrap(), golden.tokens);
    }
}

/// How far apart the same sums in another order may be.
const MAX_ORDER_DIFFERENCE: f32 = 1e-4;

#[test]
fn a_prompt_at_once_is_as_its_tokens_one_by_one() {
    let golden = golden("json");
    let mut decoder = decoder(tiny::converted(TensorType::F32), Kernels::detect(), KvType::F32);
    let batch = Batch::prompt(SeqId(0), 0, &golden.tokens).with_all_logits();
    let at_once: Vec<Vec<f32>> =
        decoder.forward(&batch).unwrap().rows().map(<[f32]>::to_vec).collect();
    for ((pos, &token), want) in (0..).zip(&golden.tokens).zip(&at_once) {
        let logits = decoder.forward(&Batch::prompt(SeqId(1), pos, &[token])).unwrap();
        let difference = max_difference(logits.row(0), want);
        assert!(difference < MAX_ORDER_DIFFERENCE, "position {pos}: {difference}");
    }
}

#[test]
fn sequences_in_one_batch_do_not_see_each_other() {
    let (a, b) = (golden("sky"), golden("story"));
    let mut decoder = decoder(tiny::converted(TensorType::F32), Kernels::detect(), KvType::F32);
    let mut batch = Batch::new();
    batch.push_slice(SeqId(0), 0, &a.tokens, true);
    batch.push_slice(SeqId(1), 0, &b.tokens, true);
    let logits = decoder.forward(&batch).unwrap();
    assert!(max_difference(logits.row(0), a.logits.last().unwrap()) < 1e-3);
    assert!(max_difference(logits.row(1), b.logits.last().unwrap()) < 1e-3);
}

#[test]
fn a_copied_sequence_goes_its_own_way() {
    let (a, b) = (golden("sky"), golden("json"));
    let mut decoder = decoder(tiny::converted(TensorType::F32), Kernels::detect(), KvType::F32);
    // Both prompts begin with `<|im_start|>`.
    let shared = a.tokens.iter().zip(&b.tokens).take_while(|(a, b)| a == b).count();
    assert!(shared > 0);
    decoder.forward(&Batch::prompt(SeqId(0), 0, &a.tokens)).unwrap();
    decoder.copy(SeqId(0), SeqId(1), shared as u32);
    assert_eq!(decoder.n_cached(SeqId(1)), shared as u32);
    let rest = Batch::prompt(SeqId(1), shared as u32, &b.tokens[shared..]);
    let logits = decoder.forward(&rest).unwrap();
    assert!(max_difference(logits.row(0), b.logits.last().unwrap()) < 1e-3);
    // The first sequence is unharmed: cut back by one token and run again.
    let last = a.tokens.len() as u32 - 1;
    decoder.truncate(SeqId(0), last);
    let again = Batch::prompt(SeqId(0), last, &a.tokens[last as usize..]);
    let logits = decoder.forward(&again).unwrap();
    assert!(max_difference(logits.row(0), a.logits.last().unwrap()) < 1e-3);
}

/// With one block nothing but the token itself and its position makes a key, so moving keys must
/// give what computing them at their new place gives. (With more blocks a moved key remembers
/// what was dropped: that is what a shift is for.)
#[test]
fn a_shift_is_as_if_the_dropped_tokens_had_never_been() {
    let tokens = golden("json").tokens;
    let (keep, dropped) = (3usize, 10usize);
    let mut decoder = decoder(tiny::first_block_only(), Kernels::detect(), KvType::F32);
    let n = tokens.len() - 1;
    let (last, before) = (&tokens[n..], &tokens[..n]);
    decoder.forward(&Batch::prompt(SeqId(0), 0, before)).unwrap();
    // A shared page must be copied before it is rewritten.
    decoder.copy(SeqId(0), SeqId(2), n as u32);
    decoder.shift(SeqId(0), keep as u32..(keep + dropped) as u32).unwrap();
    let shifted = Batch::prompt(SeqId(0), (n - dropped) as u32, last);
    let got = decoder.forward(&shifted).unwrap().row(0).to_vec();
    let without = [&tokens[..keep], &tokens[keep + dropped..]].concat();
    let want = decoder.forward(&Batch::prompt(SeqId(1), 0, &without)).unwrap().row(0).to_vec();
    let difference = max_difference(&got, &want);
    assert!(difference < MAX_ORDER_DIFFERENCE, "{difference}");
    let unshifted = decoder.forward(&Batch::prompt(SeqId(2), n as u32, last)).unwrap();
    let unshifted = unshifted.row(0).to_vec();
    let fresh = decoder.forward(&Batch::prompt(SeqId(3), 0, &tokens)).unwrap();
    assert!(max_difference(&unshifted, fresh.row(0)) < MAX_ORDER_DIFFERENCE);
}

#[test]
fn a_batch_that_does_not_continue_its_sequence_changes_nothing() {
    let golden = golden("sky");
    let mut decoder = decoder(tiny::q8_0(), Kernels::detect(), KvType::F16);
    decoder.forward(&Batch::prompt(SeqId(0), 0, &golden.tokens[..5])).unwrap();
    for (pos, token) in [(4, 1), (6, 1), (5, u32::MAX)] {
        decoder.forward(&Batch::prompt(SeqId(0), pos, &[token])).unwrap_err();
        assert_eq!(decoder.n_cached(SeqId(0)), 5);
    }
    let too_many = vec![1; 300];
    decoder.forward(&Batch::prompt(SeqId(0), 5, &too_many)).unwrap_err();
    assert_eq!(decoder.n_cached(SeqId(0)), 5);
}
