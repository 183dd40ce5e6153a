//! What a decoder caches, as bytes: another decoder goes on with it as if it were its own.

use camelid_engine::{Batch, Error, Runner, SavedPrefixError, SeqId};

use crate::arch_fixture;

const A: SeqId = SeqId(0);
const B: SeqId = SeqId(1);

/// All kinds of caches: keys and values, latents, windows, states of all mixers.
const MODELS: [&str; 8] = [
    "llama",
    "deepseek2_lite",
    "gemma3",
    "gpt_oss",
    "lfm2",
    "mamba2",
    "granitehybrid",
    "qwen3next",
];

#[test]
fn another_decoder_goes_on_as_the_first_would() {
    for fixture in MODELS.map(arch_fixture::named) {
        let (before, behind) = fixture.tokens.split_at(40);
        let rest = Batch::prompt(A, 40, behind);
        let mut first = fixture.decoder(None).unwrap();
        first.forward(&Batch::prompt(A, 0, before)).unwrap();
        let bytes = first.save(A, 40).unwrap();
        let want = first.forward(&rest).unwrap().row(0).to_vec();

        let mut second = fixture.decoder(None).unwrap();
        // Pages and states are not where they were.
        second.forward(&Batch::prompt(B, 0, &before[..7])).unwrap();
        second.load(A, 40, &bytes).unwrap();
        assert_eq!(second.n_cached(A), 40, "{}", fixture.name);
        assert_eq!(second.save(A, 40).unwrap(), bytes, "{}", fixture.name);
        assert_eq!(second.forward(&rest).unwrap().row(0), want, "{}", fixture.name);
    }
}

#[test]
fn bytes_of_another_length_are_refused_and_change_nothing() {
    for fixture in MODELS.map(arch_fixture::named) {
        let mut decoder = fixture.decoder(None).unwrap();
        decoder.forward(&Batch::prompt(A, 0, &fixture.tokens[..40])).unwrap();
        let bytes = decoder.save(A, 40).unwrap();
        let longer = [&bytes[..], &[0]].concat();
        for wrong in [&bytes[..0], &bytes[..3], &bytes[..bytes.len() - 1], &longer] {
            let error = decoder.load(B, 40, wrong).unwrap_err();
            let is_told = matches!(error, Error::SavedPrefix(SavedPrefixError::Malformed { .. }));
            assert!(is_told, "{}: {error}", fixture.name);
            assert_eq!(decoder.n_cached(B), 0);
        }
    }
}

#[test]
fn a_full_cache_has_no_room_for_it() {
    let fixture = arch_fixture::named("llama");
    let mut decoder = fixture.decoder(None).unwrap();
    decoder.forward(&Batch::prompt(A, 0, &fixture.tokens[..40])).unwrap();
    let bytes = decoder.save(A, 40).unwrap();
    let n_loaded = (1..1000).take_while(|&i| decoder.load(SeqId(i), 40, &bytes).is_ok()).count();
    assert!((1..999).contains(&n_loaded));
    let error = decoder.load(SeqId(5000), 40, &bytes).unwrap_err();
    assert!(matches!(error, Error::CacheFull { .. }), "{error}");
    decoder.truncate(SeqId(1), 0);
    decoder.load(SeqId(5000), 40, &bytes).unwrap();
}
