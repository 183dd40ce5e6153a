//! Every stage against a plain one: sort everything, sum in f64, take the definition at its word.
//!
//! Sums in f32 round, so a bound on a sum is allowed to fall a token earlier or later where the sum
//! is within 1e-4 of the bound; everything else is exact.

use super::*;
use crate::sampler::candidates::Candidate;

/// The tokens by falling logit with their probabilities.
fn plain(logits: &[f32]) -> Vec<(TokenId, f64)> {
    let mut all: Vec<(TokenId, f32)> = (0..).zip(logits.iter().copied()).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let max = f64::from(all[0].1);
    let sum: f64 = all.iter().map(|(_, x)| (f64::from(*x) - max).exp()).sum();
    all.into_iter().map(|(id, x)| (id, (f64::from(x) - max).exp() / sum)).collect()
}

/// How many from the front reach a sum.
fn n_reaching(items: impl IntoIterator<Item = f64>, sum: f64) -> usize {
    let mut reached = 0.0;
    let mut n = 0;
    for p in items {
        n += 1;
        reached += p;
        if reached >= sum {
            break;
        }
    }
    n
}

const SLACK: f64 = 1e-4;

fn candidates(logits: &[f32]) -> Candidates {
    let mut candidates = Candidates::default();
    candidates.load(logits);
    candidates.select(0);
    candidates
}

fn kept(candidates: &mut Candidates) -> Vec<TokenId> {
    candidates.best(usize::MAX).iter().map(|c| c.id).collect()
}

/// Logits on a grid, so that there are ties, over vocabularies smaller and larger than a chunk.
fn logits() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec((-40i32..40).prop_map(|x| x as f32 / 4.0), 1..400)
}

/// Logits over a vocabulary that is not sorted at once, peaked or flat.
fn many_logits() -> impl Strategy<Value = Vec<f32>> {
    let grid = prop::collection::vec(-80i32..80, 1..3000);
    (grid, 0.01f32..0.5).prop_map(|(grid, step)| grid.iter().map(|&x| x as f32 * step).collect())
}

