//! Pull and push against a registry that behaves, and one whose connections do not.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use camelid_registry::transfer::{Credentials, Event, TransferError, pull, push};
use camelid_registry::{Digest, Health, Manifest, Reference, media_type};

use crate::fake_registry::{After, Answer, Asked, FakeRegistry, Local, RemoteModel, quick, within};

#[tokio::test]
async fn a_model_is_pulled_in_parts_and_reported() {
    let model = RemoteModel::new(300_000);
    let remote = model.clone();
    let registry = FakeRegistry::start(move |asked| remote.answer(asked)).await;
    let local = Local::new();
    let events = Mutex::new(Vec::new());
    let record = |event| events.lock().unwrap().push(event);
    let name = within(pull(&local.store, &registry.reference(), &quick(), &record)).await.unwrap();
    let found = local.store.find(&name).unwrap().unwrap();
    assert_eq!(found.health, Health::Verified);
    assert_eq!(local.store.manifest_bytes(&name).unwrap(), model.manifest);

    let parts = registry.asked().iter().filter(|a| a.path == model.weights_path()).count();
    assert_eq!(parts, 5, "300 000 bytes in chunks of 65 536");
    let mut statuses: Vec<String> = events.lock().unwrap().iter().map(Event::status).collect();
    statuses.dedup();
    let weights = format!("pulling {}", Digest::of(&model.weights).short());
    let config = format!("pulling {}", Digest::of(b"{}").short());
    let last = ["verifying sha256 digest", "writing manifest", "success"];
    assert_eq!(statuses[..3], ["pulling manifest", &weights, &config]);
    assert_eq!(statuses.iter().filter(|s| last.contains(&s.as_str())).count(), 3);
    let full = events.lock().unwrap().iter().any(
        |event| matches!(event, Event::Pulling(p) if p.total == 300_000 && p.completed == p.total),
    );
    assert!(full, "the last report of a blob says it is complete");

    // Again: nothing is fetched but the manifest.
    let before = registry.asked().len();
    local.pull(&registry).await.unwrap();
    assert_eq!(registry.asked().len(), before + 1);
}

#[tokio::test]
async fn a_blob_that_lost_its_bytes_is_mended_by_the_next_pull() {
    let model = RemoteModel::new(100_000);
    let remote = model.clone();
    let registry = FakeRegistry::start(move |asked| remote.answer(asked)).await;
    let local = Local::new();
    let name = local.pull(&registry).await.unwrap();
    let path = local.store.blob_path(&Digest::of(&model.weights)).unwrap().unwrap();
    std::fs::write(&path, vec![0; 100_000]).unwrap();
    assert_eq!(local.store.find(&name).unwrap().unwrap().health, Health::Unverified);
    local.pull(&registry).await.unwrap();
    assert_eq!(local.store.find(&name).unwrap().unwrap().health, Health::Verified);
    assert_eq!(&std::fs::read(path).unwrap(), &*model.weights);
}

#[tokio::test]
async fn connections_that_are_cut_go_on_where_they_stopped() {
    let model = RemoteModel::new(500_000);
    let remote = model.clone();
    let n_sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&n_sent);
    let registry = FakeRegistry::start(move |asked| {
        if asked.path != remote.weights_path() {
            return remote.answer(asked);
        }
        let (start, end) = asked.range().unwrap();
        let n = (end - start).min(20_000);
        counter.fetch_add(n, Ordering::Relaxed);
        let range = format!("bytes {start}-{}/500000", end - 1);
        let body = remote.weights[start..start + n].to_vec();
        let after = if n < end - start { After::Cut } else { After::End };
        Answer::new(206)
            .header("Content-Range", range)
            .header("Content-Length", (end - start).to_string())
            .with_body(body)
            .after(after)
    })
    .await;
    let local = Local::new();
    local.pull(&registry).await.unwrap();
    assert_eq!(n_sent.load(Ordering::Relaxed), 500_000, "no byte is fetched twice");
}

