//! What is legal in a Modelfile and probably wrong all the same, or will fail later: when the
//! model is built.

use std::collections::HashMap;

use crate::charset::{is_dropped, is_newline};
use crate::document::Document;
use crate::instruction::{Instruction, Keyword};
use crate::parameter_table::{ParameterInfo, ParameterKind, ParameterStatus, parameter_info};
use crate::parameters::{ParameterError, ParameterValue, suggested_parameter};
use crate::requires::{InvalidVersion, Version};
use crate::scan::Command;
use crate::snippet::Snippet;
use crate::span::{Position, Span};
use crate::text::Quote;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The model can be built, perhaps not as meant.
    Warning,
    /// Building the model will fail.
    Error,
}

/// Something worth a look, and where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What was found.
    pub kind: FindingKind,
    /// Where, in the document's source.
    pub span: Span,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FindingKind {
    /// A parameter's value is not of its kind.
    #[error(transparent)]
    InvalidParameter(ParameterError),
    /// A parameter's name is not in the table.
    #[error("unknown parameter `{name}`")]
    UnknownParameter {
        /// The name as written.
        name: String,
    },
    /// A parameter that is accepted and does nothing.
    #[error("parameter `{name}` is deprecated and has no effect")]
    DeprecatedParameter {
        /// Its name.
        name: &'static str,
    },
    /// A parameter of earlier versions.
    #[error("parameter `{name}` no longer exists")]
    RemovedParameter {
        /// Its name.
        name: &'static str,
    },
    /// A number that makes no sense for its parameter.
    #[error("`{name}` is {value}, expected {low} to {high}")]
    OutsideRange {
        /// The parameter's name.
        name: &'static str,
        /// The value.
        value: f64,
        /// The lowest value that makes sense.
        low: f64,
        /// The highest value that makes sense.
        high: f64,
    },
    /// `REQUIRES` without a version.
    #[error(transparent)]
    InvalidRequires(InvalidVersion),
    /// A later instruction of the same kind takes this one's place.
    #[error("{what} has no effect: {later} replaces it")]
    Overridden {
        /// The instruction: its keyword, for parameters with the name.
        what: String,
        /// Where the one that counts stands.
        later: Position,
    },
    /// An instruction that names something has an empty value.
    #[error("{keyword} names nothing")]
    EmptyName {
        /// The keyword.
        keyword: Keyword,
    },
    /// Characters that the language drops from values.
    #[error("the value loses its invisible characters: {n_dropped}, the first U+{:04X}", u32::from(*.first))]
    DroppedCharacters {
        /// How many.
        n_dropped: usize,
        /// The first of them.
        first: char,
    },
    /// A value goes on after what looks like its closing quote, and over the next lines.
    #[error("text after the closing quote opens the value again, up to line {last_line}")]
    ReopenedQuote {
        /// The line on which the value really ends.
        last_line: usize,
    },
}

impl Finding {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self.kind {
            FindingKind::InvalidParameter(_)
            | FindingKind::UnknownParameter { .. }
            | FindingKind::RemovedParameter { .. }
            | FindingKind::InvalidRequires(_) => Severity::Error,
            _ => Severity::Warning,
        }
    }

    /// A guess at what was meant.
    pub fn hint(&self) -> Option<String> {
        match &self.kind {
            FindingKind::UnknownParameter { name } => {
                suggested_parameter(name).map(|known| format!("did you mean `{known}`?"))
            }
            FindingKind::ReopenedQuote { .. } => {
                Some("a value ends only where a line ends with its quote".to_owned())
            }
            _ => None,
        }
    }

    /// The finding with the line it is on, to show to a person. `source` is the document's.
    pub fn snippet<'a>(&self, source: &'a str, file: &'a str) -> Snippet<'a> {
        let level = match self.severity() {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        Snippet::new(level, self.kind.to_string(), self.span, source, file).help(self.hint())
    }
}

/// Looks through the instructions of a document; mistakes of the language itself are
/// [`Document::errors`].
///
/// The findings come in the order of the text.
pub fn lint(document: &Document) -> Vec<Finding> {
    let source = document.source();
    let mut findings: Vec<Finding> = Vec::new();
    for command in document.commands() {
        let mut add = |kind, span| findings.push(Finding { kind, span });
        if let Instruction::Parameter { name, value } = &command.instruction {
            lint_parameter(name.as_str(), value, command, &mut add);
        }
        lint_value(command, source, &mut add);
    }
    lint_overridden(document, &mut findings);
    findings.sort_by_key(|finding| finding.span.start);
    findings
}

fn lint_parameter(
    name: &str,
    value: &str,
    command: &Command,
    add: &mut impl FnMut(FindingKind, Span),
) {
    let name_span = command.name_span.unwrap_or(command.span);
    let Some(info) = parameter_info(name) else {
        return add(FindingKind::UnknownParameter { name: name.to_owned() }, name_span);
    };
    match info.status {
        ParameterStatus::Deprecated => {
            return add(FindingKind::DeprecatedParameter { name: info.name }, name_span);
        }
        ParameterStatus::Removed => {
            return add(FindingKind::RemovedParameter { name: info.name }, name_span);
        }
        ParameterStatus::Current => {}
    }
    match ParameterValue::parse(info, value) {
        Err(error) => add(FindingKind::InvalidParameter(error), command.value_span),
        Ok(value) => {
            if let Some(kind) = outside_range(info, &value) {
                add(kind, command.value_span);
            }
        }
    }
}

fn outside_range(info: &ParameterInfo, value: &ParameterValue) -> Option<FindingKind> {
    let (low, high) = info.sensible?;
    let value = value.as_f64()?;
    (value < low || value > high).then_some(FindingKind::OutsideRange {
        name: info.name,
        value,
        low,
        high,
    })
}

