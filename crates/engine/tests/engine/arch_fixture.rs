//! The models of `testdata/arch`, built as GGUF files, and what transformers answers to them.

use std::{path::PathBuf, sync::Arc};

use camelid_engine::{
    Batch, CacheOptions, CpuDevice, Decoder, Error, Pooling, Runner,
    gguf::{GgufFile, GgufWriter, MetadataValue, TensorType},
    kernels::{Cpu, Kernels, KvType, ThreadTeam},
};
use serde_json::{Map, Value};

use crate::arch_weights;

/// Vocabulary of every model.
pub(crate) const N_VOCAB: usize = 96;

/// One model and its answers.
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) n_ctx: usize,
    pub(crate) n_prompt: usize,
    pub(crate) tokens: Vec<u32>,
    /// Four logits at every position: of tokens `(7 * pos + 24 * k) % 96`, or four elements of the
    /// vector in the same way.
    pub(crate) sampled_logits: Vec<Vec<f32>>,
    /// All logits at some positions.
    pub(crate) full_logits: Vec<(usize, Vec<f32>)>,
    /// Whether the answers are vectors instead of logits.
    pub(crate) is_encoder: bool,
    /// What the head makes of the pooled vectors of all tokens.
    pub(crate) head: Option<Vec<f32>>,
    /// Keys and tensors without which the file is still a model, though another one.
    pub(crate) optional: Vec<String>,
    metadata: Map<String, Value>,
    /// Names, shapes (outermost first) and values.
    tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
}

/// The fixture of a name.
pub(crate) fn named(name: &str) -> Fixture {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/arch");
    Fixture::read(&PathBuf::from(folder).join(format!("{name}.json")))
}

/// Every fixture, in the order of their names.
pub(crate) fn all() -> Vec<Fixture> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/arch"));
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|ext| ext == "json")).collect();
    files.sort();
    files.iter().map(|path| Fixture::read(path)).collect()
}

impl Fixture {
    fn read(path: &std::path::Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        let tensors = json["tensors"].as_array().unwrap().iter().map(|tensor| {
            let (name, shape) = (tensor[0].as_str().unwrap(), sizes(&tensor[1]));
            (name.to_owned(), shape.clone(), arch_weights::tensor(name, &shape))
        });
        let given = json["given"].as_object().unwrap().iter().map(|(name, values)| {
            let values = floats(values);
            (name.clone(), vec![values.len()], values)
        });
        let full_logits = json["full_logits"].as_object().unwrap();
        let texts = |value: &Value| {
            value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
        };
        Self {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            n_ctx: json["n_ctx"].as_u64().unwrap() as usize,
            n_prompt: json["n_prompt"].as_u64().unwrap() as usize,
            tokens: sizes(&json["tokens"]).into_iter().map(|t| t as u32).collect(),
            sampled_logits: json["sampled_logits"].as_array().unwrap().iter().map(floats).collect(),
            full_logits: full_logits
                .iter()
                .map(|(pos, row)| (pos.parse().unwrap(), floats(row)))
                .collect(),
            is_encoder: json.get("is_encoder").is_some(),
            head: json.get("head").map(floats),
            optional: texts(&json["optional"]),
            tensors: tensors.chain(given).collect(),
            metadata: json["metadata"].as_object().unwrap().clone(),
        }
    }

