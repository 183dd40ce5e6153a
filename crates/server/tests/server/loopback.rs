//! The server on a real port: framing, disconnects, shutdown, and our own client.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use camelid_api_types::ollama::{ChatRequest, ChatResponse, GenerateRequest, Message};
use camelid_api_types::{ApiError, ErrorKind, Service};
use camelid_client::Client;
use camelid_server::{ConnectionLimits, serve_with};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fake::{Fake, Script, done, part};

/// Long enough for a slow machine, short enough for a test that fails.
const PATIENCE: Duration = Duration::from_secs(10);

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start(fake: Fake) -> Self {
        Self::start_with(fake, ConnectionLimits::default()).await
    }

    async fn start_with(fake: Fake, limits: ConnectionLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(serve_with(listener, fake.router(), limits, async {
            // A test that drops its end stops the server too.
            let _ = stopped.await;
        }));
        Self { address, stop, ended }
    }

    fn client(&self) -> Client {
        Client::new(&format!("http://{}", self.address)).expect("a valid URL")
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a listener")
    }

    async fn post(&self, path: &str, body: &str) -> TcpStream {
        let mut stream = self.connect().await;
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n");
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).await.expect("a listener");
        stream
    }
}

/// Reads until `end` has come.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains(end) {
        let n_read = in_time(stream.read_buf(&mut text)).await.expect("a connection");
        assert_ne!(n_read, 0, "closed after {}", String::from_utf8_lossy(&text));
    }
    String::from_utf8(text).expect("UTF-8")
}

#[tokio::test]
async fn each_part_is_sent_before_the_next_is_there() {
    let server = Server::start(Fake::generating(Script::Endless(vec![part("H")]))).await;
    let mut stream = server.post("/api/generate", "{}").await;
    let text = read_until(&mut stream, "\"done\":false}\n").await.to_lowercase();
    assert!(text.starts_with("http/1.1 200 ok\r\n"), "{text}");
    assert!(text.contains("transfer-encoding: chunked\r\n"), "{text}");
    assert!(text.contains("content-type: application/x-ndjson\r\n"), "{text}");
}

