//! Experts in the formats they are shipped in, against the same numbers as floats.

use std::sync::Arc;

use camelid_engine::{
    Batch, CacheOptions, CpuDevice, Decoder, Runner, SeqId,
    gguf::{GgufFile, GgufWriter, TensorType},
    kernels::{Cpu, Kernels, KvType, Matrix, ThreadTeam, quantize},
};

use crate::arch_weights;

const N_VOCAB: usize = 48;
/// Wide enough for the blocks of every format.
const N_EMBD: usize = 256;
const N_FF: usize = 512;
const N_EXPERT: usize = 5;
const TOKENS: [u32; 12] = [1, 40, 7, 7, 22, 13, 5, 46, 30, 9, 17, 2];

/// How far logits may be off, relative to their range: activations meet the weights in 8 bits.
const MAX_ERROR: f32 = 0.02;

/// One block, so that both models route alike. Its experts are of type `ty`, or, for
/// `as_floats`, what that type makes of them.
fn model(ty: TensorType, as_floats: bool) -> GgufFile {
    let tokens: Vec<String> = (0..N_VOCAB).map(|i| format!("t{i}")).collect();
    let mut writer = GgufWriter::new()
        .metadata("tokenizer.ggml.tokens", tokens)
        .metadata("general.architecture", "llama")
        .metadata("llama.attention.layer_norm_rms_epsilon", 1e-5f32);
    let sizes = [
        ("block_count", 1),
        ("context_length", 64),
        ("embedding_length", N_EMBD as u32),
        ("feed_forward_length", N_FF as u32),
        ("attention.head_count", 4),
        ("attention.head_count_kv", 2),
        ("expert_count", N_EXPERT as u32),
        ("expert_used_count", 2),
    ];
    for (key, size) in sizes {
        writer = writer.metadata(format!("llama.{key}"), size);
    }
    let tensors: [(&str, &[usize]); 12] = [
        ("token_embd.weight", &[N_VOCAB, N_EMBD]),
        ("output_norm.weight", &[N_EMBD]),
        ("blk.0.attn_norm.weight", &[N_EMBD]),
        ("blk.0.ffn_norm.weight", &[N_EMBD]),
        ("blk.0.attn_q.weight", &[N_EMBD, N_EMBD]),
        ("blk.0.attn_k.weight", &[N_EMBD / 2, N_EMBD]),
        ("blk.0.attn_v.weight", &[N_EMBD / 2, N_EMBD]),
        ("blk.0.attn_output.weight", &[N_EMBD, N_EMBD]),
        ("blk.0.ffn_gate_inp.weight", &[N_EXPERT, N_EMBD]),
        ("blk.0.ffn_gate_exps.weight", &[N_EXPERT, N_FF, N_EMBD]),
        ("blk.0.ffn_up_exps.weight", &[N_EXPERT, N_FF, N_EMBD]),
        ("blk.0.ffn_down_exps.weight", &[N_EXPERT, N_EMBD, N_FF]),
    ];
    for (name, shape) in tensors {
        let dims: Vec<usize> = shape.iter().rev().copied().collect();
        let x = arch_weights::tensor(name, shape);
        let ty = if name.contains("exps") { ty } else { TensorType::F32 };
        let bytes = stored(ty, &x, dims[0]);
        let (ty, bytes) = match as_floats {
            true => (TensorType::F32, as_f32(ty, &bytes, dims[0])),
            false => (ty, bytes),
        };
        writer = writer.tensor(name, ty, &dims, bytes);
    }
    GgufFile::from_vec(writer.to_bytes().expect("a small file")).expect("a file just written")
}

fn stored(ty: TensorType, x: &[f32], n_cols: usize) -> Vec<u8> {
    let row_bytes = ty.row_bytes(n_cols).expect("whole blocks");
    let mut bytes = vec![0; x.len() / n_cols * row_bytes];
    for (x, out) in x.chunks(n_cols).zip(bytes.chunks_mut(row_bytes)) {
        quantize(ty, x, None, out).expect("a type that is written");
    }
    bytes
}

fn as_f32(ty: TensorType, bytes: &[u8], n_cols: usize) -> Vec<u8> {
    let n_rows = bytes.len() / ty.row_bytes(n_cols).expect("whole blocks");
    let matrix = Matrix::new(ty, n_rows, n_cols, bytes).expect("whole rows");
    let mut out = vec![0.0; n_rows * n_cols];
    let ids: Vec<u32> = (0..n_rows as u32).collect();
    Cpu::new(Kernels::detect(), ThreadTeam::new(1)).gather(&matrix, &ids, &mut out);
    out.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn decoder(file: GgufFile, kernels: &'static Kernels) -> Decoder<CpuDevice> {
    let device = CpuDevice::new(Cpu::new(kernels, ThreadTeam::new(2)));
    Decoder::new(&Arc::new(file), device, CacheOptions::new(64, KvType::F32)).expect("a model")
}

fn logits(decoder: &mut Decoder<CpuDevice>, tokens: &[u32]) -> Vec<f32> {
    let batch = Batch::prompt(SeqId(0), 0, tokens).with_all_logits();
    decoder.forward(&batch).expect("room").rows().flatten().copied().collect()
}

#[test]
fn experts_in_blocks_answer_as_their_numbers_do() {
    for ty in [TensorType::Q8_0, TensorType::Q4_K, TensorType::Q6_K, TensorType::MXFP4] {
        let want = logits(&mut decoder(model(ty, true), Kernels::detect()), &TOKENS);
        let (min, max) = want.iter().fold((f32::MAX, f32::MIN), |(a, b), &x| (a.min(x), b.max(x)));
        for kernels in Kernels::available() {
            let mut decoder = decoder(model(ty, false), kernels);
            let got = logits(&mut decoder, &TOKENS);
            let errors = got.iter().zip(&want).map(|(got, want)| (got - want).abs());
            let worst = errors.fold(0.0, f32::max) / (max - min);
            println!("{ty}, {}: {worst:.1e}", kernels.name());
            assert!(worst < MAX_ERROR, "{ty}, {}: {worst}", kernels.name());
        }
    }
}

#[test]
fn an_expert_answers_a_token_alone_as_in_a_batch() {
    let mut decoder = decoder(model(TensorType::MXFP4, false), Kernels::detect());
    let at_once = logits(&mut decoder, &TOKENS);
    decoder.truncate(SeqId(0), 0);
    let mut one_by_one = Vec::new();
    for (pos, &token) in (0..).zip(&TOKENS) {
        let batch = Batch::prompt(SeqId(0), pos, &[token]).with_all_logits();
        one_by_one.extend_from_slice(decoder.forward(&batch).expect("room").row(0));
    }
    assert!(at_once == one_by_one, "bits do not depend on the batch");
}
