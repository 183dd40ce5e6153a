//! Clients that do no more than count frames, so that it is the server that is measured.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::Result;

/// A way to ask for a chat.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dialect {
    Ollama,
    OpenAi,
    Anthropic,
}

pub(crate) const DIALECTS: [Dialect; 3] = [Dialect::Ollama, Dialect::OpenAi, Dialect::Anthropic];

impl Dialect {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Ollama => "/api/chat",
            Self::OpenAi => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }

    /// What stands once in each frame and nowhere else.
    fn mark(self) -> &'static [u8] {
        match self {
            Self::Ollama => b"\"created_at\":",
            Self::OpenAi | Self::Anthropic => b"data: ",
        }
    }

    /// The fields that say how: greedily, and so many tokens.
    fn manner(self, n_tokens: usize) -> String {
        match self {
            Self::Ollama => {
                format!(r#""options":{{"temperature":0,"num_predict":{n_tokens}}}"#)
            }
            Self::OpenAi | Self::Anthropic => {
                format!(r#""temperature":0,"max_tokens":{n_tokens}"#)
            }
        }
    }
}

/// What is asked of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) model: &'a str,
    /// Tokens of the answer.
    pub(crate) n_tokens: usize,
}

/// What every model is asked.
pub(crate) const QUESTION: &str = "Why is the sky blue?";

/// An answer, read to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read {
    pub(crate) n_frames: usize,
    /// From the first bytes to the last.
    pub(crate) writing: Duration,
    /// From the request to the last bytes.
    pub(crate) whole: Duration,
}

/// Asks with so many clients at once. They share one thread, which is not the server's.
pub(crate) fn read_all(address: SocketAddr, ask: Ask<'_>, n_clients: usize) -> Result<Vec<Read>> {
    let (request, mark) = (request(ask), ask.dialect.mark());
    let clients = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    clients.block_on(async {
        let mut reading = JoinSet::new();
        for _ in 0..n_clients {
            reading.spawn(read(address, request.clone(), mark));
        }
        reading.join_all().await.into_iter().map(|read| Ok(read?)).collect()
    })
}

fn request(ask: Ask<'_>) -> String {
    let body = format!(
        r#"{{"model":"{}","stream":true,"messages":[{{"role":"user","content":"{QUESTION}"}}],{}}}"#,
        ask.model,
        ask.dialect.manner(ask.n_tokens)
    );
    format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        ask.dialect.path(),
        body.len()
    )
}

async fn read(address: SocketAddr, request: String, mark: &[u8]) -> std::io::Result<Read> {
    let mut stream = TcpStream::connect(address).await?;
    let started = Instant::now();
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::with_capacity(16 << 10);
    let (mut first, mut n_frames) = (None, 0);
    while stream.read_buf(&mut bytes).await? > 0 {
        if first.is_none() && !bytes.starts_with(b"HTTP/1.1 200") {
            let answer = String::from_utf8_lossy(&bytes);
            return Err(std::io::Error::other(format!("the server answered {answer}")));
        }
        first.get_or_insert_with(Instant::now);
        n_frames += bytes.windows(mark.len()).filter(|window| *window == mark).count();
        // What may be the beginning of a mark.
        let n_counted = bytes.len().saturating_sub(mark.len() - 1);
        bytes.drain(..n_counted);
    }
    let (whole, first) = (started.elapsed(), first.unwrap_or(started));
    Ok(Read { n_frames, writing: first.elapsed(), whole })
}