proptest! {
    #[test]
    fn top_k_is_the_front_of_the_sorted(logits in logits(), k in 1usize..450) {
        let mut c = Candidates::default();
        c.load(&logits);
        c.select(k);
        let want: Vec<TokenId> = plain(&logits).into_iter().take(k).map(|(id, _)| id).collect();
        prop_assert_eq!(kept(&mut c), want);
    }

    #[test]
    fn the_order_is_right_as_far_as_one_looks(logits in logits(), looks in prop::collection::vec(0usize..400, 1..5)) {
        let mut c = candidates(&logits);
        for n in looks {
            let want: Vec<TokenId> = plain(&logits).into_iter().take(n).map(|(id, _)| id).collect();
            let got: Vec<TokenId> = c.best(n).iter().map(|c| c.id).collect();
            prop_assert_eq!(got, want);
        }
    }

    #[test]
    fn greedy_is_the_first_of_the_sorted(logits in logits()) {
        prop_assert_eq!(candidates(&logits).greedy(), Some(plain(&logits)[0].0));
    }

    #[test]
    fn probabilities_are_the_softmax(logits in logits()) {
        let mut c = candidates(&logits);
        c.softmax(1.0);
        for (got, (id, p)) in c.best(usize::MAX).iter().zip(plain(&logits)) {
            prop_assert_eq!(got.id, id);
            prop_assert!((f64::from(got.p) - p).abs() < 1e-5);
        }
    }

    #[test]
    fn top_p_is_the_shortest_front_that_reaches_it(logits in logits(), p in 0.0f32..1.0) {
        let mut c = candidates(&logits);
        c.top_p(p);
        let sorted = plain(&logits);
        let n = |p: f64| n_reaching(sorted.iter().map(|(_, p)| *p), p);
        let (least, most) = (n(f64::from(p) - SLACK), n(f64::from(p) + SLACK));
        let got = kept(&mut c);
        prop_assert!((least..=most).contains(&got.len()), "{} of {least}..={most}", got.len());
        prop_assert!(got.iter().zip(&sorted).all(|(got, (id, _))| got == id));
    }

    #[test]
    fn a_nucleus_of_all_tokens_is_the_shorter_of_both_fronts(
        logits in many_logits(),
        top_p in prop_oneof![1 => Just(1.0f32), 5 => -0.1f32..1.0],
        min_p in prop_oneof![1 => Just(0.0f32), 1 => 0.001f32..1.0],
    ) {
        let mut c = Candidates::default();
        c.load(&logits);
        c.select_nucleus(top_p, min_p);
        let sorted = plain(&logits);
        let front = |slack: f64| {
            let top_p = f64::from(top_p) + slack;
            let n = if top_p < 1.0 { n_reaching(sorted.iter().map(|(_, p)| *p), top_p) } else { sorted.len() };
            let least = sorted[0].1 * (f64::from(min_p) - slack * f64::from(min_p.signum()));
            sorted[..n].iter().filter(|(_, p)| min_p <= 0.0 || *p >= least).count()
        };
        let got = kept(&mut c);
        let (least, most) = (front(-SLACK), front(SLACK));
        prop_assert!((least..=most).contains(&got.len()), "{} of {least}..={most}", got.len());
        prop_assert!(got.iter().zip(&sorted).all(|(got, (id, _))| got == id));
    }

    #[test]
    fn min_p_compares_with_the_best(logits in logits(), p in 0.001f32..1.0) {
        let mut c = candidates(&logits);
        c.min_p(p);
        let sorted = plain(&logits);
        let n = |p: f64| sorted.iter().filter(|(_, x)| *x >= p * sorted[0].1).count();
        let (least, most) = (n(f64::from(p) + SLACK), n(f64::from(p) - SLACK));
        let got = kept(&mut c);
        prop_assert!((least..=most).contains(&got.len()), "{} of {least}..={most}", got.len());
        prop_assert!(got.iter().zip(&sorted).all(|(got, (id, _))| got == id));
    }

    #[test]
    fn typical_takes_the_nearest_to_the_entropy(logits in logits(), p in 0.0f32..0.999) {
        let mut c = candidates(&logits);
        c.typical(p);
        let mut by_distance = plain(&logits);
        let entropy: f64 = by_distance.iter().map(|(_, p)| -p * p.ln()).sum();
        let distance = |p: f64| (-p.ln() - entropy).abs();
        by_distance.sort_by(|a, b| distance(a.1).total_cmp(&distance(b.1)));
        let n = |p: f64| n_reaching(by_distance.iter().map(|(_, p)| *p), p);
        let (least, most) = (n(f64::from(p) - SLACK), n(f64::from(p) + SLACK));
        let got = kept(&mut c);
        prop_assert!((least..=most).contains(&got.len()), "{} of {least}..={most}", got.len());
        // Distances that differ by rounding may stand in another order.
        let farthest = distance(by_distance[most - 1].1) + 1e-3;
        for (id, p) in &by_distance {
            prop_assert!(!got.contains(id) || distance(*p) <= farthest);
        }
    }

    #[test]
    fn tail_free_cuts_at_the_share_of_the_curvature(logits in logits(), z in 0.0f32..0.999) {
        let mut c = candidates(&logits);
        c.tail_free(z);
        let p: Vec<f64> = plain(&logits).into_iter().map(|(_, p)| p).collect();
        let slopes: Vec<f64> = p.windows(2).map(|w| w[0] - w[1]).collect();
        let curvature: Vec<f64> = slopes.windows(2).map(|w| (w[0] - w[1]).abs()).collect();
        let sum: f64 = curvature.iter().sum();
        // Curvatures near the rounding of a probability say nothing.
        prop_assume!(logits.len() > 2 && sum > 1e-2);
        let n = |z: f64| {
            let mut reached = 0.0;
            let behind = curvature.iter().position(|c| { reached += c / sum; reached > z });
            behind.unwrap_or(p.len()).max(1)
        };
        let (least, most) = (n(f64::from(z) - SLACK), n(f64::from(z) + SLACK));
        prop_assert!((least..=most).contains(&c.len()), "{} of {least}..={most}", c.len());
    }

    #[test]
    fn xtc_leaves_the_last_of_the_good(logits in logits(), threshold in 0.01f32..0.5) {
        let mut c = candidates(&logits);
        c.exclude_top(threshold);
        let sorted = plain(&logits);
        let n = |t: f64| sorted.iter().filter(|(_, p)| *p >= t).count().max(1) - 1;
        let (least, most) = (n(f64::from(threshold) + SLACK), n(f64::from(threshold) - SLACK));
        let got = kept(&mut c);
        let n_out = sorted.len() - got.len();
        prop_assert!((least..=most).contains(&n_out), "{n_out} of {least}..={most}");
        prop_assert!(got.iter().zip(&sorted[n_out..]).all(|(got, (id, _))| got == id));
    }

    #[test]
    fn a_draw_is_where_the_sum_reaches_the_number(logits in many_logits(), x in 0.0f32..1.0) {
        let mut c = candidates(&logits);
        c.softmax(1.0);
        let Candidate { id, .. } = c.at(x);
        let sorted = plain(&logits);
        let n = |x: f64| n_reaching(sorted.iter().map(|(_, p)| *p), x) - 1;
        let place = sorted.iter().position(|(other, _)| *other == id).unwrap();
        let (least, most) = (n(f64::from(x) - SLACK), n(f64::from(x) + SLACK));
        prop_assert!((least..=most).contains(&place) || (place == 0 && x > 0.9999), "{place}");
    }

    #[test]
    fn penalties_are_what_their_definition_says(
        logits in prop::collection::vec(-5.0f32..5.0, 1..20),
        history in prop::collection::vec(0u32..25, 0..40),
        repeat_last_n in 0usize..50,
        repeat_penalty in 0.5f32..2.0, frequency_penalty in -1.0f32..1.0, presence_penalty in -1.0f32..1.0,
    ) {
        let options = SamplerOptions {
            repeat_last_n, repeat_penalty, frequency_penalty, presence_penalty, ..Default::default()
        };
        let mut c = Candidates::default();
        c.load(&logits);
        Penalties::default().repetition(&mut c, &options, &history);
        let recent = &history[history.len().saturating_sub(repeat_last_n)..];
        for (id, (&x, &got)) in logits.iter().zip(c.logits()).enumerate() {
            let n = recent.iter().filter(|&&t| t as usize == id).count() as f32;
            let scaled = if x > 0.0 { x / repeat_penalty } else { x * repeat_penalty };
            let want = if n > 0.0 { scaled - n * frequency_penalty - presence_penalty } else { x };
            prop_assert!((got - want).abs() < 1e-4, "{id}: {got} against {want}");
        }
    }
}
