//! What a Modelfile says, without its layout.

use std::fmt;
use std::str::FromStr;

use crate::document::Document;
use crate::error::ParseError;
use crate::instruction::{Instruction, Keyword, Role};
use crate::parameters::{ParameterError, Parameters};
use crate::requires::{InvalidVersion, Version};
use crate::text::Text;

/// A list of instructions of which at least one is a `FROM`.
///
/// The instructions keep their order. Where one may be given once but stands there several times,
/// the getters answer with the last. [`Display`](fmt::Display) prints the canonical form, one
/// instruction per line, which reads back as the same Modelfile.
///
/// # Examples
/// ```
/// use camelid_modelfile::{Modelfile, ParameterValue};
///
/// let modelfile = Modelfile::parse("FROM llama3.2\nparameter top_k 20\nSYSTEM Be brief.")?;
/// assert_eq!(modelfile.from(), "llama3.2");
/// assert_eq!(modelfile.system(), Some("Be brief."));
/// assert_eq!(modelfile.parameters()?.get("top_k"), Some(&ParameterValue::Int(20)));
/// assert_eq!(modelfile.to_string(), "FROM llama3.2\nPARAMETER top_k 20\nSYSTEM Be brief.\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modelfile {
    instructions: Vec<Instruction>,
}

/// There is no `FROM` among the instructions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no FROM among {n_instructions} instructions, expected one that names a model, a file or a directory"
)]
pub struct MissingFrom {
    n_instructions: usize,
}

/// A turn of conversation history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: &'a str,
}

impl Modelfile {
    /// Reads a text.
    ///
    /// # Errors
    /// The first mistake in it; [`Document::errors`] lists them all.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Document::parse(text).modelfile()
    }

    /// Reads the bytes of a file: UTF-8, or UTF-16 with a byte-order mark.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse); wrong encoding is no error (see [`decode`](crate::decode)).
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, ParseError> {
        Document::parse(crate::decode(bytes)).modelfile()
    }

    /// Makes a Modelfile of instructions.
    ///
    /// # Errors
    /// If none of them is a `FROM`.
    pub fn new(instructions: Vec<Instruction>) -> Result<Self, MissingFrom> {
        let n_instructions = instructions.len();
        let modelfile = Self { instructions };
        match modelfile.last(Keyword::From) {
            Some(_) => Ok(modelfile),
            None => Err(MissingFrom { n_instructions }),
        }
    }

    /// Instructions that are known to have a `FROM` among them.
    pub(crate) fn from_checked(instructions: impl Iterator<Item = Instruction>) -> Self {
        Self { instructions: instructions.collect() }
    }

    /// All instructions in order.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// What to build on: a model's name, or a path that [`resolve`](crate::resolve) finds.
    ///
    /// Several `FROM` are used for a model with its projector; this is the last, and
    /// [`froms`](Self::froms) has all.
    pub fn from(&self) -> &str {
        self.last(Keyword::From).expect("because no Modelfile is made without a FROM")
    }

    /// Every `FROM`, in order; at least one.
    pub fn froms(&self) -> impl Iterator<Item = &str> {
        self.all(Keyword::From)
    }

    /// The prompt template.
    pub fn template(&self) -> Option<&str> {
        self.last(Keyword::Template)
    }

    /// The system prompt.
    pub fn system(&self) -> Option<&str> {
        self.last(Keyword::System)
    }

    /// The LoRA file.
    pub fn adapter(&self) -> Option<&str> {
        self.last(Keyword::Adapter)
    }

    /// The models for speculative decoding, in order.
    pub fn drafts(&self) -> impl Iterator<Item = &str> {
        self.all(Keyword::Draft)
    }

    /// The name of the built-in prompt renderer.
    pub fn renderer(&self) -> Option<&str> {
        self.last(Keyword::Renderer)
    }

    /// The name of the built-in output parser.
    pub fn parser(&self) -> Option<&str> {
        self.last(Keyword::Parser)
    }

    /// The licence texts, in order.
    pub fn licenses(&self) -> impl Iterator<Item = &str> {
        self.all(Keyword::License)
    }

    /// The conversation history, in order.
    pub fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.instructions.iter().filter_map(|instruction| match instruction {
            Instruction::Message { role, content } => Some(Message { role: *role, content }),
            _ => None,
        })
    }

    /// The oldest server version that can run the model.
    ///
    /// # Errors
    /// If the last `REQUIRES` is no version.
    pub fn requires(&self) -> Result<Option<Version>, InvalidVersion> {
        self.last(Keyword::Requires).map(Version::parse).transpose()
    }

    /// The parameters with typed values: of each the last, of lists such as `stop` all.
    ///
    /// Unknown names are kept as [`ParameterValue::Unknown`](crate::ParameterValue::Unknown).
    ///
    /// # Errors
    /// The first value that its parameter cannot take.
    pub fn parameters(&self) -> Result<Parameters, ParameterError> {
        let pairs = self.instructions.iter().filter_map(|instruction| match instruction {
            Instruction::Parameter { name, value } => Some((name.as_str(), value.as_str())),
            _ => None,
        });
        Parameters::from_pairs(pairs)
    }

    fn all(&self, keyword: Keyword) -> impl Iterator<Item = &str> {
        let wanted = move |i: &&Instruction| i.keyword() == keyword;
        self.instructions.iter().filter(wanted).map(|i| Text::as_str(i.value()))
    }

    fn last(&self, keyword: Keyword) -> Option<&str> {
        self.all(keyword).last()
    }
}

impl FromStr for Modelfile {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

/// The canonical form: one instruction per line in the stored order, keywords in capitals, values
/// in the lightest quotes that read back. Equal to what Ollama prints, byte for byte, wherever
/// that reads back as the same instructions.
impl fmt::Display for Modelfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.instructions.iter().try_for_each(|instruction| writeln!(f, "{instruction}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_kind_counts_and_lists_add_up() {
        let text =
            "FROM a\nFROM b\nSYSTEM one\nSYSTEM two\nLICENSE x\nLICENSE y\nMESSAGE user hi\n";
        let modelfile = Modelfile::parse(text).unwrap();
        assert_eq!(modelfile.from(), "b");
        assert_eq!(modelfile.froms().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(modelfile.system(), Some("two"));
        assert_eq!(modelfile.licenses().collect::<Vec<_>>(), ["x", "y"]);
        let messages: Vec<_> = modelfile.messages().collect();
        assert_eq!(messages, [Message { role: Role::User, content: "hi" }]);
    }

    #[test]
    fn a_modelfile_needs_a_from() {
        let system = Instruction::System(Text::new("x").unwrap());
        assert!(Modelfile::new(vec![system.clone()]).is_err());
        let from = Instruction::From(Text::new("a").unwrap());
        assert_eq!(Modelfile::new(vec![system, from]).unwrap().from(), "a");
    }

    #[test]
    fn a_parameter_is_not_mistaken_for_the_instruction_of_the_same_name() {
        // Ollama stores this as a SYSTEM instruction.
        let modelfile = Modelfile::parse("FROM a\nPARAMETER system x").unwrap();
        assert_eq!(modelfile.system(), None);
        assert_eq!(modelfile.to_string(), "FROM a\nPARAMETER system x\n");
    }
}
