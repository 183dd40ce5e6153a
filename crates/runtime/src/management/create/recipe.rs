//! What a request lays over the weights: each replaces what the base has, licences add to it.

use camelid_api_types::ApiError;
use camelid_registry::{Blob, Config, Store, Writer, media_type};
use camelid_template::{BuiltIn, PromptTemplate};
use serde_json::{Map, Value};

use super::{Draft, Order, Part};
use crate::{
    error::internal_error,
    management::stored::{put_bytes, put_json, sorted},
};

/// Bytes of a parameters layer at most.
const MAX_PARAMETER_BYTES: usize = 1 << 20;

/// Lays over a draft what the request says.
pub(super) fn apply(
    store: &Store,
    writer: &Writer<'_>,
    draft: &mut Draft,
    order: &Order,
) -> Result<(), ApiError> {
    let config = &mut draft.config;
    for (field, said) in [
        (&mut config.renderer, &order.renderer),
        (&mut config.parser, &order.parser),
        (&mut config.requires, &order.requires),
    ] {
        if !said.is_empty() {
            field.clone_from(said);
        }
    }
    let built_in_stop = built_in(config);
    if let Some(info) = &order.info {
        override_config(config, info)?;
    }
    if let Some(template) = &order.template {
        let parsed = PromptTemplate::parse(template);
        parsed.map_err(|error| ApiError::bad_request(format!("template error: {error}")))?;
        draft.replace(media_type::TEMPLATE, put_bytes(writer, template.as_bytes())?);
    }
    if let Some(system) = &order.system {
        draft.replace(media_type::SYSTEM, put_bytes(writer, system.as_bytes())?);
    }
    for license in order.licenses.iter().filter(|license| !license.is_empty()) {
        draft.push(media_type::LICENSE, put_bytes(writer, license.as_bytes())?);
    }
    set_parameters(store, writer, draft, order, built_in_stop)?;
    if !order.messages.is_empty() {
        draft.replace(media_type::MESSAGES, put_json(writer, &order.messages)?);
    }
    Ok(())
}

/// Names the formats of architectures that are known by them, and answers where these stop.
fn built_in(config: &mut Config) -> &'static [&'static str] {
    if !config.renderer.is_empty() && !config.parser.is_empty() {
        return &[];
    }
    let Some(built_in) = BuiltIn::for_architecture(&config.model_family) else { return &[] };
    if config.renderer.is_empty() {
        built_in.renderer.clone_into(&mut config.renderer);
    }
    if config.parser.is_empty() {
        built_in.parser.clone_into(&mut config.parser);
    }
    built_in.stop
}

fn set_parameters(
    store: &Store,
    writer: &Writer<'_>,
    draft: &mut Draft,
    order: &Order,
    built_in_stop: &[&str],
) -> Result<(), ApiError> {
    let mut parameters = Map::new();
    for part in draft.layers.iter().filter(|part| part.layer.media_type == media_type::PARAMS) {
        let bytes = store.read_blob(&part.layer.digest, MAX_PARAMETER_BYTES);
        let bytes = bytes.map_err(|error| internal_error(&error))?;
        let base: Map<String, Value> = serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::internal(format!("the base's parameters: {error}")))?;
        parameters.extend(base);
    }
    parameters.extend(order.parameters.clone());
    let mut is_changed = !order.parameters.is_empty();
    if !built_in_stop.is_empty() && !parameters.contains_key("stop") {
        parameters.insert("stop".to_owned(), built_in_stop.into());
        is_changed = true;
    }
    if is_changed {
        draft.replace(media_type::PARAMS, put_json(writer, &sorted(&parameters))?);
    }
    Ok(())
}

impl Draft {
    fn push(&mut self, media_type: &str, blob: Blob) {
        let is_new = blob.is_new;
        self.layers.push(Part { layer: blob.into_layer(media_type), is_new });
    }

    fn replace(&mut self, media_type: &str, blob: Blob) {
        self.layers.retain(|part| {
            let is_old_name =
                media_type == media_type::TEMPLATE && part.layer.media_type == media_type::PROMPT;
            part.layer.media_type != media_type && !is_old_name
        });
        self.push(media_type, blob);
    }
}

/// Says of the model what the request says of it.
fn override_config(config: &mut Config, info: &Map<String, Value>) -> Result<(), ApiError> {
    let texts = [
        ("base_name", &mut config.base_name),
        ("quantization_level", &mut config.file_type),
        ("parameter_size", &mut config.model_type),
    ];
    for (key, field) in texts {
        if let Some(value) = info.get(key) {
            *field = text(key, value)?.to_owned();
        }
    }
    if let Some(value) = info.get("model_family") {
        let family = text("model_family", value)?;
        family.clone_into(&mut config.model_family);
        config.model_families = Some(vec![family.to_owned()]);
    }
    let lengths = [
        ("context_length", &mut config.context_length),
        ("embedding_length", &mut config.embedding_length),
    ];
    for (key, field) in lengths {
        if let Some(value) = info.get(key) {
            *field = length(key, value)?;
        }
    }
    if let Some(Value::Array(values)) = info.get("capabilities") {
        for value in values {
            config.capabilities.push(text("capabilities", value)?.to_owned());
        }
    }
    Ok(())
}

fn text<'a>(key: &str, value: &'a Value) -> Result<&'a str, ApiError> {
    let wrong = || ApiError::bad_request(format!("info field {key:?} must be a string"));
    value.as_str().ok_or_else(wrong)
}

fn length(key: &str, value: &Value) -> Result<u64, ApiError> {
    let wrong = |what| ApiError::bad_request(format!("info field {key:?} must be a {what}"));
    match value {
        Value::Number(number) => number
            .as_u64()
            .or_else(|| number.as_f64().filter(|x| x.fract() == 0.0 && *x >= 0.0).map(|x| x as u64))
            .ok_or_else(|| wrong("non-negative integer")),
        _ => Err(wrong("number")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_said_of_a_model_is_checked() {
        let mut config = Config::default();
        let info = json!({"model_family": "x", "context_length": 8.0, "capabilities": ["vision"]});
        override_config(&mut config, info.as_object().unwrap()).unwrap();
        assert_eq!((config.model_family.as_str(), config.context_length), ("x", 8));
        assert_eq!(config.model_families, Some(vec!["x".to_owned()]));
        assert_eq!(config.capabilities, ["vision"]);
        for (info, want) in [
            (json!({"base_name": 1}), r#"info field "base_name" must be a string"#),
            (json!({"context_length": "8"}), r#"info field "context_length" must be a number"#),
            (
                json!({"context_length": -1}),
                r#"info field "context_length" must be a non-negative integer"#,
            ),
        ] {
            let error = override_config(&mut config, info.as_object().unwrap()).unwrap_err();
            assert_eq!(error.message, want);
        }
    }
}
