//! The client against servers that send exactly the bytes written here, good and bad.
//!
//! How it gets along with our own server is tested there.

use std::net::SocketAddr;

use camelid_api_types::ollama::{
    ChatRequest, DoneReason, GenerateRequest, GenerateResponse, KeepAlive, Message,
};
use camelid_api_types::rerank::{RerankDocument, RerankRequest};
use camelid_api_types::{ApiError, ErrorKind, Service};
use camelid_client::{ApiKey, Client};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server for one connection: it reads one request, sends `answer` and hangs up. Its task gives
/// the request's text.
async fn serve_once(answer: impl Into<Vec<u8>>) -> (Client, JoinHandle<String>) {
    let answer = answer.into();
    let (client, listener) = listen().await;
    let served = tokio::spawn(async move {
        let (mut stream, request) = accept(&listener).await;
        stream.write_all(&answer).await.expect("the client listens");
        request
    });
    (client, served)
}

async fn listen() -> (Client, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    (client_for(listener.local_addr().expect("bound")), listener)
}

/// A connection, and the request that was read from it.
async fn accept(listener: &TcpListener) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut request = Vec::new();
    while !is_whole(&request) {
        let n_read = stream.read_buf(&mut request).await.expect("a request");
        assert_ne!(n_read, 0, "the request broke off");
    }
    (stream, String::from_utf8(request).expect("UTF-8"))
}

fn client_for(address: SocketAddr) -> Client {
    Client::new(&format!("http://{address}/base/")).expect("a valid URL")
}

/// True when all of the body that the headers declare is there.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |n_bytes| n_bytes.parse().expect("a number"))
}

/// An answer of known length.
fn whole(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// An answer whose end is the connection's.
fn until_closed(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}")
}

async fn generate(client: &Client) -> Vec<Result<GenerateResponse, ApiError>> {
    let request = GenerateRequest { model: "tiny".to_owned(), ..GenerateRequest::default() };
    client.generate(request).await.expect("an answer").collect().await
}

#[tokio::test]
async fn parts_arrive_in_order_whatever_the_line_ends() {
    let body = "{\"response\":\"He\"}\n\r\n{\"response\":\"y\"}\r\n{\"done\":true}";
    let (client, _) = serve_once(until_closed(body)).await;
    let parts: Vec<_> = generate(&client).await.into_iter().map(Result::unwrap).collect();
    let texts: Vec<_> = parts.iter().map(|part| part.response.as_str()).collect();
    assert_eq!(texts, ["He", "y", ""]);
    assert!(parts[2].done);
}

#[tokio::test]
async fn requests_are_as_ollama_expects_them() {
    let (client, served) = serve_once(until_closed("{\"done\":true}\n")).await;
    let request = ChatRequest {
        model: "tiny".to_owned(),
        messages: vec![Message::user("<hi>")],
        stream: Some(false),
        keep_alive: Some(KeepAlive::Forever),
        ..ChatRequest::default()
    };
    let parts: Vec<_> = client.chat(request).await.expect("an answer").collect().await;
    assert_eq!(parts.len(), 1);
    let request = served.await.expect("served");
    let (head, body) = request.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("POST /base/api/chat HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("content-type: application/json"), "{head}");
    assert!(head.to_lowercase().contains("user-agent: camelid/"), "{head}");
    assert_eq!(
        body,
        r#"{"model":"tiny","messages":[{"role":"user","content":"\u003chi\u003e"}],"stream":true,"keep_alive":-1}"#
    );
}

#[tokio::test]
async fn a_single_object_is_a_whole_answer() {
    let load = r#"{"model":"tiny","response":"","done":true,"done_reason":"load"}"#;
    let (client, _) = serve_once(whole("200 OK", load)).await;
    let parts = generate(&client).await;
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].as_ref().unwrap().done_reason, Some(DoneReason::Load));

    let debug = r#"{"response":"","done":false,"_debug_info":{"rendered_template":"x"}}"#;
    let (client, _) = serve_once(whole("200 OK", debug)).await;
    let parts = generate(&client).await;
    assert!(matches!(&parts[..], [Ok(part)] if part.debug_info.is_some()));
}

#[tokio::test]
async fn an_error_line_ends_the_stream() {
    let body = "{\"response\":\"x\"}\n{\"error\":\"runner broke\"}\n{\"done\":true}\n";
    let (client, _) = serve_once(until_closed(body)).await;
    let parts = generate(&client).await;
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[1], Err(ApiError::internal("runner broke")));
}

/// The kind and text of the error that a stream with this body ends in.
async fn last_error(answer: impl Into<Vec<u8>>) -> (ErrorKind, String) {
    let (client, _) = serve_once(answer).await;
    let error = generate(&client).await.pop().expect("at least an error").expect_err("an error");
    (error.kind, error.message)
}

#[tokio::test]
async fn broken_streams_are_errors() {
    let (kind, text) = last_error(until_closed("{\"response\":\"x\"}\n")).await;
    assert_eq!(
        (kind, text.as_str()),
        (ErrorKind::Transport, "the answer ended before it was done")
    );

    let (kind, text) = last_error(until_closed("")).await;
    assert_eq!(
        (kind, text.as_str()),
        (ErrorKind::Transport, "the answer ended before it was done")
    );

    let (kind, text) = last_error(until_closed("{\"response\":\n")).await;
    assert_eq!(kind, ErrorKind::Transport);
    assert!(text.contains("cannot be read: unexpected EOF"), "{text}");

    // More is promised than comes.
    let (kind, text) =
        last_error("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"response\":\"x\"}\n").await;
    assert_eq!(kind, ErrorKind::Transport);
    assert!(text.contains("broke off"), "{text}");
}

