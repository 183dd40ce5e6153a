//! Batches that are given up halfway leave nothing behind.

use std::cell::Cell;

use camelid_engine::{Batch, Runner, SeqId};

use crate::arch_fixture;

const SEQ: SeqId = SeqId(0);

/// Some with pages, windows, latents, states and blocks whose halves run beside each other.
const NAMES: [&str; 6] = ["llama", "gemma2", "deepseek2_lite", "lfm2", "qwen3next", "phi2"];

#[test]
fn a_text_goes_on_as_if_a_batch_that_was_given_up_had_never_been() {
    for fixture in NAMES.map(arch_fixture::named) {
        let mut decoder = fixture.decoder(None).unwrap();
        let (before, behind) = fixture.tokens.split_at(20);
        decoder.forward(&Batch::prompt(SEQ, 0, before)).unwrap();
        let rest = Batch::prompt(SEQ, 20, behind);
        let want = decoder.forward(&rest).unwrap().row(0).to_vec();
        // Each answer in turn is the one that says no, until a batch is through before it comes.
        for n_asked in 1.. {
            decoder.truncate(SEQ, 0);
            decoder.forward(&Batch::prompt(SEQ, 0, before)).unwrap();
            let asked = Cell::new(0);
            let is_wanted = || {
                asked.set(asked.get() + 1);
                asked.get() < n_asked
            };
            if decoder.forward_while(&rest, &is_wanted).unwrap().is_some() {
                assert_eq!(asked.get(), 2 * decoder.spec().n_layer(), "{}", fixture.name);
                break;
            }
            assert_eq!(asked.get(), n_asked);
            // What keeps a state is back at its beginning.
            let kept = decoder.n_cached(SEQ);
            assert!([0, 20].contains(&kept), "{}: {kept}", fixture.name);
            if kept == 0 {
                decoder.forward(&Batch::prompt(SEQ, 0, before)).unwrap();
            }
            let got = decoder.forward(&rest).unwrap().row(0).to_vec();
            assert!(got == want, "{} given up at {n_asked}", fixture.name);
        }
    }
}
