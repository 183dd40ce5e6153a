//! Reranking: by a model's own head, and by embeddings where it has none.

use camelid_api_types::rerank::{RerankDocument, RerankRequest, by_cosine};
use camelid_engine::{Model, ModelOptions, gguf};
use gguf::{GgufFile, GgufWriter, TensorType};

use super::*;

const DOCUMENTS: [&str; 3] = ["Paris is the capital of France.", "Ducks swim.", "Ducks swim."];

fn request(model: &str) -> RerankRequest {
    RerankRequest {
        model: model.to_owned(),
        query: QUESTION.to_owned(),
        documents: DOCUMENTS.map(|text| RerankDocument::Plain(text.to_owned())).into(),
        ..RerankRequest::default()
    }
}

/// The bundled model with a head of two labels, of which the first one's number is the score.
fn ranker() -> Vec<u8> {
    let tiny = include_bytes!("../../../../models/tiny/tiny-q8_0.gguf");
    let tiny = GgufFile::from_vec(tiny.to_vec()).unwrap();
    let mut writer = GgufWriter::new();
    for (key, value) in tiny.metadata().iter() {
        writer = writer.metadata(key, value);
    }
    for tensor in tiny.tensors() {
        let data = tiny.tensor_data(tensor);
        writer = writer.tensor(tensor.name(), tensor.ty(), tensor.dims(), data);
    }
    let n_embd = 256;
    let head = |i: usize| (i * 37 % 101) as f32 / 101.0 - 0.5;
    let head: Vec<u8> = (0..2 * n_embd).flat_map(|i| head(i).to_le_bytes()).collect();
    writer
        .metadata("llama.pooling_type", 4u32)
        .metadata("llama.classifier.output_labels", vec!["yes".to_owned(), "no".to_owned()])
        .metadata("tokenizer.chat_template.rerank", "Query: {query}\nDocument: {document}\n")
        .tensor("cls.output.weight", TensorType::F32, &[n_embd, 2], head)
        .to_bytes()
        .unwrap()
}

#[tokio::test]
async fn a_model_with_a_head_of_its_own_ranks_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ranker.gguf");
    std::fs::write(&path, ranker()).unwrap();
    let mut catalog = Catalog::new();
    catalog.add_file("ranker".parse().unwrap(), &path, None).unwrap();
    let runtime = Runtime::new(catalog, Config::default());
    let scored = runtime.score_documents(&request("ranker")).await.unwrap();

    let engine = Model::from_gguf(GgufFile::open(&path).unwrap(), &ModelOptions::default());
    let want = engine.unwrap().rerank(QUESTION, DOCUMENTS).unwrap();
    for (score, want) in scored.scores.iter().zip(&want) {
        assert!((score - want.score).abs() < 1e-5, "{score} {want:?}");
    }
    assert_eq!(scored.n_tokens, want.iter().map(|ranking| ranking.n_tokens as u64).sum::<u64>());
    assert_ne!(scored.scores[0], scored.scores[1]);
    assert_eq!(scored.scores[1], scored.scores[2], "the same text has the same score");
}

#[tokio::test]
async fn other_models_rank_by_the_cosine_of_embeddings() {
    let runtime = runtime();
    let request = request("tiny");
    let scored = runtime.score_documents(&request).await.unwrap();
    assert_eq!(scored, by_cosine(&runtime, &request).await.unwrap());
    assert!(scored.scores.iter().all(|score| (-1.001..=1.001).contains(score)), "{scored:?}");
}
