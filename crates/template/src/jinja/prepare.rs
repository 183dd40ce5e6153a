//! What a template's text goes through before the engine parses it.
//!
//! Two things that `minijinja` cannot be configured to do:
//!
//! - Hugging Face teaches Jinja2 the tag `{% generation %}`, which prints its body unchanged (the
//!   training code reads the marked spans). It becomes `{% with %}`, a plain scope.
//! - Looping over `none` is an error in Python and an empty loop in `minijinja`. `{% for x in e %}`
//!   becomes `{% for x in (e)|iterated %}`, where `iterated` refuses `none`; a template that cannot
//!   do without tools then says so instead of printing half a prompt.
//!
//! Nothing is inserted that breaks a line, so positions in error messages stay true.

/// The filter that [`prepare`] puts around what loops run over.
pub(super) const ITERATED: &str = "iterated";

/// `source` for the engine. Text that is not well-formed passes through for the engine to refuse.
pub(super) fn prepare(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + source.len() / 16);
    let mut rest = source;
    while let Some(at) = rest.find("{%").into_iter().chain(rest.find("{#")).min() {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let length = if tag.starts_with("{#") { comment_length(tag) } else { tag_length(tag) };
        let (tag, after) = tag.split_at(length);
        rest = after;
        match tag_words(tag) {
            Some(("raw", _)) => {
                out.push_str(tag);
                let length = raw_length(rest);
                out.push_str(&rest[..length]);
                rest = &rest[length..];
            }
            Some(("generation", _)) => out.push_str(&tag.replacen("generation", "with", 1)),
            Some(("endgeneration", _)) => out.push_str(&tag.replacen("generation", "with", 1)),
            Some(("for", inside)) => wrap(&mut out, tag, inside, loop_iterable(inside), ITERATED),
            _ => out.push_str(tag),
        }
    }
    out.push_str(rest);
    out
}

/// Bytes of the comment that `text` starts with, or all of it when it does not end.
fn comment_length(text: &str) -> usize {
    text.find("#}").map_or(text.len(), |end| end + 2)
}

/// Bytes of the tag that `text` starts with; a `%}` inside a string does not end it.
fn tag_length(text: &str) -> usize {
    let mut quote = None;
    let bytes = text.as_bytes();
    let mut i = 2;
    while i < bytes.len() {
        match (quote, bytes[i]) {
            (Some(_), b'\\') => i += 1,
            (Some(open), byte) if byte == open => quote = None,
            (None, byte @ (b'"' | b'\'')) => quote = Some(byte),
            (None, b'%') if bytes.get(i + 1) == Some(&b'}') => return i + 2,
            _ => {}
        }
        i += 1;
    }
    text.len()
}

/// The first word of a tag and what stands between it and the tag's end.
fn tag_words(tag: &str) -> Option<(&str, &str)> {
    let inside = tag.strip_prefix("{%")?.strip_suffix("%}")?;
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside).trim_start();
    let inside = inside.strip_suffix(['-', '+']).unwrap_or(inside);
    let end = inside.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(inside.len());
    Some(inside.split_at(end))
}

/// Bytes up to the `{% endraw %}`, which the main loop then copies as any tag.
fn raw_length(text: &str) -> usize {
    let mut at = 0;
    while let Some(next) = text[at..].find("{%") {
        at += next;
        let tag = &text[at..at + tag_length(&text[at..])];
        if matches!(tag_words(tag), Some(("endraw", _))) {
            return at;
        }
        at += 2;
    }
    text.len()
}

/// Copies a tag with the expression at `range` of `inside` put through a filter.
fn wrap(
    out: &mut String,
    tag: &str,
    inside: &str,
    range: Option<std::ops::Range<usize>>,
    filter: &str,
) {
    let Some(range) = range.filter(|range| !inside[range.clone()].trim().is_empty()) else {
        out.push_str(tag);
        return;
    };
    let start = tag.len() - tag_tail(tag, inside);
    out.push_str(&tag[..start]);
    out.push_str(&inside[..range.start]);
    out.push_str(" (");
    out.push_str(inside[range.clone()].trim());
    out.push_str(")|");
    out.push_str(filter);
    out.push(' ');
    out.push_str(&inside[range.end..]);
    out.push_str(&tag[start + inside.len()..]);
}

/// Bytes from where `inside` starts in `tag` to the tag's end.
fn tag_tail(tag: &str, inside: &str) -> usize {
    let close = tag.len() - tag.trim_end_matches("%}").len();
    let sign = usize::from(tag[..tag.len() - close].ends_with(['-', '+']));
    inside.len() + close + sign
}

/// Where the iterable of `TARGET in ITERABLE [if TEST] [recursive]` stands.
///
/// The words count only outside strings and brackets.
fn loop_iterable(text: &str) -> Option<std::ops::Range<usize>> {
    let (mut depth, mut quote, mut start) = (0usize, None, None);
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        match (quote, bytes[i]) {
            (Some(_), b'\\') => i += 1,
            (Some(open), byte) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, byte @ (b'"' | b'\'')) => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            (None, byte) if depth == 0 && is_word(byte) => {
                let end = i + text[i..].bytes().take_while(|&b| is_word(b)).count();
                match (&text[i..end], start) {
                    ("in", None) => start = Some(end),
                    ("if" | "recursive", Some(start)) => return Some(start..i),
                    _ => {}
                }
                i = end;
                continue;
            }
            _ => {}
        }
        i += 1;
    }
    start.map(|start| start..text.len())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_are_guarded_and_all_else_is_kept() {
        for (source, wanted) in [
            ("{% for a in b %}x{% endfor %}", "{% for a in (b)|iterated %}x{% endfor %}"),
            ("{%- for k, v in d.items() -%}", "{%- for k, v in (d.items())|iterated -%}"),
            ("{% for a in b if a in c %}", "{% for a in (b)|iterated if a in c %}"),
            (
                "{% for a in (x if y else z) recursive %}",
                "{% for a in ((x if y else z))|iterated recursive %}",
            ),
            ("{% for a in ['if', \"%}\"] %}", "{% for a in (['if', \"%}\"])|iterated %}"),
            ("{% set x %}y{% endset %}", "{% set x %}y{% endset %}"),
            ("{% set x | f(a=1) %}y{% endset %}", "{% set x | f(a=1) %}y{% endset %}"),
            ("{{ 'for a in b' }}{{ 'set a = b' }}", "{{ 'for a in b' }}{{ 'set a = b' }}"),
            ("{# {% for a in b %} #}", "{# {% for a in b %} #}"),
            ("{% raw %}{% for a in b %}{% endraw %}", "{% raw %}{% for a in b %}{% endraw %}"),
            ("{% for %}", "{% for %}"),
            ("{% for a in", "{% for a in"),
        ] {
            assert_eq!(prepare(source), wanted);
        }
    }

    #[test]
    fn generation_marks_become_a_scope() {
        assert_eq!(prepare("{%- generation %}x{% endgeneration -%}"), "{%- with %}x{% endwith -%}");
    }
}
