//! The bundled model in the number formats its Hugging Face folder can be written in.

use std::path::Path;

use camelid_engine::{
    gguf::{GgufFile, GgufWriter, MetadataValue, TensorType},
    kernels::quantize,
};
use half::bf16;
use safetensors::SafeTensors;

const N_HEAD: usize = 8;
const N_HEAD_KV: usize = 4;

/// A file under `models/tiny`.
pub(crate) fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tiny"))
}

/// The bundled file: Q8_0.
pub(crate) fn q8_0() -> GgufFile {
    GgufFile::from_static(camelid_model_tiny::GGUF).unwrap()
}

/// The model with every weight, or every matrix, in `ty`; metadata as in the bundled file.
pub(crate) fn converted(ty: TensorType) -> GgufFile {
    GgufFile::from_vec(converted_bytes(ty)).unwrap()
}

pub(crate) fn converted_bytes(ty: TensorType) -> Vec<u8> {
    let bytes = std::fs::read(folder().join("hf/model.safetensors")).unwrap();
    let weights = SafeTensors::deserialize(&bytes).unwrap();
    let bundled = q8_0();
    let mut writer = GgufWriter::new();
    for (key, value) in bundled.metadata().iter() {
        writer = writer.metadata(key, MetadataValue::from(value));
    }
    for info in bundled.tensors() {
        let (hf_name, n_head) = hf_name(info.name());
        let view = weights.tensor(&hf_name).unwrap();
        assert_eq!(view.shape(), info.shape(), "{hf_name}");
        let mut values: Vec<f32> = view
            .data()
            .chunks_exact(2)
            .map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect();
        if let Some(n_head) = n_head {
            values = pair_lanes(&values, view.shape(), n_head);
        }
        let ty = if info.dims().len() == 1 { TensorType::F32 } else { ty };
        let bytes = encode(&values, info.dims()[0], ty);
        writer = writer.tensor(info.name(), ty, info.dims(), bytes);
    }
    writer.to_bytes().unwrap()
}

/// The Hugging Face name, and the number of heads where rows must change places.
fn hf_name(name: &str) -> (String, Option<usize>) {
    let Some((block, part)) = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'))
    else {
        let hf = match name {
            "token_embd.weight" => "model.embed_tokens.weight",
            "output_norm.weight" => "model.norm.weight",
            other => panic!("unknown tensor {other}"),
        };
        return (hf.to_owned(), None);
    };
    let (hf, n_head) = match part {
        "attn_norm.weight" => ("input_layernorm", None),
        "attn_q.weight" => ("self_attn.q_proj", Some(N_HEAD)),
        "attn_k.weight" => ("self_attn.k_proj", Some(N_HEAD_KV)),
        "attn_v.weight" => ("self_attn.v_proj", None),
        "attn_output.weight" => ("self_attn.o_proj", None),
        "ffn_norm.weight" => ("post_attention_layernorm", None),
        "ffn_gate.weight" => ("mlp.gate_proj", None),
        "ffn_up.weight" => ("mlp.up_proj", None),
        "ffn_down.weight" => ("mlp.down_proj", None),
        other => panic!("unknown tensor {other}"),
    };
    (format!("model.layers.{block}.{hf}.weight"), n_head)
}

/// Brings lanes that turn together side by side; Hugging Face keeps them half a head apart.
fn pair_lanes(values: &[f32], shape: &[usize], n_head: usize) -> Vec<f32> {
    let (n_rows, n_cols) = (shape[0], shape[1]);
    let half = n_rows / n_head / 2;
    let source_row = |row: usize| {
        let (head, lane) = (row / (2 * half), row % (2 * half));
        head * 2 * half + (lane % 2) * half + lane / 2
    };
    (0..n_rows).flat_map(|row| &values[source_row(row) * n_cols..][..n_cols]).copied().collect()
}

/// Rows of `n_cols` in a number format.
fn encode(values: &[f32], n_cols: usize, ty: TensorType) -> Vec<u8> {
    let mut out = vec![0; values.len() / n_cols * ty.row_bytes(n_cols).unwrap()];
    let rows = out.chunks_exact_mut(ty.row_bytes(n_cols).unwrap());
    for (row, values) in rows.zip(values.chunks_exact(n_cols)) {
        quantize(ty, values, None, row).unwrap();
    }
    out
}

/// The F32 model cut down to its first block.
pub(crate) fn first_block_only() -> GgufFile {
    let whole = converted(TensorType::F32);
    let mut writer = GgufWriter::new();
    for (key, value) in whole.metadata().iter() {
        let is_count = key == "llama.block_count";
        let value = if is_count { 1u32.into() } else { MetadataValue::from(value) };
        writer = writer.metadata(key, value);
    }
    let is_kept = |name: &str| name.starts_with("blk.0.") || !name.starts_with("blk.");
    for info in whole.tensors().iter().filter(|info| is_kept(info.name())) {
        writer =
            writer.tensor(info.name(), info.ty(), info.dims(), whole.tensor_data(info).to_vec());
    }
    GgufFile::from_vec(writer.to_bytes().unwrap()).unwrap()
}
