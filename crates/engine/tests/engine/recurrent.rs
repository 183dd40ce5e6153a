//! Models that fold the past into states: the same however their tokens come, and never taken
//! over in part.

use camelid_engine::{Batch, CpuDevice, Decoder, Error, Runner, SeqId};

use crate::arch_fixture::{self, Fixture};

const A: SeqId = SeqId(0);
const B: SeqId = SeqId(1);
const RECURRENT: [&str; 8] = [
    "granitehybrid",
    "granitehybrid_rope",
    "lfm2",
    "lfm2moe",
    "mamba2",
    "qwen35",
    "qwen35moe",
    "qwen3next",
];

fn run(decoder: &mut Decoder<CpuDevice>, seq: SeqId, pos: usize, tokens: &[u32]) -> Vec<f32> {
    decoder.forward(&Batch::prompt(seq, pos as u32, tokens)).unwrap().row(0).to_vec()
}

fn assert_close(fixture: &Fixture, got: &[f32], want: &[f32]) {
    let difference = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-5 * fixture.range(), "{}: {difference}", fixture.name);
}

#[test]
fn pieces_of_any_size_give_the_same() {
    for fixture in RECURRENT.map(arch_fixture::named) {
        let mut decoder = fixture.decoder(None).unwrap();
        let want = run(&mut decoder, A, 0, &fixture.tokens);
        for size in [1, 2, 3, 5, 31, 71] {
            decoder.truncate(A, 0);
            let mut last = Vec::new();
            for (i, piece) in fixture.tokens.chunks(size).enumerate() {
                last = run(&mut decoder, A, i * size, piece);
            }
            assert_close(&fixture, &last, &want);
        }
    }
}

#[test]
fn a_copy_goes_on_by_itself() {
    for fixture in RECURRENT.map(arch_fixture::named) {
        let mut decoder = fixture.decoder(None).unwrap();
        let (before, behind) = fixture.tokens.split_at(40);
        let want = run(&mut decoder, B, 0, &fixture.tokens);
        run(&mut decoder, A, 0, before);
        decoder.copy(A, B, before.len() as u32);
        // The one leads elsewhere, and the other where it would have led.
        run(&mut decoder, A, before.len(), &[1, 2, 3]);
        assert_close(&fixture, &run(&mut decoder, B, before.len(), behind), &want);
    }
}

#[test]
fn a_state_is_all_or_nothing() {
    for fixture in RECURRENT.map(arch_fixture::named) {
        let mut decoder = fixture.decoder(None).unwrap();
        run(&mut decoder, A, 0, &fixture.tokens);
        let len = fixture.tokens.len() as u32;
        assert!(decoder.needs_checkpoints());
        assert_eq!((decoder.reusable(A, len), decoder.reusable(A, len - 1)), (len, 0));
        decoder.copy(A, B, len - 1);
        assert_eq!(decoder.n_cached(B), 0);
        let error = decoder.shift(A, 3..9).unwrap_err();
        assert!(matches!(error, Error::CannotShift { .. }), "{error}");
        assert_eq!(decoder.n_cached(A), len);
        decoder.truncate(A, len - 1);
        assert_eq!(decoder.n_cached(A), 0);
        // What has ended leaves nothing behind.
        let again = run(&mut decoder, A, 0, &fixture.tokens);
        assert_eq!(again, run(&mut decoder, B, 0, &fixture.tokens));
    }
}

#[test]
fn states_are_counted() {
    let mut decoder = arch_fixture::named("mamba2").decoder(None).unwrap();
    for seq in 0..4 {
        run(&mut decoder, SeqId(seq), 0, &[1, 2]);
    }
    let error = decoder.forward(&Batch::prompt(SeqId(4), 0, &[1])).unwrap_err();
    assert!(matches!(error, Error::CacheFull { needed: 1, free: 0, total: 4 }), "{error}");
    // A copy takes none until it goes on.
    decoder.copy(A, SeqId(4), 2);
    decoder.truncate(B, 0);
    run(&mut decoder, SeqId(4), 2, &[3]);
}
