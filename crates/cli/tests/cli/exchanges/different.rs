//! What is not the same as in Ollama, and why. `DIFFERENCES.md` says the same in general.

/// Ollama answers 500.
const CLIENT: &str = "400: it is the client's mistake";
/// Ollama hands on the JSON of the program behind it as a text.
const PLAIN: &str = "the text is for people, not another program's JSON";
/// The texts of these mistakes name Go's types and fields.
const GO: &str = "another text for the same mistake";
/// The real API counts what was cached apart, and so is it here.
const CACHED: &str = "input_tokens does not count what was cached";

/// An exchange's name, and the reason.
pub(super) const DIFFERENT: &[(&str, &str)] = &[
    ("double slash", "a path that is almost right is redirected"),
    ("generate/bad template", CLIENT),
    ("generate/bad format", CLIENT),
    ("generate/format number", CLIENT),
    ("generate/option of wrong type", CLIENT),
    ("generate/images", PLAIN),
    ("generate/images not base64", GO),
    ("generate/images data uri", GO),
    ("generate/long prompt, truncate false", PLAIN),
    ("chat/content parts", GO),
    ("chat/tools bad", "a call of a function that nobody declared is text"),
    ("chat/tools not a list", GO),
    ("chat/image", PLAIN),
    ("embed", "a model that generates embeds too"),
    ("create/missing blob", "paths of the server are not told"),
    ("push/missing", "paths of the server are not told"),
    ("v1chat/json_schema", "the question has no name to tell, so any of many is as good"),
    ("messages", CACHED),
    ("messages/stream", CACHED),
    ("messages/system", CACHED),
    ("messages/tools", CACHED),
    ("messages/tools stream", CACHED),
];

/// Exchanges whose text was drawn at random, so that only the status can be the same.
pub(super) const RANDOM: &[&str] = &["responses/previous"];
