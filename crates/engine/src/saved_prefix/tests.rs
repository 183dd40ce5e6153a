use camelid_gguf::GgufFile;
use tempfile::TempDir;

use super::*;
use crate::{GenerateOptions, ModelOptions, Stats};

const PROMPT: &str = "Once upon a time there was a camel that walked through the desert and sang \
    a song for every dune it met, and for each stone another one, until it came to a river";

fn model(change: impl FnOnce(&mut ModelOptions)) -> Model {
    let file = GgufFile::from_static(camelid_model_tiny::GGUF).unwrap();
    let mut options = ModelOptions { n_ctx: Some(128), ..ModelOptions::default() };
    change(&mut options);
    Model::from_gguf(file, &options).unwrap()
}

fn answer(model: &Model, prompt: impl Into<Prompt>) -> (Vec<TokenId>, Stats) {
    let options = GenerateOptions { n_predict: Some(8), ..GenerateOptions::default() };
    let (mut tokens, mut stats) = (Vec::new(), None);
    for piece in model.generate(prompt, options).unwrap() {
        let piece = piece.unwrap();
        tokens.extend(piece.tokens);
        stats = piece.end.map(|end| end.stats);
    }
    (tokens, stats.unwrap())
}

/// A saved prompt, and how many of its tokens there are.
fn saved() -> (TempDir, PathBuf, usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("camel.prefix");
    let model = model(|_| {});
    answer(&model, PROMPT);
    let n = model.save_prefix(PROMPT, &path).unwrap();
    (folder, path, n)
}

fn refusal(path: &Path, change: impl FnOnce(&mut ModelOptions)) -> String {
    model(change).load_prefix(path).unwrap_err().to_string()
}

#[test]
fn what_was_saved_is_cached_after_a_restart() {
    for ty in KvType::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("camel.prefix");
        let first = model(|options| options.kv_type = ty);
        let (want, stats) = answer(&first, PROMPT);
        assert_eq!(first.save_prefix(PROMPT, &path).unwrap(), stats.n_prompt);
        let entries: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(entries.len(), 1, "nothing else is left: {entries:?}");

        let second = model(|options| options.kv_type = ty);
        let tokens = second.load_prefix(&path).unwrap();
        assert_eq!(tokens.len(), stats.n_prompt);
        let (got, stats) = answer(&second, PROMPT);
        assert_eq!(got, want, "{ty:?}");
        // The last token of a prompt is always run.
        assert_eq!(stats.n_prompt_cached, stats.n_prompt - 1, "{ty:?}");
        // What is there already may be loaded again.
        assert_eq!(second.load_prefix(&path).unwrap(), tokens);
    }
}

#[test]
fn a_session_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.prefix");
    let mut session = model(|_| {}).session();
    session.append(PROMPT).unwrap();
    session
        .answer(GenerateOptions { n_predict: Some(8), ..Default::default() })
        .unwrap()
        .text()
        .unwrap();
    let n = session.save(&path).unwrap();
    // The last token of an answer was chosen but not run.
    assert!(n + 1 >= session.tokens().len());
    let model = model(|_| {});
    let mut again = model.session();
    again.append(model.load_prefix(&path).unwrap()).unwrap();
    assert_eq!(again.tokens(), &session.tokens()[..n]);
}

#[test]
fn the_longest_beginning_that_is_cached_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("camel.prefix");
    let model = model(|_| {});
    let error = model.save_prefix(PROMPT, &path).unwrap_err();
    assert!(error.to_string().starts_with("none of the "), "{error}");
    assert!(!path.exists());
    let (_, stats) = answer(&model, PROMPT);
    let longer = format!("{PROMPT} Zebras!");
    let n = model.save_prefix(longer, &path).unwrap();
    assert!(n + 1 >= stats.n_prompt && n <= stats.n_prompt + 1, "{n} of {}", stats.n_prompt);
}

#[test]
fn a_file_of_another_model_is_refused() {
    let (_folder, path, _) = saved();
    let error = refusal(&path, |options| options.kv_type = KvType::Q8_0);
    let want = "the saved prefix is of another number format of keys and values: found f16";
    assert!(error.starts_with(want), "{error}");
    let error = refusal(&path, |options| options.rope.freq_base = Some(77.0));
    assert!(error.starts_with("the saved prefix is of another model: found "), "{error}");
}

#[test]
fn what_is_longer_than_the_context_is_refused() {
    let (_folder, path, n) = saved();
    let error = refusal(&path, |options| options.n_ctx = Some(n - 1));
    assert!(error.contains("number of tokens at byte 52") || error.contains("length"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_told_by_its_name() {
    let error = refusal(Path::new("no/such.prefix"), |_| {});
    assert_eq!(error, "cannot open the saved prefix no/such.prefix");
}

#[test]
fn a_file_that_was_cut_is_refused() {
    let (_folder, path, _) = saved();
    let file = fs::read(&path).unwrap();
    let model = model(|_| {});
    for len in [0, 1, 8, 12, HEAD_LEN - 1, HEAD_LEN, HEAD_LEN + 5, file.len() / 2, file.len() - 1] {
        fs::write(&path, &file[..len]).unwrap();
        let error = model.load_prefix(&path).unwrap_err();
        let is_told = matches!(
            error,
            Error::SavedPrefix(
                SavedPrefixError::Malformed { .. } | SavedPrefixError::Foreign { .. }
            )
        );
        assert!(is_told, "{len}: {error}");
    }
    fs::write(&path, [&file[..], &[0]].concat()).unwrap();
    assert!(model.load_prefix(&path).unwrap_err().to_string().contains("length of the file"));
}

#[test]
fn a_file_with_any_bit_flipped_is_refused() {
    let (_folder, path, _) = saved();
    let file = fs::read(&path).unwrap();
    let model = model(|_| {});
    let places = (0..HEAD_LEN).chain((HEAD_LEN..file.len()).step_by(file.len() / 60));
    for at in places.chain([file.len() - 1]) {
        let mut flipped = file.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, &flipped).unwrap();
        assert!(model.load_prefix(&path).is_err(), "byte {at}");
    }
    // And nothing of them is kept.
    assert_eq!(answer(&model, PROMPT).1.n_prompt_cached, 0);
}

#[test]
fn a_file_with_a_right_checksum_may_still_be_wrong() {
    let (_folder, path, _) = saved();
    let model = model(|_| {});
    let identity = Identity::of(&model);
    let (tokens, cache) = decode(fs::read(&path).unwrap(), &identity).unwrap();
    let n_vocab = u32::try_from(model.spec().n_vocab).unwrap();
    let dropped = [&1u32.to_le_bytes(), &cache[4..]].concat();
    let many = [&u32::MAX.to_le_bytes(), &cache[4..]].concat();
    for (tokens, cache, want) in [
        (vec![n_vocab; tokens.len()], cache.clone(), "outside the vocabulary"),
        (vec![], cache.clone(), "number of tokens at byte 52: found 0"),
        (tokens[..1].to_vec(), cache.clone(), "bytes of the cache: found"),
        (tokens.clone(), cache[..cache.len() - 1].to_vec(), "bytes of the cache: found"),
        (tokens.clone(), vec![], "bytes of the cache: found 0"),
        (tokens.clone(), dropped, "pages that left the window: found 1"),
        (tokens.clone(), many, "pages that left the window: found 4294967295"),
    ] {
        fs::write(&path, encode(&identity, &tokens, &cache)).unwrap();
        let error = model.load_prefix(&path).unwrap_err().to_string();
        assert!(error.contains(want), "{error}, expected {want}");
    }
}