#[tokio::test]
async fn a_client_that_goes_away_stops_the_work() {
    let streaming = Script::Endless(vec![part("H")]);
    for (script, body) in [
        (streaming.clone(), "{}"),
        (streaming, r#"{"stream":false}"#),
        (Script::Endless(Vec::new()), "{}"),
        (Script::Stuck, "{}"),
    ] {
        let (fake, mut dropped) = Fake::new();
        let server = Server::start(Fake { generate: script, ..fake }).await;
        let stream = server.post("/api/generate", body).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(dropped.try_recv().is_err(), "the work must be under way");
        drop(stream);
        in_time(dropped.recv()).await.expect("a notice");
    }
}

#[tokio::test]
async fn our_client_and_server_understand_each_other() {
    let (mut fake, _) = Fake::new();
    let chat_part = |content: &str, done| ChatResponse {
        message: Message::assistant(content),
        done,
        ..ChatResponse::default()
    };
    let chat_parts = [chat_part("<Pa", false), chat_part("ris>", true)];
    fake.chat = Script::Parts(chat_parts.iter().cloned().map(Ok).collect());
    let server = Server::start(fake).await;
    let client = server.client();

    assert_eq!(client.ping().await, Ok(()));
    assert_eq!(client.version().await.expect("an answer").version, "0.33.0");
    assert!(client.list().await.expect("an answer").models.is_empty());
    let parts = client.generate(GenerateRequest::default()).await.expect("an answer");
    let parts: Vec<_> = parts.map(Result::unwrap).collect().await;
    assert_eq!(parts, [part("H"), part("ey"), done()]);
    let parts = client.chat(ChatRequest::default()).await.expect("an answer");
    let parts: Vec<_> = parts.map(Result::unwrap).collect().await;
    assert_eq!(parts, chat_parts);
}

#[tokio::test]
async fn errors_reach_our_client_with_their_kind() {
    let refused = Fake::generating(Script::Refuse(ApiError::not_found("model 'x' not found")));
    let server = Server::start(refused).await;
    let error = server.client().generate(GenerateRequest::default()).await.err();
    assert_eq!(error, Some(ApiError::not_found("model 'x' not found")));

    let parts = vec![Ok(part("H")), Err(ApiError::internal("runner broke"))];
    let server = Server::start(Fake::generating(Script::Parts(parts))).await;
    let parts = server.client().generate(GenerateRequest::default()).await.expect("an answer");
    let parts: Vec<_> = parts.collect().await;
    assert_eq!(parts, [Ok(part("H")), Err(ApiError::internal("runner broke"))]);
}

#[tokio::test]
async fn dropping_our_clients_stream_stops_the_work() {
    let (fake, mut dropped) = Fake::new();
    let generate = Script::Endless(vec![part("H")]);
    let server = Server::start(Fake { generate, ..fake }).await;
    let client = server.client();
    let mut parts = client.generate(GenerateRequest::default()).await.expect("an answer");
    assert_eq!(in_time(parts.next()).await, Some(Ok(part("H"))));
    drop(parts);
    in_time(dropped.recv()).await.expect("a notice");
}

#[tokio::test]
async fn a_panic_inside_a_stream_breaks_that_stream_only() {
    let server = Server::start(Fake::generating(Script::Panic(vec![part("H")]))).await;
    let client = server.client();
    let parts = client.generate(GenerateRequest::default()).await.expect("an answer");
    let parts: Vec<_> = in_time(parts.collect()).await;
    assert_eq!(parts[0], Ok(part("H")));
    assert_eq!(parts[1].as_ref().expect_err("an error").kind, ErrorKind::Internal);
    assert_eq!(parts.len(), 2);
    assert_eq!(client.ping().await, Ok(()));
}

#[tokio::test]
async fn garbage_and_huge_headers_end_their_connection_only() {
    let server = Server::start(Fake::new().0).await;
    let mut stream = server.connect().await;
    stream.write_all(b"\x16\x03\x01garbage\r\n\r\n").await.expect("a listener");
    assert!(read_until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 400 "));

    let limit = ConnectionLimits::default().max_header_bytes;
    for (n_bytes, status) in [(limit - 100, "200"), (limit + 1, "431")] {
        let padding = "x".repeat(n_bytes);
        let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {padding}\r\n\r\n");
        let mut stream = server.connect().await;
        stream.write_all(request.as_bytes()).await.expect("a listener");
        let answer = read_until(&mut stream, "\r\n\r\n").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    assert_eq!(server.client().ping().await, Ok(()));
}

#[tokio::test]
async fn headers_that_do_not_come_end_the_connection() {
    let limits = ConnectionLimits {
        header_timeout: Duration::from_millis(50),
        ..ConnectionLimits::default()
    };
    let server = Server::start_with(Fake::new().0, limits).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: ").await.expect("a listener");
    let mut rest = Vec::new();
    in_time(stream.read_to_end(&mut rest)).await.expect("the connection's end");
}

#[tokio::test]
async fn shutdown_lets_requests_finish() {
    let server = Server::start(Fake::generating(Script::Slow(vec![part("H"), done()]))).await;
    let mut stream = server.post("/api/generate", "{}").await;
    read_until(&mut stream, "\"done\":false}\n").await;
    server.stop.send(()).expect("still there");
    read_until(&mut stream, "\"done\":true}\n").await;
    in_time(server.ended).await.expect("no panic").expect("no error");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let limits = ConnectionLimits {
        shutdown_grace: Duration::from_millis(200),
        ..ConnectionLimits::default()
    };
    let (fake, mut dropped) = Fake::new();
    let generate = Script::Endless(vec![part("H")]);
    let server = Server::start_with(Fake { generate, ..fake }, limits).await;
    let mut stream = server.post("/api/generate", "{}").await;
    read_until(&mut stream, "\"done\":false}\n").await;
    let address = server.address;
    server.stop.send(()).expect("still there");
    in_time(server.ended).await.expect("no panic").expect("no error");
    in_time(dropped.recv()).await.expect("a notice");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn an_idle_connection_does_not_delay_shutdown() {
    let limits =
        ConnectionLimits { shutdown_grace: Duration::from_secs(60), ..ConnectionLimits::default() };
    let server = Server::start_with(Fake::new().0, limits).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("a listener");
    read_until(&mut stream, "Ollama is running").await;
    server.stop.send(()).expect("still there");
    in_time(server.ended).await.expect("no panic").expect("no error");
}
