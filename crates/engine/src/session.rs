//! A conversation that keeps what has been read.
//!
//! A session is the tokens so far. What is appended is run with the next answer, and what has been
//! run before is found in the cache: the answer to the hundredth turn begins as fast as that to the
//! first. The tokens of an answer are kept as they were made, never made anew from its text, so the
//! cache is always met.

use crate::{
    batch::TokenId,
    error::Result,
    generation::{End, GenerateOptions, Generation, Piece},
    model::{Model, Prompt},
    tokenizer::Special,
};

/// A text that grows by what is appended and by answers.
///
/// ```no_run
/// use camelid_engine::{GenerateOptions, Model};
///
/// let mut session = Model::open("model.gguf")?.session();
/// session.append("Q: What is a camelid?\nA:")?;
/// for piece in session.answer(GenerateOptions::default())? {
///     print!("{}", piece?.text);
/// }
/// session.append("\nQ: And a guanaco?\nA:")?;
/// let second = session.answer(GenerateOptions::default())?.text()?;
/// # Ok::<(), camelid_engine::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Session {
    model: Model,
    tokens: Vec<TokenId>,
}

impl Model {
    /// A session without a token yet.
    #[must_use]
    pub fn session(&self) -> Session {
        Session { model: self.clone(), tokens: Vec::new() }
    }
}

impl Session {
    /// Appends text, in which the texts of control tokens are control tokens, or tokens.
    ///
    /// The first text gets what the tokenizer puts before every prompt.
    ///
    /// # Errors
    /// When the tokenizer cannot take the text.
    pub fn append(&mut self, what: impl Into<Prompt>) -> Result<()> {
        let tokenizer = self.model.tokenizer();
        let tokens = match what.into() {
            Prompt::Tokens(tokens) => tokens,
            Prompt::Text(text) if self.tokens.is_empty() => {
                tokenizer.encode_prompt(&text, Special::Recognise)?
            }
            Prompt::Text(text) => tokenizer.encode(&text, Special::Recognise)?,
        };
        self.tokens.extend(tokens);
        Ok(())
    }

    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// The tokens so far, answers included.
    #[must_use]
    pub fn tokens(&self) -> &[TokenId] {
        &self.tokens
    }

    /// Goes back to the first `n` tokens, to go on otherwise from there.
    pub fn truncate(&mut self, n: usize) {
        self.tokens.truncate(n);
    }

    /// Begins an answer. What arrives of it becomes part of the session, also when it is dropped
    /// before its end.
    ///
    /// # Errors
    /// As [`Model::generate`].
    pub fn answer(&mut self, options: GenerateOptions) -> Result<Answer<'_>> {
        let generation = self.model.generate(self.tokens.clone(), options)?;
        Ok(Answer { session: self, generation, end: None })
    }
}

/// An answer while it is being made: an iterator over its pieces. Dropping it cancels.
#[derive(Debug)]
pub struct Answer<'s> {
    session: &'s mut Session,
    generation: Generation,
    end: Option<End>,
}

impl Answer<'_> {
    /// Why it ended and what it took, once it has.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Waits for the end and joins all text.
    ///
    /// # Errors
    /// The first error of the generation; the text until then is lost.
    pub fn text(self) -> Result<String> {
        let mut text = String::new();
        for piece in self {
            text.push_str(&piece?.text);
        }
        Ok(text)
    }
}

impl Iterator for Answer<'_> {
    type Item = Result<Piece>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.generation.next()?;
        if let Ok(piece) = &item {
            self.session.tokens.extend(&piece.tokens);
            self.end = piece.end;
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use camelid_gguf::GgufFile;

    use super::*;
    use crate::ModelOptions;

    fn session() -> Session {
        let file = GgufFile::from_static(camelid_model_tiny::GGUF).unwrap();
        let options = ModelOptions { n_ctx: Some(256), ..ModelOptions::default() };
        Model::from_gguf(file, &options).unwrap().session()
    }

    fn options(n_predict: usize) -> GenerateOptions {
        GenerateOptions { n_predict: Some(n_predict), ..GenerateOptions::default() }
    }

    #[test]
    fn the_second_turn_reads_only_what_is_new() {
        let mut session = session();
        session.append("Once upon a time there was a camel that").unwrap();
        let n_first = session.tokens().len();
        let mut answer = session.answer(options(12)).unwrap();
        assert!(answer.by_ref().all(|piece| piece.is_ok()));
        let n_answer = answer.end().unwrap().stats.n_generated;
        assert!(session.tokens().len() >= n_first + n_answer - 1);
        session.append(" And then it").unwrap();
        let n_second = session.tokens().len();
        let mut answer = session.answer(options(2)).unwrap();
        assert!(answer.by_ref().all(|piece| piece.is_ok()));
        let stats = answer.end().unwrap().stats;
        assert_eq!(stats.n_prompt, n_second);
        // The last token of an answer was chosen but not run.
        assert!(stats.n_prompt_cached >= n_first + n_answer - 2, "{stats:?}");
    }

    #[test]
    fn an_answer_that_is_dropped_leaves_what_has_arrived() {
        let mut session = session();
        session.append("Once upon a time").unwrap();
        let before = session.tokens().to_vec();
        let mut answer = session.answer(options(100)).unwrap();
        answer.next().unwrap().unwrap();
        drop(answer);
        assert!(session.tokens().len() > before.len());
        session.truncate(before.len());
        assert_eq!(session.tokens(), before);
    }
}
