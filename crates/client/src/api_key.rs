//! The key that a server may ask for.

use std::fmt;

use hyper::header::HeaderValue;

/// An API key, as it is shown to a server with each request: `Authorization: Bearer ...`.
///
/// [`Debug`](fmt::Debug) does not tell it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(HeaderValue);

/// A text that cannot be shown as a key. It is not told, for it may be one with a slip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the API key must be one word of visible ASCII characters")]
pub struct InvalidApiKey;

impl ApiKey {
    /// A key from its text.
    ///
    /// # Errors
    /// When the text is empty, or has blanks or anything but visible ASCII characters in it.
    pub fn new(text: &str) -> Result<Self, InvalidApiKey> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidApiKey);
        }
        let mut value =
            HeaderValue::try_from(format!("Bearer {text}")).map_err(|_| InvalidApiKey)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The header's value.
    pub(crate) fn authorization(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_word_and_is_not_told() {
        let key = ApiKey::new("s3cret").expect("a word");
        assert_eq!(key.authorization(), "Bearer s3cret");
        assert!(!format!("{key:?} {:?}", key.authorization()).contains("s3cret"));
        for text in ["", "two words", "line\n", "schlüssel"] {
            assert_eq!(ApiKey::new(text), Err(InvalidApiKey), "{text:?}");
        }
    }
}