#[tokio::test]
async fn an_interrupted_pull_goes_on_from_its_finished_chunks() {
    let model = RemoteModel::new(1_000_000);
    let remote = model.clone();
    let is_down = Arc::new(AtomicUsize::new(0));
    let down = Arc::clone(&is_down);
    let registry = FakeRegistry::start(move |asked| {
        let is_late = asked.range().is_some_and(|(start, _)| start >= 500_000);
        if is_late && down.load(Ordering::Relaxed) == 0 {
            Answer::new(503)
        } else {
            remote.answer(asked)
        }
    })
    .await;
    let local = Local::new();
    // One after another, so that it is certain which are there when the first is refused.
    let mut options = quick();
    options.n_connections = 1;
    let error = local.pull_with(&registry, &options).await.unwrap_err();
    assert!(matches!(error, TransferError::GaveUp { attempts: 3, .. }), "{error}");
    local.assert_untouched("a failed pull");
    is_down.store(1, Ordering::Relaxed);
    let n_before = registry.asked().len();
    local.pull(&registry).await.unwrap();
    let again: Vec<Asked> = registry.asked().split_off(n_before);
    let weights = again.iter().filter(|a| a.path == model.weights_path());
    let first = weights.filter_map(Asked::range).map(|(start, _)| start).min();
    assert_eq!(first, Some(8 * 65_536), "the chunks before were there");
}

#[tokio::test]
async fn a_chunk_that_went_bad_on_disk_is_fetched_again_alone() {
    let model = RemoteModel::new(1_000_000);
    let remote = model.clone();
    let is_up = Arc::new(AtomicUsize::new(0));
    let up = Arc::clone(&is_up);
    let config_path = format!("/v2/ns/m/blobs/{}", Digest::of(b"{}"));
    let registry = FakeRegistry::start(move |asked| {
        let is_down = asked.path == config_path && up.load(Ordering::Relaxed) == 0;
        if is_down { Answer::new(503) } else { remote.answer(asked) }
    })
    .await;
    let local = Local::new();
    local.pull(&registry).await.unwrap_err();
    // The weights are complete and not verified yet. Now the disk loses some of them.
    let partial = format!("blobs/partial-{}", Digest::of(&model.weights).hex());
    let path = local.store.root().join(partial);
    let mut bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes, *model.weights);
    bytes[700_000..700_100].fill(0);
    std::fs::write(&path, bytes).unwrap();

    is_up.store(1, Ordering::Relaxed);
    let n_before = registry.asked().len();
    let name = local.pull(&registry).await.unwrap();
    assert_eq!(local.store.find(&name).unwrap().unwrap().health, Health::Verified);
    let again = registry.asked().split_off(n_before);
    let ranges: Vec<_> =
        again.iter().filter(|a| a.path == model.weights_path()).filter_map(Asked::range).collect();
    assert_eq!(ranges, [(655_360, 720_896)]);
}

#[tokio::test]
async fn a_server_without_ranges_is_read_from_front_to_back() {
    let model = RemoteModel::new(300_000);
    let remote = model.clone();
    let registry = FakeRegistry::start(move |asked| match asked.path == remote.weights_path() {
        true => Answer::ok(remote.weights.to_vec()),
        false => remote.answer(asked),
    })
    .await;
    let local = Local::new();
    let name = local.pull(&registry).await.unwrap();
    assert_eq!(local.store.find(&name).unwrap().unwrap().health, Health::Verified);
}

#[tokio::test]
async fn two_pulls_at_once_do_the_work_once() {
    let model = RemoteModel::new(1_000_000);
    let remote = model.clone();
    let registry = FakeRegistry::start(move |asked| remote.answer(asked)).await;
    let local = Local::new();
    let (one, two) = tokio::join!(local.pull(&registry), local.pull(&registry));
    assert_eq!(one.unwrap(), two.unwrap());
    let asked = registry.asked();
    let fetched: usize = asked
        .iter()
        .filter(|a| a.path == model.weights_path())
        .filter_map(Asked::range)
        .map(|(a, b)| b - a)
        .sum();
    assert_eq!(fetched, 1_000_000);
}

