//! API keys: who may ask what.
//!
//! Only a key's SHA-256 is kept. A key that a client shows is hashed and compared with all of them,
//! each to its last byte, so that the time it takes tells nothing.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// What a key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// Asking models, and looking at which there are.
    Infer,
    /// Making, moving and removing models.
    Manage,
    /// Reading `/metrics`.
    Metrics,
}

/// A text that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("scope {found:?} is unknown; there are `infer`, `manage` and `metrics`")]
pub struct UnknownScope {
    /// The text.
    pub found: String,
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        match text {
            "infer" => Ok(Self::Infer),
            "manage" => Ok(Self::Manage),
            "metrics" => Ok(Self::Metrics),
            _ => Err(UnknownScope { found: text.to_owned() }),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Infer => "infer",
            Self::Manage => "manage",
            Self::Metrics => "metrics",
        })
    }
}

/// A text that is no SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the hash of key {name:?} is {n_chars} characters that are not the 64 hex digits of a SHA-256"
)]
pub struct InvalidHash {
    /// Whose it is.
    pub name: String,
    /// How long it is.
    pub n_chars: usize,
}

/// A key, without the key itself.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    name: String,
    sha256: [u8; 32],
    scopes: Vec<Scope>,
}

impl ApiKey {
    /// A key by the hex digits of its SHA-256.
    ///
    /// # Errors
    /// When they are not 64.
    pub fn from_sha256(
        name: impl Into<String>,
        hex: &str,
        scopes: Vec<Scope>,
    ) -> Result<Self, InvalidHash> {
        let name = name.into();
        match from_hex(hex) {
            Some(sha256) => Ok(Self { name, sha256, scopes }),
            None => Err(InvalidHash { name, n_chars: hex.chars().count() }),
        }
    }

    /// A key by itself. It is hashed at once.
    pub fn from_plain(name: impl Into<String>, key: &str, scopes: Vec<Scope>) -> Self {
        Self { name: name.into(), sha256: sha256(key), scopes }
    }
}

impl fmt::Debug for ApiKey {
    // A hash of a short key can be guessed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("name", &self.name)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

fn from_hex(hex: &str) -> Option<[u8; 32]> {
    let digits = hex.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(bytes)
}

fn sha256(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// True for equal arrays, in the same time for unequal ones.
fn is_equal(x: &[u8; 32], y: &[u8; 32]) -> bool {
    let difference = x.iter().zip(y).fold(0, |sum, (x, y)| sum | (x ^ y));
    std::hint::black_box(difference) == 0
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denial {
    /// No key was shown, or one that nobody knows.
    Unknown,
    /// The key is not good for this.
    Scope(Scope),
}

/// All keys. Without any, everybody may do everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiKeys(Vec<ApiKey>);

impl FromIterator<ApiKey> for ApiKeys {
    fn from_iter<I: IntoIterator<Item = ApiKey>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}

impl ApiKeys {
    /// True where nobody needs a key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose key this is, if it is good for one of `scopes`, of which the first is named where it
    /// is not.
    pub(crate) fn authorize(&self, shown: &str, scopes: &[Scope]) -> Result<&str, Denial> {
        let shown = sha256(shown);
        let mut found = None;
        for key in &self.0 {
            if is_equal(&key.sha256, &shown) {
                found = Some(key);
            }
        }
        let key = found.ok_or(Denial::Unknown)?;
        match scopes.first() {
            Some(first) if !scopes.iter().any(|scope| key.scopes.contains(scope)) => {
                Err(Denial::Scope(*first))
            }
            _ => Ok(&key.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `secret`.
    const HASH: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    #[test]
    fn a_key_is_known_by_its_hash_and_good_for_its_scopes() {
        let key = ApiKey::from_sha256("app", HASH, vec![Scope::Infer]).expect("64 digits");
        assert_eq!(key, ApiKey::from_plain("app", "secret", vec![Scope::Infer]));
        let keys: ApiKeys = [key].into_iter().collect();
        assert_eq!(keys.authorize("secret", &[Scope::Infer]), Ok("app"));
        assert_eq!(keys.authorize("secret", &[Scope::Manage, Scope::Infer]), Ok("app"));
        assert_eq!(keys.authorize("secret", &[Scope::Manage]), Err(Denial::Scope(Scope::Manage)));
        assert_eq!(keys.authorize("Secret", &[Scope::Infer]), Err(Denial::Unknown));
        assert_eq!(keys.authorize("", &[]), Err(Denial::Unknown));
    }

    #[test]
    fn hashes_are_64_hex_digits() {
        for hex in ["", "zz", &HASH[1..], &HASH.replace('2', "g"), &"é".repeat(32)] {
            let error = ApiKey::from_sha256("app", hex, Vec::new()).expect_err(hex);
            assert_eq!(error.n_chars, hex.chars().count());
        }
    }

    #[test]
    fn debug_shows_no_hash() {
        let shown = format!("{:?}", ApiKey::from_plain("app", "secret", vec![Scope::Infer]));
        assert_eq!(shown, r#"ApiKey { name: "app", scopes: [Infer], .. }"#);
    }

    #[test]
    fn scopes_have_names() {
        for scope in [Scope::Infer, Scope::Manage, Scope::Metrics] {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert!("all".parse::<Scope>().is_err());
    }
}
