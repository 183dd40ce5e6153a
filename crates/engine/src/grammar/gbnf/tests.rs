mod language;

use super::*;

fn error(source: &str) -> GbnfError {
    to_lark(source).expect_err(source)
}

fn lark(source: &str) -> String {
    to_lark(source).unwrap_or_else(|error| panic!("{source}: {error}"))
}

#[test]
fn a_grammar_without_recursion_is_one_lexeme() {
    let source = "root ::= \"a\\n\" digit{2,3} # and so on\n\ndigit ::= [0-9]";
    assert_eq!(lark(source), "start: r0\nr0: /(?:(?:a\\x{A})(?:[0-9]){2,3})/\n");
}

#[test]
fn what_stands_between_recursions_is_one_lexeme() {
    let source = r#"root ::= "((" root "))" | "yes" | [0-9]+"#;
    let want = r"(/(?:\x{28}\x{28})/ r0 /(?:\x{29}\x{29})/) | /(?:yes)/ | /(?:[0-9])+/";
    assert!(lark(source).contains(want), "{}", lark(source));
}

#[test]
fn a_longest_lexeme_that_could_be_wrong_is_taken_apart() {
    // The longest `a+` would leave nothing of `aab` to the rule behind it.
    let translated = lark("root ::= [a]+ end\nend ::= \"ab\" | \"(\" end \")\"");
    assert!(translated.contains("(/a/)+ r1"), "{translated}");
    let translated = lark("root ::= [a]+ end\nend ::= \"b\" | \"(\" end \")\"");
    assert!(translated.contains("/(?:a)+/ r1"), "{translated}");
}

#[test]
fn characters_with_the_same_first_byte_are_taken_apart() {
    let translated = lark("root ::= [é]+ end\nend ::= \"è\" | \"(\" end \")\"");
    assert!(translated.contains(r"(/\x{E9}/)+ r1"), "{translated}");
}

#[test]
fn what_a_json_text_is_made_of_are_lexemes() {
    let translated = lark(language::JSON);
    // A string with its escapes, the colon and the blanks behind.
    let (escape, colon) = (r"(?:u(?:[0-9A-Fa-f]){4})", r"\x{3A}(?:[\x{9}-\x{A}\x{20}]){0,3}");
    let is_member = |line: &str| line.contains(escape) && line.contains(colon);
    assert!(translated.lines().any(is_member), "{translated}");
    assert!(!translated.contains("/[0-9]/"), "{translated}");
}

#[test]
fn what_is_not_gbnf_is_refused_with_its_place() {
    for (source, want) in [
        ("root ::= \"a", "line 1, column 12: found the end, expected a character or `\"`"),
        ("root ::= \"\\q\"", "line 1, column 12: found 'q', expected one of"),
        ("root ::= \"\\u12g4\"", "line 1, column 15: found 'g', expected a hexadecimal digit"),
        ("root ::= \"\\uD800\"", "line 1, column 13: found U+D800, expected a character"),
        ("root ::= \"\\UFFFFFFFF\"", "line 1, column 13: found U+FFFFFFFF"),
        ("root ::= [z-a]", "line 1, column 10: found a range from 'z' to 'a'"),
        ("root ::= []", "line 1, column 10: found a class without a character"),
        ("root ::= [^]", "line 1, column 10: found a class without a character"),
        ("root ::= [a", "line 1, column 12: found the end, expected a character or `]`"),
        ("root ::= (\"a\"\n\"b\"", "line 2, column 4: found the end, expected an item, `|` or `)`"),
        ("root ::= \"a\")", "line 1, column 13: found ')', expected an item, `|`, or a new line"),
        ("root ::= *", "line 1, column 10: found '*', expected an item"),
        ("root ::= \"a\"{,3}", "line 1, column 14: found ',', expected a number of repetitions"),
        ("root ::= \"a\"{3,2}", "line 1, column 13: found {3,2}, expected the smaller number"),
        ("root ::= \"a\"**", "line 1, column 14: found '*'"),
        ("root = \"a\"", "line 1, column 6: found '=', expected `::=`"),
        ("root ::= \"a\"\n| \"b\"", "line 2, column 1: found '|', expected the name of a rule"),
        ("root ::= \"a\"{2001}", "line 1, column 14: repetitions: found 2001, at most 2000"),
        ("root ::= \"a\"{99999999999}", "repetitions: found 4294967295, at most 2000"),
        ("root ::= (\"a\"{50}){50}", "repetitions of repetitions: found 2500, at most 2000"),
        ("root ::= <think>", "line 1, column 10: tokens (`<think>`) are not supported"),
        ("root ::= !<[12]>", "line 1, column 10: tokens (`!<[12]>`) are not supported"),
        ("root ::= a\n", "line 1, column 10: rule `a` is not defined"),
        (
            "root ::= \"a\"\nroot ::= \"b\"",
            "line 2, column 1: rule `root` is already defined at line 1",
        ),
        ("start ::= \"a\"", "rule `root`, with which every text begins, is not defined"),
        ("", "rule `root`"),
        ("root ::= \"a\" root", "line 1, column 1: rule `root` has no end"),
        ("root ::= \"a\"\nx ::= y | x\ny ::= x \"a\"", "line 2, column 1: rule `x` has no end"),
    ] {
        let text = error(source).to_string();
        assert!(text.starts_with(want) || text.contains(want), "{source}: {text}");
    }
}

#[test]
fn sources_beyond_the_limits_are_refused() {
    let deep = |n: usize| format!("root ::= {}\"a\"{}", "(".repeat(n), ")".repeat(n));
    assert!(to_lark(&deep(MAX_DEPTH)).is_ok());
    assert!(matches!(error(&deep(MAX_DEPTH + 1)), GbnfError::Limit { .. }));
    let long = format!("root ::= \"a\" #{}", " ".repeat(MAX_SOURCE_LEN));
    assert!(matches!(error(&long), GbnfError::Limit { .. }));
}

#[test]
fn what_is_large_is_translated_in_bounded_time() {
    // Rules that name each other twice, a long chain, a long literal, and much that is ambiguous.
    let doubling: String = (0..500).map(|i| format!("r{i} ::= r{} r{}\n", i + 1, i + 1)).collect();
    lark(&format!("root ::= r0 | \"(\" root \")\"\n{doubling}r500 ::= \"a\""));
    let chain: String = (0..5000).map(|i| format!("r{i} ::= r{}\n", i + 1)).collect();
    lark(&format!("root ::= r0\n{chain}r5000 ::= \"a\""));
    lark(&format!("root ::= \"{}\" root?", "a".repeat(100_000)));
    lark(&format!("root ::= ({})* root?", "[a-z]* | ".repeat(2000)));
}