#[tokio::test]
async fn pulls_that_share_blobs_do_not_wait_for_each_other_for_ever() {
    let blobs = [RemoteModel::new(200_000).weights, RemoteModel::new(200_001).weights];
    let layers = blobs.clone().map(|blob| {
        camelid_registry::Layer::new(media_type::MODEL, Digest::of(&blob), blob.len() as u64)
    });
    let config = camelid_registry::Layer::new(media_type::CONFIG, Digest::of(&blobs[0]), 200_000);
    let registry = FakeRegistry::start(move |asked| {
        let [first, second] = layers.clone();
        let layers = match asked.path.as_str() {
            "/v2/ns/one/manifests/latest" => vec![first, second],
            "/v2/ns/two/manifests/latest" => vec![second, first],
            path => {
                let blob = blobs.iter().find(|blob| path.ends_with(&Digest::of(blob).hex()));
                return blob.map_or(Answer::new(404), |blob| Answer::part(blob, asked));
            }
        };
        Answer::ok(Manifest::new(config.clone(), layers).to_bytes().unwrap())
    })
    .await;
    let reference =
        |model: &str| Reference::parse(&format!("http://{}/ns/{model}", registry.address)).unwrap();
    let local = Local::new();
    let (one, two, options) = (reference("one"), reference("two"), quick());
    let (first, second) = within(async {
        tokio::join!(
            pull(&local.store, &one, &options, &|_| {}),
            pull(&local.store, &two, &options, &|_| {})
        )
    })
    .await;
    for name in [first.unwrap(), second.unwrap()] {
        assert_eq!(local.store.find(&name).unwrap().unwrap().health, Health::Verified);
    }
}

#[tokio::test]
async fn the_former_version_goes_when_a_new_one_is_there() {
    let (old, new) = (RemoteModel::new(1000), RemoteModel::new(2000));
    let version = Arc::new(Mutex::new(old.clone()));
    let current = Arc::clone(&version);
    let registry = FakeRegistry::start(move |asked| current.lock().unwrap().answer(asked)).await;
    let local = Local::new();
    local.pull(&registry).await.unwrap();
    *version.lock().unwrap() = new.clone();
    local.pull(&registry).await.unwrap();
    assert!(local.store.blob_path(&Digest::of(&old.weights)).unwrap().is_none());
    assert!(local.store.blob_path(&Digest::of(&new.weights)).unwrap().is_some());
}

#[tokio::test]
async fn a_token_is_fetched_where_the_registry_says_and_used_there_only() {
    let model = RemoteModel::new(1000);
    let remote = model.clone();
    let cdn_model = model.clone();
    let cdn = FakeRegistry::start(move |asked| Answer::part(&cdn_model.weights, asked)).await;
    let cdn_address = cdn.address;
    let registry = FakeRegistry::start(move |asked| {
        let host = asked.header("host").unwrap();
        if asked.path.starts_with("/token?") {
            return Answer::ok("{\"token\":\"T0K\"}");
        }
        if asked.header("authorization") != Some("Bearer T0K") {
            let challenge = format!(
                "Bearer realm=\"http://{host}/token\",service=\"s\",scope=\"repository:ns/m:pull\""
            );
            return Answer::new(401).header("WWW-Authenticate", challenge);
        }
        match asked.path == remote.weights_path() {
            true => Answer::new(307).header("Location", format!("http://{cdn_address}/signed?x=y")),
            false => remote.answer(asked),
        }
    })
    .await;
    let mut options = quick();
    options.credentials = Credentials::Basic { username: "ann".into(), password: "secret".into() };
    let local = Local::new();
    local.pull_with(&registry, &options).await.unwrap();
    let token_request =
        registry.asked().into_iter().find(|a| a.path.starts_with("/token")).unwrap();
    assert_eq!(token_request.path, "/token?scope=repository%3Ans%2Fm%3Apull&service=s");
    assert_eq!(token_request.header("authorization"), Some("Basic YW5uOnNlY3JldA=="));
    assert!(!cdn.asked().is_empty());
    assert!(
        cdn.asked().iter().all(|a| a.header("authorization").is_none()),
        "credentials left the registry"
    );
}

