//! A registry that means harm: every answer ends in a clean error, in bounded time, with nothing
//! visible in the store and nothing touched beside it.

use camelid_registry::transfer::{Credentials, TransferError};
use camelid_registry::{Digest, ManifestError};

use crate::fake_registry::{After, Answer, Asked, FakeRegistry, Local, RemoteModel, quick};

/// Pulls from a registry that answers requests for the weights in its own way.
async fn pull_weights(
    what: &str,
    answer: impl Fn(&RemoteModel, &Asked) -> Answer + Send + Sync + 'static,
) -> (TransferError, FakeRegistry) {
    let model = RemoteModel::new(100_000);
    let registry = FakeRegistry::start(move |asked| match asked.path == model.weights_path() {
        true => answer(&model, asked),
        false => model.answer(asked),
    })
    .await;
    let local = Local::new();
    let error = local.pull(&registry).await.expect_err(what);
    local.assert_untouched(what);
    (error, registry)
}

async fn pull_manifest(what: &str, answer: Answer) -> TransferError {
    let registry = FakeRegistry::start(move |_| answer.clone()).await;
    let local = Local::new();
    let error = local.pull(&registry).await.expect_err(what);
    local.assert_untouched(what);
    error
}

#[tokio::test]
async fn manifests_that_are_none_are_refused() {
    let digest = Digest::of(b"x").to_string();
    let layer = |digest: &str, size: &str| {
        format!(
            "{{\"schemaVersion\":2,\"layers\":[{{\"mediaType\":\"t\",\"digest\":\"{digest}\",\"size\":{size}}}]}}"
        )
    };
    for text in [
        "".to_owned(),
        "null".to_owned(),
        "<html>".to_owned(),
        "[".repeat(1 << 20),
        layer("sha256:../../../../victim", "1"),
        layer("../../victim", "1"),
        layer("", "1"),
        layer(&digest[..digest.len() - 1], "1"),
        layer(&format!("{digest}0"), "1"),
        layer(&digest.to_uppercase(), "1"),
        layer(&digest, "-1"),
        layer(&digest, "18446744073709551616"),
        layer(&digest, "9223372036854775808"),
        layer(&digest, "null"),
    ] {
        let what = text.chars().take(120).collect::<String>();
        let error = pull_manifest(&what, Answer::ok(text)).await;
        assert!(matches!(error, TransferError::Manifest { .. }), "{what}: {error}");
    }
}

#[tokio::test]
async fn a_manifest_without_end_is_cut_off() {
    let error = pull_manifest("endless", Answer::ok("{").after(After::Endless)).await;
    assert!(matches!(error, TransferError::TooLong { limit: 4_194_304, .. }), "{error}");
    let many = format!("{{\"schemaVersion\":2,\"layers\":[{}]}}", vec!["{}"; 1_000_000].join(","));
    let error = pull_manifest("a million layers", Answer::ok(many)).await;
    assert!(
        matches!(error, TransferError::Manifest { source: ManifestError::Malformed(_), .. }),
        "{error}"
    );
    let error = pull_manifest("drop by drop", Answer::ok("{").after(After::Trickle)).await;
    assert!(matches!(error, TransferError::GaveUp { .. }), "{error}");
}

