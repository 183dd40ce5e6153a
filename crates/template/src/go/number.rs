//! Go's literals: numbers, characters and quoted strings.

use super::value::Value;

/// What a numeric literal means, or Go's complaint.
pub(super) fn parse_number(text: &str) -> Result<Value, String> {
    let plain = text.replace('_', "");
    if let Some(value) = parse_int(&plain) {
        return Ok(Value::Int(value));
    }
    let digits = plain.trim_start_matches(['+', '-']);
    let integral = digits.bytes().all(|b| b.is_ascii_digit());
    let decimal = digits.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
    match plain.parse::<f64>() {
        Ok(_) if integral => Err(format!("integer overflow: {text:?}")),
        Ok(value) if decimal && value.is_finite() => Ok(Value::Float(value)),
        _ => Err(format!("bad number syntax: {text:?}")),
    }
}

/// Decimal, `0x`, `0o`, `0b`, and the old octal with a leading zero.
fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, radix).ok()?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// The value of `'x'`.
pub(super) fn parse_char(text: &str) -> Result<Value, String> {
    let malformed = || format!("malformed character constant: {text}");
    let inner = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')).ok_or_else(malformed)?;
    let mut chars = inner.chars();
    let mut bytes = Vec::new();
    let code = match chars.next().ok_or_else(malformed)? {
        '\\' => unescape(&mut chars, '\'', &mut bytes).ok_or_else(malformed)?,
        c => u32::from(c),
    };
    if chars.next().is_some() { Err(malformed()) } else { Ok(Value::Int(i64::from(code))) }
}

/// The text of `"..."` with Go's escapes resolved; `None` when one is not valid.
///
/// Byte escapes (`\xff`) that do not make UTF-8 turn into replacement characters.
pub(super) fn unquote(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                unescape(&mut chars, '"', &mut bytes)?;
            }
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Some(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into()))
}

/// Reads what follows a backslash; appends its bytes and returns its code.
fn unescape(chars: &mut std::str::Chars<'_>, quote: char, bytes: &mut Vec<u8>) -> Option<u32> {
    let simple = match chars.next()? {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' => '\\',
        c if c == quote => c,
        'x' => return push_byte(digits(chars, 2, 16, 0)?, bytes),
        c @ '0'..='7' => return push_byte(digits(chars, 2, 8, c.to_digit(8)?)?, bytes),
        'u' => char::from_u32(digits(chars, 4, 16, 0)?)?,
        'U' => char::from_u32(digits(chars, 8, 16, 0)?)?,
        _ => return None,
    };
    bytes.extend_from_slice(simple.encode_utf8(&mut [0; 4]).as_bytes());
    Some(u32::from(simple))
}

fn push_byte(code: u32, bytes: &mut Vec<u8>) -> Option<u32> {
    bytes.push(u8::try_from(code).ok()?);
    Some(code)
}

fn digits(chars: &mut std::str::Chars<'_>, count: usize, radix: u32, start: u32) -> Option<u32> {
    (0..count).try_fold(start, |code, _| {
        code.checked_mul(radix)?.checked_add(chars.next()?.to_digit(radix)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_in_go() {
        for (text, wanted) in [
            ("0", "Int(0)"),
            ("-5", "Int(-5)"),
            ("0x1F", "Int(31)"),
            ("0b101", "Int(5)"),
            ("017", "Int(15)"),
            ("1_000", "Int(1000)"),
            ("1e3", "Float(1000.0)"),
            ("-9223372036854775808", "Int(-9223372036854775808)"),
            (".5", "Float(0.5)"),
        ] {
            assert_eq!(format!("{:?}", parse_number(text).expect("a number")), wanted, "{text}");
        }
        for text in ["3k", "0x", "--1", "1e999", "", "nan", "inf", "9223372036854775808"] {
            assert!(parse_number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn escapes_resolve() {
        assert_eq!(
            unquote(r#""a\n\"\\\x41\101\u00e9\U0001F600""#).as_deref(),
            Some("a\n\"\\AAé😀")
        );
        assert_eq!(unquote(r#""\q""#), None);
        assert_eq!(unquote(r#""\ud800""#), None);
        assert_eq!(unquote(r#""\777""#), None);
        assert!(matches!(parse_char("'a'"), Ok(Value::Int(97))));
        assert!(matches!(parse_char(r"'\''"), Ok(Value::Int(39))));
        assert!(parse_char("'ab'").is_err());
        assert!(parse_char("''").is_err());
    }
}