#[tokio::test]
async fn a_line_without_end_is_cut_short() {
    let mut body = until_closed("{\"response\":\"").into_bytes();
    body.resize(body.len() + (8 << 20) + 1, b'x');
    let (client, listener) = listen().await;
    let served = tokio::spawn(async move {
        let (mut stream, _) = accept(&listener).await;
        // The client may be gone before all is sent.
        let _ = stream.write_all(&body).await;
        // Not closed: only the limit can end this.
        std::future::pending::<()>().await;
    });
    let parts = generate(&client).await;
    served.abort();
    assert!(
        matches!(&parts[..], [Err(error)] if error.message.contains("longer than the 8388608"))
    );
}

#[tokio::test]
async fn statuses_become_kinds_with_the_servers_text() {
    let (client, _) =
        serve_once(whole("404 Not Found", r#"{"error":"model 'nope' not found"}"#)).await;
    let error = client.generate(GenerateRequest::default()).await.err().expect("an error");
    assert_eq!(error, ApiError::not_found("model 'nope' not found"));

    let (client, _) = serve_once(whole("503 Service Unavailable", "")).await;
    let error = client.list().await.expect_err("an error");
    assert_eq!(error.kind, ErrorKind::Busy);
    assert_eq!(error.message, "the server answered 503 Service Unavailable");
}

#[tokio::test]
async fn objects_are_read_leniently_and_nonsense_is_refused() {
    let (client, served) = serve_once(whole("200 OK", r#"{"Version":"1.2.3","x":1}"#)).await;
    assert_eq!(client.version().await.expect("an answer").version, "1.2.3");
    assert!(served.await.expect("served").starts_with("GET /base/api/version "));

    let (client, _) = serve_once(whole("200 OK", "<html>")).await;
    let error = client.version().await.expect_err("no JSON");
    assert_eq!(error.kind, ErrorKind::Transport);
    assert!(error.message.contains("/api/version"), "{error}");
}

#[tokio::test]
async fn ping_tells_nobody_there_from_someone_else() {
    let (client, served) = serve_once("HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n").await;
    assert_eq!(client.ping().await, Ok(()));
    assert!(served.await.expect("served").starts_with("HEAD /base/ "));

    let (client, _) = serve_once("SSH-2.0-whatever\r\n").await;
    assert_eq!(client.ping().await.expect_err("no HTTP").kind, ErrorKind::Transport);

    let (client, listener) = listen().await;
    drop(listener);
    let error = client.ping().await.expect_err("nobody listens");
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.contains(client.base_url()), "{error}");
}

#[tokio::test]
async fn a_key_is_shown_with_every_request() {
    let (client, served) = serve_once(whole("200 OK", r#"{"version":"1"}"#)).await;
    let client = client.with_key(ApiKey::new("s3cret").expect("a word"));
    client.version().await.expect("an answer");
    let request = served.await.expect("no panic").to_lowercase();
    assert!(request.contains("\r\nauthorization: bearer s3cret\r\n"), "{request}");

    let (client, served) = serve_once(whole("200 OK", r#"{"version":"1"}"#)).await;
    client.version().await.expect("an answer");
    assert!(!served.await.expect("no panic").to_lowercase().contains("authorization"));
}

fn two_documents() -> RerankRequest {
    RerankRequest {
        query: "q".to_owned(),
        documents: ["a", "b"].map(|text| RerankDocument::Plain(text.to_owned())).into(),
        top_n: Some(1),
        ..RerankRequest::default()
    }
}

#[tokio::test]
async fn scores_are_the_servers_in_the_order_of_the_documents() {
    let body = r#"{"results":[{"index":1,"relevance_score":2.5},{"index":0,"relevance_score":-1}],
        "usage":{"total_tokens":7}}"#;
    let (client, served) = serve_once(whole("200 OK", body)).await;
    let scores = client.score_documents(&two_documents()).await.expect("scores");
    assert_eq!((scores.scores, scores.n_tokens), (vec![-1.0, 2.5], 7));
    let request = served.await.expect("no panic");
    assert!(
        request.starts_with("POST /base/api/rerank ") && !request.contains("top_n"),
        "{request}"
    );
}

#[tokio::test]
async fn scores_that_are_not_those_of_the_documents_are_an_error() {
    for (results, want) in [
        (r#"{"index":1,"relevance_score":2}"#, "scores for 1 of 2 documents"),
        (r#"{"index":2,"relevance_score":2}"#, "a score for document 2 of 2"),
    ] {
        let (client, _) =
            serve_once(whole("200 OK", &format!(r#"{{"results":[{results}]}}"#))).await;
        let error = client.score_documents(&two_documents()).await.expect_err(want);
        assert_eq!(error.kind, ErrorKind::Transport);
        assert!(error.message.contains(want), "{error}");
    }
}

#[tokio::test]
async fn a_server_without_reranking_is_asked_for_embeddings() {
    let (client, listener) = listen().await;
    let served = tokio::spawn(async move {
        let embeddings = r#"{"embeddings":[[1,0],[0.6,0.8],[0,1]],"prompt_eval_count":3}"#;
        for (path, answer) in [
            ("/base/api/rerank", whole("404 Not Found", "404 page not found")),
            ("/base/api/embed", whole("200 OK", embeddings)),
        ] {
            let (mut stream, request) = accept(&listener).await;
            assert!(request.starts_with(&format!("POST {path} ")), "{request}");
            stream.write_all(answer.as_bytes()).await.expect("the client listens");
        }
    });
    let scores = client.score_documents(&two_documents()).await.expect("scores");
    assert_eq!((scores.scores, scores.n_tokens), (vec![0.6, 0.0], 3));
    served.await.expect("no panic");
}