    /// The logits kept of a position: token and value.
    pub(crate) fn sampled(&self, pos: usize) -> impl Iterator<Item = (usize, f32)> + '_ {
        let width = self.width();
        let token = move |k| (7 * pos + width / 4 * k) % width;
        self.sampled_logits[pos].iter().enumerate().map(move |(k, &logit)| (token(k), logit))
    }

    /// The model with another value of a key, which it may not have had.
    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.metadata.insert(key.to_owned(), value);
        self
    }

    /// The model cut down to its first block. Its answers are then others than those recorded.
    pub(crate) fn first_block_only(mut self) -> Self {
        for (key, value) in &mut self.metadata {
            match value {
                Value::Array(flags) => flags.truncate(1),
                value if key.ends_with(".block_count") => *value = 1.into(),
                _ => {}
            }
        }
        self.tensors.retain(|(name, ..)| !name.starts_with("blk.") || name.starts_with("blk.0."));
        self
    }

    /// Length of an answer: of logits, or a vector.
    pub(crate) fn width(&self) -> usize {
        self.full_logits[0].1.len()
    }

    /// The model's answers to a batch.
    pub(crate) fn run(&self, decoder: &mut Decoder<CpuDevice>, batch: &Batch) -> Vec<Vec<f32>> {
        let rows = match self.is_encoder {
            true => decoder.embed(batch).unwrap(),
            false => decoder.forward(batch).unwrap(),
        };
        let rows = rows.rows().map(<[f32]>::to_vec).collect();
        // What is run as a whole is not gone on with.
        if self.is_encoder {
            batch.tokens().iter().for_each(|token| decoder.truncate(token.seq, 0));
        }
        rows
    }

    /// What a text's vector becomes, as the file says; nothing where it says nothing.
    pub(crate) fn pooled(&self, decoder: &mut Decoder<CpuDevice>, rows: &[Vec<f32>]) -> Vec<f32> {
        let spec = decoder.spec();
        let pooling = match spec.pooling {
            Some(Pooling::Rank) => Some(spec.rank_pooling),
            pooling => pooling,
        };
        let lane = |i: usize| rows.iter().map(|row| row[i]).sum::<f32>() / rows.len() as f32;
        let pooled: Vec<f32> = match pooling {
            Some(Pooling::Mean) => (0..rows[0].len()).map(lane).collect(),
            Some(Pooling::Cls) => rows[0].clone(),
            Some(Pooling::Last) => rows[rows.len() - 1].clone(),
            _ => return Vec::new(),
        };
        decoder.head(&pooled).unwrap()
    }

    /// From the smallest to the largest logit.
    pub(crate) fn range(&self) -> f32 {
        let all = || self.full_logits.iter().flat_map(|(_, row)| row).copied();
        all().fold(f32::MIN, f32::max) - all().fold(f32::MAX, f32::min)
    }

    /// The names of its architecture's keys.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.metadata.keys().cloned().collect()
    }

    /// The names of its tensors.
    pub(crate) fn tensor_names(&self) -> Vec<String> {
        self.tensors.iter().map(|(name, ..)| name.clone()).collect()
    }

    /// The model with F32 weights, without the metadata key or the tensor `left_out`.
    pub(crate) fn gguf(&self, left_out: Option<&str>) -> GgufFile {
        let is_kept = |name: &str| left_out != Some(name);
        let mut writer = vocabulary(GgufWriter::new());
        for (key, value) in self.metadata.iter().filter(|(key, _)| is_kept(key)) {
            writer = writer.metadata(key, metadata_value(value));
        }
        for (name, shape, values) in self.tensors.iter().filter(|(name, ..)| is_kept(name)) {
            let dims: Vec<usize> = shape.iter().rev().copied().collect();
            let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            writer = writer.tensor(name, TensorType::F32, &dims, bytes);
        }
        GgufFile::from_vec(writer.to_bytes().unwrap()).unwrap()
    }

    /// A decoder of the model; see [`gguf`](Self::gguf).
    pub(crate) fn decoder(&self, left_out: Option<&str>) -> Result<Decoder<CpuDevice>, Error> {
        self.decoder_of(self.gguf(left_out))
    }

    /// A decoder of a file like the model's.
    pub(crate) fn decoder_of(&self, file: GgufFile) -> Result<Decoder<CpuDevice>, Error> {
        let device = CpuDevice::new(Cpu::new(Kernels::detect(), ThreadTeam::new(1)));
        let cache = CacheOptions::new(2 * self.n_ctx, KvType::F32);
        Decoder::with_context(&Arc::new(file), device, cache, self.n_ctx)
    }
}

fn vocabulary(writer: GgufWriter<'_>) -> GgufWriter<'_> {
    let tokens: Vec<String> = (0..N_VOCAB).map(|i| format!("t{i}")).collect();
    writer.metadata("tokenizer.ggml.tokens", tokens)
}

fn metadata_value(value: &Value) -> MetadataValue {
    match value {
        Value::Bool(x) => (*x).into(),
        Value::String(text) => text.as_str().into(),
        Value::Number(x) if x.is_u64() => (x.as_u64().unwrap() as u32).into(),
        Value::Number(x) => (x.as_f64().unwrap() as f32).into(),
        Value::Array(texts) if texts.iter().all(Value::is_string) => {
            texts.iter().map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<_>>().into()
        }
        Value::Array(flags) if flags.iter().all(Value::is_boolean) => {
            flags.iter().map(|flag| flag.as_bool().unwrap()).collect::<Vec<bool>>().into()
        }
        Value::Array(numbers) => {
            numbers.iter().map(|n| n.as_u64().unwrap() as u32).collect::<Vec<u32>>().into()
        }
        other => panic!("no metadata value for {other}"),
    }
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}