fn lint_value(command: &Command, source: &str, add: &mut impl FnMut(FindingKind, Span)) {
    let keyword = command.instruction.keyword();
    let value = command.instruction.value();
    let names_something = !matches!(
        keyword,
        Keyword::Parameter
            | Keyword::Message
            | Keyword::System
            | Keyword::Template
            | Keyword::License
    );
    if names_something && value.trim().is_empty() {
        add(FindingKind::EmptyName { keyword }, command.span);
    } else if keyword == Keyword::Requires
        && let Err(error) = Version::parse(value)
    {
        add(FindingKind::InvalidRequires(error), command.value_span);
    }
    let written = command.value_span.slice(source).unwrap_or_default();
    if let Some((at, first)) = written.char_indices().find(|(_, c)| is_dropped(*c)) {
        let n_dropped = written.chars().filter(|c| is_dropped(*c)).count();
        let start = command.value_span.start + at;
        let span = Span::new(start, start + first.len_utf8());
        add(FindingKind::DroppedCharacters { n_dropped, first }, span);
    }
    if is_reopened(written) {
        let last_line = Position::of(source, command.value_span.end).line;
        let span = Span::new(command.value_span.start, first_line_end(command.value_span, written));
        add(FindingKind::ReopenedQuote { last_line }, span);
    }
}

/// Whether a value of several lines closes its quote on the first line and goes on.
fn is_reopened(written: &str) -> bool {
    let mark = Quote::of(written).mark();
    let mut lines = written.split(is_newline);
    let first = lines.next().unwrap_or_default();
    lines.next().is_some() && first.strip_prefix(mark).is_some_and(|rest| rest.contains(mark))
}

fn first_line_end(span: Span, written: &str) -> usize {
    written.find(is_newline).map_or(span.end, |at| span.start + at)
}

/// Reports every instruction that a later one replaces, once.
fn lint_overridden(document: &Document, findings: &mut Vec<Finding>) {
    let mut last: HashMap<String, &Command> = HashMap::new();
    for command in document.commands().filter(|c| replaces_earlier(&c.instruction)) {
        let what = described(&command.instruction);
        if let Some(earlier) = last.insert(what.clone(), command) {
            let later = Position::of(document.source(), command.span.start);
            let kind = FindingKind::Overridden { what, later };
            findings.push(Finding { kind, span: earlier.span });
        }
    }
}

fn replaces_earlier(instruction: &Instruction) -> bool {
    match instruction {
        // A file may name a model and its projector, or several shards and drafts.
        Instruction::From(_) | Instruction::Draft(_) => false,
        Instruction::Parameter { name, .. } => {
            parameter_info(name.as_str()).is_none_or(|p| p.kind != ParameterKind::StringList)
        }
        other => !other.keyword().accumulates(),
    }
}

fn described(instruction: &Instruction) -> String {
    match instruction {
        Instruction::Parameter { name, .. } => format!("PARAMETER {name}"),
        other => other.keyword().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let document = Document::parse(format!("FROM a\n{text}"));
        lint(&document).iter().map(|finding| finding.kind.to_string()).collect()
    }

    #[test]
    fn a_good_file_has_no_findings() {
        let text = "PARAMETER stop a\nPARAMETER stop b\nPARAMETER seed -1\nLICENSE x\nLICENSE y\n\
                    MESSAGE user hi\nMESSAGE user there\nREQUIRES v0.14\nSYSTEM \"\"\"a \"b\"\nc\"\"\"";
        assert_eq!(messages(text), [""; 0]);
    }

    #[test]
    fn parameters_are_checked() {
        assert_eq!(messages("PARAMETER temperture 1"), ["unknown parameter `temperture`"]);
        assert_eq!(messages("PARAMETER top_p 2"), ["`top_p` is 2, expected 0 to 1"]);
        assert_eq!(messages("PARAMETER num_gqa 8"), ["parameter `num_gqa` no longer exists"]);
        assert_eq!(
            messages("PARAMETER mirostat 1"),
            ["parameter `mirostat` is deprecated and has no effect"]
        );
        assert!(messages("PARAMETER top_k x")[0].starts_with("invalid int value [x]"));
    }

    #[test]
    fn replaced_instructions_are_reported() {
        let found = messages("SYSTEM a\nSYSTEM b\nPARAMETER top_k 1\nPARAMETER top_k 2");
        assert_eq!(
            found,
            [
                "SYSTEM has no effect: line 3, column 1 replaces it",
                "PARAMETER top_k has no effect: line 5, column 1 replaces it"
            ]
        );
    }

    #[test]
    fn surprises_in_values_are_reported() {
        assert_eq!(
            messages("SYSTEM a\u{200b}b\u{a0}"),
            ["the value loses its invisible characters: 1, the first U+200B"]
        );
        assert_eq!(
            messages("SYSTEM \"a\" b\nPARAMETER stop \"x\""),
            ["text after the closing quote opens the value again, up to line 3"]
        );
        assert_eq!(messages("ADAPTER \"\""), ["ADAPTER names nothing"]);
        assert!(messages("REQUIRES soon")[0].contains("valid semver"));
    }

    #[test]
    fn findings_point_at_their_text() {
        let document = Document::parse("FROM a\nPARAMETER temperture 1\n");
        let findings = lint(&document);
        assert_eq!(findings[0].span.slice(document.source()), Some("temperture"));
        assert_eq!(findings[0].hint().as_deref(), Some("did you mean `temperature`?"));
        assert_eq!(findings[0].severity(), Severity::Error);
        let shown = findings[0].snippet(document.source(), "Modelfile").to_string();
        assert!(shown.contains("2 | PARAMETER temperture 1"), "{shown}");
    }
}
