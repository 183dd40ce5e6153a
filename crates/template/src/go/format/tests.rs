//! `fmt` against what Go prints.

use super::*;

fn values(json: serde_json::Value) -> Vec<Value> {
    json.as_array().expect("a list").iter().map(Value::from).collect()
}

#[test]
fn printf_prints_as_go_does() {
    let int = Value::Int;
    let float = Value::Float;
    let string = |s: &str| Value::from(s);
    for (format, operands, wanted) in [
        ("%d|%5d|%-5d|%05d|%+d", vec![int(42); 5], "42|   42|42   |00042|+42"),
        ("%x %X %#x %o %b %c %q %U", vec![int(65); 8], "41 41 0x41 101 1000001 A 'A' U+0041"),
        ("%.3d", vec![int(7)], "007"),
        ("%05d", vec![int(-42)], "-0042"),
        ("%v %v", vec![float(1.5), float(1e6)], "1.5 1e+06"),
        ("%v %v", vec![float(100_000.0), float(123_456_789.0)], "100000 1.23456789e+08"),
        ("%f %.1f %e %g", vec![float(2.5); 4], "2.500000 2.5 2.500000e+00 2.5"),
        ("%8.3f|%-8.2f|%08.3f", vec![float(2.71809); 3], "   2.718|2.72    |0002.718"),
        (
            "%.4g %.4g %.3g",
            vec![float(123.45), float(0.000_012_345), float(12312.2)],
            "123.5 1.234e-05 1.23e+04",
        ),
        ("%v", vec![float(0.000_05)], "5e-05"),
        ("%s|%5s|%-5s|%.2s|%q|%x", vec![string("abc"); 6], "abc|  abc|abc  |ab|\"abc\"|616263"),
        ("%v %t", vec![Value::Bool(true), Value::Bool(false)], "true false"),
        ("%T %T %T", vec![Value::Int(1), Value::from("a"), Value::Nil], "int string <nil>"),
        ("%d%%", vec![int(5)], "5%"),
        (
            "%*d|%-*d|%.*f",
            vec![
                Value::Int(4),
                Value::Int(1),
                Value::Int(3),
                Value::Int(2),
                Value::Int(1),
                Value::Float(2.25),
            ],
            "   1|2  |2.2",
        ),
        ("%[2]d %[1]d", vec![Value::Int(1), Value::Int(2)], "2 1"),
        ("%[5]d", vec![int(1)], "%!d(BADINDEX)"),
        ("%d", vec![string("x")], "%!d(string=x)"),
        ("%s", vec![int(5)], "%!s(int=5)"),
        ("%s", vec![Value::Nil], "%!s(<nil>)"),
        ("%s", vec![], "%!s(MISSING)"),
        ("%", vec![], "%!(NOVERB)"),
        ("a", vec![int(1)], "a%!(EXTRA int=1)"),
        ("%s %d", values(serde_json::json!([["a", "b"], ["c"]])), "[a b] [%!d(string=c)]"),
    ] {
        assert_eq!(sprintf(format, &operands, 1 << 20), wanted, "{format}");
    }
}

#[test]
fn compound_values_print_by_structure() {
    let list = values(serde_json::json!([{"b": [1, null], "a": "x"}]));
    assert_eq!(sprint(&list), "map[a:x b:[1 <nil>]]");
    assert_eq!(
        sprintf("%#v", &list, 99),
        "map[string]interface {}{\"a\":\"x\", \"b\":[]interface {}{1, <nil>}}"
    );
}

#[test]
fn sprint_separates_what_are_not_strings() {
    let operands =
        [Value::from("a"), Value::Int(1), Value::Int(2), Value::from("b"), Value::Int(3)];
    assert_eq!(sprint(&operands), "a1 2b3");
    assert_eq!(sprintln(&operands[..2]), "a 1\n");
}

#[test]
fn absurd_widths_stay_bounded() {
    assert!(sprintf("%99999999999d", &[Value::Int(1)], 100).len() < 100);
    let long = sprintf(&"%1000000d".repeat(100), &vec![Value::Int(1); 100], 1000);
    assert!(long.len() < 2_000_000);
}
