//! What handlers share, and the one way by which they ask models.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use camelid_api_types::ollama::{
    ChatRequest, ChatResponse, GenerateRequest, GenerateResponse, Metrics, ProgressResponse,
};
use camelid_api_types::{ApiError, ErrorKind, ResponseStream, Service};
use futures_util::{Stream, StreamExt, stream};

use crate::answer::unbroken;
use crate::choices::{self, Choices};
use crate::cut_off::{CutOff, shutting_down};
use crate::meters::Meters;
use crate::unknown_fields::UnknownFields;

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) max_body_bytes: usize,
    /// Whether the log has what requests say.
    pub(crate) logs_bodies: bool,
    pub(crate) cut_off: CutOff,
    pub(crate) meters: Arc<Meters>,
    pub(crate) unknown_fields: Arc<UnknownFields>,
}

impl App {
    /// [`Service::generate`], watched over.
    pub(crate) async fn generate(
        &self,
        request: GenerateRequest,
    ) -> Result<ResponseStream<GenerateResponse>, ApiError> {
        request.validate()?;
        self.watch(self.service.generate(request)).await
    }

    /// [`Service::chat`], watched over.
    pub(crate) async fn chat(
        &self,
        request: ChatRequest,
    ) -> Result<ResponseStream<ChatResponse>, ApiError> {
        request.validate()?;
        self.watch(self.service.chat(request)).await
    }

    /// Chats side by side, each as [`chat`](Self::chat).
    pub(crate) async fn chats(
        &self,
        requests: Vec<ChatRequest>,
    ) -> Result<Choices<ChatResponse>, ApiError> {
        let app = self.clone();
        let ask = move |request| {
            let app = app.clone();
            async move { app.chat(request).await }
        };
        choices::begin(requests, ask).await
    }

    /// Generations side by side, each as [`generate`](Self::generate).
    pub(crate) async fn generations(
        &self,
        requests: Vec<GenerateRequest>,
    ) -> Result<Choices<GenerateResponse>, ApiError> {
        let app = self.clone();
        let ask = move |request| {
            let app = app.clone();
            async move { app.generate(request).await }
        };
        choices::begin(requests, ask).await
    }

    /// Work that reports its progress. It ends with an error when the server has waited long enough
    /// for its end.
    pub(crate) async fn attend(
        &self,
        begin: impl Future<Output = Result<ResponseStream<ProgressResponse>, ApiError>>,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        let steps = self.unless_cut(begin).await?;
        Ok(until_cut(steps, &self.cut_off).boxed())
    }

    /// What `work` gives, or an error when the server has waited long enough for it.
    pub(crate) async fn unless_cut<T>(
        &self,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        tokio::select! {
            given = work => given,
            () = self.cut_off.wait() => Err(shutting_down()),
        }
    }

    /// A generation that is measured, and that ends with an error when the server has waited long
    /// enough for its end.
    async fn watch<P: Measured>(
        &self,
        begin: impl Future<Output = Result<ResponseStream<P>, ApiError>>,
    ) -> Result<ResponseStream<P>, ApiError> {
        let started = Instant::now();
        let waiting = self.meters.waiting.enter();
        let parts = self.unless_cut(begin).await.inspect_err(|error| {
            if error.kind == ErrorKind::Busy {
                self.meters.count_refusal();
            }
        })?;
        let meters = Arc::clone(&self.meters);
        let mut is_first = true;
        // Counts the generation in its phase, until the stream is dropped.
        let mut phase = waiting;
        let parts = unbroken(parts).inspect(move |part| {
            if std::mem::replace(&mut is_first, false) {
                meters.first_part.observe(started.elapsed());
                phase.become_one_of(&meters.generating);
            }
            if let Some(metrics) = part.as_ref().ok().and_then(Measured::metrics) {
                meters.count_generation(metrics);
            }
        });
        Ok(until_cut(parts, &self.cut_off).boxed())
    }
}

/// A part that may tell what a generation took.
trait Measured: Send + 'static {
    /// Set in the last part.
    fn metrics(&self) -> Option<&Metrics>;
}

impl Measured for ChatResponse {
    fn metrics(&self) -> Option<&Metrics> {
        self.done.then_some(&self.metrics)
    }
}

impl Measured for GenerateResponse {
    fn metrics(&self) -> Option<&Metrics> {
        self.done.then_some(&self.metrics)
    }
}

/// `parts`, or an error as soon as they are cut off.
fn until_cut<P, S>(parts: S, cut_off: &CutOff) -> impl Stream<Item = S::Item> + Send + use<P, S>
where
    S: Stream<Item = Result<P, ApiError>> + Send,
{
    let mut parts = Box::pin(parts);
    let mut cut = Some(Box::pin(cut_off.wait()));
    stream::poll_fn(move |cx| {
        let Some(wait) = &mut cut else { return Poll::Ready(None) };
        if Pin::new(wait).poll(cx).is_ready() {
            cut = None;
            return Poll::Ready(Some(Err(shutting_down())));
        }
        parts.poll_next_unpin(cx)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_cut_off_ends_with_an_error() {
        let cut_off = CutOff::default();
        let endless = stream::iter([Ok(1)]).chain(stream::pending());
        let mut parts = until_cut(endless, &cut_off);
        assert_eq!(parts.next().await, Some(Ok(1)));
        cut_off.cut();
        assert_eq!(parts.next().await, Some(Err(shutting_down())));
        assert_eq!(parts.next().await, None);
    }
}
