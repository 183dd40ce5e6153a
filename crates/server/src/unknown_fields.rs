//! Fields in requests that nobody here knows, and that are therefore without effect: a typing mistake,
//! or a part of an API that this server does not have. The log is told of them, or the request is
//! refused.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use camelid_api_types::ApiError;

/// Most fields of which the log is told: their names come from outside.
const MAX_TOLD: usize = 512;

/// What is done about them.
#[derive(Debug, Default)]
pub(crate) struct UnknownFields {
    is_strict: bool,
    /// Fields of which the log has been told, after their endpoint's path. Requests repeat them, the
    /// log does not.
    told: Mutex<BTreeSet<(String, String)>>,
}

impl UnknownFields {
    /// Refuses them where it `is_strict`, and otherwise tells the log.
    pub(crate) fn new(is_strict: bool) -> Self {
        Self { is_strict, ..Self::default() }
    }

    /// Does it about `fields` in a request to `path`.
    ///
    /// # Errors
    /// Where they are refused.
    pub(crate) fn handle(&self, path: &str, fields: BTreeSet<String>) -> Result<(), ApiError> {
        if self.is_strict && !fields.is_empty() {
            let names: Vec<String> = fields.iter().map(|field| format!("{field:?}")).collect();
            let message = format!("fields that nobody knows here: {}", names.join(", "));
            return Err(ApiError::bad_request(message));
        }
        for field in self.new_ones(path, fields) {
            tracing::warn!(path, field, "a field of the request is unknown and has no effect");
        }
        Ok(())
    }

    /// Those of which nothing has been told.
    fn new_ones(&self, path: &str, fields: BTreeSet<String>) -> Vec<String> {
        if fields.is_empty() {
            return Vec::new();
        }
        // A set cannot be left half changed.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_new =
            |field: &String| told.len() < MAX_TOLD && told.insert((path.to_owned(), field.clone()));
        fields.into_iter().filter(|field| is_new(field)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
        names.map(str::to_owned).into_iter().collect()
    }

    #[test]
    fn each_field_of_an_endpoint_is_told_once() {
        let unknown = UnknownFields::default();
        assert_eq!(unknown.new_ones("/a", fields(["x", "y"])), ["x", "y"]);
        assert_eq!(unknown.new_ones("/a", fields(["y", "z"])), ["z"]);
        assert_eq!(unknown.new_ones("/b", fields(["y"])), ["y"]);
        assert!(unknown.new_ones("/b", fields(["y"])).is_empty());
    }

    #[test]
    fn a_strict_server_refuses_them() {
        let strict = UnknownFields::new(true);
        assert_eq!(strict.handle("/a", fields([])), Ok(()));
        let error = strict.handle("/a", fields(["x", "messages[].y"])).expect_err("unknown");
        assert_eq!(error.message, r#"fields that nobody knows here: "messages[].y", "x""#);
        assert_eq!(UnknownFields::new(false).handle("/a", fields(["x"])), Ok(()));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let unknown = UnknownFields::default();
        let many = (0..2 * MAX_TOLD).map(|i| format!("field{i}")).collect();
        assert_eq!(unknown.new_ones("/a", many).len(), MAX_TOLD);
        assert!(unknown.new_ones("/b", fields(["x"])).is_empty());
    }
}