/// A registry that takes uploads, and cuts each after some bytes if told to.
fn receiving(cut_after: Option<usize>) -> impl Fn(&Asked) -> Answer + Send + Sync + 'static {
    let uploads: Mutex<HashMap<String, Vec<u8>>> = Mutex::default();
    let blobs: Mutex<HashMap<String, Vec<u8>>> = Mutex::default();
    move |asked| {
        let (mut uploads, mut blobs) = (uploads.lock().unwrap(), blobs.lock().unwrap());
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        match asked.method.as_str() {
            "POST" => {
                let id = format!("/v2/ns/m/blobs/uploads/{}", uploads.len());
                uploads.insert(id.clone(), Vec::new());
                Answer::new(202).header("Location", id)
            }
            "PATCH" => {
                let upload = uploads.get_mut(path).unwrap();
                let start: usize = asked
                    .header("content-range")
                    .unwrap()
                    .split('-')
                    .next()
                    .unwrap()
                    .parse()
                    .unwrap();
                if start != upload.len() {
                    return Answer::new(416);
                }
                let n = cut_after.unwrap_or(usize::MAX).min(asked.body.len());
                upload.extend_from_slice(&asked.body[..n]);
                match n == asked.body.len() {
                    true => Answer::new(202).header("Location", path),
                    false => Answer::new(500),
                }
            }
            "GET" if path.contains("/uploads/") => {
                let n = uploads[path].len();
                Answer::new(204)
                    .header("Location", path)
                    .header("Range", format!("0-{}", n.saturating_sub(1)))
            }
            "PUT" if path.contains("/uploads/") => {
                let digest = query.trim_start_matches("digest=").replace("%3A", ":");
                let bytes = uploads.remove(path).unwrap();
                assert_eq!(Digest::of(&bytes).to_string(), digest);
                blobs.insert(digest, bytes);
                // The blob is there, only the answer gets lost.
                Answer::new(if cut_after.is_some() { 504 } else { 201 })
            }
            "HEAD" => match blobs.contains_key(path.rsplit('/').next().unwrap()) {
                true => Answer::new(200),
                false => Answer::new(404),
            },
            "PUT" => Answer::new(201),
            _ => Answer::new(404),
        }
    }
}

#[tokio::test]
async fn a_model_is_pushed_and_only_once() {
    for cut_after in [None, Some(100_000)] {
        let model = RemoteModel::new(700_000);
        let remote = model.clone();
        let source = FakeRegistry::start(move |asked| remote.answer(asked)).await;
        let local = Local::new();
        let name = local.pull(&source).await.unwrap();

        let target = FakeRegistry::start(receiving(cut_after)).await;
        let to = Reference::parse(&format!("http://{}/ns/m:t", target.address)).unwrap();
        local.store.copy(&name, &to.name).unwrap();
        let statuses = Mutex::new(Vec::new());
        let record = |event: Event| statuses.lock().unwrap().push(event.status());
        within(push(&local.store, &to, &quick(), &record)).await.unwrap();
        let asked = target.asked();
        let last = asked.last().unwrap();
        assert_eq!((last.method.as_str(), last.path.as_str()), ("PUT", "/v2/ns/m/manifests/t"));
        assert_eq!(last.body, model.manifest);
        assert_eq!(statuses.lock().unwrap().last().unwrap(), "success");

        within(push(&local.store, &to, &quick(), &|_| {})).await.unwrap();
        let again = target.asked().split_off(asked.len());
        assert!(again.iter().all(|a| a.method != "POST" && a.method != "PATCH"), "sent again");
    }
}

