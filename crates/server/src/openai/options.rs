//! What several of OpenAI's requests say in the same way.

use camelid_api_types::ApiError;
use camelid_api_types::ollama::{ImageData, Think, ThinkLevel};
use serde_json::{Map, Value};

use crate::choices::MAX_CHOICES;

/// Native options with the seed of the `i`th of several answers, which would all be the same with
/// one seed.
pub(super) fn with_seed_of(options: &Map<String, Value>, i: usize) -> Map<String, Value> {
    let mut options = options.clone();
    if let Some(seed) = options.get("seed").and_then(Value::as_i64).filter(|&seed| seed >= 0) {
        options.insert("seed".to_owned(), seed.wrapping_add(i as i64).into());
    }
    options
}

/// How many answers are wanted.
///
/// # Errors
/// When it is less than one or more than [`MAX_CHOICES`].
pub(super) fn n_choices(key: &str, n: Option<i64>) -> Result<usize, ApiError> {
    let n = n.unwrap_or(1);
    usize::try_from(n).ok().filter(|n| (1..=MAX_CHOICES).contains(n)).ok_or_else(|| {
        ApiError::bad_request(format!("{key} is {n}, and must be between 1 and {MAX_CHOICES}"))
    })
}

/// A reasoning effort as a native `think`; absent and empty leave it to the model.
///
/// # Errors
/// When it is no known word.
pub(super) fn think(effort: Option<&str>) -> Result<Option<Think>, ApiError> {
    let level = match effort.unwrap_or_default() {
        "" => return Ok(None),
        "none" => return Ok(Some(Think::Off)),
        "minimal" | "low" => ThinkLevel::Low,
        "medium" => ThinkLevel::Medium,
        "high" => ThinkLevel::High,
        "max" | "xhigh" | "ultra" => ThinkLevel::Max,
        other => {
            return Err(ApiError::bad_request(format!(
                r#"invalid reasoning value: {other:?} (must be "minimal", "low", "medium", "high", "xhigh", "ultra", "max", or "none")"#
            )));
        }
    };
    Ok(Some(Think::Level(level)))
}

/// An image from a data URL.
///
/// # Errors
/// When it is another kind of URL, of another kind of image, or no base64.
pub(super) fn image(url: &str) -> Result<ImageData, ApiError> {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Err(ApiError::bad_request(
            "image URLs are not currently supported, please use base64 encoded data instead",
        ));
    }
    let prefixes = ["image/jpeg", "image/jpg", "image/png", "image/webp", ""];
    let data = url.strip_prefix("data:").and_then(|rest| {
        prefixes.iter().find_map(|kind| rest.strip_prefix(kind)?.strip_prefix(";base64,"))
    });
    let image = data.and_then(|data| ImageData::from_base64(data).ok());
    image.ok_or_else(|| ApiError::bad_request("invalid image input"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn efforts_are_levels() {
        assert_eq!(think(None), Ok(None));
        assert_eq!(think(Some("none")), Ok(Some(Think::Off)));
        assert_eq!(think(Some("minimal")), Ok(Some(Think::Level(ThinkLevel::Low))));
        assert_eq!(think(Some("xhigh")), Ok(Some(Think::Level(ThinkLevel::Max))));
        let error = think(Some("huge")).expect_err("no such word");
        assert!(error.message.starts_with(r#"invalid reasoning value: "huge" (must be "#));
    }

    #[test]
    fn images_come_as_data() {
        assert_eq!(image("data:image/png;base64,aGVsbG8="), Ok(ImageData(b"hello".to_vec())));
        assert_eq!(image("data:;base64,aGVsbG8="), Ok(ImageData(b"hello".to_vec())));
        for url in ["data:text/plain;base64,aGVsbG8=", "data:image/png;base64,%", "file:///x", ""] {
            assert_eq!(image(url).expect_err(url).message, "invalid image input");
        }
        let message = image("https://example.com/a.png").expect_err("a URL").message;
        assert!(message.starts_with("image URLs are not currently supported"));
    }

    #[test]
    fn each_answer_has_its_seed() {
        let options = json!({"seed": 5, "top_k": 1});
        let options = options.as_object().expect("an object");
        assert_eq!(with_seed_of(options, 2)["seed"], 7);
        assert_eq!(with_seed_of(&Map::new(), 2), Map::new());
    }
}
