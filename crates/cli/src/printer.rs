//! Shows an answer on the terminal while it arrives.

use std::io::{IsTerminal, Write};

use camelid_api_types::ollama::Metrics;
use indicatif::ProgressBar;

use crate::{args::RunArgs, human, word_wrap::WordWrap};

const GREY: &str = "\x1b[90m";
const GREY_BOLD: &str = "\x1b[1;90m";
const RESET: &str = "\x1b[0m";

/// How answers are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// Columns to wrap words at; `None` does not wrap.
    pub(crate) wrap: Option<usize>,
    pub(crate) color: bool,
    pub(crate) show_thinking: bool,
    pub(crate) statistics: bool,
}

impl Style {
    /// As the flags say, and as what stdout is allows: no codes for a file or another program.
    pub(crate) fn new(args: &RunArgs) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Self {
            wrap: width.filter(|_| is_terminal && !args.nowordwrap),
            color: is_terminal,
            show_thinking: !args.hidethinking,
            statistics: args.verbose,
        }
    }
}

/// One answer's way to stdout.
pub(crate) struct Printer<W> {
    out: W,
    style: Style,
    wrap: Option<WordWrap>,
    is_thinking: bool,
    ends_line: bool,
    spinner: Option<ProgressBar>,
}

impl<W: Write> Printer<W> {
    /// Shows a spinner on stderr, if that is a terminal, until the first text.
    pub(crate) fn new(out: W, style: Style) -> Self {
        let spinner = ProgressBar::new_spinner();
        spinner.enable_steady_tick(std::time::Duration::from_millis(100));
        let wrap = style.wrap.and_then(WordWrap::new);
        Self { out, style, wrap, is_thinking: false, ends_line: true, spinner: Some(spinner) }
    }

    /// Shows some of what the model thinks.
    pub(crate) fn thinking(&mut self, text: &str) -> std::io::Result<()> {
        if text.is_empty() || !self.style.show_thinking {
            return Ok(());
        }
        self.stop_spinner();
        if !self.is_thinking {
            self.is_thinking = true;
            let (begin, end) = self.codes(GREY_BOLD);
            let grey = self.codes(GREY).0;
            write!(self.out, "{begin}Thinking...{end}\n{grey}")?;
        }
        self.write(text)
    }

    /// Shows some of the answer.
    pub(crate) fn text(&mut self, text: &str) -> std::io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.stop_spinner();
        self.end_thinking()?;
        self.write(text)
    }

    /// Ends the answer: a blank line, and the statistics on stderr if they are wanted.
    pub(crate) fn finish(mut self, metrics: &Metrics) -> std::io::Result<()> {
        self.stop_spinner();
        self.end_thinking()?;
        self.out.write_all(b"\n\n")?;
        self.out.flush()?;
        if self.style.statistics {
            std::io::stderr().write_all(statistics(metrics).as_bytes())?;
        }
        Ok(())
    }

    fn end_thinking(&mut self) -> std::io::Result<()> {
        if !std::mem::take(&mut self.is_thinking) {
            return Ok(());
        }
        if !self.ends_line {
            self.out.write_all(b"\n")?;
        }
        let (begin, end) = self.codes(GREY_BOLD);
        self.wrap = self.style.wrap.and_then(WordWrap::new);
        write!(self.out, "{begin}...done thinking.{end}\n\n")
    }

    fn write(&mut self, text: &str) -> std::io::Result<()> {
        self.ends_line = text.ends_with('\n');
        match &mut self.wrap {
            Some(wrap) => self.out.write_all(wrap.push(text).as_bytes())?,
            None => self.out.write_all(text.as_bytes())?,
        }
        self.out.flush()
    }

    fn codes(&self, begin: &'static str) -> (&'static str, &'static str) {
        if self.style.color { (begin, RESET) } else { ("", "") }
    }

    fn stop_spinner(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }
}

/// Durations, counts and rates, a line each; what is zero is left out.
fn statistics(m: &Metrics) -> String {
    let mut lines = String::new();
    let mut line = |label: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.push_str(&format!("{label:<22}{value}\n"));
        }
    };
    let duration = |d: std::time::Duration| (!d.is_zero()).then(|| human::duration(d));
    let count = |n: u64| (n > 0).then(|| format!("{n} token(s)"));
    let rate = |n: u64, d: std::time::Duration| {
        (n > 0 && !d.is_zero()).then(|| format!("{:.2} tokens/s", n as f64 / d.as_secs_f64()))
    };
    line("total duration:", duration(m.total_duration));
    line("load duration:", duration(m.load_duration));
    line("prompt eval count:", count(m.prompt_eval_count));
    line("prompt eval duration:", duration(m.prompt_eval_duration));
    line("prompt eval rate:", rate(m.prompt_eval_count, m.prompt_eval_duration));
    line("eval count:", count(m.eval_count));
    line("eval duration:", duration(m.eval_duration));
    line("eval rate:", rate(m.eval_count, m.eval_duration));
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shown(style: Style, act: impl FnOnce(&mut Printer<&mut Vec<u8>>)) -> String {
        let mut out = Vec::new();
        let mut printer = Printer::new(&mut out, style);
        act(&mut printer);
        printer.finish(&Metrics::default()).unwrap();
        String::from_utf8(out).unwrap()
    }

    const PLAIN: Style = Style { wrap: None, color: false, show_thinking: true, statistics: false };

    #[test]
    fn thinking_is_told_from_the_answer() {
        fn think(p: &mut Printer<&mut Vec<u8>>) {
            p.thinking("2 + 2").unwrap();
            p.thinking(" = 4").unwrap();
            p.text("Four.").unwrap();
        }
        assert_eq!(shown(PLAIN, think), "Thinking...\n2 + 2 = 4\n...done thinking.\n\nFour.\n\n");
        let hidden = Style { show_thinking: false, ..PLAIN };
        assert_eq!(shown(hidden, think), "Four.\n\n");
    }

    #[test]
    fn colors_are_for_terminals_only() {
        fn think(p: &mut Printer<&mut Vec<u8>>) {
            p.thinking("x").unwrap();
        }
        assert!(!shown(PLAIN, think).contains('\x1b'));
        assert!(shown(Style { color: true, ..PLAIN }, think).contains(GREY_BOLD));
    }

    #[test]
    fn statistics_leave_out_what_is_zero() {
        let metrics = Metrics {
            total_duration: Duration::from_millis(4100),
            prompt_eval_count: 26,
            prompt_eval_duration: Duration::from_millis(130),
            eval_count: 259,
            eval_duration: Duration::from_millis(3900),
            ..Metrics::default()
        };
        insta::assert_snapshot!(statistics(&metrics), @"
        total duration:       4.1s
        prompt eval count:    26 token(s)
        prompt eval duration: 130ms
        prompt eval rate:     200.00 tokens/s
        eval count:           259 token(s)
        eval duration:        3.9s
        eval rate:            66.41 tokens/s
        ");
    }
}
