//! Processes that are killed while they change a store, and several at once.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use camelid_registry::{
    Expected, Health, Manifest, ModelName, PruneOptions, Repair, Store, StoreError, media_type,
};

/// Set for the process that is to be killed: the store it works on.
const CHILD_STORE: &str = "CAMELID_TEST_CRASH_STORE";
/// The seed of its choices.
const CHILD_SEED: &str = "CAMELID_TEST_CRASH_SEED";

/// Kills in all; each at another moment.
const N_KILLS: u64 = 300;

/// Numbers that look random (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Not a test but the child's program: works on the store until it is killed.
#[test]
fn child() {
    let Some(root) = env::var_os(CHILD_STORE) else { return };
    let seed: u64 = env::var_os(CHILD_SEED).unwrap().to_str().unwrap().parse().unwrap();
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let store = Store::open(PathBuf::from(root)).unwrap();
    loop {
        work(&store, &mut random);
    }
}

fn work(store: &Store, random: &mut Random) {
    let name = model(random.below(4));
    let done = match random.below(8) {
        0 => store.delete(&name).map(drop),
        1 => store.copy(&model(random.below(4)), &name).map(drop),
        2 => {
            let options = PruneOptions { grace: Duration::ZERO, ..PruneOptions::default() };
            store.prune(&options).map(drop)
        }
        _ => create(store, &name, random),
    };
    match done {
        Ok(()) | Err(StoreError::UnknownModel { .. } | StoreError::Busy) => {}
        Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
    }
}

fn model(n: u64) -> ModelName {
    ModelName::parse(&format!("ns{}/model:t{n}", n % 2)).unwrap()
}

fn create(store: &Store, name: &ModelName, random: &mut Random) -> Result<(), StoreError> {
    let writer = store.writer()?;
    // Few different contents, so that models share blobs and deleting is dangerous.
    let weights = vec![random.below(5) as u8; 50_000];
    let weights = writer.put(&mut &weights[..], Expected::default(), &mut |_| {})?;
    let system = writer.put_bytes(format!("system {}", random.below(5)).as_bytes())?;
    let config = writer.put_bytes(b"{}\n")?.into_layer(media_type::CONFIG);
    let layers = vec![weights.into_layer(media_type::MODEL), system.into_layer(media_type::SYSTEM)];
    let manifest = Manifest::new(config, layers);
    let old = writer.put_manifest(name, &manifest.to_bytes().unwrap())?;
    drop(writer);
    store.remove_unreferenced(old.iter().flat_map(Manifest::blobs).map(|l| l.digest)).map(drop)
}

fn spawn_child(root: &Path, seed: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture", "--test-threads=1"])
        .env(CHILD_STORE, root)
        .env(CHILD_SEED, seed.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills a child, which must not have ended by itself.
fn kill(mut child: Child) {
    let ended = child.try_wait().unwrap();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(ended.is_none(), "the child failed: {errors}");
}

/// The store after a crash: nothing half done is visible, and no leftover is there.
fn check(root: &Path) {
    let store = Store::open(root).unwrap();
    let listing = store.list().unwrap();
    assert!(listing.broken.is_empty(), "{:?}", listing.broken);
    for model in listing.models {
        assert!(
            !matches!(model.health, Health::Damaged { .. }),
            "{}: {:?}",
            model.name,
            model.health
        );
    }
    let report = store.verify(Repair::No, &mut |_| {}).unwrap();
    assert!(report.is_healthy(), "{report:?}");
    for dir in ["blobs", "manifests"] {
        for entry in std::fs::read_dir(root.join(dir)).unwrap() {
            let name = entry.unwrap().file_name();
            assert!(!name.to_string_lossy().contains("tmp-"), "leftover {name:?}");
        }
    }
}

#[test]
fn a_store_survives_being_killed_at_any_moment() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(42);
    let mut n_with_models = 0;
    for seed in 0..N_KILLS {
        let child = spawn_child(dir.path(), seed);
        thread::sleep(Duration::from_micros(3_000 + random.below(25_000)));
        kill(child);
        check(dir.path());
        n_with_models +=
            usize::from(!Store::open(dir.path()).unwrap().list().unwrap().models.is_empty());
    }
    // Otherwise the kills came before there was anything to break.
    assert!(n_with_models > 50, "only {n_with_models} of {N_KILLS} runs got anywhere");
}

#[test]
fn several_processes_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let children: Vec<Child> = (0..3).map(|seed| spawn_child(dir.path(), 1000 + seed)).collect();
    let store = Store::open(dir.path()).unwrap();
    let end = Instant::now() + Duration::from_secs(2);
    let mut random = Random(7);
    while Instant::now() < end {
        // Whatever is listed was whole when it was; it may be gone by now.
        work(&store, &mut random);
        assert!(store.list().unwrap().broken.is_empty());
    }
    children.into_iter().for_each(kill);
    check(dir.path());
}
