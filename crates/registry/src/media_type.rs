//! What layers hold, by their media types.

/// Manifests.
pub const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Manifests of registries that follow the OCI image specification only.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The model's [`Config`](crate::Config).
pub const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// Weights as GGUF.
pub const MODEL: &str = "application/vnd.ollama.image.model";
/// A LoRA adapter as GGUF.
pub const ADAPTER: &str = "application/vnd.ollama.image.adapter";
/// A vision or audio projector as GGUF.
pub const PROJECTOR: &str = "application/vnd.ollama.image.projector";
/// A model for speculative decoding, as GGUF.
pub const DRAFT: &str = "application/vnd.ollama.image.draft";
/// A prompt template in Go's syntax.
pub const TEMPLATE: &str = "application/vnd.ollama.image.template";
/// What [`TEMPLATE`] was called in 2023.
pub const PROMPT: &str = "application/vnd.ollama.image.prompt";
/// A system prompt.
pub const SYSTEM: &str = "application/vnd.ollama.image.system";
/// A JSON object of options, keys sorted.
pub const PARAMS: &str = "application/vnd.ollama.image.params";
/// A JSON array of messages.
pub const MESSAGES: &str = "application/vnd.ollama.image.messages";
/// A licence text.
pub const LICENSE: &str = "application/vnd.ollama.image.license";
/// Obsolete.
pub const EMBED: &str = "application/vnd.ollama.image.embed";
/// Tensors as safetensors.
pub const TENSOR: &str = "application/vnd.ollama.image.tensor";
/// A JSON file that goes with [`TENSOR`] layers, by name.
pub const JSON: &str = "application/vnd.ollama.image.json";
