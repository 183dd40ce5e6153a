//! Every operation, in the order of the routes.

use camelid_api_types::ollama::{
    ChatRequest, ChatResponse, CopyRequest, CreateRequest, DeleteRequest, EmbedRequest,
    EmbedResponse, EmbeddingsRequest, EmbeddingsResponse, GenerateRequest, GenerateResponse,
    ListResponse, ProgressResponse, PsResponse, PullRequest, PushRequest, ShowRequest,
    ShowResponse, VersionResponse,
};
use camelid_api_types::rerank::{RerankRequest, RerankResponse};
use camelid_api_types::{anthropic, openai};
use serde_json::Value;

use super::operation::Operation;
use crate::handlers::cloud::{Recommendations, Status};

pub(super) fn operations() -> Vec<Operation> {
    [of_models(), of_the_store(), of_the_cloud(), of_the_server(), of_openai(), of_others()]
        .into_iter()
        .flatten()
        .collect()
}

fn of_models() -> Vec<Operation> {
    vec![
        Operation::post("/api/generate", "Completes a prompt.")
            .takes::<GenerateRequest>()
            .answers::<GenerateResponse>()
            .or_lines::<GenerateResponse>(),
        Operation::post("/api/chat", "Continues a conversation.")
            .takes::<ChatRequest>()
            .answers::<ChatResponse>()
            .or_lines::<ChatResponse>(),
        Operation::post("/api/embed", "Makes vectors of texts.")
            .takes::<EmbedRequest>()
            .answers::<EmbedResponse>(),
        Operation::post("/api/embeddings", "Makes a vector of a text; the form of 2023.")
            .takes::<EmbeddingsRequest>()
            .answers::<EmbeddingsResponse>(),
    ]
}

fn of_the_store() -> Vec<Operation> {
    vec![
        Operation::get("/api/tags", "The models at hand.").answers::<ListResponse>(),
        Operation::get("/api/ps", "The models in memory.").answers::<PsResponse>(),
        Operation::post("/api/show", "All there is to know of a model.")
            .takes::<ShowRequest>()
            .answers::<ShowResponse>(),
        Operation::post("/api/copy", "Gives a model a second name.")
            .takes::<CopyRequest>()
            .answers_nothing(200, "Done."),
        Operation::delete("/api/delete", "Removes a model.")
            .takes::<DeleteRequest>()
            .answers_nothing(200, "Done."),
        Operation::post("/api/create", "Makes a model of others, or of files.")
            .takes::<CreateRequest>()
            .answers::<ProgressResponse>()
            .or_lines::<ProgressResponse>(),
        Operation::post("/api/pull", "Fetches a model from a registry.")
            .takes::<PullRequest>()
            .answers::<ProgressResponse>()
            .or_lines::<ProgressResponse>(),
        Operation::post("/api/push", "Sends a model to a registry.")
            .takes::<PushRequest>()
            .answers::<ProgressResponse>()
            .or_lines::<ProgressResponse>(),
        Operation::head("/api/blobs/{digest}", "Whether a part of a model is here.")
            .about_models()
            .answers_nothing(200, "It is."),
        Operation::post("/api/blobs/{digest}", "Takes a part of a model.")
            .takes_bytes()
            .answers_nothing(200, "It was here already.")
            .answers_nothing(201, "It is here now."),
    ]
}

fn of_the_cloud() -> Vec<Operation> {
    vec![
        Operation::get("/api/status", "That there is no cloud behind this server.")
            .answers::<Status>(),
        Operation::post("/api/me", "Nobody is signed in: always 401."),
        Operation::post("/api/signout", "Nobody is signed in: always 401."),
        Operation::delete("/api/user/keys/{key}", "Nobody is signed in: always 401."),
        Operation::post("/api/experimental/web_search", "Not offered: always 403."),
        Operation::post("/api/experimental/web_fetch", "Not offered: always 403."),
        Operation::get("/api/experimental/model-recommendations", "Always none.")
            .answers::<Recommendations>(),
    ]
}

fn of_the_server() -> Vec<Operation> {
    vec![
        Operation::get("/", "That someone is there.").answers_text(),
        Operation::get("/api/version", "The server's version.").answers::<VersionResponse>(),
        Operation::get("/healthz", "That the program runs.").answers_text(),
        Operation::get("/readyz", "That it takes requests.").answers_text().or_is_not_ready(),
        Operation::get("/metrics", "What was counted and measured, for Prometheus.").answers_text(),
        Operation::get("/openapi.json", "This document.").answers::<Value>(),
    ]
}

fn of_openai() -> Vec<Operation> {
    vec![
        Operation::post("/v1/chat/completions", "Continues a conversation.")
            .takes::<openai::ChatCompletionRequest>()
            .answers::<openai::ChatCompletion>()
            .or_events::<openai::ChatCompletionChunk>(),
        Operation::post("/v1/completions", "Completes prompts.")
            .takes::<openai::CompletionRequest>()
            .answers::<openai::Completion>()
            .or_events::<openai::Completion>(),
        Operation::get("/v1/models", "The models at hand.").answers::<openai::ModelList>(),
        Operation::get("/v1/models/{model}", "One of them.")
            .about_models()
            .answers::<openai::Model>(),
        Operation::post("/v1/embeddings", "Makes vectors of texts.")
            .takes::<openai::EmbeddingRequest>()
            .answers::<openai::EmbeddingList>(),
        Operation::post("/v1/responses", "Takes a turn.")
            .takes::<openai::ResponsesRequest>()
            .answers::<openai::Response>()
            .or_events::<openai::ResponseEvent>(),
    ]
}

fn of_others() -> Vec<Operation> {
    vec![
        Operation::post("/v1/rerank", "Puts documents in order.")
            .takes::<RerankRequest>()
            .answers::<RerankResponse>(),
        Operation::post("/api/rerank", "Puts documents in order.")
            .takes::<RerankRequest>()
            .answers::<RerankResponse>(),
        Operation::post("/v1/messages", "Takes a turn.")
            .takes::<anthropic::MessagesRequest>()
            .answers::<anthropic::MessageAnswer>()
            .or_events::<anthropic::MessageEvent>(),
        Operation::post("/v1/messages/count_tokens", "Counts a conversation's tokens.")
            .takes::<anthropic::MessagesRequest>()
            .answers::<anthropic::CountTokensAnswer>(),
    ]
}
