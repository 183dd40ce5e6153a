//! Several answers to one request, side by side.
//!
//! The first is begun before anything else, so that its failure has a status, and so that the others
//! find the prompt computed. A failure of any is the failure of all.

use std::future::Future;

use camelid_api_types::ollama::Chunk;
use camelid_api_types::{ApiError, ResponseStream};
use futures_util::stream::{BoxStream, select_all};
use futures_util::{StreamExt, TryStreamExt, stream};

/// Parts with the places of the answers that they belong to, from 0.
pub(crate) type Choices<P> = BoxStream<'static, (usize, Result<P, ApiError>)>;

/// Most answers that one request may ask for.
pub(crate) const MAX_CHOICES: usize = 128;

/// What is said where an answer has no part.
const NO_ANSWER: &str = "an answer ended before its first part";

/// Asks each of `requests`; none gives no parts.
///
/// # Errors
/// The first request's.
pub(crate) async fn begin<R, P, F, A>(requests: Vec<R>, ask: F) -> Result<Choices<P>, ApiError>
where
    F: Fn(R) -> A,
    A: Future<Output = Result<ResponseStream<P>, ApiError>> + Send + 'static,
    P: Send + 'static,
{
    let mut requests = requests.into_iter();
    let Some(first) = requests.next() else { return Ok(stream::empty().boxed()) };
    let first = ask(first).await?;
    let others = requests.map(|request| stream::once(ask(request)).try_flatten().boxed());
    let all = std::iter::once(first).chain(others).enumerate();
    Ok(select_all(all.map(|(choice, parts)| parts.map(move |part| (choice, part)).boxed())).boxed())
}

/// Waits for the one answer that there is to be whole.
///
/// # Errors
/// Its own, or that there is none.
pub(crate) async fn only<P: Chunk>(choices: Choices<P>) -> Result<P, ApiError> {
    let wholes = collect(choices, 1).await?;
    wholes.into_iter().next().ok_or_else(|| ApiError::internal(NO_ANSWER))
}

/// Waits for all `n` answers to be whole.
///
/// # Errors
/// The first that comes up.
pub(crate) async fn collect<P: Chunk>(
    mut choices: Choices<P>,
    n: usize,
) -> Result<Vec<P>, ApiError> {
    let mut wholes: Vec<Option<P>> = (0..n).map(|_| None).collect();
    while let Some((choice, part)) = choices.next().await {
        let part = part?;
        match wholes.get_mut(choice).and_then(Option::as_mut) {
            Some(whole) => whole.absorb(part),
            None => wholes[choice] = Some(part),
        }
    }
    wholes.into_iter().map(|whole| whole.ok_or_else(|| ApiError::internal(NO_ANSWER))).collect()
}
