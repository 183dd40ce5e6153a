//! What holds for every text.

use camelid_modelfile::{
    Document, Instruction, ItemKind, Keyword, Modelfile, ParameterName, Role, Text, decode, format,
    lint,
};
use proptest::prelude::*;

/// Texts made of the language's own pieces, which reach far more states than random ones.
fn fragments() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "FROM",
        "from",
        "PARAMETER",
        "MESSAGE",
        "SYSTEM",
        "REQUIRES",
        "BOGUS",
        "user",
        "stop",
        "top_k",
        "temperture",
        "1",
        "a",
        "é",
        " ",
        "  ",
        "\t",
        "\n",
        "\r\n",
        "\r",
        "\"",
        "\"\"\"",
        "#",
        "\u{200b}",
        "\u{feff}",
        "\0",
        "🐪",
        ":",
        "FROM a\n",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![3 => fragments(), 1 => any::<String>()]
}

fn value() -> impl Strategy<Value = Text> {
    texts().prop_filter_map("cannot be written", |text| Text::new(text).ok())
}

fn instruction() -> impl Strategy<Value = Instruction> {
    let name = "[A-Za-z0-9_]{1,8}".prop_map(|n| ParameterName::new(n).unwrap());
    let role = prop::sample::select(Role::ALL.to_vec());
    prop_oneof![
        value().prop_map(Instruction::From),
        value().prop_map(Instruction::System),
        value().prop_map(Instruction::Template),
        value().prop_map(Instruction::License),
        (name, value()).prop_map(|(name, value)| Instruction::Parameter { name, value }),
        (role, value()).prop_map(|(role, content)| Instruction::Message { role, content }),
    ]
}

/// The document with a `FROM` before it if it needs one, so that more texts count.
fn with_from(text: &str) -> Document {
    match Modelfile::parse(text) {
        Ok(_) => Document::parse(text),
        Err(_) => Document::parse(format!("FROM a\n{text}")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let document = Document::parse(decode(&bytes));
        for error in document.errors() {
            let _ = (error.to_string(), error.hint(), error.ollama_message());
            let _ = error.snippet(document.source(), "Modelfile").to_string();
        }
        let _ = lint(&document);
    }

    #[test]
    fn a_document_gives_its_source_back(text in texts()) {
        let document = Document::parse(text.clone());
        prop_assert_eq!(document.to_string(), text.clone());
        let mut end = 0;
        for item in document.items() {
            prop_assert_eq!(item.span.start, end, "items leave a gap or overlap");
            prop_assert!(!item.span.is_empty());
            end = item.span.end;
        }
        prop_assert_eq!(end, text.len());
    }

    #[test]
    fn what_was_parsed_prints_back_to_itself(text in texts()) {
        if let Ok(modelfile) = with_from(&text).modelfile() {
            prop_assert_eq!(Modelfile::parse(&modelfile.to_string()), Ok(modelfile));
        }
    }

    #[test]
    fn what_was_built_prints_back_to_itself(instructions in prop::collection::vec(instruction(), 0..6)) {
        if let Ok(modelfile) = Modelfile::new(instructions) {
            prop_assert_eq!(Modelfile::parse(&modelfile.to_string()), Ok(modelfile));
        }
    }

    #[test]
    fn formatting_keeps_the_meaning_and_settles(text in texts()) {
        let document = with_from(&text);
        let tidy = Document::parse(format(&document));
        if let Ok(modelfile) = document.modelfile() {
            prop_assert_eq!(tidy.modelfile(), Ok(modelfile));
        }
        prop_assert_eq!(format(&tidy), tidy.to_string());
    }

    #[test]
    fn spans_point_at_what_they_name(text in texts()) {
        let document = Document::parse(text);
        for item in document.items() {
            let ItemKind::Command(command) = &item.kind else { continue };
            let slice = |span: camelid_modelfile::Span| span.slice(document.source()).unwrap();
            prop_assert_eq!(Keyword::from_word(slice(command.keyword_span)), Some(command.instruction.keyword()));
            prop_assert_eq!(command.name_span.map(slice), command.instruction.name());
            prop_assert!(item.span == command.span);
        }
    }

    #[test]
    fn findings_lie_within_the_source(text in texts()) {
        let document = with_from(&text);
        for finding in lint(&document) {
            prop_assert!(finding.span.slice(document.source()).is_some(), "{finding:?}");
            let _ = finding.snippet(document.source(), "Modelfile").to_string();
        }
    }
}
