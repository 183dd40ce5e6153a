//! Texts to vectors.
//!
//! An input is encoded as a whole document, with the tokens that begin and end one, and run like a
//! prompt, many inputs to a batch (`scheduler/embedder.rs`). The model's last norm gives a vector for
//! each token; [`Pooling`] makes one of them, and the model's head, if it has one, another. That is
//! cut to the dimensions asked for, where the
//! model was trained to be useful cut (Matryoshka), and brought to length 1.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_channel::Receiver;
use futures_core::Stream;

use crate::{
    batch::TokenId,
    error::{Error, Result},
    model::{Model, Prompt},
    scheduler::{EmbedInput, Work},
    spec::Pooling,
    tokenizer::{Special, Tokenizer},
};

/// How inputs are embedded. [`Default`] is the model's own pooling, length 1, long inputs cut.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmbedOptions {
    /// Longest input in tokens, at most the model's context; `None` takes that.
    pub n_ctx: Option<usize>,
    /// Whether a longer input is cut; else it is refused.
    pub truncate: bool,
    /// How the tokens' vectors become one; `None` takes what the file says. Where it says nothing, a
    /// model that generates takes the last token's, any other the mean.
    pub pooling: Option<Pooling>,
    /// Keep so many of a vector's elements; `None` keeps all.
    pub dimensions: Option<usize>,
    /// Whether vectors are brought to length 1.
    pub normalize: bool,
}

impl Default for EmbedOptions {
    fn default() -> Self {
        Self { n_ctx: None, truncate: true, pooling: None, dimensions: None, normalize: true }
    }
}

/// What an input became.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Embedding {
    /// Shapes: `[dimensions]`, or with [`Pooling::None`] `[n_tokens, dimensions]`.
    pub vector: Vec<f32>,
    /// Tokens that were run, those that begin and end a document included.
    pub n_tokens: usize,
}

/// One input's raw vector, on its way from the engine.
pub(crate) type Pooled = (usize, Result<Vec<f32>>);

/// Embeddings being made. A future, or [`wait`](Self::wait) for them; dropping it cancels.
#[derive(Debug)]
pub struct PendingEmbeddings {
    receiver: Pin<Box<Receiver<Pooled>>>,
    options: EmbedOptions,
    /// Width of a raw vector.
    n_embd: usize,
    embeddings: Vec<Embedding>,
    n_missing: usize,
    /// Keeps the engine alive until all are there.
    _model: Model,
}

impl PendingEmbeddings {
    /// `n_tokens` has the length of each input; `n_embd` is the width of a raw vector.
    fn new(
        receiver: Receiver<Pooled>,
        (n_tokens, n_embd): (&[usize], usize),
        options: EmbedOptions,
        model: Model,
    ) -> Self {
        let empty = |&n_tokens: &usize| Embedding { vector: Vec::new(), n_tokens };
        Self {
            receiver: Box::pin(receiver),
            options,
            n_embd,
            embeddings: n_tokens.iter().map(empty).collect(),
            n_missing: n_tokens.len(),
            _model: model,
        }
    }

    /// Waits for all inputs' vectors, in the order of the inputs.
    ///
    /// # Errors
    /// The first that an input's batch met.
    pub fn wait(mut self) -> Result<Vec<Embedding>> {
        while self.n_missing > 0 {
            let pooled = self.receiver.recv_blocking().ok();
            self.take(pooled)?;
        }
        Ok(self.embeddings)
    }

    fn take(&mut self, pooled: Option<Pooled>) -> Result<()> {
        let (index, vector) = pooled.ok_or(Error::Stopped)?;
        self.embeddings[index].vector = finish(vector?, self.n_embd, &self.options);
        self.n_missing -= 1;
        Ok(())
    }
}

impl Future for PendingEmbeddings {
    type Output = Result<Vec<Embedding>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        while self.n_missing > 0 {
            let pooled = ready!(self.receiver.as_mut().poll_next(cx));
            self.take(pooled)?;
        }
        Poll::Ready(Ok(std::mem::take(&mut self.embeddings)))
    }
}

impl Model {
    /// Embeds some inputs and waits for their vectors, in the order of the inputs.
    ///
    /// # Errors
    /// As [`start_embedding`](Self::start_embedding), and what the inputs' batches meet.
    pub fn embed<P: Into<Prompt>>(
        &self,
        inputs: impl IntoIterator<Item = P>,
        options: EmbedOptions,
    ) -> Result<Vec<Embedding>> {
        self.start_embedding(inputs, options)?.wait()
    }

