//! A conversation over TLS.

use std::sync::Arc;

use camelid_server::{ServeOptions, Tls, serve_with};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;

use crate::fake::Fake;

#[tokio::test]
async fn a_server_with_a_certificate_speaks_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a pair");
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = Tls::from_pem(chain.as_bytes(), key.as_bytes()).expect("a pair");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (stop, stopped) = oneshot::channel::<()>();
    let options = ServeOptions { tls: Some(tls), ..ServeOptions::default() };
    let server = tokio::spawn(serve_with(listener, Fake::new().0.router(), options, async {
        let _ = stopped.await;
    }));

    let mut roots = RootCertStore::empty();
    let own = rustls::pki_types::CertificateDer::from_pem_slice(chain.as_bytes()).expect("PEM");
    roots.add(own).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(address).await.expect("a server");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream =
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await.expect("a handshake");
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.expect("written");
    let mut answer = String::new();
    // A server that closes without TLS's goodbye is forgiven.
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.ends_with("Ollama is running"), "{answer}");

    stop.send(()).expect("a server");
    server.await.expect("no panic").expect("a good end");
}
