//! How fast the weights could be read if nothing were computed.
//!
//! A token that is generated alone meets every weight once, so reading them is its limit. It is
//! measured on the file itself, where it lies: how the system holds a file's pages, in small pieces
//! as they were once written or in large ones as they were read back, decides as much as the memory.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use camelid_engine::{
    gguf::{GgufFile, TensorInfo},
    kernels::ThreadTeam,
};

/// What a thread reads before it takes the next piece.
const PIECE: usize = 1 << 20;

/// The weights that generation reads.
pub(super) struct Weights<'f> {
    pieces: Vec<&'f [u8]>,
    /// What one step reads of them.
    step_bytes: f64,
}

impl<'f> Weights<'f> {
    pub(super) fn of(file: &'f GgufFile) -> Self {
        let used = ExpertsUsed::of(file);
        let tensors = || file.tensors().iter().filter(|tensor| is_read(file, tensor));
        let pieces = tensors().flat_map(|tensor| file.tensor_data(tensor).chunks(PIECE)).collect();
        let step_bytes = tensors().map(|tensor| tensor.n_bytes() as f64 * used.share(tensor)).sum();
        Self { pieces, step_bytes }
    }

    /// Bytes that a step of one sequence reads.
    pub(super) fn step_bytes(&self) -> f64 {
        self.step_bytes
    }

    /// Reads everything once, on all of the team's threads; bytes per second.
    pub(super) fn read(&self, team: &ThreadTeam) -> f64 {
        let started = Instant::now();
        team.run(self.pieces.len(), |piece_idx| {
            let words = self.pieces[piece_idx].as_chunks::<8>().0;
            let sum = words.iter().fold(0, |sum: u64, word| sum ^ u64::from_ne_bytes(*word));
            black_box(sum);
        });
        let n_bytes: usize = self.pieces.iter().map(|piece| piece.len()).sum();
        n_bytes as f64 / started.elapsed().max(Duration::from_nanos(1)).as_secs_f64()
    }
}

/// Whether a step reads the whole tensor: of the table of embeddings it takes a row, unless the
/// table is the output's matrix as well.
fn is_read(file: &GgufFile, tensor: &TensorInfo) -> bool {
    tensor.name() != "token_embd.weight" || file.tensor("output.weight").is_none()
}

/// How many of a layer's experts a token meets.
struct ExpertsUsed(f64);

impl ExpertsUsed {
    fn of(file: &GgufFile) -> Self {
        let count = |key: &str| {
            let key = format!("{}.{key}", file.require_architecture().ok()?);
            file.metadata().get_usize(&key).ok().flatten().filter(|&n| n > 0)
        };
        Self(match (count("expert_used_count"), count("expert_count")) {
            (Some(used), Some(all)) if used <= all => used as f64 / all as f64,
            _ => 1.0,
        })
    }

    fn share(&self, tensor: &TensorInfo) -> f64 {
        if tensor.name().contains("_exps.") { self.0 } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use camelid_engine::gguf::{GgufWriter, TensorType};

    use super::*;

    /// 2 KiB each.
    fn file(tensors: &[&str]) -> GgufFile {
        let metadata = [("llama.expert_count", 8u32), ("llama.expert_used_count", 2)];
        let mut writer = GgufWriter::new().metadata("general.architecture", "llama");
        for (key, n) in metadata {
            writer = writer.metadata(key, n);
        }
        for name in tensors {
            writer = writer.tensor(*name, TensorType::F32, &[512], vec![1; 2048]);
        }
        GgufFile::from_vec(writer.to_bytes().expect("it is a file")).expect("it can be read")
    }

    #[test]
    fn a_step_reads_a_table_of_embeddings_only_where_it_is_the_output_too() {
        let step = |tensors: &[&str]| Weights::of(&file(tensors)).step_bytes();
        assert_eq!(step(&["token_embd.weight", "output_norm.weight"]), 4096.0);
        assert_eq!(step(&["token_embd.weight", "output.weight"]), 2048.0);
    }

    #[test]
    fn of_experts_a_step_reads_those_in_use() {
        let file = file(&["blk.0.ffn_up_exps.weight", "blk.0.attn_q.weight"]);
        assert_eq!(Weights::of(&file).step_bytes(), 2048.0 / 4.0 + 2048.0);
    }

    #[test]
    fn reading_takes_time() {
        let file = file(&["output.weight"]);
        let speed = Weights::of(&file).read(&ThreadTeam::new(2));
        assert!(speed > 0.0 && speed.is_finite());
    }
}
