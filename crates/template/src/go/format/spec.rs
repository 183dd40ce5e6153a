//! The parts of a `printf` directive: `%[flags][width][.precision][[index]]verb`.

use super::super::value::Value;

/// Go's bound on widths and precisions.
const MAX_WIDTH: i64 = 1_000_000;

/// Flags, width and precision of a directive.
#[derive(Debug, Clone, Default)]
pub(super) struct Spec {
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    /// An `[n]` that names no operand.
    pub(super) bad_index: bool,
    star_width: Option<Star>,
    star_precision: Option<Star>,
    index: Option<i64>,
    /// A number larger than the bound.
    too_large: bool,
}

/// A `*`, with the `[n]` before it.
#[derive(Debug, Clone, Copy)]
struct Star {
    index: Option<i64>,
}

/// A piece of a format text.
pub(super) enum Directive<'a> {
    /// Text that is copied.
    Text(&'a str),
    /// A directive with its verb.
    Verb(Spec, char),
    /// A `%` at the end.
    NoVerb,
}

/// The pieces of `format`.
pub(super) fn directives(format: &str) -> impl Iterator<Item = Directive<'_>> {
    let mut rest = format;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(after) = rest.strip_prefix('%') {
            let (directive, after) = directive(after);
            rest = after;
            return Some(directive);
        }
        let (text, after) = rest.split_at(rest.find('%').unwrap_or(rest.len()));
        rest = after;
        Some(Directive::Text(text))
    })
}

/// Parses what follows a `%`.
fn directive(text: &str) -> (Directive<'_>, &str) {
    let mut spec = Spec::default();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match c {
            '-' => spec.minus = true,
            '+' => spec.plus = true,
            '#' => spec.sharp = true,
            ' ' => spec.space = true,
            '0' => spec.zero = true,
            _ => break,
        }
        rest = &rest[1..];
    }
    let mut index = take_index(&mut rest, &mut spec);
    if let Some(after) = rest.strip_prefix('*') {
        rest = after;
        spec.star_width = Some(Star { index: index.take() });
    } else {
        spec.width = take_number(&mut rest, &mut spec.too_large);
    }
    if let Some(after) = rest.strip_prefix('.') {
        rest = after;
        index = index.or(take_index(&mut rest, &mut spec));
        if let Some(after) = rest.strip_prefix('*') {
            rest = after;
            spec.star_precision = Some(Star { index: index.take() });
        } else {
            spec.precision = Some(take_number(&mut rest, &mut spec.too_large).unwrap_or(0));
        }
    }
    spec.index = index.or(take_index(&mut rest, &mut spec));
    match rest.chars().next() {
        Some(verb) => (Directive::Verb(spec, verb), &rest[verb.len_utf8()..]),
        None => (Directive::NoVerb, ""),
    }
}

/// Reads an `[n]`; a malformed one marks the directive.
fn take_index(rest: &mut &str, spec: &mut Spec) -> Option<i64> {
    let after = rest.strip_prefix('[')?;
    let Some((number, after)) = after.split_once(']') else {
        spec.bad_index = true;
        *rest = after;
        return None;
    };
    *rest = after;
    match number.parse::<i64>() {
        Ok(n) if n >= 1 => Some(n),
        _ => {
            spec.bad_index = true;
            None
        }
    }
}

fn take_number(rest: &mut &str, too_large: &mut bool) -> Option<usize> {
    let width = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, after) = rest.split_at(width);
    if digits.is_empty() {
        return None;
    }
    *rest = after;
    match digits.parse::<i64>() {
        Ok(n) if n <= MAX_WIDTH => usize::try_from(n).ok(),
        _ => {
            *too_large = true;
            None
        }
    }
}

impl Spec {
    /// Takes `*` and `[n]` from the operands, `next` being the one that comes next; tells whether
    /// the order was changed, which silences Go's complaint about operands left over.
    pub(super) fn resolve(&mut self, values: &[Value], next: &mut usize, out: &mut String) -> bool {
        let mut reordered = self.bad_index;
        if let Some(star) = self.star_width.take() {
            reordered |= self.seek(star.index, values, next);
            match star_value(values, next) {
                Some(n) => {
                    self.minus |= n < 0;
                    self.width = usize::try_from(n.unsigned_abs()).ok();
                }
                None => out.push_str("%!(BADWIDTH)"),
            }
        }
        if let Some(star) = self.star_precision.take() {
            reordered |= self.seek(star.index, values, next);
            match star_value(values, next) {
                Some(n) => self.precision = usize::try_from(n).ok(),
                None => out.push_str("%!(BADPREC)"),
            }
        }
        if self.too_large {
            out.push_str("%!(BADWIDTH)");
        }
        reordered | self.seek(self.index, values, next)
    }

    fn seek(&mut self, index: Option<i64>, values: &[Value], next: &mut usize) -> bool {
        let Some(index) = index else { return false };
        match usize::try_from(index - 1) {
            Ok(at) if at < values.len() => *next = at,
            _ => self.bad_index = true,
        }
        true
    }

    /// Appends `text` at this width, blanks (or zeros, when asked for) filling it.
    pub(super) fn pad(&self, out: &mut String, text: &str) {
        self.pad_with(out, text, if self.zero { '0' } else { ' ' });
    }

    /// The same with blanks, for numbers, whose zeros stand after the sign.
    pub(super) fn pad_blank(&self, out: &mut String, text: &str) {
        self.pad_with(out, text, ' ');
    }

    fn pad_with(&self, out: &mut String, text: &str, fill: char) {
        let missing = self.width.unwrap_or(0).saturating_sub(text.chars().count());
        if self.minus {
            out.push_str(text);
            out.extend(std::iter::repeat_n(' ', missing));
        } else {
            out.extend(std::iter::repeat_n(fill, missing));
            out.push_str(text);
        }
    }
}

fn star_value(values: &[Value], next: &mut usize) -> Option<i64> {
    let value = values.get(*next);
    *next += usize::from(value.is_some());
    match value {
        Some(Value::Int(n)) if n.unsigned_abs() <= MAX_WIDTH.unsigned_abs() => Some(*n),
        _ => None,
    }
}
