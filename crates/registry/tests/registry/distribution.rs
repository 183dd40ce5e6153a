//! Against the registry that Docker made: Debian's package `docker-registry`, on loopback. Without
//! that program these tests say so and pass.

use std::env;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camelid_registry::transfer::{Credentials, Event, Options, TransferError, pull, push};
use camelid_registry::{
    Digest, Expected, Health, Manifest, ModelName, Reference, Repair, Store, media_type,
};

use crate::fake_registry::{quick, within};
use crate::proxy::{Proxy, Weather};

/// `ann`, `secret`; made with `htpasswd -nbB`.
const HTPASSWD: &str = "ann:$2y$05$f7D/zWnX13Sh7EZa35Y3MOGwp5Tv4.wdx8gLv8jW0V6B6h3lEyz4i\n";

/// A registry that runs until dropped.
struct Distribution {
    child: Child,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Distribution {
    /// `None`, and a line that says so, where the program is not installed.
    fn start(with_password: bool) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let passwords = dir.path().join("htpasswd");
        std::fs::write(&passwords, HTPASSWD).unwrap();
        let auth = match with_password {
            true => {
                format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", passwords.display())
            }
            false => String::new(),
        };
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n\
             http:\n  addr: {address}\n  relativeurls: true\n{auth}",
            dir.path().join("registry").display()
        );
        let config_path = dir.path().join("config.yml");
        std::fs::write(&config_path, config).unwrap();
        let started = Command::new("docker-registry")
            .arg("serve")
            .arg(&config_path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            eprintln!("SKIPPED: the program docker-registry is not installed");
            return None;
        };
        let registry = Self { child, address, _dir: dir };
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < end, "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reference(address: SocketAddr, repository: &str) -> Reference {
    Reference::parse(&format!("http://{address}/{repository}:t")).unwrap()
}

/// Bytes that do not repeat, so that misplaced ones are noticed.
fn weights(n_bytes: usize) -> Vec<u8> {
    let mut state: u32 = 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..n_bytes).map(|_| next()).collect()
}

/// Stores a model whose weights, if that is said, came from another.
fn add(store: &Store, name: &ModelName, weights: &[u8], from: Option<&ModelName>) {
    let writer = store.writer().unwrap();
    let blob = writer.put(&mut &weights[..], Expected::default(), &mut |_| {}).unwrap();
    let mut layer = blob.into_layer(media_type::MODEL);
    layer.from = from.map(ModelName::short);
    let config =
        writer.put_bytes(b"{\"model_format\":\"gguf\"}\n").unwrap().into_layer(media_type::CONFIG);
    let bytes = Manifest::new(config, vec![layer]).to_bytes().unwrap();
    writer.put_manifest(name, &bytes).unwrap();
}

async fn send(store: &Store, to: &Reference, options: &Options) -> Result<(), TransferError> {
    let ignore = |_: Event| {};
    within(push(store, to, options, &ignore)).await
}

async fn fetch(
    store: &Store,
    from: &Reference,
    options: &Options,
) -> Result<ModelName, TransferError> {
    let ignore = |_: Event| {};
    within(pull(store, from, options, &ignore)).await
}

