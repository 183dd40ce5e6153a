//! All there is to know of a model.

use camelid_api_types::{
    ApiError, Timestamp,
    ollama::{Message, ModelDetails, ShowRequest, ShowResponse, TensorSummary},
};
use camelid_gguf::{GgufFile, Value as GgufValue};
use serde_json::{Map, Value};

use super::modelfile::{self, Overlay};
use crate::{
    catalog::{Entry, ModelSource, summary},
    error::from_loading,
    runtime::{Runtime, no_cloud, reference},
};

/// Metadata that is not shown: the name says nothing, the template stands by itself.
const HIDDEN: [&str; 2] = ["general.name", "tokenizer.chat_template"];

impl Runtime {
    pub(crate) fn show_model(&self, request: &ShowRequest) -> Result<ShowResponse, ApiError> {
        let name = request.model();
        if name.trim().is_empty() {
            return Err(ApiError::bad_request("model is required"));
        }
        let reference = reference(name)?;
        if reference.source == ModelSource::Cloud {
            return Err(no_cloud("remote model details are unavailable"));
        }
        let not_found = || ApiError::not_found(format!("model '{}' not found", reference.name));
        let entry = self.catalog.find(&reference.name).map_err(|error| from_loading(&error))?;
        let entry = entry.ok_or_else(not_found)?;
        match entry.is_remote() {
            true if reference.source == ModelSource::Local => Err(not_found()),
            true => describe_remote(&entry, request),
            false => describe(&entry, request),
        }
    }
}

fn describe(entry: &Entry, request: &ShowRequest) -> Result<ShowResponse, ApiError> {
    let file = entry.open().map_err(|error| from_loading(&error))?;
    let prompting = entry.prompting().map_err(|error| from_loading(&error))?;
    let summary = entry.summary().map_err(|error| from_loading(&error))?;
    Ok(ShowResponse {
        template: prompting.template_text().to_owned(),
        model_info: model_info(&file, request.verbose),
        tensors: file.tensors().iter().map(tensor).collect(),
        capabilities: summary.capabilities,
        ..describe_parts(entry, request, summary.details)
    })
}

/// A model that runs elsewhere: what its configuration says is all that is known of it.
fn describe_remote(entry: &Entry, request: &ShowRequest) -> Result<ShowResponse, ApiError> {
    let config = &entry.parts.config;
    let family = &config.model_family;
    let mut model_info = Map::new();
    if !family.is_empty() {
        model_info.insert("general.architecture".to_owned(), family.clone().into());
        model_info.insert("general.basename".to_owned(), config.base_name.clone().into());
        let lengths = [
            ("context_length", config.context_length),
            ("embedding_length", config.embedding_length),
        ];
        for (key, length) in lengths {
            model_info.insert(format!("{family}.{key}"), length.into());
        }
    }
    Ok(ShowResponse {
        template: entry.parts.template.clone().unwrap_or_default(),
        model_info,
        capabilities: summary::declared(config),
        remote_model: config.remote_model.clone(),
        remote_host: config.remote_host.clone(),
        ..describe_parts(entry, request, summary::details_of_config(config))
    })
}

/// What does not need the weights.
fn describe_parts(entry: &Entry, request: &ShowRequest, details: ModelDetails) -> ShowResponse {
    let parts = &entry.parts;
    let overlay = Overlay { system: &request.system, options: request.options.as_ref() };
    let system = match request.system.as_str() {
        "" => parts.system.clone().unwrap_or_default(),
        system => system.to_owned(),
    };
    let message = |m: &Message| Message::new(m.role.clone(), m.content.clone());
    ShowResponse {
        license: parts.licenses.join("\n"),
        modelfile: modelfile::text(entry, &overlay),
        parameters: modelfile::parameter_lines(&parts.parameters),
        system,
        details: ModelDetails {
            parent_model: parts.parent.clone(),
            context_length: 0,
            embedding_length: 0,
            ..details
        },
        messages: parts.messages.iter().map(message).collect(),
        modified_at: Timestamp::from(entry.modified_at()),
        requires: parts.config.requires.clone(),
        ..ShowResponse::default()
    }
}

/// The metadata by key, in the keys' order. Arrays are long, so only the verbose see what is in
/// them.
fn model_info(file: &GgufFile, verbose: bool) -> Map<String, Value> {
    let mut pairs: Vec<(String, Value)> = file
        .metadata()
        .iter()
        .filter(|(key, _)| !HIDDEN.contains(key) && *key != "general.parameter_count")
        .map(|(key, value)| (key.to_owned(), to_json(value, verbose)))
        .collect();
    pairs.push(("general.parameter_count".to_owned(), summary::n_parameters(file).into()));
    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
    pairs.into_iter().collect()
}

fn to_json(value: GgufValue<'_>, verbose: bool) -> Value {
    match value {
        GgufValue::Bool(b) => b.into(),
        GgufValue::String(text) => text.into(),
        GgufValue::F32(x) => shortest(x),
        GgufValue::F64(x) => x.into(),
        GgufValue::Array(array) if array.is_empty() => Value::Array(Vec::new()),
        GgufValue::Array(array) if verbose => {
            array.values().map(|value| to_json(value, verbose)).collect()
        }
        GgufValue::Array(_) => Value::Null,
        integer => integer.as_integer().map_or(Value::Null, |n| match i64::try_from(n) {
            Ok(n) => n.into(),
            Err(_) => u64::try_from(n).map_or(Value::Null, Value::from),
        }),
    }
}

/// The shortest decimal number that is this one: 0.1, not 0.10000000149011612.
fn shortest(x: f32) -> Value {
    x.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

fn tensor(info: &camelid_gguf::TensorInfo) -> TensorSummary {
    TensorSummary {
        name: info.name().to_owned(),
        ty: info.ty().name().to_ascii_uppercase(),
        shape: info.dims().iter().map(|&n| n as u64).collect(),
    }
}
