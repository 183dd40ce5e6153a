//! Who gets how much of a step's room for prompts.
//!
//! Among equals the room is shared evenly, and what one does not need goes to the others, so a
//! short prompt never waits for a long one. Background requests get an eighth while interactive
//! ones could use it all: they come later, but they come.

use crate::generation::Priority;

/// What background prompts get of the room where interactive ones want all of it.
const BACKGROUND_SHARE: usize = 8;

/// A prompt that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) n_tokens: usize,
    pub(super) priority: Priority,
}

/// How many tokens of each prompt go into a step with `room` for them.
///
/// As long as there is a place for each, each gets one.
pub(super) fn share(room: usize, wants: &[Want]) -> Vec<usize> {
    let total = |priority| {
        let of = wants.iter().filter(|want| want.priority == priority);
        (of.clone().count(), of.map(|want| want.n_tokens).sum::<usize>())
    };
    let (n_background, background) = total(Priority::Background);
    let reserved = (room / BACKGROUND_SHARE).max(n_background).min(background).min(room);
    let interactive = total(Priority::Interactive).1.min(room - reserved);
    let mut shares = vec![0; wants.len()];
    for (priority, room) in
        [(Priority::Interactive, interactive), (Priority::Background, room - interactive)]
    {
        share_evenly(room, wants, priority, &mut shares);
    }
    shares
}

fn share_evenly(mut room: usize, wants: &[Want], priority: Priority, shares: &mut [usize]) {
    let mut order: Vec<usize> =
        (0..wants.len()).filter(|&i| wants[i].priority == priority).collect();
    // The modest first: what they leave is there for the others.
    order.sort_by_key(|&i| wants[i].n_tokens);
    let mut n_left = order.len();
    for i in order {
        shares[i] = wants[i].n_tokens.min(room.div_ceil(n_left));
        room -= shares[i];
        n_left -= 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Priority::{Background, Interactive};

    fn wants(wants: &[(usize, Priority)]) -> Vec<Want> {
        wants.iter().map(|&(n_tokens, priority)| Want { n_tokens, priority }).collect()
    }

    #[test]
    fn a_short_prompt_does_not_wait_for_long_ones() {
        let wants = wants(&[(2000, Interactive), (10, Interactive), (500, Interactive)]);
        assert_eq!(share(100, &wants), [45, 10, 45]);
    }

    #[test]
    fn the_background_gets_an_eighth_or_what_is_left() {
        let busy = wants(&[(2000, Background), (2000, Interactive)]);
        assert_eq!(share(128, &busy), [16, 112]);
        let calm = wants(&[(2000, Background), (20, Interactive)]);
        assert_eq!(share(128, &calm), [108, 20]);
    }

    proptest! {
        #[test]
        fn the_room_is_used_and_nobody_starves(
            room in 0usize..600,
            wants in prop::collection::vec((1usize..900, any::<bool>()), 0..20),
        ) {
            let wants: Vec<Want> = wants.into_iter().map(|(n_tokens, calm)| Want {
                n_tokens,
                priority: if calm { Background } else { Interactive },
            }).collect();
            let shares = share(room, &wants);
            let wanted: usize = wants.iter().map(|want| want.n_tokens).sum();
            prop_assert_eq!(shares.iter().sum::<usize>(), room.min(wanted));
            for (share, want) in shares.iter().zip(&wants) {
                prop_assert!(*share <= want.n_tokens);
                prop_assert!(*share > 0 || room < wants.len());
            }
        }
    }
}
