//! Durations as Go writes them: `1h30m`, `500ms`, `-1.5s`, `0`.
//!
//! Grammar: an optional sign, then one or more numbers (decimals allowed), each with a unit among
//! `ns`, `us`, `µs`, `ms`, `s`, `m`, `h`; a bare `0` needs no unit. Values are signed nanoseconds in
//! an `i64`, about 292 years either way, and what does not fit is refused. The error texts are the
//! ones that Ollama's clients see.

use std::time::Duration;

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// Not of the grammar, or beyond the range.
    #[error("time: invalid duration {text:?}")]
    Invalid {
        /// The whole text.
        text: String,
    },
    /// A number stands without a unit.
    #[error("time: missing unit in duration {text:?}")]
    MissingUnit {
        /// The whole text.
        text: String,
    },
    /// A unit that does not exist.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// The unit found.
        unit: String,
        /// The whole text.
        text: String,
    },
}

/// Reads a duration. Units: nanoseconds, negative for a leading `-`.
///
/// # Errors
/// When `text` is not of the grammar above, or exceeds the range of an `i64`.
///
/// # Examples
/// ```
/// use camelid_api_types::duration;
///
/// assert_eq!(duration::parse_ns("1m30s")?, 90_000_000_000);
/// assert_eq!(duration::parse_ns("-1.5ms")?, -1_500_000);
/// # Ok::<(), duration::DurationError>(())
/// ```
pub fn parse_ns(text: &str) -> Result<i64, DurationError> {
    let invalid = || DurationError::Invalid { text: text.to_owned() };
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (term, after) = parse_term(text, rest)?;
        total = total.checked_add(term).ok_or_else(invalid)?;
        rest = after;
    }
    // The magnitude of i64::MIN is one more than that of i64::MAX.
    match negative {
        true => 0i64.checked_sub_unsigned(total),
        false => i64::try_from(total).ok(),
    }
    .ok_or_else(invalid)
}

/// Reads one number with its unit off the front of `rest`; `text` is the whole, for errors.
fn parse_term<'a>(text: &str, rest: &'a str) -> Result<(u64, &'a str), DurationError> {
    let invalid = || DurationError::Invalid { text: text.to_owned() };
    let (whole, rest) = split_digits(rest);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => split_digits(after),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let unit_len = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_len);
    if unit.is_empty() {
        return Err(DurationError::MissingUnit { text: text.to_owned() });
    }
    let unit_ns = unit_ns(unit).ok_or_else(|| DurationError::UnknownUnit {
        unit: unit.to_owned(),
        text: text.to_owned(),
    })?;
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
    let ns = whole.checked_mul(unit_ns).ok_or_else(invalid)?;
    let ns = ns.checked_add(fraction_ns(fraction, unit_ns)).ok_or_else(invalid)?;
    Ok((ns, rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn unit_ns(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        // The micro sign and the Greek letter mu are different characters.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3_600 * 1_000_000_000,
        _ => return None,
    })
}

/// The part of `unit_ns` that the digits after the point stand for, rounded down.
fn fraction_ns(digits: &str, unit_ns: u64) -> u64 {
    // An hour is 3.6e12 ns: what the digits beyond the eighteenth add is less than one.
    let (mut scale, mut value) = (1u128, 0u128);
    for digit in digits.bytes().take(18) {
        scale *= 10;
        value = value * 10 + u128::from(digit - b'0');
    }
    u64::try_from(value * u128::from(unit_ns) / scale)
        .expect("because value < scale, the quotient is below unit_ns")
}

/// Writes a duration the way Go prints one: `0s`, `1.5µs`, `20ms`, `1m30s`, `2h0m0.5s`.
pub fn format(duration: Duration) -> String {
    let ns = duration.as_nanos();
    match ns {
        0 => "0s".to_owned(),
        1..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => decimal(ns, 1_000, "µs"),
        1_000_000..1_000_000_000 => decimal(ns, 1_000_000, "ms"),
        _ => {
            let (minutes, rest) = (ns / 60_000_000_000, ns % 60_000_000_000);
            let seconds = decimal(rest, 1_000_000_000, "s");
            match (minutes / 60, minutes % 60) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    }
}

/// `ns` in `unit`s as a decimal without trailing zeros.
fn decimal(ns: u128, unit: u128, name: &str) -> String {
    let n_digits = usize::try_from(unit.ilog10()).expect("because a logarithm is small");
    let fraction = format!("{:0n_digits$}", ns % unit);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction}{name}", ns / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let cases = [
            ("0", 0),
            ("-0", 0),
            ("+5s", 5_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("500ms", 500_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("2us3\u{b5}s4\u{3bc}s", 9_000),
            ("-10m", -600_000_000_000),
            ("0.3333333333333333333h", 1_199_999_999_999),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
        ];
        for (text, want) in cases {
            assert_eq!(parse_ns(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn errors_read_as_clients_know_them() {
        let cases = [
            ("", r#"time: invalid duration """#),
            ("soon", r#"time: invalid duration "soon""#),
            ("-", r#"time: invalid duration "-""#),
            (".s", r#"time: invalid duration ".s""#),
            ("5", r#"time: missing unit in duration "5""#),
            ("1h5", r#"time: missing unit in duration "1h5""#),
            ("5y", r#"time: unknown unit "y" in duration "5y""#),
            ("1 s", r#"time: unknown unit " s" in duration "1 s""#),
            ("9223372036854775808ns", r#"time: invalid duration "9223372036854775808ns""#),
            ("99999999999999999999h", r#"time: invalid duration "99999999999999999999h""#),
            ("3000000h", r#"time: invalid duration "3000000h""#),
        ];
        for (text, want) in cases {
            assert_eq!(parse_ns(text).expect_err(text).to_string(), want);
        }
    }

    #[test]
    fn durations_are_written_as_go_prints_them() {
        let cases = [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (20_000_000, "20ms"),
            (1_000_000_000, "1s"),
            (1_000_000_001, "1.000000001s"),
            (90_000_000_000, "1m30s"),
            (300_000_000_000, "5m0s"),
            (7_200_500_000_000, "2h0m0.5s"),
        ];
        for (ns, want) in cases {
            assert_eq!(format(Duration::from_nanos(ns)), want);
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for ns in [0u64, 1, 999, 1_000, 123_456_789, 60_000_000_000, 3_599_999_999_999] {
            let text = format(Duration::from_nanos(ns));
            assert_eq!(parse_ns(&text).map(u64::try_from), Ok(Ok(ns)), "{text}");
        }
    }
}