#[tokio::test]
async fn a_registry_that_forgets_an_upload_gets_it_again() {
    let model = RemoteModel::new(700_000);
    let remote = model.clone();
    let source = FakeRegistry::start(move |asked| remote.answer(asked)).await;
    let local = Local::new();
    let name = local.pull(&source).await.unwrap();
    let well = receiving(None);
    let n_patches = AtomicUsize::new(0);
    let target = FakeRegistry::start(move |asked| {
        let is_upload = asked.path.contains("/uploads/") && asked.method != "POST";
        let is_second = asked.method == "PATCH" && n_patches.fetch_add(1, Ordering::Relaxed) == 1;
        // From the second piece on the first upload is gone.
        let is_gone = asked.path.ends_with("/uploads/0") && n_patches.load(Ordering::Relaxed) > 1;
        if is_upload && (is_second || is_gone) { Answer::new(404) } else { well(asked) }
    })
    .await;
    let to = Reference::parse(&format!("http://{}/ns/m:t", target.address)).unwrap();
    local.store.copy(&name, &to.name).unwrap();
    within(push(&local.store, &to, &quick(), &|_| {})).await.unwrap();
    let posts = target.asked().iter().filter(|a| a.method == "POST").count();
    assert_eq!(posts, 3, "weights twice, configuration once");
}

#[tokio::test]
async fn a_split_model_of_the_hub_becomes_one_model() {
    let parts = [RemoteModel::new(100_000).weights, RemoteModel::new(70_000).weights];
    let served = parts.clone();
    let registry = FakeRegistry::start(move |asked| {
        let name = |i: usize| format!("Q8_0/m-Q8_0-0000{}-of-00002.gguf", i + 1);
        if asked.path == "/api/models/ns/m/tree/main?recursive=true" {
            let file = |i: usize| {
                let (digest, size) = (Digest::of(&served[i]).hex(), served[i].len());
                serde_json::json!({"type": "file", "path": name(i), "size": size, "lfs": {"oid": digest, "size": size}})
            };
            // Not in order, and with files that are none of the model's.
            let readme = serde_json::json!({"type": "file", "path": "README.md", "size": 1});
            return Answer::ok(serde_json::json!([file(1), readme, file(0)]).to_string());
        }
        match (0..2).find(|i| asked.path == format!("/ns/m/resolve/main/{}", name(*i))) {
            Some(i) => Answer::part(&served[i], asked),
            None => Answer::new(400),
        }
    })
    .await;
    let reference = Reference::parse(&format!("http://{}/ns/m:q8_0", registry.address)).unwrap();
    let local = Local::new();
    let error = within(pull(&local.store, &reference, &quick(), &|_| {})).await.unwrap_err();
    assert!(
        matches!(error, TransferError::Status { status: 400, .. }),
        "no hub, no search: {error}"
    );

    let mut options = quick();
    options.hub_hosts.insert(registry.address.to_string());
    let name = within(pull(&local.store, &reference, &options, &|_| {})).await.unwrap();
    let model = local.store.find(&name).unwrap().unwrap();
    assert_eq!(model.health, Health::Verified);
    let digests: Vec<Digest> = model.manifest.layers.iter().map(|layer| layer.digest).collect();
    assert_eq!(digests, parts.map(|part| Digest::of(&part)));
    assert_eq!(model.manifest.layers[1].from.as_deref(), Some("Q8_0/m-Q8_0-00002-of-00002.gguf"));

    let other = Reference::parse(&format!("http://{}/ns/m:q2_k", registry.address)).unwrap();
    let error = within(pull(&local.store, &other, &options, &|_| {})).await.unwrap_err();
    assert!(matches!(error, TransferError::Status { status: 400, .. }), "{error}");
}

#[tokio::test]
async fn http_must_be_allowed() {
    let local = Local::new();
    let mut options = quick();
    options.insecure = false;
    let reference = Reference::parse("http://127.0.0.1:1/ns/m:t").unwrap();
    let error = pull(&local.store, &reference, &options, &|_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "insecure protocol http");
}

#[test]
fn transfers_can_be_spawned() {
    fn assert_send<T: Send>(_: T) {}
    let local = Local::new();
    let reference = Reference::parse("http://127.0.0.1:1/ns/m:t").unwrap();
    let options = quick();
    assert_send(pull(&local.store, &reference, &options, &|_| {}));
    assert_send(push(&local.store, &reference, &options, &|_| {}));
}
