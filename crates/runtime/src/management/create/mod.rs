//! Making a model: where its weights come from, what goes with them, and one manifest in the end.
//!
//! `request` reads what is asked, whichever of its forms it has. `base` and `files` find the layers
//! with the weights; `recipe` lays over them what the request says; here is the order of it all.
//! Everything that is written before the manifest is out of sight, so a model appears whole or not
//! at all.

mod base;
mod files;
mod quantize;
mod recipe;
mod request;

use std::sync::Arc;

use camelid_api_types::{
    ApiError, ResponseStream,
    ollama::{CreateRequest, ProgressResponse},
};
use camelid_registry::{Config, Layer, Manifest, ModelName, Store, Writer, media_type};

use super::{
    blocking,
    job::{Job, Reporter},
    stored::{put_json, put_manifest},
};
use crate::{catalog::Entry, error::internal_error, runtime::Runtime};
use request::{Order, Weights};

/// A model being made.
struct Draft {
    config: Config,
    layers: Vec<Part>,
}

/// A layer, and whether it was in the store before.
struct Part {
    layer: Layer,
    is_new: bool,
}

impl Part {
    fn present(layer: Layer) -> Self {
        Self { layer, is_new: false }
    }

    fn status(&self) -> String {
        let what = if self.is_new { "creating new layer" } else { "using existing layer" };
        format!("{what} {}", self.layer.digest)
    }
}

/// What a model is made from, once it is here.
enum Base {
    Entry(Arc<Entry>),
    Files(Vec<(String, String)>),
    /// Files of this machine, as a Modelfile names them.
    Paths(Vec<std::path::PathBuf>),
}

impl Runtime {
    pub(crate) fn create_model(
        &self,
        request: CreateRequest,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        let name = request::check(&request)?;
        let store = self.store()?.clone();
        let runtime = self.clone();
        let job = Job::start(|report| async move {
            let order = request::read(request, runtime.config.reads_files)?;
            let base = runtime.base(&order.weights, &report).await?;
            let prune = runtime.config.prune;
            let end = report.clone();
            blocking(move || make(&store, &name, base, &order, prune, &report)).await?;
            end.status(ProgressResponse::SUCCESS);
            Ok(())
        });
        Ok(job.watch())
    }

    /// What the model is made from; a model that is not here is pulled.
    async fn base(&self, weights: &Weights, report: &Reporter) -> Result<Base, ApiError> {
        let name = match weights {
            Weights::Model(name) => name,
            Weights::Files(files) => return Ok(Base::Files(files.clone())),
            Weights::Paths(paths) => return Ok(Base::Paths(paths.clone())),
        };
        let find = || self.catalog.find(name).map_err(|e| internal_error(&e));
        if let Some(entry) = find()? {
            return Ok(Base::Entry(entry));
        }
        self.fetch_base(name, report).await?;
        let not_found = || ApiError::not_found(format!("model '{name}' not found"));
        find()?.map(Base::Entry).ok_or_else(not_found)
    }
}

fn make(
    store: &Store,
    name: &ModelName,
    base: Base,
    order: &Order,
    prune: bool,
    report: &Reporter,
) -> Result<(), ApiError> {
    let writer = store.writer().map_err(|error| internal_error(&error))?;
    let mut draft = match base {
        Base::Entry(entry) => base::draft(store, &writer, &entry)?,
        Base::Files(files) => files::draft(store, &writer, &files, report)?,
        Base::Paths(paths) => files::draft_of_paths(&writer, &paths, report)?,
    };
    draft.layers.extend(files::adapters(store, &writer, order, report)?);
    let guessing = files::drafts(store, &writer, order, report)?;
    if !guessing.is_empty() {
        // It takes the place of the one that the base has.
        draft.layers.retain(|part| part.layer.media_type != media_type::DRAFT);
        draft.layers.extend(guessing);
    }
    quantize::check(store, &draft, &order.quantize)?;
    base::describe(store, &mut draft)?;
    recipe::apply(store, &writer, &mut draft, order)?;
    report.check()?;
    for part in &draft.layers {
        report.status(part.status());
    }
    let manifest = finish(&writer, draft)?;
    report.status("writing manifest");
    put_manifest(store, writer, name, &manifest, prune)
}

fn finish(writer: &Writer<'_>, draft: Draft) -> Result<Manifest, ApiError> {
    let config = put_json(writer, &draft.config)?.into_layer(media_type::CONFIG);
    Ok(Manifest::new(config, draft.layers.into_iter().map(|part| part.layer).collect()))
}