/// Times that suit a real program on a busy machine.
fn patient() -> Options {
    let mut options = quick();
    options.stall_timeout = Duration::from_secs(5);
    options.n_attempts = 8;
    options.retry_delay = Duration::from_millis(20);
    options
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_goes_there_and_comes_back_to_the_byte() {
    let Some(registry) = Distribution::start(false) else { return };
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let proxy = Proxy::start(registry.address, Weather::default()).await;
    let there = reference(proxy.address, "ns/m");
    let bytes = weights(3_000_000);
    add(&store, &there.name, &bytes, None);
    let manifest = store.manifest_bytes(&there.name).unwrap();
    send(&store, &there, &patient()).await.unwrap();

    // Another model with the same weights: the registry mounts them.
    let other = reference(proxy.address, "other/m");
    add(&store, &other.name, &bytes, Some(&there.name));
    let before = proxy.n_up();
    send(&store, &other, &patient()).await.unwrap();
    assert!(proxy.n_up() - before < 100_000, "the weights were sent again");

    for name in [&there.name, &other.name] {
        store.delete(name).unwrap();
    }
    assert_eq!(std::fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0);
    let name = fetch(&store, &there, &patient()).await.unwrap();
    assert_eq!(store.manifest_bytes(&name).unwrap(), manifest);
    let path = store.blob_path(&Digest::of(&bytes)).unwrap().unwrap();
    assert_eq!(std::fs::read(path).unwrap(), bytes);
    assert_eq!(store.find(&name).unwrap().unwrap().health, Health::Verified);

    let missing = reference(proxy.address, "ns/none");
    let error = fetch(&store, &missing, &patient()).await.unwrap_err();
    assert!(matches!(error, TransferError::NotFound { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_asked_for_and_given() {
    let Some(registry) = Distribution::start(true) else { return };
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let there = reference(registry.address, "ns/m");
    add(&store, &there.name, &weights(200_000), None);
    let error = send(&store, &there, &patient()).await.unwrap_err();
    assert!(matches!(error, TransferError::Unauthorized { .. }), "{error}");
    let with_password = |password: &str| {
        let mut options = patient();
        options.credentials =
            Credentials::Basic { username: "ann".into(), password: password.into() };
        options
    };
    let error = send(&store, &there, &with_password("wrong")).await.unwrap_err();
    assert!(matches!(error, TransferError::Unauthorized { .. }), "{error}");
    send(&store, &there, &with_password("secret")).await.unwrap();
    store.delete(&there.name).unwrap();
    fetch(&store, &there, &with_password("secret")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break_again_and_again_are_survived() {
    let Some(registry) = Distribution::start(false) else { return };
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let weather = Weather { cut_after: Some(300_000), ..Weather::default() };
    let proxy = Proxy::start(registry.address, weather).await;
    let there = reference(proxy.address, "ns/m");
    let bytes = weights(3_000_000);
    add(&store, &there.name, &bytes, None);
    let mut options = patient();
    // Larger than what a connection lasts.
    options.chunk_size = 1_000_000;
    options.upload_chunk_size = 1_000_000;
    send(&store, &there, &options).await.unwrap();
    store.delete(&there.name).unwrap();
    let before = proxy.n_down();
    fetch(&store, &there, &options).await.unwrap();
    assert!(store.verify(Repair::No, &mut |_| {}).unwrap().is_healthy());
    assert!(proxy.n_cut() >= 10, "{} connections were cut", proxy.n_cut());
    let fetched = proxy.n_down() - before;
    assert!(fetched < 4_500_000, "{fetched} bytes were fetched for 3 000 000");
}

/// Set for the process that is to be killed: its store, and what it pulls.
const CHILD: [&str; 2] = ["CAMELID_TEST_PULL_STORE", "CAMELID_TEST_PULL_REFERENCE"];

/// Not a test but the child's program.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let [Some(store), Some(reference)] = CHILD.map(env::var_os) else { return };
    let reference = Reference::parse(reference.to_str().unwrap()).unwrap();
    let store = Store::open(Path::new(&store)).unwrap();
    fetch(&store, &reference, &patient()).await.unwrap();
}

fn spawn_child(store: &Path, reference: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "distribution::child", "--nocapture"])
        .env(CHILD[0], store)
        .env(CHILD[1], reference)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_pulling_one_model_do_the_work_once() {
    let Some(registry) = Distribution::start(false) else { return };
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let weather = Weather { delay_per_kib: Duration::from_micros(60), ..Weather::default() };
    let proxy = Proxy::start(registry.address, weather).await;
    let there = reference(proxy.address, "ns/m");
    add(&store, &there.name, &weights(3_000_000), None);
    send(&store, &there, &patient()).await.unwrap();
    store.delete(&there.name).unwrap();
    let before = proxy.n_down();
    let text = format!("http://{}", there.name.full());
    let mut children = [spawn_child(dir.path(), &text), spawn_child(dir.path(), &text)];
    for child in &mut children {
        while child.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(child.wait().unwrap().success());
    }
    assert!(store.verify(Repair::No, &mut |_| {}).unwrap().is_healthy());
    assert_eq!(store.list().unwrap().models.len(), 1);
    let fetched = proxy.n_down() - before;
    assert!(fetched < 3_300_000, "{fetched} bytes were fetched for 3 000 000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_killed_goes_on_from_its_finished_chunks() {
    let Some(registry) = Distribution::start(false) else { return };
    let (here, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = Store::open(here.path()).unwrap();
    let weather = Weather { delay_per_kib: Duration::from_micros(60), ..Weather::default() };
    let proxy = Proxy::start(registry.address, weather).await;
    let there = reference(proxy.address, "ns/m");
    let bytes = weights(8_000_000);
    add(&source, &there.name, &bytes, None);
    let direct = reference(registry.address, "ns/m");
    source.copy(&there.name, &direct.name).unwrap();
    send(&source, &direct, &patient()).await.unwrap();

    let text = format!("http://{}", there.name.full());
    let mut n_kills: u64 = 0;
    let done = loop {
        let mut child = spawn_child(dir.path(), &text);
        // Different moments, growing, so that it ends.
        let patience = Duration::from_millis(40 + 37 * (n_kills % 5) + 4 * n_kills);
        tokio::time::sleep(patience).await;
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        n_kills += 1;
        assert!(n_kills < 200, "it never gets done");
        let store = Store::open(dir.path()).unwrap();
        let listing = store.list().unwrap();
        let is_whole = |m: &camelid_registry::Model| m.health == Health::Verified;
        assert!(listing.broken.is_empty() && listing.models.iter().all(is_whole));
    };
    assert!(done.success());
    assert!(n_kills >= 3, "only {n_kills} kills");
    let store = Store::open(dir.path()).unwrap();
    assert!(store.verify(Repair::No, &mut |_| {}).unwrap().is_healthy());
    assert_eq!(store.list().unwrap().models.len(), 1);
    // A kill costs what its eight connections were at, at most a chunk each, and some headers.
    let limit = bytes.len() as u64 + n_kills * (8 * 64 * 1024 + 50_000);
    assert!(
        proxy.n_down() < limit,
        "{} bytes for {} after {n_kills} kills",
        proxy.n_down(),
        bytes.len()
    );
}
