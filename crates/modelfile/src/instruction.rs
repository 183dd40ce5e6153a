//! The instructions of the language: eleven keywords, one of them with a name (`PARAMETER`) and
//! one with a role (`MESSAGE`) before the value.

use std::fmt;

use crate::text::Text;

/// The word an instruction starts with. Case does not matter in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keyword {
    /// `FROM`: the model, file or directory to build on.
    From,
    /// `LICENSE`: a licence text; may be given several times.
    License,
    /// `TEMPLATE`: the prompt template.
    Template,
    /// `SYSTEM`: the system prompt.
    System,
    /// `ADAPTER`: a LoRA file.
    Adapter,
    /// `DRAFT`: a model for speculative decoding.
    Draft,
    /// `RENDERER`: the name of a built-in prompt renderer.
    Renderer,
    /// `PARSER`: the name of a built-in output parser.
    Parser,
    /// `PARAMETER`: a named option.
    Parameter,
    /// `MESSAGE`: a turn of conversation history.
    Message,
    /// `REQUIRES`: the oldest server version that can run the model.
    Requires,
}

impl Keyword {
    /// All keywords, in the order in which Ollama's error message lists them.
    pub const ALL: [Keyword; 11] = [
        Keyword::From,
        Keyword::License,
        Keyword::Template,
        Keyword::System,
        Keyword::Adapter,
        Keyword::Draft,
        Keyword::Renderer,
        Keyword::Parser,
        Keyword::Parameter,
        Keyword::Message,
        Keyword::Requires,
    ];

    /// The keyword that `word` spells in any case.
    pub fn from_word(word: &str) -> Option<Keyword> {
        Self::ALL.into_iter().find(|k| k.as_str().eq_ignore_ascii_case(word))
    }

    /// The keyword in capitals, as it is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Keyword::From => "FROM",
            Keyword::License => "LICENSE",
            Keyword::Template => "TEMPLATE",
            Keyword::System => "SYSTEM",
            Keyword::Adapter => "ADAPTER",
            Keyword::Draft => "DRAFT",
            Keyword::Renderer => "RENDERER",
            Keyword::Parser => "PARSER",
            Keyword::Parameter => "PARAMETER",
            Keyword::Message => "MESSAGE",
            Keyword::Requires => "REQUIRES",
        }
    }

    /// Whether several instructions with this keyword add up, instead of the last one counting.
    pub const fn accumulates(self) -> bool {
        matches!(self, Keyword::License | Keyword::Message | Keyword::Parameter)
    }
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who speaks in a `MESSAGE`. Spelled in lower case only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Instructions to the model.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// All roles, in the order in which Ollama's error message lists them.
    pub const ALL: [Role; 3] = [Role::System, Role::User, Role::Assistant];

    /// The role that `word` spells exactly.
    pub fn from_word(word: &str) -> Option<Role> {
        Self::ALL.into_iter().find(|r| r.as_str() == word)
    }

    /// The role as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name in a `PARAMETER` instruction: ASCII letters, digits and `_`, at least one of them.
///
/// Any such name parses; which ones mean something is [`Parameters`](crate::Parameters)' matter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ParameterName(String);

impl ParameterName {
    /// Takes a name; `None` unless it is made of the characters that names may have.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        (!name.is_empty() && name.chars().all(Self::may_contain)).then_some(Self(name))
    }

    pub(crate) fn may_contain(c: char) -> bool {
        c.is_ascii_alphanumeric() || c == '_'
    }

    /// The name, in the case it was written in.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ParameterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One instruction with its value, as written: parameters are not typed yet, paths not resolved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the variants and fields are the language's own words")]
pub enum Instruction {
    From(Text),
    License(Text),
    Template(Text),
    System(Text),
    Adapter(Text),
    Draft(Text),
    Renderer(Text),
    Parser(Text),
    Parameter { name: ParameterName, value: Text },
    Message { role: Role, content: Text },
    Requires(Text),
}

impl Instruction {
    /// The keyword it is written with.
    pub const fn keyword(&self) -> Keyword {
        match self {
            Instruction::From(_) => Keyword::From,
            Instruction::License(_) => Keyword::License,
            Instruction::Template(_) => Keyword::Template,
            Instruction::System(_) => Keyword::System,
            Instruction::Adapter(_) => Keyword::Adapter,
            Instruction::Draft(_) => Keyword::Draft,
            Instruction::Renderer(_) => Keyword::Renderer,
            Instruction::Parser(_) => Keyword::Parser,
            Instruction::Parameter { .. } => Keyword::Parameter,
            Instruction::Message { .. } => Keyword::Message,
            Instruction::Requires(_) => Keyword::Requires,
        }
    }

    /// The value, whatever the keyword.
    pub const fn value(&self) -> &Text {
        match self {
            Instruction::From(value)
            | Instruction::License(value)
            | Instruction::Template(value)
            | Instruction::System(value)
            | Instruction::Adapter(value)
            | Instruction::Draft(value)
            | Instruction::Renderer(value)
            | Instruction::Parser(value)
            | Instruction::Requires(value)
            | Instruction::Parameter { value, .. }
            | Instruction::Message { content: value, .. } => value,
        }
    }

    /// What stands between keyword and value: a parameter's name or a message's role.
    pub fn name(&self) -> Option<&str> {
        match self {
            Instruction::Parameter { name, .. } => Some(name.as_str()),
            Instruction::Message { role, .. } => Some(role.as_str()),
            _ => None,
        }
    }
}

/// The canonical form, without a line end.
impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.keyword())?;
        if let Some(name) = self.name() {
            write!(f, "{name} ")?;
        }
        f.write_str(&self.value().quoted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_read_in_any_case_and_roles_in_one() {
        for keyword in Keyword::ALL {
            assert_eq!(Keyword::from_word(keyword.as_str()), Some(keyword));
            assert_eq!(Keyword::from_word(&keyword.as_str().to_lowercase()), Some(keyword));
        }
        assert_eq!(Role::from_word("user"), Some(Role::User));
        assert_eq!(Role::from_word("User"), None);
    }

    #[test]
    fn names_hold_only_word_characters() {
        assert!(ParameterName::new("top_k2").is_some());
        for bad in ["", "a b", "a-b", "é"] {
            assert!(ParameterName::new(bad).is_none(), "{bad:?}");
        }
    }
}
