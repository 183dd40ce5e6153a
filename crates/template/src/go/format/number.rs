//! Numbers under `printf`'s verbs.

use super::quote;
use super::spec::Spec;

/// Prints an integer; false when the verb is not one for integers.
pub(super) fn int(out: &mut String, verb: char, n: i64, spec: &Spec) -> bool {
    let magnitude = n.unsigned_abs();
    let (digits, prefix) = match verb {
        'v' | 'd' => (magnitude.to_string(), ""),
        'b' => (format!("{magnitude:b}"), if spec.sharp { "0b" } else { "" }),
        'o' => (format!("{magnitude:o}"), if spec.sharp { "0" } else { "" }),
        'O' => (format!("{magnitude:o}"), "0o"),
        'x' => (format!("{magnitude:x}"), if spec.sharp { "0x" } else { "" }),
        'X' => (format!("{magnitude:X}"), if spec.sharp { "0X" } else { "" }),
        'c' => {
            spec.pad(out, &character(n).to_string());
            return true;
        }
        'q' => {
            spec.pad(out, &quoted_character(character(n)));
            return true;
        }
        'U' => {
            spec.pad(out, &unicode(n, spec.sharp));
            return true;
        }
        _ => return false,
    };
    let sign = sign(n < 0, spec);
    let taken = sign.len() + prefix.len();
    let fills = spec.zero && !spec.minus && spec.precision.is_none();
    let least = match spec.precision {
        Some(precision) => precision,
        None if fills => spec.width.unwrap_or(0).saturating_sub(taken),
        None => 0,
    };
    let digits = if spec.precision == Some(0) && n == 0 { String::new() } else { digits };
    let text = format!("{sign}{prefix}{digits:0>least$}");
    spec.pad_blank(out, &text);
    true
}

/// Prints a float; false when the verb is not one for floats.
pub(super) fn float(out: &mut String, verb: char, x: f64, spec: &Spec) -> bool {
    let magnitude = x.abs();
    let text = match verb {
        _ if !x.is_finite() => {
            let name = if x.is_nan() { "NaN" } else { "Inf" };
            let sign = if x.is_nan() {
                ""
            } else if x < 0.0 {
                "-"
            } else {
                "+"
            };
            let sign = if sign == "+" && !spec.plus && verb != 'v' { "" } else { sign };
            spec.pad_blank(out, &format!("{sign}{name}"));
            return matches!(verb, 'v' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G');
        }
        'v' | 'g' => general(magnitude, spec.precision),
        'G' => general(magnitude, spec.precision).to_uppercase(),
        'e' => exponential(magnitude, spec.precision.unwrap_or(6)),
        'E' => exponential(magnitude, spec.precision.unwrap_or(6)).to_uppercase(),
        'f' | 'F' => format!("{magnitude:.*}", spec.precision.unwrap_or(6)),
        _ => return false,
    };
    let sign = sign(x.is_sign_negative(), spec);
    let least = if spec.zero && !spec.minus { spec.width.unwrap_or(0) } else { 0 };
    let fill = least.saturating_sub(sign.len() + text.len());
    let text = format!("{sign}{}{text}", "0".repeat(fill));
    spec.pad_blank(out, &text);
    true
}

fn sign(negative: bool, spec: &Spec) -> &'static str {
    match (negative, spec.plus, spec.space) {
        (true, ..) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    }
}

/// `%g`: the shorter of the two notations; without a precision, as few digits as read back.
fn general(x: f64, precision: Option<usize>) -> String {
    let scientific = match precision {
        Some(n) => format!("{x:.*e}", n.max(1) - 1),
        None => format!("{x:e}"),
    };
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    };
    let n_digits = digits.bytes().filter(u8::is_ascii_digit).count();
    let n_whole = usize::try_from(exponent + 1).unwrap_or(0);
    let limit = match precision.map(|n| n.max(1)) {
        None => SHORTEST_LIMIT,
        Some(n) if n > n_digits && n_digits >= n_whole => n_digits,
        Some(n) => n,
    };
    if x != 0.0 && (exponent < -4 || n_whole > limit) {
        return with_exponent(digits, exponent);
    }
    let decimals = i32::try_from(n_digits).unwrap_or(i32::MAX) - 1 - exponent;
    format!("{x:.*}", usize::try_from(decimals).unwrap_or(0))
}

/// Digits before the point above which the shortest form is scientific.
const SHORTEST_LIMIT: usize = 6;

fn exponential(x: f64, precision: usize) -> String {
    let text = format!("{x:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    with_exponent(digits, exponent.parse().unwrap_or(0))
}

/// Go writes at least two digits of exponent, and its sign.
fn with_exponent(digits: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

fn character(n: i64) -> char {
    u32::try_from(n).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn quoted_character(c: char) -> String {
    match c {
        '\'' => r"'\''".to_owned(),
        '"' => "'\"'".to_owned(),
        c => {
            let quoted = quote(&c.to_string());
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    }
}

fn unicode(n: i64, sharp: bool) -> String {
    let code = format!("U+{n:04X}");
    if sharp { format!("{code} '{}'", character(n)) } else { code }
}
