//! Why a Jinja template could not be loaded or rendered.

use std::fmt;

/// Why a Jinja chat template could not be loaded or rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JinjaError {
    /// The text is not a Jinja template.
    #[error("chat template `{name}`, line {line}: {message}")]
    Syntax {
        /// Which of the model's templates.
        name: String,
        /// Line in that template, counted from 1.
        line: usize,
        /// What the parser found.
        message: String,
    },
    /// The template's text is longer than the limit.
    #[error("chat template `{name}` is {found} bytes, at most {allowed} are allowed")]
    SourceTooLong {
        /// Which of the model's templates.
        name: String,
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        allowed: usize,
    },
    /// The model has no template of this name and no default one.
    #[error("no chat template named `{name}`; the model has {}", Listed(known))]
    Missing {
        /// The name looked for.
        name: String,
        /// The names the model has.
        known: Vec<String>,
    },
    /// The template itself refused the conversation (`raise_exception`).
    #[error("the chat template refuses this conversation: {message}")]
    Refused {
        /// The template's own words.
        message: String,
    },
    /// The render took more steps, output or memory than is allowed.
    #[error("chat template `{name}` needs more than {allowed} {unit} to render")]
    TooCostly {
        /// Which of the model's templates.
        name: String,
        /// The limit.
        allowed: u64,
        /// What is counted: `steps` or `bytes`.
        unit: &'static str,
    },
    /// An expression of the template failed on these messages.
    #[error("chat template `{name}`, line {line}: {message}")]
    Render {
        /// Which of the model's templates.
        name: String,
        /// Line in that template, counted from 1; 0 when it is not known.
        line: usize,
        /// What went wrong.
        message: String,
    },
    /// The system has no memory for the stack that a render runs on.
    #[error("chat template `{name}`: no thread to render it on")]
    NoThread {
        /// Which of the model's templates.
        name: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// `chat_template` in `tokenizer_config.json` has a shape that is not known.
    #[error("`chat_template` is {found}, expected a string or a list of {{name, template}}")]
    Shape {
        /// The JSON type found.
        found: &'static str,
    },
}

/// The names of a model's templates for an error message.
struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("none"),
            names => write!(f, "`{}`", names.join("`, `")),
        }
    }
}

/// Marks an error as the template's own refusal, underneath `minijinja`'s error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refusal(pub(super) String);

/// Marks an error as a broken byte limit, underneath `minijinja`'s error.
#[derive(Debug, thiserror::Error)]
#[error("more than {0} bytes")]
pub(super) struct OverBudget(pub(super) u64);

/// The kind of failure that `error` stands for, found through its chain of causes.
pub(super) fn classify(name: &str, error: &minijinja::Error, max_steps: u64) -> JinjaError {
    if error.kind() == minijinja::ErrorKind::OutOfFuel {
        return JinjaError::TooCostly { name: name.to_owned(), allowed: max_steps, unit: "steps" };
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(refusal) = current.downcast_ref::<Refusal>() {
            return JinjaError::Refused { message: refusal.0.clone() };
        }
        if let Some(limit) = current.downcast_ref::<OverBudget>() {
            return JinjaError::TooCostly {
                name: name.to_owned(),
                allowed: limit.0,
                unit: "bytes",
            };
        }
        cause = current.source();
    }
    let (line, message) = (error.line().unwrap_or(0), text_of(error));
    let name = error.name().unwrap_or(name).to_owned();
    if error.kind() == minijinja::ErrorKind::SyntaxError {
        JinjaError::Syntax { name, line, message }
    } else {
        JinjaError::Render { name, line, message }
    }
}

/// Kind and detail without the position, which our errors name themselves.
fn text_of(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}
