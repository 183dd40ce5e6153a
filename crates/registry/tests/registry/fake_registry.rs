//! A registry on loopback that answers as a test wants, well or badly.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camelid_registry::transfer::{Event, Options, TransferError, pull};
use camelid_registry::{Digest, Manifest, ModelName, Reference, Store, media_type};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The same request for another path.
    pub(crate) fn with_path(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    /// The range asked for, its end exclusive.
    pub(crate) fn range(&self) -> Option<(usize, usize)> {
        let (first, last) = self.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().ok()?, last.parse::<usize>().ok()? + 1))
    }
}

/// What a body does after its bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum After {
    /// It ends.
    End,
    /// The connection is cut, although more was announced.
    Cut,
    /// It goes on for ever.
    Endless,
    /// A byte comes now and then.
    Trickle,
}

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    after: After,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), after: After::End }
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new(200) }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn with_body(self, body: Vec<u8>) -> Self {
        Self { body, ..self }
    }

    pub(crate) fn after(self, after: After) -> Self {
        Self { after, ..self }
    }

    /// A part of `bytes`, as asked for.
    pub(crate) fn part(bytes: &[u8], asked: &Asked) -> Self {
        let Some((start, end)) = asked.range() else { return Self::ok(bytes) };
        let range = format!("bytes {start}-{}/{}", end - 1, bytes.len());
        Self { status: 206, ..Self::ok(&bytes[start..end]) }.header("Content-Range", range)
    }
}

type Handler = dyn Fn(&Asked) -> Answer + Send + Sync;

pub(crate) struct FakeRegistry {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FakeRegistry {
    pub(crate) async fn start(handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_with(None, handler).await
    }

    /// Speaks TLS if it is given something to speak it with.
    pub(crate) async fn start_with(
        tls: Option<TlsAcceptor>,
        handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, handler): (_, Arc<Handler>) = (Arc::clone(&asked), Arc::new(handler));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, handler, tls) = (Arc::clone(&log), Arc::clone(&handler), tls.clone());
                tokio::spawn(async move {
                    // The client may hang up at any time, or not trust the certificate.
                    let _ = match tls {
                        None => serve(stream, &log, &*handler).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, &log, &*handler).await,
                            Err(error) => Err(error),
                        },
                    };
                });
            }
        });
        Self { address, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn reference(&self) -> Reference {
        Reference::parse(&format!("http://{}/ns/m:t", self.address)).unwrap()
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    log: &Mutex<Vec<Asked>>,
    handler: &Handler,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(asked) = read_request(&mut stream).await? {
        log.lock().unwrap().push(asked.clone());
        let answer = handler(&asked);
        let mut head = format!("HTTP/1.1 {} X\r\n", answer.status);
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let is_sized = answer.headers.iter().any(|(name, _)| name == "Content-Length");
        match answer.after {
            After::End if !is_sized => {
                head.push_str(&format!("Content-Length: {}\r\n", answer.body.len()))
            }
            After::Cut if !is_sized => {
                head.push_str(&format!("Content-Length: {}\r\n", answer.body.len() + 1000))
            }
            _ => head.push_str("Connection: close\r\n"),
        }
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(b"\r\n").await?;
        if asked.method != "HEAD" {
            stream.write_all(&answer.body).await?;
        }
        stream.flush().await?;
        match answer.after {
            After::End => {}
            After::Cut => return Ok(()),
            After::Endless => loop {
                stream.write_all(&[b' '; 64 * 1024]).await?;
            },
            After::Trickle => loop {
                stream.write_all(b" ").await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            },
        }
    }
    Ok(())
}

async fn read_request(stream: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Option<Asked>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap_or(0))];
    stream.read_exact(&mut body).await?;
    Ok(Some(Asked { method, path, headers, body }))
}

/// A model with one blob of weights, as a registry has it.
#[derive(Clone)]
pub(crate) struct RemoteModel {
    pub(crate) weights: Arc<Vec<u8>>,
    pub(crate) manifest: Vec<u8>,
}

impl RemoteModel {
    pub(crate) fn new(n_bytes: usize) -> Self {
        let weights: Vec<u8> = (0..n_bytes).map(|i| (i * 7 + i / 251) as u8).collect();
        let blob = |bytes: &[u8], kind| {
            camelid_registry::Layer::new(kind, Digest::of(bytes), bytes.len() as u64)
        };
        let layers = vec![blob(&weights, media_type::MODEL)];
        let manifest = Manifest::new(blob(b"{}", media_type::CONFIG), layers).to_bytes().unwrap();
        Self { weights: Arc::new(weights), manifest }
    }

    pub(crate) fn weights_path(&self) -> String {
        format!("/v2/ns/m/blobs/{}", Digest::of(&self.weights))
    }

    /// As a well-behaved registry answers.
    pub(crate) fn answer(&self, asked: &Asked) -> Answer {
        if asked.path == "/v2/ns/m/manifests/t" {
            Answer::ok(self.manifest.clone())
        } else if asked.path == self.weights_path() {
            Answer::part(&self.weights, asked)
        } else if asked.path == format!("/v2/ns/m/blobs/{}", Digest::of(b"{}")) {
            Answer::part(b"{}", asked)
        } else {
            Answer::new(404)
        }
    }
}

/// Options that make tests quick.
pub(crate) fn quick() -> Options {
    let mut options = Options::default();
    options.insecure = true;
    options.chunk_size = 64 * 1024;
    options.upload_chunk_size = 256 * 1024;
    options.stall_timeout = Duration::from_secs(1);
    options.stall_bytes = 1024;
    options.n_attempts = 3;
    options.retry_delay = Duration::from_millis(5);
    options
}

/// A store in a folder of its own, with a folder beside it that nobody may touch.
pub(crate) struct Local {
    dir: tempfile::TempDir,
    pub(crate) store: Store,
}

impl Local {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("victim"), b"untouched").unwrap();
        let store = Store::open(dir.path().join("models")).unwrap();
        Self { dir, store }
    }

    pub(crate) async fn pull(&self, registry: &FakeRegistry) -> Result<ModelName, TransferError> {
        self.pull_with(registry, &quick()).await
    }

    pub(crate) async fn pull_with(
        &self,
        registry: &FakeRegistry,
        options: &Options,
    ) -> Result<ModelName, TransferError> {
        let ignore = |_: Event| {};
        within(pull(&self.store, &registry.reference(), options, &ignore)).await
    }

    /// Nothing is visible in the store and nothing was touched beside it.
    pub(crate) fn assert_untouched(&self, what: &str) {
        assert!(self.store.list().unwrap().models.is_empty(), "{what}: a model appeared");
        let names: Vec<_> =
            std::fs::read_dir(self.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{what}: {names:?}");
        assert_eq!(std::fs::read(self.dir.path().join("victim")).unwrap(), b"untouched", "{what}");
        for entry in std::fs::read_dir(self.store.root().join("blobs")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let blob = Digest::parse(&name);
            if let Ok(digest) = blob {
                let state = self.store.hash_blob(&digest).unwrap();
                assert_eq!(state, camelid_registry::BlobState::Verified, "{what}");
            } else {
                assert!(name.starts_with("partial-"), "{what}: {name}");
            }
        }
    }
}

/// The outcome, which must come within a bounded time.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("it takes too long")
}
