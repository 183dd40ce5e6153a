//! How well documents answer a query.
//!
//! A model that ranks reads a query and a document as one text and gives a score. How the two are
//! joined is in the file: by a template of its own (`tokenizer.chat_template.rerank`, with
//! `{query}` and `{document}`), or by the tokens that begin, separate and end texts:
//!
//! ```text
//! [BOS] query [EOS] [SEP] document [EOS]
//! ```
//!
//! of which those are there that the vocabulary adds. Scores are the classifier's first number:
//! the larger the better, in whatever range the model was trained to give.

use camelid_gguf::Metadata;

use crate::{
    batch::TokenId,
    embedding::EmbedOptions,
    error::{Error, Result},
    model::{Model, Prompt},
    spec::Pooling,
    tokenizer::{Special, Tokenizer},
};

/// How well a document answers the query.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Ranking {
    /// The larger the better.
    pub score: f32,
    /// Tokens of query and document together.
    pub n_tokens: usize,
}

impl Model {
    /// Whether it [ranks](Self::rerank).
    #[must_use]
    pub fn ranks(&self) -> bool {
        self.spec().pooling == Some(Pooling::Rank)
    }

    /// Scores documents by how well they answer a query, in the order of the documents. Those that
    /// do not fit the context are cut at their end.
    ///
    /// # Errors
    /// [`Error::NotRanking`] for a model that does not; as
    /// [`start_embedding`](Self::start_embedding), and what the inputs' batches meet.
    pub fn rerank<'d>(
        &self,
        query: &str,
        documents: impl IntoIterator<Item = &'d str>,
    ) -> Result<Vec<Ranking>> {
        let inputs = self.ranking_inputs(query, documents)?;
        let options = EmbedOptions { normalize: false, ..EmbedOptions::default() };
        let embeddings = self.embed(inputs, options)?;
        let ranking = |e: crate::Embedding| Ranking { score: e.vector[0], n_tokens: e.n_tokens };
        Ok(embeddings.into_iter().map(ranking).collect())
    }

    /// The query with each document, as [`start_embedding`](Self::start_embedding) takes them. The
    /// first number of each one's vector, not normalized, is its score.
    ///
    /// # Errors
    /// [`Error::NotRanking`] for a model that does not; [`Error::Gguf`] and the tokenizer's for what
    /// cannot be read or made into tokens.
    pub fn ranking_inputs<'d>(
        &self,
        query: &str,
        documents: impl IntoIterator<Item = &'d str>,
    ) -> Result<Vec<Prompt>> {
        if !self.ranks() {
            return Err(Error::NotRanking { architecture: self.spec().architecture });
        }
        let joint = Joint::from_metadata(self.gguf().metadata())?;
        let tokens = |document| joint.tokens(self.tokenizer(), query, document);
        documents.into_iter().map(|document| tokens(document).map(Prompt::Tokens)).collect()
    }
}

/// How query and document become one text.
enum Joint<'a> {
    Template(&'a str),
    Tokens,
}

impl<'a> Joint<'a> {
    fn from_metadata(metadata: Metadata<'a>) -> Result<Self> {
        let template = metadata.get_as("tokenizer.chat_template.rerank")?;
        Ok(template.map_or(Self::Tokens, Self::Template))
    }

    fn tokens(&self, tokenizer: &Tokenizer, query: &str, document: &str) -> Result<Vec<TokenId>> {
        match self {
            Self::Template(template) => {
                tokenizer.encode(&fill(template, query, document), Special::Recognise)
            }
            Self::Tokens => join(tokenizer, query, document),
        }
    }
}

/// Puts query and document into a template, each once wherever it is named.
fn fill(template: &str, query: &str, document: &str) -> String {
    let parts = template.split("{query}").map(|part| part.replace("{document}", document));
    parts.collect::<Vec<_>>().join(query)
}

fn join(tokenizer: &Tokenizer, query: &str, document: &str) -> Result<Vec<TokenId>> {
    let vocab = tokenizer.vocab();
    let special = vocab.special();
    let begin = special.bos.filter(|_| vocab.add_bos());
    let end = special.eos.or(special.separator).filter(|_| vocab.add_eos());
    let separator = special.separator.filter(|_| vocab.add_separator());
    let mut tokens: Vec<TokenId> = begin.into_iter().collect();
    tokens.extend(tokenizer.encode(query, Special::AsText)?);
    tokens.extend(end);
    tokens.extend(separator);
    tokens.extend(tokenizer.encode(document, Special::AsText)?);
    tokens.extend(end);
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_document_says_is_not_a_place_for_the_query() {
        let filled = fill("Q: {query} D: {document}", "{document}?", "{query}!");
        assert_eq!(filled, "Q: {document}? D: {query}!");
    }
}
