//! How long a tokenizer takes for texts of 1 MB, the friendly and the hostile ones.
//!
//! ```text
//! cargo run --release -p camelid-engine --example tokenizer_speed -- model.gguf [more.gguf ...]
//! ```
//!
//! A server reads what strangers send: no text may take a time that grows with its square. Each
//! kind is encoded at 1 MB and at 2 MB; the last column is the ratio of both times, 2 where the
//! time is linear.
#![allow(clippy::print_stdout, reason = "an example reports by printing")]

use std::time::{Duration, Instant};

use camelid_engine::{Error, Special, Tokenizer, gguf::GgufFile};

const N_BYTES: usize = 1 << 20;

fn main() -> Result<(), Error> {
    for path in std::env::args().skip(1) {
        let start = Instant::now();
        let file = GgufFile::open(&path)?;
        let tokenizer = Tokenizer::from_metadata(file.metadata())?;
        println!("{path}: loaded in {:.0?}", start.elapsed());
        println!("{:>22} {:>10} {:>10} {:>6}", "text", "tokens", "1 MB", "ratio");
        for (name, unit) in texts() {
            let (n_tokens, once) = encode(&tokenizer, &fill(&unit, N_BYTES))?;
            let (_, twice) = encode(&tokenizer, &fill(&unit, 2 * N_BYTES))?;
            let ratio = twice.as_secs_f64() / once.as_secs_f64();
            println!("{name:>22} {n_tokens:>10} {once:>10.0?} {ratio:>6.1}");
        }
    }
    Ok(())
}

fn encode(tokenizer: &Tokenizer, text: &str) -> Result<(usize, Duration), Error> {
    let start = Instant::now();
    let tokens = tokenizer.encode(text, Special::AsText)?;
    Ok((tokens.len(), start.elapsed()))
}

/// `unit` again and again, at most `n_bytes` of it.
fn fill(unit: &str, n_bytes: usize) -> String {
    let text = unit.repeat(n_bytes / unit.len() + 1);
    text[..text.floor_char_boundary(n_bytes)].to_owned()
}

/// Names and the units the texts are made of.
fn texts() -> Vec<(&'static str, String)> {
    let prose = "The camel, a humped creature of the desert, doesn't drink for 17 days. Its feet \
                 are wide; its temper is short! \n\nNobody knows why it hums.\n";
    let code = "fn add(a: &[f32], b: &mut [f32]) {\n    for (x, y) in a.iter().zip(b) {\n        \
                *y += x * 2.0; // 0x7fff_ffff\n    }\n}\n";
    vec![
        ("prose", prose.to_owned()),
        ("random words", random(40_000, |n| if n % 6 == 0 { ' ' } else { letter(n) })),
        ("code", code.to_owned()),
        ("no spaces", random(N_BYTES * 2, letter)),
        ("one letter", "a".to_owned()),
        ("one capital", "A".to_owned()),
        ("spaces", " ".to_owned()),
        ("spaces, then a word", format!("{}x", " ".repeat(N_BYTES - 1))),
        ("newlines", "\n".to_owned()),
        ("digits", "7".to_owned()),
        ("punctuation", "=".to_owned()),
        ("Chinese", "骆驼在沙漠里走了很久".to_owned()),
        ("combining marks", "e\u{301}\u{302}".to_owned()),
        ("random unicode", random(400_000, any_char)),
    ]
}

/// A text of `n_chars`, from a fixed sequence of numbers (xorshift).
fn random(n_chars: usize, to_char: impl Fn(u32) -> char) -> String {
    let mut state = 0x2545_f491_u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        to_char(state)
    };
    (0..n_chars).map(next).collect()
}

fn letter(n: u32) -> char {
    char::from(b'a' + (n % 26) as u8)
}

fn any_char(n: u32) -> char {
    char::from_u32(n % 0x11_0000).unwrap_or('\u{fffd}')
}
