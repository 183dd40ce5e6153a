//! Ids that tell the tool calls of a conversation apart.

use std::hash::{BuildHasher, RandomState};

const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const N_CHARS: usize = 8;

/// `call_` and eight random lower-case letters and digits.
pub(crate) fn new() -> String {
    // Each `RandomState` has keys of its own, which the system's randomness began.
    let mut bits = RandomState::new().hash_one(N_CHARS);
    let mut id = "call_".to_owned();
    for _ in 0..N_CHARS {
        let n = ALPHABET.len() as u64;
        id.push(char::from(ALPHABET[(bits % n) as usize]));
        bits /= n;
    }
    id
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_short_and_differ() {
        let (a, b) = (super::new(), super::new());
        assert_ne!(a, b);
        let suffix = a.strip_prefix("call_").unwrap();
        assert!(suffix.len() == 8 && suffix.bytes().all(|c| super::ALPHABET.contains(&c)), "{a}");
    }
}
