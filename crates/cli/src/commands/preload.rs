//! Models that a server loads when it starts, so that nobody waits for them.

use camelid_api_types::{
    ApiError, Service,
    ollama::{Capability, EmbedRequest, GenerateRequest, ShowRequest},
};
use futures_util::TryStreamExt;

/// Loads each of `models`, one after another. One that cannot be loaded is told in the log, and
/// whoever asks for it will hear why.
pub(super) async fn preload(service: &dyn Service, models: &[String]) {
    for model in models {
        match load(service, model).await {
            Ok(()) => tracing::info!(model, "loaded in advance"),
            Err(error) => tracing::warn!(model, %error, "not loaded in advance"),
        }
    }
}

/// An empty request loads a model and asks it nothing.
async fn load(service: &dyn Service, model: &str) -> Result<(), ApiError> {
    let model = model.to_owned();
    let show = ShowRequest { model: model.clone(), ..ShowRequest::default() };
    if service.show(show).await?.capabilities.contains(&Capability::Completion) {
        let request = GenerateRequest { model, ..GenerateRequest::default() };
        service.generate(request).await?.try_collect::<Vec<_>>().await?;
    } else {
        service.embed(EmbedRequest { model, ..EmbedRequest::default() }).await?;
    }
    Ok(())
}