    /// Begins to embed some inputs. Texts become whole documents, with the tokens that begin and end
    /// one; tokens are run as they are.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`] and [`Error::InputTooLong`] for inputs, [`Error::Option`] for
    /// dimensions the vectors do not have, and when the queue is full or the engine has stopped.
    pub fn start_embedding<P: Into<Prompt>>(
        &self,
        inputs: impl IntoIterator<Item = P>,
        options: EmbedOptions,
    ) -> Result<PendingEmbeddings> {
        let (pooling, runs_head) = self.pooling(&options);
        let n_embd = if runs_head { self.spec().n_embd_out() } else { self.spec().n_embd };
        if let Some(n) = options.dimensions.filter(|n| !(1..=n_embd).contains(n)) {
            let (found, allowed) = (n.to_string(), format!("1 to {n_embd}"));
            return Err(Error::Option { name: "dimensions", found, allowed });
        }
        let n_ctx = options.n_ctx.unwrap_or(self.n_ctx()).clamp(1, self.n_ctx());
        let (sender, receiver) = async_channel::unbounded();
        let tokenizer = self.tokenizer();
        let input = |(index, input): (usize, P)| {
            let tokens = match input.into() {
                Prompt::Text(text) => tokenizer.encode_document(&text, Special::Recognise)?,
                Prompt::Tokens(tokens) => tokens,
            };
            let tokens = fit((index, tokens), n_ctx, options.truncate, tokenizer)?;
            Ok(EmbedInput { index, tokens, pooling, runs_head, sender: sender.clone() })
        };
        let inputs: Vec<EmbedInput> =
            inputs.into_iter().enumerate().map(input).collect::<Result<_>>()?;
        let n_tokens: Vec<usize> = inputs.iter().map(|input| input.tokens.len()).collect();
        drop(sender);
        self.send(Work::Embed { inputs, place: self.take_place()? })?;
        Ok(PendingEmbeddings::new(receiver, (&n_tokens, n_embd), options, self.clone()))
    }

    /// How tokens' vectors become one, and whether that goes through the head: not where the caller
    /// wants another pooling than the head was trained behind.
    fn pooling(&self, options: &EmbedOptions) -> (Pooling, bool) {
        let spec = self.spec();
        let default = if spec.generates() { Pooling::Last } else { Pooling::Mean };
        let own = spec.pooling.filter(|&pooling| pooling != Pooling::None).unwrap_or(default);
        let wanted = options.pooling.unwrap_or(own);
        let pooling = if wanted == Pooling::Rank { spec.rank_pooling } else { wanted };
        (pooling, wanted == own && !spec.head.layers.is_empty())
    }
}

/// Cuts and normalises each row of `n_embd`.
fn finish(rows: Vec<f32>, n_embd: usize, options: &EmbedOptions) -> Vec<f32> {
    let n_kept = options.dimensions.unwrap_or(n_embd).min(n_embd);
    let mut out = rows;
    if n_kept < n_embd {
        out = out.chunks_exact(n_embd).flat_map(|row| &row[..n_kept]).copied().collect();
    }
    if options.normalize {
        out.chunks_exact_mut(n_kept).for_each(normalize);
    }
    out
}

/// Brings a vector to length 1; zeros stay zeros.
fn normalize(x: &mut [f32]) {
    let length = x.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    if length > 0.0 {
        x.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    }
}

/// An input of at most `n_ctx` tokens. What ends a document still ends a document that was cut.
///
/// # Errors
/// [`Error::EmptyPrompt`], and [`Error::InputTooLong`] where cutting is not wanted.
fn fit(
    (index, mut tokens): (usize, Vec<TokenId>),
    n_ctx: usize,
    truncate: bool,
    tokenizer: &Tokenizer,
) -> Result<Vec<TokenId>> {
    let &last = tokens.last().ok_or(Error::EmptyPrompt)?;
    let n_tokens = tokens.len();
    if n_tokens > n_ctx {
        if !truncate {
            return Err(Error::InputTooLong { index, n_tokens, n_ctx });
        }
        tokens.truncate(n_ctx);
        let special = tokenizer.vocab().special();
        if [special.eos, special.separator].contains(&Some(last)) && n_ctx > 1 {
            tokens[n_ctx - 1] = last;
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_vector_has_length_1_again() {
        let rows = vec![3.0, 4.0, 12.0, 0.0, 0.0, 5.0];
        let mut options = EmbedOptions::default();
        assert_eq!(finish(rows[..3].to_vec(), 3, &options)[2], 12.0 / 13.0);
        options.dimensions = Some(2);
        assert_eq!(finish(rows.clone(), 3, &options), [0.6, 0.8, 0.0, 0.0]);
        options.normalize = false;
        assert_eq!(finish(rows, 3, &options), [3.0, 4.0, 0.0, 0.0]);
    }
}