#[tokio::test]
async fn errors_are_quoted_in_part() {
    let error = pull_manifest("teapot", Answer::new(418).with_body(vec![b'x'; 1 << 20])).await;
    assert!(
        matches!(&error, TransferError::Status { status: 418, body, .. } if body.len() <= 8192),
        "{error}"
    );
    let error = pull_manifest("missing", Answer::new(404)).await;
    assert!(matches!(error, TransferError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn a_model_larger_than_the_disk_is_not_begun() {
    let size = i64::MAX / 2;
    let text = format!(
        "{{\"schemaVersion\":2,\"layers\":[{{\"mediaType\":\"t\",\"digest\":\"{}\",\"size\":{size}}}]}}",
        Digest::of(b"x")
    );
    let error = pull_manifest("huge", Answer::ok(text)).await;
    assert!(matches!(error, TransferError::DiskFull { .. }), "{error}");
}

#[tokio::test]
async fn wrong_bytes_never_become_a_blob() {
    let (error, _) = pull_weights("wrong bytes", |model, asked| {
        let zeros = vec![0; model.weights.len()];
        Answer::part(&zeros, asked)
    })
    .await;
    assert!(matches!(error, TransferError::DigestMismatch { .. }), "{error}");
}

#[tokio::test]
async fn ranges_must_be_those_asked_for() {
    for range in ["bytes 0-9/100000", "bytes 1-65536/100000", "bytes 0-65535/99999", "nonsense"] {
        let (error, _) = pull_weights(range, move |model, asked| {
            let (start, end) = asked.range().unwrap_or_default();
            Answer::new(206)
                .header("Content-Range", range)
                .with_body(model.weights[start..end].to_vec())
        })
        .await;
        assert!(matches!(error, TransferError::Protocol { .. }), "{range}: {error}");
    }
    let (error, _) = pull_weights("206 without Content-Range", |_, _| Answer::new(206)).await;
    assert!(matches!(error, TransferError::Protocol { .. }), "{error}");
    let (error, _) = pull_weights("416", |_, _| Answer::new(416)).await;
    assert!(matches!(error, TransferError::Status { status: 416, .. }), "{error}");
    let (error, _) = pull_weights("204", |_, _| Answer::new(204)).await;
    assert!(matches!(error, TransferError::Protocol { .. }), "{error}");
}

#[tokio::test]
async fn bodies_of_the_wrong_length_are_refused() {
    let (error, _) = pull_weights("endless part", |model, asked| {
        Answer::part(&model.weights, asked).after(After::Endless)
    })
    .await;
    assert!(
        matches!(error, TransferError::Protocol { .. } | TransferError::Connection { .. }),
        "{error}"
    );
    let (error, _) =
        pull_weights("endless whole", |_, _| Answer::ok("x").after(After::Endless)).await;
    assert!(
        matches!(error, TransferError::Protocol { .. } | TransferError::DigestMismatch { .. }),
        "{error}"
    );
    let (error, _) = pull_weights("too short a whole", |_, _| Answer::ok("x")).await;
    assert!(matches!(error, TransferError::GaveUp { .. }), "{error}");
    let (error, _) = pull_weights("silence", |model, asked| {
        let range = format!(
            "bytes {}-{}/{}",
            asked.range().unwrap().0,
            asked.range().unwrap().1 - 1,
            model.weights.len()
        );
        Answer::new(206).header("Content-Range", range).after(After::Trickle)
    })
    .await;
    assert!(matches!(error, TransferError::GaveUp { .. }), "{error}");
}

#[tokio::test]
async fn redirects_end_somewhere() {
    let (error, registry) =
        pull_weights("loop", |model, _| Answer::new(302).header("Location", model.weights_path()))
            .await;
    assert!(matches!(error, TransferError::Redirect { .. }), "{error}");
    assert!(registry.asked().len() < 50);
}

#[tokio::test]
async fn redirects_do_not_lead_into_other_networks() {
    for target in [
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/x",
        "http://192.168.1.1/x",
        "http://100.64.0.1/x",
        "http://0.0.0.0:1/x",
        "http://[fe80::1]/x",
        "http://[::ffff:10.0.0.1]/x",
        "http://2852039166/x",
        "http://0251.0376.0251.0376/x",
    ] {
        let (error, _) =
            pull_weights(target, move |_, _| Answer::new(302).header("Location", target)).await;
        assert!(matches!(error, TransferError::Address { .. }), "{target}: {error}");
    }
    for target in
        ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://user:pw@127.0.0.1/x", "http://["]
    {
        let (error, _) =
            pull_weights(target, move |_, _| Answer::new(302).header("Location", target)).await;
        let is_refused =
            matches!(error, TransferError::Redirect { .. } | TransferError::Protocol { .. });
        assert!(is_refused, "{target}: {error}");
    }
}

#[tokio::test]
async fn passwords_are_not_sent_to_other_hosts() {
    let thief = FakeRegistry::start(|_| Answer::ok("{\"token\":\"x\"}")).await;
    let realms = [
        format!("http://{}/token", thief.address),
        format!("http://127.0.0.1@{}/token", thief.address),
        format!("http://{}/a,realm=x", thief.address),
        "not an address".to_owned(),
        "file:///etc/passwd".to_owned(),
    ];
    for realm in realms {
        let challenge = format!("Bearer service=\"a\", realm=\"{realm}\"");
        let registry = FakeRegistry::start(move |_| {
            Answer::new(401).header("WWW-Authenticate", challenge.clone())
        })
        .await;
        let mut options = quick();
        options.credentials =
            Credentials::Basic { username: "ann".into(), password: "secret".into() };
        let local = Local::new();
        let error = local.pull_with(&registry, &options).await.unwrap_err();
        let is_refused =
            matches!(error, TransferError::Login { .. } | TransferError::Redirect { .. });
        assert!(is_refused, "{realm}: {error}");
        local.assert_untouched(&realm);
    }
    assert!(thief.asked().is_empty(), "{:?}", thief.asked());
}

#[tokio::test]
async fn tokens_are_limited_and_may_be_refused() {
    for (what, answer) in [
        ("endless", Answer::ok("{").after(After::Endless)),
        ("no token", Answer::ok("{}")),
        ("refused", Answer::new(403)),
        ("split header", Answer::ok("{\"token\":\"a\\r\\nX: y\"}")),
        ("redirect", Answer::new(302).header("Location", "http://127.0.0.1:1/")),
    ] {
        let registry = FakeRegistry::start(move |asked| match asked.path.starts_with("/token") {
            true => answer.clone(),
            false => {
                let host = asked.header("host").unwrap();
                Answer::new(401)
                    .header("WWW-Authenticate", format!("Bearer realm=\"http://{host}/token\""))
            }
        })
        .await;
        let local = Local::new();
        assert!(local.pull(&registry).await.is_err(), "{what}");
        local.assert_untouched(what);
        assert!(registry.asked().len() <= 3, "{what}");
    }
}

#[tokio::test]
async fn registries_are_not_looked_for_where_clouds_keep_secrets() {
    for host in ["169.254.169.254", "0.0.0.0", "2852039166", "0xA9.0xFE.0xA9.0xFE"] {
        let local = Local::new();
        let reference = camelid_registry::Reference::parse(&format!("http://{host}/a/b")).unwrap();
        let pulled =
            camelid_registry::transfer::pull(&local.store, &reference, &quick(), &|_| {}).await;
        let error = pulled.unwrap_err();
        assert!(matches!(error, TransferError::Address { .. }), "{host}: {error}");
    }
}
