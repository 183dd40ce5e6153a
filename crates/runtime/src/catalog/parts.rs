//! What goes with a model's weights.

use camelid_api_types::ollama::Message;
use camelid_modelfile::{Modelfile, ParameterValue};
use camelid_registry::{Config, Layer, Store, StoreError, media_type};
use serde_json::{Map, Value};

use super::CatalogError;

/// Most bytes of a template, a system text or another layer that is read whole.
const MAX_TEXT_BYTES: usize = 16 << 20;

/// What goes with a model's weights.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    /// Options as they are stored: a value of the wrong type is told when the model is asked.
    pub(crate) parameters: Map<String, Value>,
    pub(crate) system: Option<String>,
    /// The prompt template, in Go's syntax.
    pub(crate) template: Option<String>,
    /// What was said before every conversation.
    pub(crate) messages: Vec<Message>,
    pub(crate) licenses: Vec<String>,
    /// What the model's configuration says; all empty where it has none.
    pub(crate) config: Config,
    /// The model that this one was made from.
    pub(crate) parent: String,
    pub(crate) n_projectors: usize,
}

impl Parts {
    pub(crate) fn of_modelfile(modelfile: &Modelfile) -> Result<Self, CatalogError> {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let word = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let config = Config {
            renderer: word(modelfile.renderer()),
            parser: word(modelfile.parser()),
            ..Config::default()
        };
        Ok(Self {
            parameters: parameters(modelfile)?,
            system: text(modelfile.system()),
            template: text(modelfile.template()),
            messages: messages(modelfile),
            licenses: modelfile.licenses().map(str::to_owned).collect(),
            config,
            ..Self::default()
        })
    }

    pub(crate) fn of_store(
        store: &Store,
        model: &camelid_registry::Model,
    ) -> Result<Self, CatalogError> {
        let mut parts =
            Self { config: store.config(&model.manifest)?.unwrap_or_default(), ..Self::default() };
        for layer in &model.manifest.layers {
            parts.take(store, layer)?;
        }
        Ok(parts)
    }

    /// Notes what a layer says. Of what there may be one of, the last counts.
    fn take(&mut self, store: &Store, layer: &Layer) -> Result<(), CatalogError> {
        let text = || read_text(store, layer);
        match layer.media_type.as_str() {
            media_type::MODEL => self.parent = layer.from.clone().unwrap_or_default(),
            media_type::PROJECTOR => self.n_projectors += 1,
            media_type::TEMPLATE | media_type::PROMPT => self.template = Some(text()?),
            media_type::SYSTEM => self.system = Some(text()?),
            media_type::LICENSE => self.licenses.push(text()?),
            media_type::MESSAGES => self.messages = serde_json::from_str(&text()?)?,
            media_type::PARAMS => {
                let more: Map<String, Value> = serde_json::from_str(&text()?)?;
                self.parameters.extend(more);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The parameters of a Modelfile as they are stored.
pub(crate) fn parameters(modelfile: &Modelfile) -> Result<Map<String, Value>, CatalogError> {
    let parameters = modelfile.parameters()?;
    Ok(parameters.iter().map(|(name, value)| (name.to_owned(), to_json(value))).collect())
}

/// The conversation history of a Modelfile.
pub(crate) fn messages(modelfile: &Modelfile) -> Vec<Message> {
    modelfile.messages().map(|m| Message::new(m.role.to_string(), m.content)).collect()
}

fn read_text(store: &Store, layer: &Layer) -> Result<String, StoreError> {
    let bytes = store.read_blob(&layer.digest, MAX_TEXT_BYTES)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn to_json(value: &ParameterValue) -> Value {
    match value {
        ParameterValue::Int(n) => (*n).into(),
        ParameterValue::Float(x) => shortest(*x),
        ParameterValue::Bool(b) => (*b).into(),
        ParameterValue::StringList(texts) => texts.clone().into(),
        ParameterValue::Unknown(text) => text.clone().into(),
    }
}

/// The number that a person wrote: 0.3, not 0.30000001192092896.
fn shortest(x: f32) -> Value {
    x.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}
