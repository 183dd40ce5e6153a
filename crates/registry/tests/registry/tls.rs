//! Registries behind TLS, behind a proxy, and with logins of their own.

use std::env;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camelid_registry::transfer::{Credentials, Key, TransferError, pull};
use camelid_registry::{ModelName, Reference, Store};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use ring::signature::KeyPair as _;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::fake_registry::{Answer, FakeRegistry, Local, RemoteModel, quick, within};

/// A server's side of TLS for `localhost`, and the authority that vouches for it, as PEM.
fn tls() -> (TlsAcceptor, String) {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}

fn by_name(address: SocketAddr) -> Reference {
    Reference::parse(&format!("localhost:{}/ns/m:t", address.port())).unwrap()
}

#[tokio::test]
async fn https_needs_a_certificate_of_a_known_authority() {
    let (acceptor, authority) = tls();
    let model = RemoteModel::new(100_000);
    let remote = model.clone();
    let registry =
        FakeRegistry::start_with(Some(acceptor), move |asked| remote.answer(asked)).await;
    let local = Local::new();
    let mut options = quick();
    options.insecure = false;
    let reference = by_name(registry.address);
    let error = within(pull(&local.store, &reference, &options, &|_| {})).await.unwrap_err();
    assert!(matches!(error, TransferError::GaveUp { .. }), "{error}");
    assert!(registry.asked().is_empty(), "nothing is asked of a stranger");
    local.assert_untouched("unknown authority");

    options.certificates = vec![authority.into_bytes()];
    within(pull(&local.store, &reference, &options, &|_| {})).await.unwrap();
    assert_eq!(local.store.manifest_bytes(&reference.name).unwrap(), model.manifest);
}

#[tokio::test]
async fn a_redirect_does_not_give_up_encryption() {
    let (acceptor, authority) = tls();
    let plain = FakeRegistry::start(|_| Answer::ok("x")).await;
    let target = format!("http://{}/x", plain.address);
    let registry = FakeRegistry::start_with(Some(acceptor), move |_| {
        Answer::new(302).header("Location", target.clone())
    })
    .await;
    let local = Local::new();
    let mut options = quick();
    options.certificates = vec![authority.into_bytes()];
    options.insecure = false;
    let pulled = within(pull(&local.store, &by_name(registry.address), &options, &|_| {})).await;
    let error = pulled.unwrap_err();
    assert!(matches!(error, TransferError::Redirect { .. }), "{error}");
    assert!(plain.asked().is_empty());
}

/// A key file as `ssh-keygen` writes it, and the public key's bytes.
fn key_file() -> (String, Vec<u8>) {
    let seed = [9; 32];
    let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    let text = |out: &mut Vec<u8>, bytes: &[u8]| {
        out.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
        out.extend_from_slice(bytes);
    };
    let mut public_part = Vec::new();
    text(&mut public_part, b"ssh-ed25519");
    text(&mut public_part, &public);
    // Two equal check numbers, the key pair, a comment, and padding that counts up to a block.
    let mut private_part = vec![1, 2, 3, 4, 1, 2, 3, 4];
    private_part.extend_from_slice(&public_part);
    text(&mut private_part, &[&seed[..], &public].concat());
    text(&mut private_part, b"");
    let n_padding = (8 - private_part.len() % 8) % 8;
    private_part.extend((1..=n_padding).map(|i| i as u8));
    let mut file = b"openssh-key-v1\0".to_vec();
    for part in [&b"none"[..], b"none", b""] {
        text(&mut file, part);
    }
    file.extend_from_slice(&1u32.to_be_bytes());
    text(&mut file, &public_part);
    text(&mut file, &private_part);
    let body = STANDARD.encode(file);
    let lines: Vec<&str> =
        body.as_bytes().chunks(70).map(|line| str::from_utf8(line).unwrap()).collect();
    let begin = "-----BEGIN OPENSSH PRIVATE KEY-----";
    let end = "-----END OPENSSH PRIVATE KEY-----";
    (format!("{begin}\n{}\n{end}\n", lines.join("\n")), public)
}

#[tokio::test]
async fn a_key_signs_the_request_for_a_token() {
    let (pem, public) = key_file();
    let model = RemoteModel::new(1000);
    let remote = model.clone();
    let registry = FakeRegistry::start(move |asked| {
        let host = asked.header("host").unwrap();
        let realm = format!("http://{host}/token");
        if asked.path.starts_with("/token") {
            // What is signed is the address as it was asked for.
            let empty = "ZTNiMGM0NDI5OGZjMWMxNDlhZmJmNGM4OTk2ZmI5MjQyN2FlNDFlNDY0OWI5MzRjYTQ5NTk5MWI3ODUyYjg1NQ==";
            let signed = format!("GET,http://{host}{},{empty}", asked.path);
            let header = asked.header("authorization").unwrap();
            let (key, signature) = header.split_once(':').unwrap();
            assert!(STANDARD.decode(key).unwrap().ends_with(&public));
            let verifier = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, &public);
            let signature = STANDARD.decode(signature).unwrap();
            return match verifier.verify(signed.as_bytes(), &signature) {
                Ok(()) => Answer::ok("{\"token\":\"granted\"}"),
                Err(_) => Answer::new(403),
            };
        }
        match asked.header("authorization") {
            Some("Bearer granted") => remote.answer(asked),
            _ => Answer::new(401)
                .header("WWW-Authenticate", format!("Bearer realm=\"{realm}\",service=\"s\",scope=\"a b\"")),
        }
    })
    .await;
    let mut options = quick();
    options.credentials = Credentials::Key(Key::from_openssh(&pem).unwrap());
    let local = Local::new();
    local.pull_with(&registry, &options).await.unwrap();
    let path = registry.asked().into_iter().find(|a| a.path.starts_with("/token")).unwrap().path;
    let keys: Vec<&str> =
        path.split(['?', '&']).skip(1).map(|pair| pair.split('=').next().unwrap()).collect();
    assert_eq!(keys, ["nonce", "scope", "scope", "service", "ts"]);
}

/// Set for the process that runs behind a proxy: its store.
const CHILD_STORE: &str = "CAMELID_TEST_PROXY_STORE";
/// A name that only the proxy knows.
const BEHIND_PROXY: &str = "http://registry.invalid/ns/m:t";

/// Not a test but the child's program.
#[tokio::test]
async fn child() {
    let Some(store) = env::var_os(CHILD_STORE) else { return };
    let store = Store::open(Path::new(&store)).unwrap();
    let reference = Reference::parse(BEHIND_PROXY).unwrap();
    within(pull(&store, &reference, &quick(), &|_| {})).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_that_the_environment_names_is_used() {
    let model = RemoteModel::new(100_000);
    let remote = model.clone();
    let proxy = FakeRegistry::start(move |asked| {
        // A proxy is asked for whole addresses.
        let Some(path) = asked.path.strip_prefix("http://registry.invalid") else {
            return Answer::new(400);
        };
        remote.answer(&asked.with_path(path))
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(env::current_exe().unwrap());
    child
        .args(["--exact", "tls::child", "--nocapture"])
        .env(CHILD_STORE, dir.path())
        .env("http_proxy", format!("http://{}", proxy.address))
        .stdout(Stdio::null());
    let status = tokio::task::spawn_blocking(move || child.status()).await.unwrap().unwrap();
    assert!(status.success());
    let name = ModelName::parse("registry.invalid/ns/m:t").unwrap();
    assert!(Store::open(dir.path()).unwrap().find(&name).unwrap().is_some());
}
